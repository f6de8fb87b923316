//! A test PKI: certification authorities, server certificates, CRLs, valid client certificates, and client certificates
//! that are invalid in one way each.
//!
//! Not for production: the private keys of the authorities are in the memory of the gateway's process.

mod authority;
mod error;
mod extension;
mod files;
mod key;
mod names;
mod profile;
mod test_pki;
mod users;
mod version_one;
mod weak_key;

pub(crate) use error::PkiError;
#[cfg(test)]
pub(crate) use extension::OTHER_POLICY;
pub(crate) use extension::POLICY;
pub use files::PkiFiles;
pub use key::{Card, KeyKind, KeyedChain};
pub(crate) use names::DOMAIN_SID;
pub use names::{ISSUING_CA, serial_number};
pub use profile::{CardProfile, ExtraExtension, Signer};
pub use test_pki::Pki;

#[cfg(test)]
mod tests;
