//! A test PKI: certification authorities, server certificates, CRLs, valid client certificates, and client certificates
//! that are invalid in one way each.
//!
//! Not for production: the private keys of the authorities are in the memory of the gateway's process.

mod authority;
mod error;
mod files;
mod key;
mod profile;
mod test_pki;
mod users;
mod version_one;
mod weak_key;

pub(crate) use error::PkiError;
pub use files::PkiFiles;
pub use key::{KeyKind, KeyedChain};
#[cfg(test)]
pub(crate) use profile::OTHER_POLICY;
pub use profile::{CertificateProfile, ExtraExtension, ISSUING_CA, Signer, serial_number};
pub(crate) use profile::{DOMAIN_SID, POLICY};
pub use test_pki::Pki;

#[cfg(test)]
mod tests;
