//! Takes a proven certificate and its issuer, gives what an OCSP responder says of it (RFC 6960, RFC 8954).
//!
//! Never asks about a certificate that is not proven, and never takes silence, doubt or "unknown" for "good".

mod answer;
mod beside_crls;
mod certificate_id;
mod client;
mod error;
mod request;
mod response;
mod settings;
mod signer;
#[cfg(test)]
mod tests;

pub use answer::OcspSource;
pub(super) use beside_crls::complete;
pub use client::OcspClient;
pub use error::{OcspError, RefusedStatus, ResponderFault};
pub use settings::{ConfiguredResponder, NonceRule, OcspScope, OcspSettings};
