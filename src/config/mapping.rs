//! Takes `mapping` and `identity_issuers` of a realm, gives how a card finds its account and whose word counts.
//!
//! Never opens a certificate: the files named here are read by the compile step.

use super::keys::{Section, key};
use super::reader::{Fault, TableReader};
use super::realm::Realm;
use super::shape::{choice, duration, file, sid, text};
use super::span::{Span, Spanned};
use super::suggestion::{alternatives, nearest};
use crate::certificate::AltSecurityForm;
use crate::directory::Sid;
use crate::identity::{Mapper, SidCheck};
use crate::ldap::AttributeName;
use crate::telemetry::display_chain;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// How surely a card must name its account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MappingStrength {
    /// By what nobody else's certificate can hold.
    Strong,
    /// Or by a name, in a certificate that is not older than the account.
    Compatibility,
    /// By a name that may be given again.
    Weak,
}

/// `mapping = { … }`.
#[derive(Clone, Debug)]
pub struct Mapping {
    /// The ways tried, in this order.
    pub order: Vec<Spanned<Mapper>>,
    /// How surely the card must name the account.
    pub strength: Spanned<MappingStrength>,
    /// When the card's security identifier must be the account's.
    pub sid_check: Spanned<SidCheck>,
    /// By how much a card may be older than its account under [`MappingStrength::Compatibility`].
    pub certificate_backdating: Option<Spanned<Duration>>,
    /// The directory's attributes of the numbers on cards.
    pub attributes: Vec<(Spanned<Mapper>, Spanned<String>)>,
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
    /// The domains whose security identifiers may stand there. An empty list admits none.
    pub sid_domains: Vec<Spanned<Sid>>,
    /// The ways that its certificates may go; all of the realm's when not written.
    pub mappers: Option<Vec<Spanned<Mapper>>>,
    /// The forms of altSecurityIdentities by which accounts may name its certificates; all when not written.
    pub alt_security_forms: Option<Vec<Spanned<AltSecurityForm>>>,
}

pub(super) const MAPPING: Section = Section {
    path: "realm.NAME.mapping",
    keys: &[
        key("order"),
        key("strength"),
        key("sid_check"),
        key("certificate_backdating"),
        key("attributes"),
    ],
};
pub(super) const IDENTITY_ISSUER: Section = Section {
    path: "realm.NAME.identity_issuers",
    keys: &[
        key("certificate"),
        key("upn_suffixes"),
        key("email_domains"),
        key("sid_domains"),
        key("mappers"),
        key("alt_security_forms"),
    ],
};

const STRENGTHS: &[(&str, MappingStrength)] = &[
    ("strong", MappingStrength::Strong),
    ("compatibility", MappingStrength::Compatibility),
    ("weak", MappingStrength::Weak),
];
const SID_CHECKS: &[(&str, SidCheck)] = &[("windows", SidCheck::Windows), ("strict", SidCheck::Strict)];
const FORMS: &[(&str, AltSecurityForm)] = &[
    (AltSecurityForm::IssuerSerial.name(), AltSecurityForm::IssuerSerial),
    (AltSecurityForm::SubjectKeyIdentifier.name(), AltSecurityForm::SubjectKeyIdentifier),
    (AltSecurityForm::Sha1PublicKey.name(), AltSecurityForm::Sha1PublicKey),
    (AltSecurityForm::IssuerSid.name(), AltSecurityForm::IssuerSid),
    (AltSecurityForm::IssuerSubject.name(), AltSecurityForm::IssuerSubject),
    (AltSecurityForm::Subject.name(), AltSecurityForm::Subject),
    (AltSecurityForm::Rfc822.name(), AltSecurityForm::Rfc822),
    (AltSecurityForm::Issuer.name(), AltSecurityForm::Issuer),
];
const WITHOUT_DIRECTORY: &[Mapper] = &[Mapper::Rules, Mapper::Upn];
const WITH_DIRECTORY: &[Mapper] = &[Mapper::Rules, Mapper::Sid, Mapper::AltSecurityIdentities, Mapper::Upn];
/// Windows counts `CertificateBackdatingCompensation` up to fifty years.
const LONGEST_BACKDATING: Duration = Duration::from_secs(50 * 365 * 86_400);

impl Mapping {
    /// `directory` says whether the realm has one.
    pub(super) fn read(reader: &mut TableReader<'_>, directory: bool) -> Self {
        let span = reader.span();
        let default = if directory { WITH_DIRECTORY } else { WITHOUT_DIRECTORY };
        let default = || default.iter().map(|mapper| Spanned::new(*mapper, span)).collect();
        let mapping = Self {
            order: reader.list("order", mapper).unwrap_or_else(default),
            strength: reader.with_default("strength", MappingStrength::Strong, choice(STRENGTHS)),
            sid_check: reader.with_default("sid_check", SidCheck::Windows, choice(SID_CHECKS)),
            certificate_backdating: reader
                .optional("certificate_backdating", duration(Duration::ZERO..=LONGEST_BACKDATING)),
            attributes: reader.pairs("attributes", number, attribute),
        };
        reader.refuse_empty_list("order");
        for (index, entry) in mapping.order.iter().enumerate() {
            let mut earlier = mapping.order.iter().take(index);
            if let Some(first) = earlier.find(|other| other.value == entry.value) {
                let key = format!("order[{index}]");
                reader.error(entry.span, &key, "this way is named twice").label(first.span, "the first time");
            }
        }
        mapping.check_strength(reader, directory);
        mapping.check_directory(reader, directory);
        mapping.check_attributes(reader, directory);
        mapping
    }

    /// Where the order names this way.
    pub(super) fn uses(&self, mapper: Mapper) -> Option<&Spanned<Mapper>> {
        self.order.iter().find(|entry| entry.value == mapper)
    }

    fn check_strength(&self, reader: &mut TableReader<'_>, directory: bool) {
        let compatible = self.strength.value == MappingStrength::Compatibility;
        if compatible && !directory {
            let message =
                "no card can be compared with its account's age: the realm has no directory that knows it";
            reader
                .error(self.strength.span, "strength", message)
                .help("add a [realm.NAME.directory] table, or write strength = \"strong\"");
        }
        if let (Some(backdating), false) = (&self.certificate_backdating, compatible) {
            reader
                .error(
                    backdating.span,
                    "certificate_backdating",
                    "`certificate_backdating` does nothing: only strength = \"compatibility\" looks at dates",
                )
                .help("remove it");
        }
    }

    fn check_directory(&self, reader: &mut TableReader<'_>, directory: bool) {
        if let (Some(entry), false) = (self.uses(Mapper::AltSecurityIdentities), directory) {
            let message = "\"alt_security_identities\" finds nobody: the realm has no directory to ask";
            reader
                .error(entry.span, "order", message)
                .help("add a [realm.NAME.directory] table, or leave the word out");
        }
    }

    fn check_attributes(&self, reader: &mut TableReader<'_>, directory: bool) {
        for (mapper, _) in &self.attributes {
            let key = format!("attributes.{}", mapper.value);
            if self.uses(mapper.value).is_none() {
                let message =
                    format!("this does nothing: `mapping.order` does not name {:?}", mapper.value.name());
                reader.error(mapper.span, &key, message).help("name it there, or remove it");
            } else if !directory {
                let message = "this does nothing: the realm has no directory to look in";
                reader.error(mapper.span, &key, message).help("add a [realm.NAME.directory] table");
            }
        }
        for entry in self.order.iter().filter(|entry| directory && entry.value.is_number()) {
            if !self.attributes.iter().any(|(mapper, _)| mapper.value == entry.value) {
                let message = format!(
                    "{:?} finds nobody: nothing says in which attribute the directory has it",
                    entry.value.name()
                );
                let help = format!("add attributes = {{ {} = \"employeeID\" }}", entry.value);
                reader.error(entry.span, "attributes", message).help(help);
            }
        }
    }
}

impl IdentityIssuer {
    pub(super) fn read(reader: &mut TableReader<'_>) -> Option<Self> {
        let certificate = reader.required("certificate", "certificate = \"pki/issuing.pem\"", file);
        let upn_suffixes = reader.list("upn_suffixes", text).unwrap_or_default();
        let email_domains = reader.list("email_domains", text).unwrap_or_default();
        let sid_domains = reader.list("sid_domains", sid_of_domain).unwrap_or_default();
        let mappers = reader.list("mappers", mapper);
        reader.refuse_empty_list("mappers");
        let alt_security_forms = reader.list("alt_security_forms", choice(FORMS));
        reader.refuse_empty_list("alt_security_forms");
        let suffixes = [("upn_suffixes", &upn_suffixes), ("email_domains", &email_domains)];
        for (name, suffix) in
            suffixes.iter().flat_map(|(name, list)| list.iter().map(|suffix| (*name, suffix)))
        {
            if let Some((_, domain)) = suffix.value.rsplit_once('@') {
                let message = "only what stands after the `@` belongs here";
                reader.error(suffix.span, name, message).help(format!("write {domain:?}"));
            }
        }
        let span = reader.span();
        Some(Self {
            span,
            certificate: certificate?,
            upn_suffixes,
            email_domains,
            sid_domains,
            mappers,
            alt_security_forms,
        })
    }

    fn feeds(&self, mapper: Mapper) -> bool {
        self.mappers.as_ref().is_none_or(|mappers| mappers.iter().any(|entry| entry.value == mapper))
    }
}

/// Records what in a realm's order can find nobody, and what feeds ways that are not in it.
pub(super) fn check(realm: &Realm, reader: &mut TableReader<'_>) {
    let mapping = &realm.mapping;
    for (index, issuer) in realm.identity_issuers.iter().enumerate() {
        for entry in issuer.mappers.iter().flatten().filter(|entry| mapping.uses(entry.value).is_none()) {
            let message =
                format!("this does nothing: `mapping.order` does not name {:?}", entry.value.name());
            let key = format!("identity_issuers[{index}].mappers");
            reader.error(entry.span, &key, message).help("name it there, or remove it here");
        }
    }
    for (index, issuer) in realm.identity_issuers.iter().enumerate() {
        let Some(form) = issuer.alt_security_forms.iter().flatten().next() else { continue };
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
    if let (None, Some(rule)) = (mapping.uses(Mapper::Rules), realm.rules.first()) {
        reader
            .error(rule.span, "rule", "this rule does nothing: `mapping.order` does not name \"rule\"")
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
        let chosen = entry.span != realm.span;
        let elsewhere = !realm.rules.is_empty() || (!realm.directories.is_empty() && realm.names_somebody());
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

fn mapper(value: &DeValue<'_>) -> Result<Mapper, Fault> {
    let known = || Mapper::ALL.iter().map(|mapper| mapper.name());
    let Some(text) = value.as_str() else {
        return Err(Fault::wrong_type("a string", value).help(format!("write {}", alternatives(known()))));
    };
    text.parse().map_err(|_| {
        let help = match nearest(text, known()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("write {}", alternatives(known())),
        };
        Fault::new(format!("{text:?} is not a value of this key")).help(help)
    })
}

fn number(name: &str) -> Result<Mapper, Fault> {
    let numbers = || Mapper::ALL.into_iter().filter(|mapper| mapper.is_number());
    numbers().find(|mapper| mapper.name() == name).ok_or_else(|| {
        let known = alternatives(numbers().map(Mapper::name));
        Fault::new(format!("`{name}` is no number of a card")).help(format!("the numbers are {known}"))
    })
}

fn attribute(value: &DeValue<'_>) -> Result<String, Fault> {
    let name = AttributeName::parse(&text(value)?).map_err(|error| Fault::new(display_chain(&error)))?;
    Ok(name.as_str().to_owned())
}

/// `S-1-5-21-…` with three numbers: one with a fourth is an account or a group.
fn sid_of_domain(value: &DeValue<'_>) -> Result<Sid, Fault> {
    let sid = sid(value)?;
    let parts = sid.to_string();
    if parts.split('-').count() == 8 {
        let domain = sid.domain().map(|domain| domain.to_string()).unwrap_or_default();
        return Err(Fault::new(format!("{parts} is an account's or a group's, not a domain's"))
            .help(format!("write {domain:?}")));
    }
    Ok(sid)
}
