//! `[realm.NAME.mapping]` and `[realm.NAME.identity_issuers]`: how a certificate is mapped to its account, and which
//! authorities may name accounts.

use crate::certificate::AltSecurityForm;
use crate::config::parse::Spanned;
use crate::config::parse::fields::{ValueType as _, pairs};
use crate::config::parse::reader::TableReader;
use crate::config::parse::section::section;
use crate::config::parse::suggestion::{alternatives, nearest};
use crate::config::parse::value_error::ValueError;
use crate::config::parse::values::{FILE, Parsed, TEXT, choice, duration, sid, text};
use crate::directory::Sid;
use crate::identity::{Mapper, SidCheck};
use crate::ldap::AttributeName;
use crate::telemetry::display_chain;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// How strong a mapping must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum MappingStrength {
    /// By a value that only the authority controls.
    Strong,
    /// Or by a name, in a certificate that is not older than the account.
    Compatibility,
    /// By a name that may be assigned again.
    Weak,
}

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
const MAPPER: Parsed<Mapper> = Parsed::new("mapper", "mappers", mapper);
const ATTRIBUTE: Parsed<String> = Parsed::new("attribute", "attributes", attribute);
const DOMAIN_SID: Parsed<Sid> = Parsed::new("SID", "SIDs", sid_of_domain);

section! {
    /// `[realm.NAME.mapping]`
    struct Mapping with head checked by check {
        /// The mappers to try, in this order: `"rule"`, `"sid"`, `"alt_security_identities"`, `"upn"`, `"email"`,
        /// `"subject"`, `"edipi"`, `"fascn"`, `"uuid"`, `"uzi"`.
        order: Vec<Spanned<Mapper>> = MAPPER.nonempty_list().optional(
            "`[\"rule\", \"upn\"]`; with a directory `[\"rule\", \"sid\", \"alt_security_identities\", \"upn\"]`",
        ),
        /// Whether a name is enough that may be assigned to another user (KB5014754): no; in a certificate that is not older
        /// than the account; yes.
        strength: Spanned<MappingStrength> = choice(STRENGTHS).or("strong"),
        /// When the security identifier in a certificate must be that of the account to which it is mapped by other
        /// mappers: as in Windows, unless a strong value of the account's altSecurityIdentities names the certificate; always.
        sid_check: Spanned<SidCheck> = choice(SID_CHECKS).or("windows"),
        /// By how much a certificate may be older than its account under `"compatibility"`.
        certificate_backdating: Option<Spanned<Duration>> = duration("0s", "18250days").optional("`\"0s\"`"),
        /// The directory's attributes of card numbers: `{ edipi = "employeeID" }`. Needed for each number that is in the
        /// order of a realm with a directory.
        attributes: Vec<(Spanned<Mapper>, Spanned<String>)> = pairs(number, ATTRIBUTE, "none"),
    }
}

section! {
    /// `[realm.NAME.identity_issuers]`
    struct IdentityIssuer checked by check {
        /// The authority's certificate; its key counts.
        certificate: Spanned<PathBuf> = FILE.essential("certificate = \"pki/issuing.pem\""),
        /// What may follow the `@` of its UPNs.
        upn_suffixes: Vec<Spanned<String>> = TEXT.list().optional("none"),
        /// What may follow the `@` of its e-mail addresses.
        email_domains: Vec<Spanned<String>> = TEXT.list().optional("none"),
        /// The domains whose accounts it may name by security identifier: `"S-1-5-21-…"` with three numbers. A certificate
        /// that names one of another domain is rejected.
        sid_domains: Vec<Spanned<Sid>> = DOMAIN_SID.list().optional("none"),
        /// The mappers that use its certificates. Leave out `"sid"` for an authority that lets requesters write extensions.
        mappers: Vec<Spanned<Mapper>> = MAPPER.nonempty_list().optional("the whole order"),
        /// The forms of altSecurityIdentities by which accounts may name its certificates. An authority can write any subject
        /// key identifier: list that form only for authorities that may name every account
        /// ([why](identity.md#writing-altsecurityidentities)).
        alt_security_forms: Vec<Spanned<AltSecurityForm>> = choice(FORMS).nonempty_list().optional("all"),
    }
}

impl Mapping {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        for (index, entry) in self.order.iter().enumerate() {
            let mut earlier = self.order.iter().take(index);
            if let Some(first) = earlier.find(|other| other.value == entry.value) {
                let key = format!("order[{index}]");
                reader
                    .error(entry.span, &key, "this mapper is listed twice")
                    .label(first.span, "the first time");
            }
        }
    }

    /// Sets the default order, which depends on whether the realm has a directory.
    pub(super) fn complete(&mut self, directory: bool) {
        if !self.head.has("order") {
            let default = if directory { WITH_DIRECTORY } else { WITHOUT_DIRECTORY };
            self.order = default.iter().map(|mapper| Spanned::new(*mapper, self.head.span)).collect();
        }
    }

    /// The entry of the order for this mapper.
    pub(super) fn uses(&self, mapper: Mapper) -> Option<&Spanned<Mapper>> {
        self.order.iter().find(|entry| entry.value == mapper)
    }

    pub(super) fn check_strength(&self, reader: &mut TableReader<'_>, directory: bool) {
        let compatible = self.strength.value == MappingStrength::Compatibility;
        if compatible && !directory {
            let message =
                "no card can be compared with its account's age: the realm has no directory that knows it";
            reader
                .error(self.strength.span, "mapping.strength", message)
                .help("add a [realm.NAME.directory] table, or write strength = \"strong\"");
        }
        if let (Some(backdating), false) = (&self.certificate_backdating, compatible) {
            reader
                .error(
                    backdating.span,
                    "mapping.certificate_backdating",
                    "`certificate_backdating` does nothing: only strength = \"compatibility\" looks at dates",
                )
                .help("remove it");
        }
    }

    pub(super) fn check_directory(&self, reader: &mut TableReader<'_>, directory: bool) {
        if let (Some(entry), false) = (self.uses(Mapper::AltSecurityIdentities), directory) {
            let message = "\"alt_security_identities\" finds nobody: the realm has no directory to ask";
            reader
                .error(entry.span, "mapping.order", message)
                .help("add a [realm.NAME.directory] table, or leave the word out");
        }
    }

    pub(super) fn check_attributes(&self, reader: &mut TableReader<'_>, directory: bool) {
        for (mapper, _) in &self.attributes {
            let key = format!("mapping.attributes.{}", mapper.value);
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
                reader.error(entry.span, "mapping.attributes", message).help(help);
            }
        }
    }
}

impl IdentityIssuer {
    fn check(&mut self, reader: &mut TableReader<'_>) {
        for (name, list) in [("upn_suffixes", &self.upn_suffixes), ("email_domains", &self.email_domains)] {
            for suffix in list {
                if let Some((_, domain)) = suffix.value.rsplit_once('@') {
                    let message = "only what follows the `@` belongs here";
                    reader.error(suffix.span, name, message).help(format!("write {domain:?}"));
                }
            }
        }
    }

    pub(super) fn feeds(&self, mapper: Mapper) -> bool {
        self.mappers.is_empty() || self.mappers.iter().any(|entry| entry.value == mapper)
    }
}

fn mapper(value: &DeValue<'_>) -> Result<Mapper, ValueError> {
    let known = || Mapper::ALL.iter().map(|mapper| mapper.name());
    let Some(text) = value.as_str() else {
        return Err(
            ValueError::wrong_type("a string", value).help(format!("write {}", alternatives(known())))
        );
    };
    text.parse().map_err(|_| {
        let help = match nearest(text, known()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("write {}", alternatives(known())),
        };
        ValueError::new(format!("{text:?} is not a value of this key")).help(help)
    })
}

fn number(name: &str) -> Result<Mapper, ValueError> {
    let numbers = || Mapper::ALL.into_iter().filter(|mapper| mapper.is_number());
    numbers().find(|mapper| mapper.name() == name).ok_or_else(|| {
        let known = alternatives(numbers().map(Mapper::name));
        ValueError::new(format!("`{name}` is no number of a card")).help(format!("the numbers are {known}"))
    })
}

fn attribute(value: &DeValue<'_>) -> Result<String, ValueError> {
    let name = AttributeName::parse(&text(value)?).map_err(|error| ValueError::new(display_chain(&error)))?;
    Ok(name.as_str().to_owned())
}

/// `S-1-5-21-…` with three numbers: one with a fourth is an account or a group.
fn sid_of_domain(value: &DeValue<'_>) -> Result<Sid, ValueError> {
    let sid = sid(value)?;
    let parts = sid.to_string();
    if parts.split('-').count() == 8 {
        let domain = sid.domain().map(|domain| domain.to_string()).unwrap_or_default();
        return Err(ValueError::new(format!("{parts} is an account's or a group's, not a domain's"))
            .help(format!("write {domain:?}")));
    }
    Ok(sid)
}
