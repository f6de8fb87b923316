//! The identity that a backend connection carries, and how it is proven to the server.

pub(super) mod identity;
pub(super) mod principal;
pub(super) mod spnego;
pub(super) mod token_rejection;
