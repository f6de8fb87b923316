//! Bodies of requests and responses: their limits, the memory that they wait in, and how fast clients move them.

pub(super) mod memory;
pub(super) mod request_body;
pub(super) mod response_body;
pub(super) mod transfer_rate;
