//! Assertions: signed JWTs that name the account of a request (RFC 7519), and the public keys to verify them (RFC 7517).
//!
//! An assertion is valid for one backend, one host, method and path, and at most five minutes. Claims are never shortened,
//! and every signing key is published.

mod claims;
mod key;
mod signer;

pub(crate) use claims::AssertionError;
pub use claims::{AuthenticationMethod, RequestClaims};
#[cfg(test)]
pub(crate) use key::AssertionKeyError;
#[cfg(test)]
pub(crate) use signer::AssertionSignerError;
pub use signer::{AssertionSigner, AssertionSignerSettings};

#[cfg(test)]
mod tests;
