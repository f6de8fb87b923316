//! User certificates: short-lived certificates that a subordinate CA of the gateway issues in an account's name.
//!
//! They are for backends that require client certificates and map them themselves. The gateway presents a certificate
//! for the user, on a connection that serves only that user. The CA's key allows impersonation of every account at
//! these backends, so it must be protected like a domain controller's.
//!
//! The CA's key is a [`rustls::sign::SigningKey`], which a key in a hardware module (PKCS#11) could implement.

mod authority;
mod authority_error;
mod client_cert_resolver;
mod contents;
mod issued_certificates;
mod issuing_key;
mod subject;

#[cfg(test)]
pub(crate) use authority::UserCertificate;
pub use authority::{IssuanceSettings, SubordinateCa};
#[cfg(test)]
pub(crate) use authority_error::{IssuanceError, SubordinateCaError};
#[cfg(test)]
pub(crate) use client_cert_resolver::CertificatePresentation;
pub(crate) use client_cert_resolver::PresentationOutcome;
pub(crate) use issued_certificates::{IssuedUserCertificate, ProtectedAccounts, UserCertificates};
pub use subject::UserCertificateSubject;

#[cfg(test)]
mod tests;
