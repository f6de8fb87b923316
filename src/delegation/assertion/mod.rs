//! Signs short-lived statements of who a request is from (RFC 7519), and publishes the keys that prove them (RFC 7517).
//!
//! A statement is for one backend, one request line's host, method and path, and five minutes at most. Never says what
//! it was not told whole, and never signs with a key that it does not publish.

mod key;
mod signer;
mod statement;

pub use key::KeyError;
pub use signer::{MAXIMUM_LIFETIME, Signer, SignerError, SignerSettings};
pub use statement::{AuthenticationMethod, Statement, StatementError};

#[cfg(test)]
mod tests;
