//! Takes `[caches]`, gives how much memory each kind of cache may take up.

use super::keys::{Section, key};
use super::reader::TableReader;
use super::shape::byte_size;
use super::span::Spanned;

/// `[caches]`: bytes of memory.
#[derive(Clone, Debug)]
pub struct Caches {
    /// For validated certificate chains.
    pub certificates: Spanned<u64>,
    /// For what CRLs say of certificates.
    pub revocation: Spanned<u64>,
    /// For accounts of certificates.
    pub accounts: Spanned<u64>,
    /// For accounts of passwords that were right.
    pub passwords: Spanned<u64>,
    /// For OCSP responses, in each realm.
    pub ocsp: Spanned<u64>,
    /// For Kerberos tickets in the name of users, of each backend.
    pub tickets: Spanned<u64>,
    /// For certificates in the name of users, of each backend.
    pub issued_certificates: Spanned<u64>,
}

pub(super) const CACHES: Section = Section {
    path: "caches",
    keys: &[
        key("certificates"),
        key("revocation"),
        key("accounts"),
        key("passwords"),
        key("ocsp"),
        key("tickets"),
        key("issued_certificates"),
    ],
};

impl Caches {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Self {
        let mut size =
            |name, mebibytes: u64| reader.with_default(name, mebibytes << 20, byte_size(1 << 20..=64 << 30));
        Self {
            certificates: size("certificates", 128),
            revocation: size("revocation", 32),
            accounts: size("accounts", 128),
            passwords: size("passwords", 16),
            ocsp: size("ocsp", 32),
            tickets: size("tickets", 128),
            issued_certificates: size("issued_certificates", 32),
        }
    }
}
