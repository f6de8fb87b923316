//! Connections to backend servers: TCP, TLS and HTTP/1.1.

pub(super) mod connect;
pub(super) mod http1;
pub(super) mod state;
pub(super) mod stream;
