//! The values by which mappers identify accounts: read from a certificate, searched for in a directory, and compared with
//! the accounts that it returns.
//!
//! An identifier holds only values that the leaf's authority may write. Accounts are never compared more loosely than the
//! directory searched for them.

use super::account::Account;
use super::card_number::{self, CardNumber};
use super::certificate_identifiers::CertificateIdentifiers;
use super::error::{MappingError, NotMappedReason, not_mapped};
use super::method::{Mapper, MappingMethod, MappingStrength};
use super::rules::{self, AccountRule};
use super::settings::{IdentityIssuer, MappingSettings};
use super::upn_and_email::{UpnOrEmail, check_common_name, has_account_name, has_upn};
use crate::certificate::{AltSecurityForm, AltSecurityName, AttributeValues, Certificate, NameForm};
use crate::directory::{DirectoryAccount, LoginName, LookupKeys, Sid};
use const_oid::db::rfc4519;

/// The value by which one mapper identifies an account.
#[derive(Debug)]
pub(super) enum AccountIdentifier<'a> {
    Rule(&'a AccountRule),
    Sid(Sid),
    /// The values of altSecurityIdentities by which accounts may refer to the certificate.
    AltSecurityIdentities {
        leaf: &'a Certificate,
        values: Vec<String>,
        forms: &'a [AltSecurityForm],
    },
    Upn(&'a str),
    Emails(&'a [String]),
    Subject(&'a str),
    Number(Mapper, CardNumber, Option<&'a str>),
}

/// The values that a mapper read, and the identifier in them, if there is one.
pub(super) type MapperReading<'a> = (Vec<String>, Result<Option<AccountIdentifier<'a>>, MappingError>);

/// Reads the identifier of `mapper` from a leaf that `issuer` issued. Account rules apply even if the names in the leaf
/// are invalid.
pub(super) fn read<'a>(
    mapper: Mapper,
    leaf: &'a Certificate,
    identifiers: &Result<CertificateIdentifiers, MappingError>,
    issuer: &'a IdentityIssuer,
    settings: &'a MappingSettings,
) -> MapperReading<'a> {
    let values = raw_values(mapper, leaf);
    if mapper == Mapper::Rules {
        return read_rules(leaf, issuer, &settings.rules);
    }
    let identifiers = match identifiers {
        Ok(identifiers) => identifiers,
        Err(error) => return (values, Err(error.clone())),
    };
    let identifier = match mapper {
        Mapper::Rules => Ok(None),
        Mapper::Sid => read_sid(identifiers, issuer),
        Mapper::AltSecurityIdentities => {
            let forms = issuer.alt_security_forms.as_slice();
            let values = leaf.alt_security_identities().into_iter().filter(|one| forms.contains(&one.form));
            let values = values.map(|one| one.value).collect();
            Ok(Some(AccountIdentifier::AltSecurityIdentities { leaf, values, forms }))
        }
        Mapper::Upn => read_upn(leaf, issuer),
        Mapper::Email => read_emails(leaf, issuer),
        Mapper::Subject => read_subject(leaf),
        Mapper::Edipi | Mapper::FascN | Mapper::Uuid | Mapper::Uzi => {
            let attribute = settings.attributes.iter().find(|(of, _)| *of == mapper);
            let attribute = attribute.map(|(_, attribute)| attribute.as_str());
            let number = card_number::find(mapper, leaf, issuer);
            number.map(|found| found.map(|number| AccountIdentifier::Number(mapper, number, attribute)))
        }
    };
    let values = match &identifier {
        Ok(Some(AccountIdentifier::Sid(sid))) => vec![sid.to_string()],
        Ok(Some(AccountIdentifier::AltSecurityIdentities { values, .. })) => values.clone(),
        Ok(Some(AccountIdentifier::Number(_, number, _))) => number.notations.clone(),
        _ => values,
    };
    (values, identifier)
}

fn raw_values(mapper: Mapper, leaf: &Certificate) -> Vec<String> {
    match mapper {
        Mapper::Sid => leaf.sid().map(str::to_owned).into_iter().collect(),
        Mapper::Upn => leaf.subject_alternative_names().upns.clone(),
        Mapper::Email => leaf.subject_alternative_names().emails.clone(),
        Mapper::Subject => display_values(&leaf.subject().values(rfc4519::COMMON_NAME)),
        Mapper::Rules
        | Mapper::AltSecurityIdentities
        | Mapper::Edipi
        | Mapper::FascN
        | Mapper::Uuid
        | Mapper::Uzi => Vec::new(),
    }
}

fn read_rules<'a>(
    leaf: &Certificate,
    issuer: &IdentityIssuer,
    rules: &'a [AccountRule],
) -> MapperReading<'a> {
    let Some(rule) = rules::find(rules, leaf, issuer.key) else {
        return (Vec::new(), Ok(None));
    };
    let denied = || MappingError::Denied { rule: rule.name().to_owned() };
    let identifier = rule.named().map(|_| Some(AccountIdentifier::Rule(rule))).ok_or_else(denied);
    (vec![rule.name().to_owned()], identifier)
}

fn read_sid<'a>(
    identifiers: &CertificateIdentifiers,
    issuer: &IdentityIssuer,
) -> Result<Option<AccountIdentifier<'a>>, MappingError> {
    let Some(sid) = identifiers.sid.clone() else { return Ok(None) };
    match sid.domain() {
        Some(domain) if issuer.sid_domains.contains(&domain) => Ok(Some(AccountIdentifier::Sid(sid))),
        Some(_) | None => Err(not_mapped(NotMappedReason::SidNotAllowed { sid })),
    }
}

fn read_upn<'a>(
    leaf: &'a Certificate,
    issuer: &IdentityIssuer,
) -> Result<Option<AccountIdentifier<'a>>, MappingError> {
    let Some(upn) = leaf.subject_alternative_names().upns.first() else { return Ok(None) };
    check_suffix(upn, &issuer.upn_suffixes, "upn_suffixes")?;
    Ok(Some(AccountIdentifier::Upn(upn)))
}

fn read_emails<'a>(
    leaf: &'a Certificate,
    issuer: &IdentityIssuer,
) -> Result<Option<AccountIdentifier<'a>>, MappingError> {
    let names = leaf.subject_alternative_names();
    if names.may_hide(NameForm::Email) {
        return Err(not_mapped(NotMappedReason::NameUndecodable { form: NameForm::Email }));
    }
    let emails = &names.emails;
    emails.iter().try_for_each(|email| check_suffix(email, &issuer.email_domains, "email_domains"))?;
    Ok((!emails.is_empty()).then_some(AccountIdentifier::Emails(emails)))
}

fn read_subject(leaf: &Certificate) -> Result<Option<AccountIdentifier<'_>>, MappingError> {
    let names = leaf.subject().values(rfc4519::COMMON_NAME);
    match (names.texts.as_slice(), names.hidden.as_slice()) {
        ([], []) => Ok(None),
        ([name], []) => match check_common_name(name) {
            Ok(()) => Ok(Some(AccountIdentifier::Subject(name))),
            Err(error) => Err(not_mapped(NotMappedReason::MalformedName { name: (*name).to_owned(), error })),
        },
        ([], [_]) => Err(not_mapped(NotMappedReason::NameUndecodable { form: NameForm::Directory })),
        // A common name that cannot be decoded counts like any other.
        _ => Err(MappingError::Ambiguous { mapper: Mapper::Subject, names: display_values(&names) }),
    }
}

/// Returns the values as text; values that cannot be decoded are hexadecimal (RFC 4514 section 2.4).
fn display_values(values: &AttributeValues<'_>) -> Vec<String> {
    let hexadecimal = |der: &&[u8]| der.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hidden = values.hidden.iter().map(|der| format!("#{}", hexadecimal(der)));
    values.texts.iter().map(|text| (*text).to_owned()).chain(hidden).collect()
}

/// Checks that `name` is well-formed and has one of `suffixes`, which are the value of the configuration key `key`.
fn check_suffix(name: &str, suffixes: &[String], key: &'static str) -> Result<(), MappingError> {
    let parsed = UpnOrEmail::parse(name)
        .map_err(|error| not_mapped(NotMappedReason::MalformedName { name: name.to_owned(), error }))?;
    if parsed.has_suffix_among(suffixes) {
        Ok(())
    } else {
        Err(not_mapped(NotMappedReason::SuffixNotAllowed { name: name.to_owned(), key }))
    }
}

impl AccountIdentifier<'_> {
    /// Returns the account in a realm without a directory; `None` if only a directory could find it.
    ///
    /// # Errors
    /// The identifier has several values, each of which may belong to another account.
    pub(super) fn account_without_directory(&self) -> Result<Option<Account>, MappingError> {
        Ok(Some(match self {
            Self::Rule(rule) => match rule.account() {
                Some(account) => account,
                None => return Ok(None),
            },
            Self::Sid(sid) => Account {
                sid: Some(sid.to_string()),
                ..Account::named(&sid.to_string(), MappingMethod::SecurityIdentifier, MappingStrength::Strong)
            },
            Self::AltSecurityIdentities { .. } => return Ok(None),
            Self::Upn(upn) => Account {
                upn: Some((*upn).to_owned()),
                ..Account::named(upn, MappingMethod::SubjectAlternativeUpn, MappingStrength::Weak)
            },
            Self::Emails([email]) => Account::named(email, MappingMethod::Email, MappingStrength::Weak),
            Self::Emails(several) => {
                return Err(MappingError::Ambiguous { mapper: Mapper::Email, names: several.to_vec() });
            }
            Self::Subject(name) => Account::named(name, MappingMethod::Subject, MappingStrength::Weak),
            Self::Number(mapper, number, _) => {
                let Some(displayed) = number.notations.first() else { return Ok(None) };
                Account::named(displayed, MappingMethod::Number(*mapper), MappingStrength::Weak)
            }
        }))
    }

    /// Adds the values for which a directory is searched.
    pub(super) fn add_lookup_keys(&self, keys: &mut LookupKeys) {
        match self {
            Self::Rule(rule) => {
                let Some(named) = rule.named() else { return };
                keys.sids.extend(named.sid.clone());
                keys.upns.extend(named.upn.clone());
                match LoginName::parse(&named.user, None) {
                    Ok(LoginName::Upn(upn)) => add_upn(&upn, keys),
                    Ok(LoginName::DomainAndName { name, .. } | LoginName::Name(name)) => {
                        keys.account_names.push(name);
                    }
                    Err(_) => {}
                }
            }
            Self::Sid(sid) => keys.sids.push(sid.clone()),
            Self::AltSecurityIdentities { values, .. } => {
                keys.alt_security_identities.extend_from_slice(values);
            }
            Self::Upn(upn) => add_upn(upn, keys),
            Self::Emails(emails) => keys.emails.extend_from_slice(emails),
            Self::Subject(name) => keys.account_names.push((*name).to_owned()),
            Self::Number(_, number, attribute) => {
                let Some(attribute) = attribute else { return };
                let notations = number.notations.iter();
                keys.attributes.extend(notations.map(|one| ((*attribute).to_owned(), one.clone())));
            }
        }
    }

    /// Returns the method and strength by which it identifies `entry`; `None` if it identifies another account.
    pub(super) fn matches(&self, entry: &DirectoryAccount) -> Option<(MappingMethod, MappingStrength)> {
        let weakly = |matches: bool, method| matches.then_some((method, MappingStrength::Weak));
        match self {
            Self::Rule(rule) => rule.matches_account(entry).then(|| (rule.method(), rule.strength())),
            Self::Sid(sid) => {
                let is_own = entry.sid.as_ref() == Some(sid);
                is_own.then_some((MappingMethod::SecurityIdentifier, MappingStrength::Strong))
            }
            Self::AltSecurityIdentities { leaf, forms, .. } => {
                match_alt_security_identities(leaf, forms, entry)
            }
            Self::Upn(upn) => weakly(has_upn(entry, upn), MappingMethod::SubjectAlternativeUpn),
            Self::Emails(emails) => {
                let has = |email: &String| entry.emails.iter().any(|own| own.eq_ignore_ascii_case(email));
                weakly(emails.iter().any(has), MappingMethod::Email)
            }
            Self::Subject(name) => weakly(has_account_name(entry, name), MappingMethod::Subject),
            Self::Number(mapper, number, attribute) => {
                let values = entry.attributes.get(&attribute.as_ref()?.to_ascii_lowercase())?;
                let has = |one: &String| values.iter().any(|own| own.eq_ignore_ascii_case(one));
                weakly(number.notations.iter().any(has), MappingMethod::Number(*mapper))
            }
        }
    }
}

/// Returns the form and strength of the strongest altSecurityIdentities value of `entry` that refers to the certificate
/// in one of `forms`.
fn match_alt_security_identities(
    leaf: &Certificate,
    forms: &[AltSecurityForm],
    entry: &DirectoryAccount,
) -> Option<(MappingMethod, MappingStrength)> {
    let own = entry.alt_security_identities.iter().filter_map(|value| AltSecurityName::parse(value));
    let own = own.filter(|name| name.means(leaf)).map(|name| name.form());
    let found = own.filter(|form| forms.contains(form)).map(|form| {
        let strength = if form.is_strong() { MappingStrength::Strong } else { MappingStrength::Weak };
        (MappingMethod::AltSecurityIdentities(form), strength)
    });
    found.max_by_key(|(_, strength)| *strength)
}

/// Adds a UPN as an explicit one and as an implicit one, `name@dns.domain`, which every account of Active Directory
/// has.
fn add_upn(upn: &str, keys: &mut LookupKeys) {
    keys.upns.push(upn.to_owned());
    keys.account_names.extend(upn.rsplit_once('@').map(|(name, _)| name.to_owned()));
}
