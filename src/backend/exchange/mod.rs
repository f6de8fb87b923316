//! The parts of an exchange, one request and its response, that pooled and pinned connections have in common.

pub(super) mod framing;
pub(super) mod timeouts;
