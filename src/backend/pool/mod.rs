//! Connections that any request of their class may use, and how they are divided among clients.

pub(super) mod backend_pool;
pub(super) mod idle;
pub(super) mod lease;
pub(super) mod load_balancer;
mod send;
pub(super) mod server;
mod slot_usage;
mod wait_queue;
