//! OCSP (RFC 6960, RFC 8954): the revocation status of validated certificates from responders.
//!
//! No request is sent for a certificate that was not validated. Only an authorised response with the status "good"
//! shows that a certificate is not revoked.

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
pub(super) use combine::query;
pub use error::{OcspError, OcspErrorStatus, ResponderFault};
pub(crate) use settings::ConfiguredResponder;
pub use settings::{NonceRule, OcspSettings};
pub(crate) use validate::OcspSource;
