//! `[realm.NAME.mapping]` and `[realm.NAME.identity_issuers]`: how a certificate is mapped to its account, and which
//! authorities may name accounts.

use super::directory::attribute;
use crate::certificate::AltSecurityForm;
use crate::config::parse::{
    Spanned, TableReader, ValueError, ValueType, alternatives, choice, duration, file, pairs, parse_sid,
    section, string, text,
};
use crate::directory::Sid;
use crate::identity::{Mapper, SidCheck};
use crate::ldap::AttributeName;
use std::path::PathBuf;
use std::time::Duration;

/// The required strength of a mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StrengthChoice {
    /// By a value that only the authority controls.
    Strong,
    /// Or by a name, in a certificate that is not older than the account.
    Compatibility,
    /// By a name that may be assigned again.
    Weak,
}

const WITHOUT_DIRECTORY: &[Mapper] = &[Mapper::Rules, Mapper::Upn];
const WITH_DIRECTORY: &[Mapper] = &[Mapper::Rules, Mapper::Sid, Mapper::AltSecurityIdentities, Mapper::Upn];

section! {
    /// `[realm.NAME.mapping]`
    struct MappingSection with head {
        /// The mappers to try, in this order: `"rule"`, `"sid"`, `"alt_security_identities"`, `"upn"`, `"email"`,
        /// `"subject"`, `"edipi"`, `"fascn"`, `"uuid"`, `"uzi"`.
        order: Vec<Spanned<Mapper>> = mapper().nonempty_list().optional(
            "`[\"rule\", \"upn\"]`; with a directory `[\"rule\", \"sid\", \"alt_security_identities\", \"upn\"]`",
        ).distinct("mapper"),
        /// Whether a name is enough that may be assigned to another user (KB5014754): no; in a certificate that is not older
        /// than the account; yes.
        strength: Spanned<StrengthChoice> = choice([
            ("strong", StrengthChoice::Strong), ("compatibility", StrengthChoice::Compatibility), ("weak", StrengthChoice::Weak),
        ]).or("strong"),
        /// When the security identifier in a certificate must be that of the account to which it is mapped by other
        /// mappers: as in Windows, unless a strong value of the account's altSecurityIdentities names the certificate; always.
        sid_check: Spanned<SidCheck> = choice([("windows", SidCheck::Windows), ("strict", SidCheck::Strict)]).or("windows"),
        /// By how much a certificate may be older than its account under `"compatibility"`.
        certificate_backdating: Spanned<Duration> = duration("0s", "18250days").or("0s"),
        /// The directory's attributes of card numbers: `{ edipi = "employeeID" }`. Needed for each number that is in the
        /// order of a realm with a directory.
        attributes: Vec<(Spanned<Mapper>, Spanned<AttributeName>)> = pairs(card_number, attribute(), "none"),
    }
}

section! {
    /// `[realm.NAME.identity_issuers]`
    struct IdentityIssuerSection checked by check {
        /// The authority's certificate; its key counts.
        certificate: Spanned<PathBuf> = file().essential("certificate = \"pki/issuing.pem\""),
        /// The suffixes that its UPNs may have after the `@`.
        upn_suffixes: Vec<Spanned<String>> = text().list().optional("none"),
        /// The domains that its e-mail addresses may have after the `@`.
        email_domains: Vec<Spanned<String>> = text().list().optional("none"),
        /// The domains whose accounts it may name by security identifier: `"S-1-5-21-…"` with three numbers. A certificate
        /// that names one of another domain is rejected.
        sid_domains: Vec<Spanned<Sid>> = domain_sid().list().optional("none"),
        /// The mappers that use its certificates. Leave out `"sid"` for an authority that lets requesters write extensions.
        mappers: Vec<Spanned<Mapper>> = mapper().nonempty_list().optional("the whole order"),
        /// The forms of altSecurityIdentities by which accounts may name its certificates. An authority can write any subject
        /// key identifier: list that form only for authorities that may name every account
        /// ([why](identity.md#writing-altsecurityidentities)).
        alt_security_forms: Vec<Spanned<AltSecurityForm>> = alt_security_form().nonempty_list().optional("all"),
    }
}

impl MappingSection {
    /// Sets the default order, which depends on whether the realm has a directory.
    pub(super) fn complete(&mut self, directory: bool) {
        if !self.head.has("order") {
            let default = if directory { WITH_DIRECTORY } else { WITHOUT_DIRECTORY };
            self.order = default.iter().map(|mapper| Spanned::new(*mapper, self.head.span)).collect();
        }
    }

    /// Returns the entry of the order for this mapper.
    pub(super) fn uses(&self, mapper: Mapper) -> Option<&Spanned<Mapper>> {
        self.order.iter().find(|entry| entry.value == mapper)
    }

    /// Records its errors in a realm. `directory`: whether the realm has one.
    pub(super) fn check_in_realm(&self, directory: bool, reader: &mut TableReader<'_>) {
        let add = "add a [realm.NAME.directory] table";
        let compatible = self.strength.value == StrengthChoice::Compatibility;
        if compatible && !directory {
            let message = "the age of accounts is unknown: the realm has no directory";
            let help = format!("{add}, or write strength = \"strong\"");
            reader.error(self.strength.span, "mapping.strength", message).help(help);
        }
        if let (Some(span), false) = (self.head.written("certificate_backdating"), compatible) {
            let message = "`certificate_backdating` does nothing: only strength = \"compatibility\" uses it";
            reader.error(span, "mapping.certificate_backdating", message).help("remove it");
        }
        if let (Some(entry), false) = (self.uses(Mapper::AltSecurityIdentities), directory) {
            let message = "\"alt_security_identities\" finds no account: the realm has no directory";
            let help = format!("{add}, or remove it");
            reader.error(entry.span, "mapping.order", message).help(help);
        }
        for (mapper, _) in &self.attributes {
            let key = format!("mapping.attributes.{}", mapper.value);
            if self.uses(mapper.value).is_none() {
                let message = not_in_order(mapper.value);
                reader.error(mapper.span, &key, message).help("name it there, or remove it");
            } else if !directory {
                let message = "this does nothing: the realm has no directory";
                reader.error(mapper.span, &key, message).help(add);
            }
        }
        for entry in self.order.iter().filter(|entry| directory && entry.value.is_number()) {
            if !self.attributes.iter().any(|(mapper, _)| mapper.value == entry.value) {
                let number = format!("\"{}\" finds no account", entry.value);
                let message = format!("{number}: the directory's attribute of this number is not configured");
                let help = format!("add attributes = {{ {} = \"employeeID\" }}", entry.value);
                reader.error(entry.span, "mapping.attributes", message).help(help);
            }
        }
    }
}

/// Returns the error about a key for a mapper that the realm does not use.
pub(super) fn not_in_order(mapper: Mapper) -> String {
    format!("this does nothing: `mapping.order` does not name \"{mapper}\"")
}

impl IdentityIssuerSection {
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

    /// Returns whether the mapper uses its certificates.
    pub(super) fn feeds(&self, mapper: Mapper) -> bool {
        self.mappers.is_empty() || self.mappers.iter().any(|entry| entry.value == mapper)
    }

    /// Returns whether accounts may name its certificates by a strong form of altSecurityIdentities.
    pub(super) fn has_strong_form(&self) -> bool {
        self.alt_security_forms.is_empty()
            || self.alt_security_forms.iter().any(|form| form.value.is_strong())
    }
}

fn mapper() -> ValueType<Mapper> {
    choice(Mapper::ALL.map(|mapper| (mapper.name(), mapper))).called("mapper", "mappers")
}

fn alt_security_form() -> ValueType<AltSecurityForm> {
    choice(AltSecurityForm::ALL.map(|form| (form.name(), form)))
}

fn card_number(name: &str) -> Result<Mapper, ValueError> {
    let numbers = || Mapper::ALL.into_iter().filter(|mapper| mapper.is_number());
    numbers().find(|mapper| mapper.name() == name).ok_or_else(|| {
        let known = alternatives(numbers().map(Mapper::name));
        ValueError::new(format!("`{name}` is not a number of a card"))
            .help(format!("the numbers are {known}"))
    })
}

/// `S-1-5-21-…` with three numbers: one with a fourth is an account or a group.
fn domain_sid() -> ValueType<Sid> {
    string("SID", "SIDs", |text| {
        let sid = parse_sid(text)?;
        if sid.to_string().split('-').count() != 8 {
            return Ok(sid);
        }
        let domain = sid.domain().map(|domain| domain.to_string()).unwrap_or_default();
        let message = format!("{sid} is an account's or a group's, not a domain's");
        Err(ValueError::new(message).help(format!("write {domain:?}")))
    })
}
