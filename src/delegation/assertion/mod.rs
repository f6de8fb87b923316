//! Signs short-lived statements of who a request is from (RFC 7519), and publishes the keys that prove them (RFC 7517).
//!
//! A claims is for one backend, one request line's host, method and path, and five minutes at most. Never says what
//! it was not told whole, and never signs with a key that it does not publish.

mod claims;
mod key;
mod signer;

pub use claims::{AssertionError, AuthenticationMethod, RequestClaims};
pub use key::AssertionKeyError;
pub use signer::{AssertionSigner, AssertionSignerError, AssertionSignerSettings, MAXIMUM_LIFETIME};

#[cfg(test)]
mod tests;
