//! `[realm.NAME]`: how client certificates are validated and mapped to accounts.

use super::directory::{AccountCache, Directory};
use super::mapping::{IdentityIssuer, Mapping};
use super::revocation::Revocation;
use super::rule::MappingRule;
use crate::certificate::ObjectIdentifier;
use crate::config::parse::Spanned;
use crate::config::parse::fields::{ValueType as _, table, table_or_tables, tables};
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::values::{BOOLEAN, FILE, POLICY, TEXT, USAGE, duration, integer};
use crate::identity::Mapper;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// `[realm.NAME]`
    struct Realm with head checked by check {
        /// Certificates that a certification path must end at. The machine's own trust store is not used.
        trust_anchors: Vec<Spanned<PathBuf>> = FILE.list().required("trust_anchors = [\"pki/root.pem\"]"),
        /// CA certificates that complete the chains of clients that send too few. They are not trusted by themselves.
        intermediates: Vec<Spanned<PathBuf>> = FILE.list().optional("none"),
        /// Extended key usages that a client certificate must have, all of them. `[]`: none.
        extended_key_usage: Vec<Spanned<ObjectIdentifier>> = USAGE.list().or(["client_auth"]),
        /// Policies of which one must be [valid](certificates.md#certificate-policies) on the certificate's whole path.
        certificate_policies: Vec<Spanned<ObjectIdentifier>> = POLICY.list().optional("none"),
        /// Whether RSA signatures with SHA-1 and RSA keys of 1024 bits are accepted in a certificate's path. They can be
        /// forged: only for old cards, until they are replaced. A CRL signed so is not accepted.
        unsafe_allow_sha1_and_rsa_1024: Spanned<bool> = BOOLEAN.or(false),
        /// How revocation is checked.
        revocation: Revocation = table::<Revocation>(),
        /// How certificates are mapped to accounts.
        mapping: Mapping = table::<Mapping>(),
        /// The authorities whose certificates may name accounts.
        identity_issuers: Vec<IdentityIssuer> = tables::<IdentityIssuer>("none"),
        /// The longest time for which the verdict on a certificate is cached.
        verdict_cache_ttl: Spanned<Duration> = duration("1s", "1h").or("5m"),
        /// How passwords are verified, for paths with `password = "directory"`.
        passwords: Passwords = table::<Passwords>(),
        /// Rules that map certificates.
        rule: Vec<MappingRule> = tables::<MappingRule>("none"),
        /// Where accounts are looked up.
        directory: Vec<Directory> = table_or_tables::<Directory>("none"),
        /// How long results of the directories are used.
        account_cache: AccountCache = table::<AccountCache>(),
    }
}

section! {
    /// `[realm.NAME.passwords]`
    struct Passwords with head {
        /// The domain of a user name without one: `alice` is then verified as `CORP\alice`.
        default_domain: Option<Spanned<String>> = TEXT.optional("none"),
        /// Failed log-ins of one account before it has to wait. Must be less than the directory's lock-out threshold.
        max_failures_per_account: Spanned<usize> = integer(1, 1000).or(3),
        /// Failed log-ins from one address (IPv6: one /64) before it has to wait.
        max_failures_per_address: Spanned<usize> = integer(1, 1_000_000).or(20),
        /// How long they have to wait: an account after its last failed log-in, an address after its first. Must not be
        /// shorter than the directory's observation window.
        window: Spanned<Duration> = duration("1m", "1day").or("15m"),
        /// How long an accepted password is accepted again without a query to the directory.
        cache_ttl: Spanned<Duration> = duration("0s", "10m").or("60s"),
    }
}

impl Realm {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        self.mapping.complete(!self.directory.is_empty() || self.head.has("directory"));
        self.check_algorithms(reader);
        self.check_directories(reader);
        check_mapping(self, reader);
        self.account_cache.check(self.head.has("directory"), reader);
        self.check_rule_names(reader);
    }

    fn check_algorithms(&self, reader: &mut TableReader<'_>) {
        let name = "unsafe_allow_sha1_and_rsa_1024";
        if self.unsafe_allow_sha1_and_rsa_1024.value {
            let message = "SHA-1 and RSA keys of 1,024 bits count here: who has the means can forge a card";
            reader.warning(self.unsafe_allow_sha1_and_rsa_1024.span, name, message);
        }
    }

    /// Whether any issuer may name accounts.
    pub(super) fn names_accounts(&self) -> bool {
        self.identity_issuers.iter().any(|issuer| {
            !(issuer.upn_suffixes.is_empty()
                && issuer.email_domains.is_empty()
                && issuer.sid_domains.is_empty())
        })
    }

    fn check_directories(&self, reader: &mut TableReader<'_>) {
        for (index, directory) in self.directory.iter().enumerate() {
            let name = directory.called();
            let mut earlier = self.directory.iter().take(index);
            if let Some(first) = earlier.find(|other| other.called().eq_ignore_ascii_case(name)) {
                let key = format!("directory[{index}].name");
                reader
                    .error(
                        directory.head.span,
                        &key,
                        format!("two directories of this realm are called {name:?}"),
                    )
                    .label(first.head.span, "the first one")
                    .help("give each a `name` of its own");
            }
        }
    }

    /// Records name the rule that found the account, so a name stands for one rule.
    fn check_rule_names(&self, reader: &mut TableReader<'_>) {
        for (index, rule) in self.rule.iter().enumerate() {
            let mut earlier = self.rule.iter().take(index);
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

/// Records what in a realm's order can find nobody, and what feeds ways that are not in it.
fn check_mapping(realm: &Realm, reader: &mut TableReader<'_>) {
    let mapping = &realm.mapping;
    let directory = realm.head.has("directory");
    mapping.check_strength(reader, directory);
    mapping.check_directory(reader, directory);
    mapping.check_attributes(reader, directory);
    for (index, issuer) in realm.identity_issuers.iter().enumerate() {
        for entry in issuer.mappers.iter().filter(|entry| mapping.uses(entry.value).is_none()) {
            let message =
                format!("this does nothing: `mapping.order` does not name {:?}", entry.value.name());
            let key = format!("identity_issuers[{index}].mappers");
            reader.error(entry.span, &key, message).help("name it there, or remove it here");
        }
    }
    for (index, issuer) in realm.identity_issuers.iter().enumerate() {
        let Some(form) = issuer.alt_security_forms.first() else { continue };
        if mapping.uses(Mapper::AltSecurityIdentities).is_none()
            || !issuer.feeds(Mapper::AltSecurityIdentities)
        {
            let message = "this does nothing: its certificates are not mapped by \"alt_security_identities\"";
            let key = format!("identity_issuers[{index}].alt_security_forms");
            reader
                .error(form.span, &key, message)
                .help("name it in `mapping.order` and in `mappers`, or remove it");
        }
    }
    if let (None, Some(rule)) = (mapping.uses(Mapper::Rules), realm.rule.first()) {
        reader
            .error(rule.head.span, "rule", "this rule does nothing: `mapping.order` does not name \"rule\"")
            .help("write order = [\"rule\", …]");
    }
    let fed = |mapper: Mapper, has: fn(&IdentityIssuer) -> bool| {
        realm.identity_issuers.iter().any(|issuer| issuer.feeds(mapper) && has(issuer))
    };
    let any_issuer = |_: &IdentityIssuer| true;
    for entry in mapping.order.iter().filter(|entry| entry.value != Mapper::Rules) {
        let (key, found) = match entry.value {
            Mapper::Sid => ("sid_domains", fed(entry.value, |issuer| !issuer.sid_domains.is_empty())),
            Mapper::Upn => ("upn_suffixes", fed(entry.value, |issuer| !issuer.upn_suffixes.is_empty())),
            Mapper::Email => ("email_domains", fed(entry.value, |issuer| !issuer.email_domains.is_empty())),
            other => ("certificate", fed(other, any_issuer)),
        };
        // The default order is not the operator's mistake when something else is all that this realm maps by.
        let chosen = entry.span != realm.head.span;
        let elsewhere = realm.rule.iter().any(MappingRule::is_whole)
            || (!realm.directory.is_empty() && realm.names_accounts());
        // A card with a security identifier is refused where nobody may write one, so that is never by the way.
        if !found && (chosen || !elsewhere || entry.value == Mapper::Sid) {
            warn_of_nobody(entry, key, reader);
        }
    }
}

fn warn_of_nobody(entry: &Spanned<Mapper>, key: &str, reader: &mut TableReader<'_>) {
    let word = entry.value.name();
    let message = format!("no card can be mapped by {word:?}: no entry of `identity_issuers` has `{key}`");
    let names = match entry.value {
        Mapper::Sid => "sid_domains = [\"S-1-5-21-1004336348-1177238915-682003330\"]",
        Mapper::Email => "email_domains = [\"corp.example\"]",
        _ => "upn_suffixes = [\"corp.example\"]",
    };
    let help = format!("add identity_issuers = [{{ certificate = \"pki/issuing.pem\", {names} }}]");
    reader.warning(entry.span, "mapping.order", message).help(help);
}
