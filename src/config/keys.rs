//! Gives the tables of proxy.toml with the keys that each may hold.
//!
//! A section's reader and the documentation's test both work from these tables, so that neither can drift: the reader
//! asserts that it asks for every key listed here and for no other.

use super::{
    access_list, assertion, attempts, backend, caches, directory, document, issue, kerberos, mapping,
    passwords, realm, revocation, rule, secret_header, server, site, site_path,
};

/// One key of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) name: &'static str,
}

/// A key of this name.
pub(super) const fn key(name: &'static str) -> Key {
    Key { name }
}

/// One table, by its path with `NAME` where the operator chooses the name: `realm.NAME.revocation`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) path: &'static str,
    pub(super) keys: &'static [Key],
}

impl Section {
    /// The key of this name.
    pub(super) fn find(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// The names of all its keys.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        self.keys.iter().map(|key| key.name)
    }

    /// Where the table at `path`, one of this section's, is found: `in [realm.staff]`.
    pub(super) fn place(&self, path: &str) -> String {
        match self.path {
            "" => "at the top of the file".to_owned(),
            "site" | "site.path" | "realm.NAME.rule" => format!("in [[{path}]]"),
            _ => format!("in [{path}]"),
        }
    }
}

/// Every table there is.
pub(super) const SECTIONS: &[&Section] = &[
    &document::TOP,
    &server::LOG,
    &server::AUDIT,
    &server::ADMIN,
    &server::LIMITS,
    &caches::CACHES,
    &site::SITE,
    &site::TLS,
    &site_path::PATH,
    &access_list::ALLOW,
    &access_list::DENY,
    &realm::REALM,
    &revocation::REVOCATION,
    &revocation::REWRITE,
    &revocation::OCSP_RESPONDER,
    &revocation::ISSUER,
    &mapping::MAPPING,
    &mapping::IDENTITY_ISSUER,
    &directory::DIRECTORY,
    &directory::BIND_PASSWORD,
    &directory::SCHEMA,
    &directory::ACCOUNT_CACHE,
    &passwords::PASSWORDS,
    &rule::RULE,
    &rule::ACCOUNT,
    &backend::BACKEND,
    &kerberos::KERBEROS,
    &issue::ISSUE,
    &backend::HEADERS,
    &backend::HEADER_NAMES,
    &attempts::ATTEMPTS,
    &secret_header::SECRET,
    &assertion::ASSERTION,
];

/// A key that the reader knows, by its full path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct KnownKey {
    /// `realm.NAME.revocation.mode`.
    pub path: String,
}

/// All keys, table by table, for the documentation and its tests.
pub fn known_keys() -> Vec<KnownKey> {
    let mut keys = Vec::new();
    for section in SECTIONS {
        for key in section.keys {
            let path = if section.path.is_empty() {
                key.name.to_owned()
            } else {
                format!("{}.{}", section.path, key.name)
            };
            keys.push(KnownKey { path });
        }
    }
    keys
}
