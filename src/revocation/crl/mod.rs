//! One CRL (RFC 5280 section 5): its decoding, its entries, its scope, and the key that signed it.

mod der;
mod entry;
mod index;
mod list;
mod parse;
mod reason;
mod scope;
mod signature;
mod signer;
mod source;
mod unusable;

pub(super) use self::der::{RawExtension, minimal, read_extension};
pub(super) use index::RevokedEntry;
pub(super) use list::Crl;
pub(crate) use parse::MalformedCrl;
#[cfg(test)]
pub(super) use parse::parse;
pub(crate) use reason::RevocationReason;
pub(super) use scope::{CertificatePoint, all_reasons};
pub(super) use signer::{SignerCandidates, find_signer};
pub(crate) use source::{CrlNumber, CrlOrigin, CrlSource};
pub(crate) use unusable::UnusableReason;
