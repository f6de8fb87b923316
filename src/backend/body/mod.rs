//! Bodies of requests and responses: their limits, the memory that they wait in, and how fast clients transfer them.

pub(super) mod memory;
mod read_ahead;
pub(super) mod request_body;
pub(super) mod response_body;
pub(super) mod transfer_rate;
pub(super) mod upload_progress;
