//! Requests as they are written to a backend.

pub(super) mod assertion;
pub(super) mod backend_request;
