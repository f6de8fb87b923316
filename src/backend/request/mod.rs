//! The requests that are written to a backend. Each requires a permit.

pub(super) mod backend_request;
pub(super) mod identity;
pub(super) mod target;
