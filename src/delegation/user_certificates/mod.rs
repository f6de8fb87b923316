//! Makes certificates of minutes' life that name one account, under a subordinate CA of the gate's own, and keeps them
//! as long as they are fresh.
//!
//! For backends that keep their own "require client certificate" and their own mapping: the gate presents to them a
//! certificate for the user, on a connection that is that user's alone. Whoever holds the CA's key can be anybody
//! there, so its key is guarded like a domain controller's. Never decides who a user is, and never opens a connection.
//!
//! The CA's key is a [`rustls::sign::SigningKey`], which is where a key in a hardware module (PKCS#11) would stand:
//! nothing else here knows more of it than its public half.

mod authority;
mod authority_error;
mod client_cert_resolver;
mod contents;
mod identities;
mod issuing_key;
mod subject;

pub use authority::{IssuanceSettings, SubordinateCa, UserCertificate};
pub use authority_error::{IssuanceError, SubordinateCaError};
pub use client_cert_resolver::{CertificatePresentation, PresentationOutcome};
pub use identities::{IssuedIdentity, ProtectedAccounts, UserCertificates};
pub use subject::{UserCertificateSubject, UserCertificateSubjectError};

#[cfg(test)]
mod tests;
