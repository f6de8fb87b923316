//! Takes one `[realm.NAME]`, gives how its cards are judged and whom they name.
//!
//! Never opens a certificate or a CRL: the files named here are read by the compile step.

use super::directory::{ACCOUNT_CACHE, AccountCache, DIRECTORY, Directory};
use super::keys::{Section, key};
use super::mapping::{self, IDENTITY_ISSUER, IdentityIssuer, MAPPING, Mapping};
use super::passwords::{PASSWORDS, Passwords};
use super::reader::TableReader;
use super::revocation::{REVOCATION, Revocation};
use super::rule::{IdentityRule, RULE};
use super::shape::{CLIENT_AUTH, boolean, duration, extended_key_usage, file, policy};
use super::span::{Span, Spanned};
use crate::certificate::ObjectIdentifier;
use std::path::PathBuf;
use std::time::Duration;

/// One `[realm.NAME]`.
#[derive(Clone, Debug)]
pub struct Realm {
    /// Its header.
    pub span: Span,
    /// Its name.
    pub name: Spanned<String>,
    /// Files of the certificates that chains must end at.
    pub trust_anchors: Vec<Spanned<PathBuf>>,
    /// Files of CA certificates that help to build chains and are trusted for nothing.
    pub intermediates: Vec<Spanned<PathBuf>>,
    /// Usages that the leaf must have, all of them.
    pub extended_key_usage: Vec<Spanned<ObjectIdentifier>>,
    /// Certificate policies of which one must be proven; no demand when empty.
    pub certificate_policies: Vec<Spanned<ObjectIdentifier>>,
    /// Whether RSA signatures with SHA-1 and RSA keys of 1,024 bits count.
    pub unsafe_allow_sha1_and_rsa_1024: Spanned<bool>,
    /// What is demanded of revocation.
    pub revocation: Revocation,
    /// How a card finds its account.
    pub mapping: Mapping,
    /// Whose certificates may name whom. An empty list lets no name in a certificate count.
    pub identity_issuers: Vec<IdentityIssuer>,
    /// Its `[realm.NAME.directory]`, or its several `[[realm.NAME.directory]]`.
    pub directories: Vec<Directory>,
    /// How long the directories' word is believed.
    pub account_cache: AccountCache,
    /// The longest that a verdict lives.
    pub verdict_cache_ttl: Spanned<Duration>,
    /// How passwords are tried.
    pub passwords: Passwords,
    /// Its `[[realm.NAME.rule]]` tables, in the order of the file.
    pub rules: Vec<IdentityRule>,
}

pub(super) const REALM: Section = Section {
    path: "realm.NAME",
    keys: &[
        key("trust_anchors"),
        key("intermediates"),
        key("extended_key_usage"),
        key("certificate_policies"),
        key("unsafe_allow_sha1_and_rsa_1024"),
        key("revocation"),
        key("mapping"),
        key("identity_issuers"),
        key("verdict_cache_ttl"),
        key("passwords"),
        key("rule"),
        key("directory"),
        key("account_cache"),
    ],
};
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

impl Realm {
    pub(super) fn read(name: Spanned<String>, reader: &mut TableReader<'_>) -> Self {
        reader.require("trust_anchors", "trust_anchors = [\"pki/root.pem\"]");
        reader.refuse_empty_list("trust_anchors");
        let passwords_written = reader.holds("passwords");
        let has_directory = reader.holds("directory");
        let default_usage = vec![Spanned::new(CLIENT_AUTH, reader.span())];
        let realm = Self {
            span: reader.span(),
            name,
            trust_anchors: reader.list("trust_anchors", file).unwrap_or_default(),
            intermediates: reader.list("intermediates", file).unwrap_or_default(),
            extended_key_usage: reader
                .list("extended_key_usage", extended_key_usage)
                .unwrap_or(default_usage),
            certificate_policies: reader.list("certificate_policies", policy).unwrap_or_default(),
            unsafe_allow_sha1_and_rsa_1024: reader.with_default(
                "unsafe_allow_sha1_and_rsa_1024",
                false,
                boolean,
            ),
            revocation: reader.table("revocation", &REVOCATION, Revocation::read),
            mapping: reader.table("mapping", &MAPPING, |reader| Mapping::read(reader, has_directory)),
            identity_issuers: reader
                .tables("identity_issuers", &IDENTITY_ISSUER, IdentityIssuer::read)
                .into_iter()
                .flatten()
                .collect(),
            directories: reader
                .table_or_tables("directory", &DIRECTORY, Directory::read)
                .into_iter()
                .flatten()
                .collect(),
            account_cache: reader
                .table("account_cache", &ACCOUNT_CACHE, |reader| AccountCache::read(reader, has_directory)),
            verdict_cache_ttl: reader.with_default(
                "verdict_cache_ttl",
                300 * SECOND,
                duration(SECOND..=HOUR),
            ),
            passwords: reader
                .table("passwords", &PASSWORDS, |table| Passwords::read(passwords_written, table)),
            rules: reader.tables("rule", &RULE, IdentityRule::read).into_iter().flatten().collect(),
        };
        realm.check_algorithms(reader);
        realm.check_directories(reader);
        mapping::check(&realm, reader);
        realm.check_rule_names(reader);
        realm
    }

    fn check_algorithms(&self, reader: &mut TableReader<'_>) {
        let name = "unsafe_allow_sha1_and_rsa_1024";
        if self.unsafe_allow_sha1_and_rsa_1024.value {
            let message = "SHA-1 and RSA keys of 1,024 bits count here: who has the means can forge a card";
            reader.warning(self.unsafe_allow_sha1_and_rsa_1024.span, name, message);
        }
    }

    /// Whether any issuer may name anybody.
    pub(super) fn names_somebody(&self) -> bool {
        self.identity_issuers.iter().any(|issuer| {
            !(issuer.upn_suffixes.is_empty()
                && issuer.email_domains.is_empty()
                && issuer.sid_domains.is_empty())
        })
    }

    fn check_directories(&self, reader: &mut TableReader<'_>) {
        for (index, directory) in self.directories.iter().enumerate() {
            let name = directory.called();
            let mut earlier = self.directories.iter().take(index);
            if let Some(first) = earlier.find(|other| other.called().eq_ignore_ascii_case(name)) {
                let key = format!("directory[{index}].name");
                reader
                    .error(directory.span, &key, format!("two directories of this realm are called {name:?}"))
                    .label(first.span, "the first one")
                    .help("give each a `name` of its own");
            }
        }
    }

    /// Records name the rule that found the account, so a name stands for one rule.
    fn check_rule_names(&self, reader: &mut TableReader<'_>) {
        for (index, rule) in self.rules.iter().enumerate() {
            let mut earlier = self.rules.iter().take(index);
            if let Some(first) = earlier.find(|other| other.name.value == rule.name.value) {
                let message = format!("two rules of this realm are named {:?}", rule.name.value);
                reader
                    .error(rule.name.span, &format!("rule[{index}].name"), message)
                    .label(first.name.span, "the first one")
                    .help("give each rule a name of its own");
            }
        }
    }
}
