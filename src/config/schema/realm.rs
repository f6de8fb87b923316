//! `[realm.NAME]`: how client certificates are validated and mapped to accounts.

use super::directory::{AccountCacheSection, DirectorySection};
use super::mapping::{IdentityIssuerSection, MappingSection, StrengthChoice, not_in_order};
use super::revocation::RevocationSection;
use super::rule::MappingRuleSection;
use crate::certificate::ObjectIdentifier;
use crate::config::parse::{
    Spanned, TableReader, boolean, certificate_policy, duration, extended_key_usage, file, integer, repeated,
    section, table, table_or_tables, tables, text,
};
use crate::identity::Mapper;
use std::path::PathBuf;
use std::time::Duration;

section! {
    /// `[realm.NAME]`
    struct RealmSection with head checked by check {
        /// Certificates that a certification path must end at. The machine's own trust store is not used.
        trust_anchors: Vec<Spanned<PathBuf>> = file().list().required("trust_anchors = [\"pki/root.pem\"]"),
        /// CA certificates that complete the chains of clients that send too few. They are not trusted by themselves.
        intermediates: Vec<Spanned<PathBuf>> = file().list().optional("none"),
        /// Extended key usages that a client certificate must have, all of them. `[]`: none.
        extended_key_usage: Vec<Spanned<ObjectIdentifier>> = extended_key_usage().list().or(["client_auth"]),
        /// Policies of which one must be [valid](certificates.md#certificate-policies) on the certificate's whole path.
        certificate_policies: Vec<Spanned<ObjectIdentifier>> = certificate_policy().list().optional("none"),
        /// Whether RSA signatures with SHA-1 and RSA keys of 1024 bits are accepted in a certificate's path. They can be
        /// forged: only for old cards, until they are replaced. A CRL signed so is not accepted.
        unsafe_allow_sha1_and_rsa_1024: Spanned<bool> = boolean().or(false).warn_if_true(
            "SHA-1 signatures and RSA keys of 1,024 bits are accepted: such certificates can be forged",
        ),
        /// How revocation is checked.
        revocation: RevocationSection = table(),
        /// How certificates are mapped to accounts.
        mapping: MappingSection = table(),
        /// The authorities whose certificates may name accounts.
        identity_issuers: Vec<IdentityIssuerSection> = tables("none"),
        /// The longest time for which the verdict on a certificate is cached.
        verdict_cache_ttl: Spanned<Duration> = duration("1s", "1h").or("5m"),
        /// How passwords are verified, for paths with `password = "directory"`.
        passwords: PasswordsSection = table(),
        /// Rules that map certificates.
        rule: Vec<MappingRuleSection> = tables("none"),
        /// The directories in which accounts are looked up.
        directory: Vec<DirectorySection> = table_or_tables("none"),
        /// How long results of the directories are used.
        account_cache: AccountCacheSection = table(),
    }
}

section! {
    /// `[realm.NAME.passwords]`
    struct PasswordsSection with head {
        /// The domain of a user name without one: `alice` is then verified as `CORP\alice`.
        default_domain: Option<Spanned<String>> = text().optional("none"),
        /// Failed logins of one account before it has to wait. Must be less than the directory's lock-out threshold.
        max_failures_per_account: Spanned<u32> = integer(1, 1000).or(3),
        /// Failed logins from one address (IPv6: one /64) before it has to wait.
        max_failures_per_address: Spanned<u32> = integer(1, 1_000_000).or(20),
        /// How long they have to wait: an account after its last failed login, an address after its first. Must not be
        /// shorter than the directory's observation window.
        window: Spanned<Duration> = duration("1m", "1day").or("15m"),
        /// How long an accepted password is accepted again without a query to the directory.
        cache_ttl: Spanned<Duration> = duration("0s", "10m").or("60s"),
    }
}

impl RealmSection {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        let directory = self.head.has("directory");
        self.mapping.complete(directory);
        for (index, again, first) in repeated(&self.directory, |it| it.called().to_ascii_lowercase()) {
            let message = format!("two directories of this realm are named {:?}", again.called());
            let error = reader.error(again.head.span, &format!("directory[{index}].name"), message);
            error.label(first.head.span, "the first one").help("give each a `name` of its own");
        }
        self.mapping.check_in_realm(directory, reader);
        self.check_identity_issuers(reader);
        self.check_mappers(reader);
        self.check_some_mapping_is_possible(reader);
        self.account_cache.check(directory, reader);
        // Records name the rule that found the account, so a name must stand for one rule.
        for (index, again, first) in repeated(&self.rule, |rule| &rule.name.value) {
            let message = format!("two rules of this realm are named {:?}", again.name.value);
            let error = reader.error(again.name.span, &format!("rule[{index}].name"), message);
            error.label(first.name.span, "the first one").help("give each rule a name of its own");
        }
    }

    /// Returns whether any issuer may name accounts.
    fn names_accounts(&self) -> bool {
        let names = |issuer: &IdentityIssuerSection| {
            issuer.upn_suffixes.len() + issuer.email_domains.len() + issuer.sid_domains.len()
        };
        self.identity_issuers.iter().any(|issuer| names(issuer) > 0)
    }

    /// Records the keys of issuers for mappers that are not in the order.
    fn check_identity_issuers(&self, reader: &mut TableReader<'_>) {
        for (index, issuer) in self.identity_issuers.iter().enumerate() {
            for entry in issuer.mappers.iter().filter(|entry| self.mapping.uses(entry.value).is_none()) {
                let key = format!("identity_issuers[{index}].mappers");
                let help = "name it there, or remove it here";
                reader.error(entry.span, &key, not_in_order(entry.value)).help(help);
            }
            let by_alt_security = self.mapping.uses(Mapper::AltSecurityIdentities).is_some()
                && issuer.feeds(Mapper::AltSecurityIdentities);
            if let (Some(form), false) = (issuer.alt_security_forms.first(), by_alt_security) {
                let message =
                    "this does nothing: its certificates are not mapped by \"alt_security_identities\"";
                let help = "name it in `mapping.order` and in `mappers`, or remove it";
                let key = format!("identity_issuers[{index}].alt_security_forms");
                reader.error(form.span, &key, message).help(help);
            }
        }
    }

    /// Records the mappers of the order that cannot find an account.
    fn check_mappers(&self, reader: &mut TableReader<'_>) {
        if let (None, Some(rule)) = (self.mapping.uses(Mapper::Rules), self.rule.first()) {
            let message = "this rule does nothing: `mapping.order` does not name \"rule\"";
            reader.error(rule.head.span, "rule", message).help("write order = [\"rule\", …]");
        }
        for entry in self.mapping.order.iter().filter(|entry| entry.value != Mapper::Rules) {
            let suffixes = "upn_suffixes = [\"corp.example\"]";
            let (key, names, has): (_, _, fn(&IdentityIssuerSection) -> bool) = match entry.value {
                Mapper::Sid => {
                    let names = "sid_domains = [\"S-1-5-21-1004336348-1177238915-682003330\"]";
                    ("sid_domains", names, |issuer| !issuer.sid_domains.is_empty())
                }
                Mapper::Upn => ("upn_suffixes", suffixes, |issuer| !issuer.upn_suffixes.is_empty()),
                Mapper::Email => {
                    let names = "email_domains = [\"corp.example\"]";
                    ("email_domains", names, |issuer| !issuer.email_domains.is_empty())
                }
                _ => ("certificate", suffixes, |_| true),
            };
            let mut issuers = self.identity_issuers.iter();
            let is_fed = issuers.any(|issuer| issuer.feeds(entry.value) && has(issuer));
            // The default order is not the operator's mistake if the realm maps by other means only.
            let is_default = !self.mapping.head.has("order");
            let maps_otherwise = self.rule.iter().any(|rule| rule.is_complete() && !rule.denies())
                || (!self.directory.is_empty() && self.names_accounts());
            // A certificate with a security identifier is rejected if no issuer may write one: never a matter of course.
            let is_unexpected = !is_default || !maps_otherwise || entry.value == Mapper::Sid;
            // Names of a certificate would not be accepted, so the key for them is not the fix.
            let is_too_weak = self.requires_strong_mappings() && !self.head.has("directory");
            if !is_fed && is_unexpected && (!is_too_weak || entry.value == Mapper::Sid) {
                let cause = format!("no entry of `identity_issuers` has `{key}`");
                let message = format!("no certificate can be mapped by \"{}\": {cause}", entry.value);
                let help =
                    format!("add identity_issuers = [{{ certificate = \"pki/issuing.pem\", {names} }}]");
                reader.warning(entry.span, "mapping.order", message).help(help);
            }
        }
    }

    /// Records that every certificate is denied because no mapper can find an account with the required strength.
    fn check_some_mapping_is_possible(&self, reader: &mut TableReader<'_>) {
        let order = &self.mapping.order;
        if order.iter().any(|entry| self.can_map_by(entry.value)) {
            return;
        }
        let name = &self.head.name.value;
        let denied = format!("the realm {name:?} denies every client certificate");
        if !self.requires_strong_mappings() {
            // The other mappers lack an identity issuer, which is reported for each of them.
            if let [only] = order.as_slice()
                && only.value == Mapper::Rules
            {
                let message =
                    format!("{denied}: \"rule\" is the only mapper, and no rule assigns an account");
                let help = format!(
                    "add a [[realm.{name}.rule]] with `account`, or name another mapper in `mapping.order`"
                );
                reader.warning(only.span, "mapping.order", message).help(help);
            }
            return;
        }
        let has_directory = self.head.has("directory");
        let names_strong_mapper = self.mapping.uses(Mapper::Sid).is_some()
            || self.mapping.uses(Mapper::AltSecurityIdentities).is_some();
        let (cause, help) = if !has_directory {
            (
                "the realm has neither a directory nor a rule for one certificate",
                format!(
                    "add a [realm.{name}.directory] table, or a [[realm.{name}.rule]] with `certificate_sha256`; strength = \
                     \"weak\" also accepts a name that may be assigned to another user"
                ),
            )
        } else if !names_strong_mapper {
            (
                "`mapping.order` names neither \"sid\" nor \"alt_security_identities\"",
                "name one of them in `mapping.order`".to_owned(),
            )
        } else {
            (
                "no entry of `identity_issuers` may name accounts by \"sid\" or by a strong form of \
                 \"alt_security_identities\"",
                "add `sid_domains` to an entry, or a strong form to its `alt_security_forms`".to_owned(),
            )
        };
        let message = format!("{denied}: `mapping.strength` is \"strong\", and {cause}");
        reader.warning(self.mapping.strength.span, "mapping.strength", message).help(help);
    }

    /// Returns whether this mapper can find an account with the required strength for any certificate.
    fn can_map_by(&self, mapper: Mapper) -> bool {
        let strong = self.requires_strong_mappings();
        let mut issuers = self.identity_issuers.iter().filter(|issuer| issuer.feeds(mapper));
        match mapper {
            // A rule that selects certificates in no way has an error of its own.
            Mapper::Rules => {
                let mut assigning = self.rule.iter().filter(|rule| !rule.denies());
                assigning.any(|rule| !strong || rule.issuer.is_none())
            }
            Mapper::Sid => issuers.any(|issuer| !issuer.sid_domains.is_empty()),
            Mapper::AltSecurityIdentities => {
                self.head.has("directory") && issuers.any(|issuer| !strong || issuer.has_strong_form())
            }
            Mapper::Upn => !strong && issuers.any(|issuer| !issuer.upn_suffixes.is_empty()),
            Mapper::Email => !strong && issuers.any(|issuer| !issuer.email_domains.is_empty()),
            _ => !strong && issuers.next().is_some(),
        }
    }

    fn requires_strong_mappings(&self) -> bool {
        self.mapping.strength.value == StrengthChoice::Strong
    }
}
