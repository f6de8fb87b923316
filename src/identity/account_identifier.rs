//! Takes what a leaf says, gives what one mapper makes of it: whom to ask a directory for, and whether an account that
//! comes back is meant; or the account itself, where there is no directory.
//!
//! A claim holds only what the CA that issued the leaf may say. Never compares more loosely than the directory searched.

use super::account::{Account, MappingMethod, MappingStrength};
use super::card_number::{self, CardNumber};
use super::certificate_identifiers::CertificateIdentifiers;
use super::error::{MappingError, NotMappedReason, not_mapped};
use super::principal_name::{PrincipalName, check_common_name};
use super::rules::{self, AccountRule};
use super::settings::{IdentityIssuer, Mapper, MappingSettings};
use crate::certificate::{AltSecurityForm, AltSecurityName, AttributeValues, Certificate, NameForm};
use crate::directory::{DirectoryAccount, LoginName, LookupKeys, Sid};
use const_oid::db::rfc4519;

/// Whom one mapper takes a certificate to be of.
#[derive(Debug)]
pub(super) enum AccountIdentifier<'a> {
    Rule(&'a AccountRule),
    Sid(Sid),
    /// The values by which accounts may name the certificate.
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

/// What a mapper looked at, and what it makes of it: none where it has nothing to go on.
pub(super) type MapperReading<'a> = (Vec<String>, Result<Option<AccountIdentifier<'a>>, MappingError>);

/// What `mapper` makes of a leaf that `issuer` issued. The realm's rules alone hold whatever names stand in the leaf.
pub(super) fn ask<'a>(
    mapper: Mapper,
    leaf: &'a Certificate,
    own: &Result<CertificateIdentifiers, MappingError>,
    issuer: &'a IdentityIssuer,
    rule: &'a MappingSettings,
) -> MapperReading<'a> {
    let saw = seen(mapper, leaf);
    if mapper == Mapper::Rules {
        return by_rules(leaf, issuer, &rule.rules);
    }
    let own = match own {
        Ok(own) => own,
        Err(error) => return (saw, Err(error.clone())),
    };
    let claim = match mapper {
        Mapper::Rules => Ok(None),
        Mapper::Sid => by_sid(own, issuer),
        Mapper::AltSecurityIdentities => {
            let forms = issuer.alt_security_forms.as_slice();
            let values = leaf.alt_security_identities().into_iter().filter(|one| forms.contains(&one.form));
            let values = values.map(|one| one.value).collect();
            Ok(Some(AccountIdentifier::AltSecurityIdentities { leaf, values, forms }))
        }
        Mapper::Upn => by_upn(leaf, issuer),
        Mapper::Email => by_email(leaf, issuer),
        Mapper::Subject => by_subject(leaf),
        Mapper::Edipi | Mapper::FascN | Mapper::Uuid | Mapper::Uzi => {
            let attribute = rule.attributes.iter().find(|(of, _)| *of == mapper);
            let attribute = attribute.map(|(_, attribute)| attribute.as_str());
            let number = card_number::find(mapper, leaf, issuer);
            number.map(|found| found.map(|number| AccountIdentifier::Number(mapper, number, attribute)))
        }
    };
    let saw = match &claim {
        Ok(Some(AccountIdentifier::Sid(sid))) => vec![sid.to_string()],
        Ok(Some(AccountIdentifier::AltSecurityIdentities { values, .. })) => values.clone(),
        Ok(Some(AccountIdentifier::Number(_, number, _))) => number.spellings.clone(),
        _ => saw,
    };
    (saw, claim)
}

fn seen(mapper: Mapper, leaf: &Certificate) -> Vec<String> {
    match mapper {
        Mapper::Sid => leaf.sid().map(str::to_owned).into_iter().collect(),
        Mapper::Upn => leaf.subject_alternative_names().upns.clone(),
        Mapper::Email => leaf.subject_alternative_names().emails.clone(),
        Mapper::Subject => shown(&leaf.subject().values(rfc4519::COMMON_NAME)),
        Mapper::Rules
        | Mapper::AltSecurityIdentities
        | Mapper::Edipi
        | Mapper::FascN
        | Mapper::Uuid
        | Mapper::Uzi => Vec::new(),
    }
}

fn by_rules<'a>(leaf: &Certificate, issuer: &IdentityIssuer, rules: &'a [AccountRule]) -> MapperReading<'a> {
    let Some(rule) = rules::find(rules, leaf, issuer.key) else {
        return (Vec::new(), Ok(None));
    };
    let denied = || MappingError::Denied { rule: rule.name().to_owned() };
    let claim = rule.named().map(|_| Some(AccountIdentifier::Rule(rule))).ok_or_else(denied);
    (vec![rule.name().to_owned()], claim)
}

fn by_sid<'a>(
    own: &CertificateIdentifiers,
    issuer: &IdentityIssuer,
) -> Result<Option<AccountIdentifier<'a>>, MappingError> {
    let Some(sid) = own.sid.clone() else { return Ok(None) };
    match sid.domain() {
        Some(domain) if issuer.sid_domains.contains(&domain) => Ok(Some(AccountIdentifier::Sid(sid))),
        Some(_) | None => Err(not_mapped(NotMappedReason::SidNotAdmitted { sid })),
    }
}

fn by_upn<'a>(
    leaf: &'a Certificate,
    issuer: &IdentityIssuer,
) -> Result<Option<AccountIdentifier<'a>>, MappingError> {
    let Some(upn) = leaf.subject_alternative_names().upns.first() else { return Ok(None) };
    admitted(upn, &issuer.upn_suffixes)?;
    Ok(Some(AccountIdentifier::Upn(upn)))
}

fn by_email<'a>(
    leaf: &'a Certificate,
    issuer: &IdentityIssuer,
) -> Result<Option<AccountIdentifier<'a>>, MappingError> {
    let names = leaf.subject_alternative_names();
    if names.may_hide(NameForm::Email) {
        return Err(not_mapped(NotMappedReason::NameUnreadable { form: NameForm::Email }));
    }
    let emails = &names.emails;
    emails.iter().try_for_each(|email| admitted(email, &issuer.email_domains))?;
    Ok((!emails.is_empty()).then_some(AccountIdentifier::Emails(emails)))
}

fn by_subject(leaf: &Certificate) -> Result<Option<AccountIdentifier<'_>>, MappingError> {
    let names = leaf.subject().values(rfc4519::COMMON_NAME);
    match (names.texts.as_slice(), names.hidden.as_slice()) {
        ([], []) => Ok(None),
        ([name], []) => match check_common_name(name) {
            Ok(()) => Ok(Some(AccountIdentifier::Subject(name))),
            Err(fault) => Err(not_mapped(NotMappedReason::MalformedName { name: (*name).to_owned(), fault })),
        },
        ([], [_]) => Err(not_mapped(NotMappedReason::NameUnreadable { form: NameForm::Directory })),
        // One that cannot be read is a name like another.
        _ => Err(MappingError::Ambiguous { mapper: Mapper::Subject, names: shown(&names) }),
    }
}

/// The values for people, those that are no text in hexadecimal (RFC 4514 2.4).
fn shown(values: &AttributeValues<'_>) -> Vec<String> {
    let hexadecimal = |der: &&[u8]| der.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let hidden = values.hidden.iter().map(|der| format!("#{}", hexadecimal(der)));
    values.texts.iter().map(|text| (*text).to_owned()).chain(hidden).collect()
}

fn admitted(name: &str, suffixes: &[String]) -> Result<(), MappingError> {
    let parsed = PrincipalName::parse(name)
        .map_err(|fault| not_mapped(NotMappedReason::MalformedName { name: name.to_owned(), fault }))?;
    if parsed.has_suffix_among(suffixes) {
        Ok(())
    } else {
        Err(not_mapped(NotMappedReason::SuffixNotAdmitted { name: name.to_owned() }))
    }
}

impl AccountIdentifier<'_> {
    /// The account, where nobody else can be asked. None where only a directory could tell.
    pub(super) fn account(&self) -> Result<Option<Account>, MappingError> {
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
                let Some(shown) = number.spellings.first() else { return Ok(None) };
                Account::named(shown, MappingMethod::Number(*mapper), MappingStrength::Weak)
            }
        }))
    }

    /// Adds what a directory has to be asked for.
    pub(super) fn ask(&self, names: &mut LookupKeys) {
        match self {
            Self::Rule(rule) => {
                let Some(named) = rule.named() else { return };
                names.sids.extend(named.sid.clone());
                names.upns.extend(named.upn.clone());
                match LoginName::parse(&named.user, None) {
                    Ok(LoginName::Upn(upn)) => ask_upn(&upn, names),
                    Ok(LoginName::DomainAndName { name, .. } | LoginName::Name(name)) => {
                        names.account_names.push(name);
                    }
                    Err(_) => {}
                }
            }
            Self::Sid(sid) => names.sids.push(sid.clone()),
            Self::AltSecurityIdentities { values, .. } => {
                names.alt_security_identities.extend_from_slice(values);
            }
            Self::Upn(upn) => ask_upn(upn, names),
            Self::Emails(emails) => names.emails.extend_from_slice(emails),
            Self::Subject(name) => names.account_names.push((*name).to_owned()),
            Self::Number(_, number, attribute) => {
                let Some(attribute) = attribute else { return };
                let spellings = number.spellings.iter();
                names.attributes.extend(spellings.map(|one| ((*attribute).to_owned(), one.clone())));
            }
        }
    }

    /// By what, and how strongly, it means this account, if it does.
    pub(super) fn means(&self, person: &DirectoryAccount) -> Option<(MappingMethod, MappingStrength)> {
        let weakly = |fits: bool, method| fits.then_some((method, MappingStrength::Weak));
        match self {
            Self::Rule(rule) => rule.means(person).then(|| (rule.method(), rule.strength())),
            Self::Sid(sid) => {
                let is_own = person.sid.as_ref() == Some(sid);
                is_own.then_some((MappingMethod::SecurityIdentifier, MappingStrength::Strong))
            }
            Self::AltSecurityIdentities { leaf, forms, .. } => {
                by_alt_security_identities(leaf, forms, person)
            }
            Self::Upn(upn) => weakly(has_upn(person, upn), MappingMethod::SubjectAlternativeUpn),
            Self::Emails(emails) => {
                let has = |email: &String| person.emails.iter().any(|own| own.eq_ignore_ascii_case(email));
                weakly(emails.iter().any(has), MappingMethod::Email)
            }
            Self::Subject(name) => weakly(has_account_name(person, name), MappingMethod::Subject),
            Self::Number(mapper, number, attribute) => {
                let values = person.attributes.get(&attribute.as_ref()?.to_ascii_lowercase())?;
                let has = |one: &String| values.iter().any(|own| own.eq_ignore_ascii_case(one));
                weakly(number.spellings.iter().any(has), MappingMethod::Number(*mapper))
            }
        }
    }
}

/// The strongest of the account's values that means the certificate in one of these forms.
fn by_alt_security_identities(
    leaf: &Certificate,
    forms: &[AltSecurityForm],
    person: &DirectoryAccount,
) -> Option<(MappingMethod, MappingStrength)> {
    let own = person.alt_security_identities.iter().filter_map(|value| AltSecurityName::parse(value));
    let own = own.filter(|name| name.means(leaf)).map(|name| name.form());
    let found = own.filter(|form| forms.contains(form)).map(|form| {
        let strength = if form.is_strong() { MappingStrength::Strong } else { MappingStrength::Weak };
        (MappingMethod::AltSecurityIdentities(form), strength)
    });
    found.max_by_key(|(_, strength)| *strength)
}

/// The UPN that it was given, or `name@dns.domain`, which every account of Active Directory answers to.
fn ask_upn(upn: &str, names: &mut LookupKeys) {
    names.upns.push(upn.to_owned());
    names.account_names.extend(upn.rsplit_once('@').map(|(name, _)| name.to_owned()));
}

pub(super) fn has_upn(person: &DirectoryAccount, upn: &str) -> bool {
    let given = person.upn.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(upn));
    let implied = upn.rsplit_once('@').is_some_and(|(name, domain)| {
        has_account_name(person, name)
            && person.dns_domain.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(domain))
    });
    given || implied
}

pub(super) fn has_account_name(person: &DirectoryAccount, name: &str) -> bool {
    person.account_name.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(name))
}
