//! Takes a proven certificate and its issuer, gives what an OCSP responder says of it (RFC 6960, RFC 8954).
//!
//! Never asks about a certificate that is not proven, and never takes silence, doubt or "unknown" for "good".

mod certificate_id;
mod client;
mod combine;
mod error;
mod request;
mod response;
mod settings;
mod signer;
#[cfg(test)]
mod tests;
mod validate;

pub use client::OcspClient;
pub(super) use combine::complete;
pub use error::{OcspError, OcspErrorStatus, ResponderFault};
pub use settings::{ConfiguredResponder, NonceRule, OcspScope, OcspSettings};
pub use validate::OcspSource;
