//! A test PKI: certification authorities, server certificates, valid client certificates, client certificates that are
//! invalid in one way each, and CRLs.
//!
//! Not for production: the private keys of the authorities are in memory, next to everything else.

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

pub use error::PkiError;
pub use extension::{OTHER_POLICY, POLICY, SMARTCARD_LOGON};
pub use files::PkiFiles;
pub use key::{Card, KeyKind, KeyedChain, ServerCertificate};
pub use names::{DOMAIN, DOMAIN_SID, HOSTS, ISSUING_CA, POLICY_CA, ROOT_CA, SERVER_CA, serial_number};
pub use profile::{CardProfile, ExtraExtension, Signer};
pub use test_pki::Pki;

#[cfg(test)]
mod tests;
