//! Assertions: signed JWTs that name the account of a request (RFC 7519), and the public keys to verify them (RFC 7517).
//!
//! An assertion is valid for one backend, one host, method and path, and at most five minutes. Claims are never shortened,
//! and every signing key is published.

mod claims;
mod key;
mod signer;

pub use claims::{AssertionError, AuthenticationMethod, RequestClaims};
pub use key::AssertionKeyError;
pub use signer::{AssertionSigner, AssertionSignerError, AssertionSignerSettings, MAXIMUM_LIFETIME};

#[cfg(test)]
mod tests;
