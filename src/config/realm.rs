//! Takes one `[realm.NAME]`, gives how its cards are judged and whom they name.
//!
//! Never opens a certificate or a CRL: the files named here are read by the compile step.

use super::keys::{Section, key, planned};
use super::reader::TableReader;
use super::revocation::{REVOCATION, Revocation};
use super::rule::{IdentityRule, RULE};
use super::shape::{
    CLIENT_AUTH, boolean, choice, choice_with_planned, duration, extended_key_usage, file, policy, text,
};
use super::span::{Span, Spanned};
use der::oid::ObjectIdentifier;
use std::path::PathBuf;
use std::time::Duration;

/// A way to find the account of a card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingMethod {
    /// The realm's own rules.
    Rule,
    /// The user principal name in the subject alternative name.
    Upn,
    /// The e-mail address there.
    Email,
    /// The subject's name.
    Subject,
}

/// How surely a card must name its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingStrength {
    /// By what nobody else's certificate can hold.
    Strong,
    /// By a name that may be given again.
    Weak,
}

/// `mapping = { … }`.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The ways tried, in this order.
    pub order: Vec<Spanned<MappingMethod>>,
    /// How surely the card must name the account.
    pub strength: Spanned<MappingStrength>,
}

/// One entry of `identity_issuers`: whose certificates may name whom.
#[derive(Clone, Debug)]
pub struct IdentityIssuer {
    /// The entry.
    pub span: Span,
    /// The file of the CA's certificate; its key is what counts.
    pub certificate: Spanned<PathBuf>,
    /// What may stand after the `@` of a UPN. An empty list admits no UPN.
    pub upn_suffixes: Vec<Spanned<String>>,
    /// What may stand after the `@` of an e-mail address. An empty list admits none.
    pub email_domains: Vec<Spanned<String>>,
}

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
    /// The longest that a verdict lives.
    pub max_age: Spanned<Duration>,
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
        key("max_age"),
        key("rule"),
        planned("directory"),
    ],
};
pub(super) const MAPPING: Section =
    Section { path: "realm.NAME.mapping", keys: &[key("order"), key("strength")] };
pub(super) const IDENTITY_ISSUER: Section = Section {
    path: "realm.NAME.identity_issuers",
    keys: &[key("certificate"), key("upn_suffixes"), key("email_domains"), planned("sid_domain")],
};

const METHODS: &[(&str, MappingMethod)] = &[
    ("rule", MappingMethod::Rule),
    ("upn", MappingMethod::Upn),
    ("email", MappingMethod::Email),
    ("subject", MappingMethod::Subject),
];
const PLANNED_METHODS: &[&str] = &["sid", "alt_security_identities"];
const STRENGTHS: &[(&str, MappingStrength)] =
    &[("strong", MappingStrength::Strong), ("weak", MappingStrength::Weak)];

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

impl Realm {
    pub(super) fn read(name: Spanned<String>, reader: &mut TableReader<'_>) -> Self {
        reader.require("trust_anchors", "trust_anchors = [\"pki/root.pem\"]");
        reader.refuse_empty_list("trust_anchors");
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
            mapping: reader.table("mapping", &MAPPING, Mapping::read),
            identity_issuers: reader
                .tables("identity_issuers", &IDENTITY_ISSUER, IdentityIssuer::read)
                .into_iter()
                .flatten()
                .collect(),
            max_age: reader.with_default("max_age", 300 * SECOND, duration(SECOND..=HOUR)),
            rules: reader.tables("rule", &RULE, IdentityRule::read).into_iter().flatten().collect(),
        };
        realm.check_algorithms(reader);
        realm.check_order(reader);
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

    fn check_order(&self, reader: &mut TableReader<'_>) {
        let uses = |method| self.mapping.order.iter().find(|entry| entry.value == method);
        if let (None, Some(rule)) = (uses(MappingMethod::Rule), self.rules.first()) {
            reader
                .error(rule.span, "rule", "this rule does nothing: `mapping.order` does not name \"rule\"")
                .help("write order = [\"rule\", …]");
        }
        let names_somebody = |domains: fn(&IdentityIssuer) -> bool| self.identity_issuers.iter().any(domains);
        let by_name = [
            (
                MappingMethod::Upn,
                "upn",
                "upn_suffixes",
                names_somebody(|issuer| !issuer.upn_suffixes.is_empty()),
            ),
            (
                MappingMethod::Email,
                "email",
                "email_domains",
                names_somebody(|issuer| !issuer.email_domains.is_empty()),
            ),
            (MappingMethod::Subject, "subject", "certificate", !self.identity_issuers.is_empty()),
        ];
        for (method, word, key, finds_somebody) in by_name {
            let Some(entry) = uses(method) else { continue };
            // The default order is not the operator's mistake when rules are all that this realm maps by.
            let chosen = entry.span != self.span;
            if !finds_somebody && (chosen || self.rules.is_empty()) {
                let message = format!(
                    "no card can be mapped by \"{word}\": no entry of `identity_issuers` has `{key}`"
                );
                reader.warning(entry.span, "mapping.order", message).help(
                    "add identity_issuers = [{ certificate = \"pki/issuing.pem\", upn_suffixes = [\"corp.example\"] }]",
                );
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

impl Mapping {
    fn read(reader: &mut TableReader<'_>) -> Self {
        let span = reader.span();
        let default = || [MappingMethod::Rule, MappingMethod::Upn].map(|method| Spanned::new(method, span));
        let methods = choice_with_planned(METHODS, PLANNED_METHODS);
        let mapping = Self {
            order: reader.list("order", methods).unwrap_or_else(|| default().into()),
            strength: reader.with_default("strength", MappingStrength::Strong, choice(STRENGTHS)),
        };
        reader.refuse_empty_list("order");
        for (index, entry) in mapping.order.iter().enumerate() {
            let mut earlier = mapping.order.iter().take(index);
            if let Some(first) = earlier.find(|other| other.value == entry.value) {
                let key = format!("order[{index}]");
                reader.error(entry.span, &key, "this way is named twice").label(first.span, "the first time");
            }
        }
        mapping
    }
}

impl IdentityIssuer {
    fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        let certificate = reader.required("certificate", "certificate = \"pki/issuing.pem\"", file);
        let upn_suffixes = reader.list("upn_suffixes", text).unwrap_or_default();
        let email_domains = reader.list("email_domains", text).unwrap_or_default();
        let suffixes = [("upn_suffixes", &upn_suffixes), ("email_domains", &email_domains)];
        for (name, suffix) in
            suffixes.iter().flat_map(|(name, list)| list.iter().map(|suffix| (*name, suffix)))
        {
            if let Some((_, domain)) = suffix.value.rsplit_once('@') {
                let message = "only what stands after the `@` belongs here";
                reader.error(suffix.span, name, message).help(format!("write {domain:?}"));
            }
        }
        Some(Self { span: reader.span(), certificate: certificate?, upn_suffixes, email_domains })
    }
}
