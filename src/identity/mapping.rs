//! Takes a chain of which nothing is revoked and a realm's rule, gives the account that its leaf names.
//!
//! Only the leaf names somebody, and only where the CA that issued it is one that the rule lets name people, known by
//! its key. Never asks a directory, and never goes on after a contradiction: the first mapper that finds something
//! decides, and what it finds is taken, or refused.

use super::account::{Account, MappingMethod, Strength};
use super::account_rule::{self, AccountRule};
use super::mapping_error::{MappingError, WhyNotMapped};
use super::mapping_rule::{IdentityIssuer, Mapper, MappingRule};
use super::principal_name::{PrincipalName, check_common_name};
use crate::certificate::{Certificate, KeyId};
use crate::revocation::UnrevokedChain;
use const_oid::db::{rfc4519, rfc5280};

/// One mapper's turn, for `explain`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MappingStep {
    /// Whose turn it was.
    pub mapper: Mapper,
    /// What it looked at: the names of the certificate, or the name of the rule that fits.
    pub saw: Vec<String>,
    /// What came of it.
    pub result: StepResult,
}

/// What came of one mapper's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StepResult {
    /// It had nothing to go on; the next one was asked.
    NothingToGoOn,
    /// It decided for an account.
    Mapped,
    /// It refused; nobody else was asked.
    Refused,
}

/// How a mapping went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// The mappers that had their turn, in order. None where the issuer may name nobody.
    pub steps: Vec<MappingStep>,
    /// What came of it.
    pub outcome: Result<Account, MappingError>,
}

/// The account that the leaf of `chain` names by `rule`.
pub fn map(chain: &UnrevokedChain, rule: &MappingRule) -> Result<Account, MappingError> {
    trace(chain, rule).outcome
}

/// As [`map`], with the steps that led there.
///
/// The first mapper that finds an account decides. Where that account is named too weakly, no later mapper is asked,
/// though it might be stronger: it might also name somebody else, and who stands before it in the order has spoken. So
/// the strong mappers belong first.
pub fn trace(chain: &UnrevokedChain, rule: &MappingRule) -> Mapping {
    let mut steps = Vec::new();
    let outcome = decide(chain, rule, &mut steps);
    Mapping { steps, outcome }
}

fn decide(
    chain: &UnrevokedChain,
    rule: &MappingRule,
    steps: &mut Vec<MappingStep>,
) -> Result<Account, MappingError> {
    let leaf = chain.chain().leaf();
    let issuer = identity_issuer(chain, rule)?;
    for mapper in &rule.order {
        let (saw, result) = ask(*mapper, leaf, issuer, rule);
        let result = result.and_then(|account| strong_enough(account, rule.strength));
        let step = match &result {
            Ok(None) => StepResult::NothingToGoOn,
            Ok(Some(_)) => StepResult::Mapped,
            Err(_) => StepResult::Refused,
        };
        steps.push(MappingStep { mapper: *mapper, saw, result: step });
        if let Some(account) = result? {
            return Ok(account);
        }
    }
    Err(not_mapped(WhyNotMapped::NothingFound))
}

/// The key that issued the leaf, where all paths that passed agree on it and the leaf is not an anchor itself.
pub(super) fn issuing_key(chain: &UnrevokedChain) -> Option<KeyId> {
    let mut keys = chain.paths().map(|path| path.issuers().first().copied());
    let first = keys.next()??;
    keys.all(|key| key == Some(first)).then_some(first)
}

fn identity_issuer<'a>(
    chain: &UnrevokedChain,
    rule: &'a MappingRule,
) -> Result<&'a IdentityIssuer, MappingError> {
    let issuer = issuing_key(chain);
    let pinned = rule.identity_issuers.iter().find(|pinned| Some(pinned.key) == issuer);
    pinned.ok_or_else(|| not_mapped(WhyNotMapped::IssuerNotPinned { issuer }))
}

/// What one mapper looked at, and the account that it found: none where it has nothing to go on.
type Answer = (Vec<String>, Result<Option<Account>, MappingError>);

fn ask(mapper: Mapper, leaf: &Certificate, issuer: &IdentityIssuer, rule: &MappingRule) -> Answer {
    match mapper {
        Mapper::Rules => by_rules(leaf, issuer, &rule.rules),
        Mapper::Upn => by_upn(leaf, issuer),
        Mapper::Email => by_email(leaf, issuer),
        Mapper::Subject => by_subject(leaf),
    }
}

fn by_rules(leaf: &Certificate, issuer: &IdentityIssuer, rules: &[AccountRule]) -> Answer {
    let Some(rule) = account_rule::find(rules, leaf, issuer.key) else {
        return (Vec::new(), Ok(None));
    };
    let denied = || MappingError::Denied { rule: rule.name().to_owned() };
    (vec![rule.name().to_owned()], rule.account().ok_or_else(denied).map(Some))
}

/// Two UPNs are a contradiction even where they are the same: no CA writes that, and one of the two places might have
/// been the requester's.
fn by_upn(leaf: &Certificate, issuer: &IdentityIssuer) -> Answer {
    let upns = &leaf.subject_alternative_names().upns;
    let result = readable_alternative_names(leaf).and_then(|()| match upns.as_slice() {
        [] => Ok(None),
        [upn] => {
            admitted(upn, &issuer.upn_suffixes)?;
            Ok(Some(Account {
                upn: Some(upn.clone()),
                ..Account::named(upn, MappingMethod::SubjectAlternativeUpn, Strength::Weak)
            }))
        }
        _ => Err(MappingError::Conflict { upns: upns.clone() }),
    });
    (upns.clone(), result)
}

fn by_email(leaf: &Certificate, issuer: &IdentityIssuer) -> Answer {
    let emails = &leaf.subject_alternative_names().emails;
    let result = readable_alternative_names(leaf).and_then(|()| match emails.as_slice() {
        [] => Ok(None),
        [email] => {
            admitted(email, &issuer.email_domains)?;
            Ok(Some(Account::named(email, MappingMethod::Email, Strength::Weak)))
        }
        _ => Err(MappingError::Ambiguous { mapper: Mapper::Email, names: emails.clone() }),
    });
    (emails.clone(), result)
}

fn by_subject(leaf: &Certificate) -> Answer {
    let attributes = leaf.subject().attributes();
    let is_common_name = |(oid, text): (_, &str)| (oid == rfc4519::COMMON_NAME).then(|| text.to_owned());
    let names: Vec<String> = attributes.filter_map(is_common_name).collect();
    let result = match names.as_slice() {
        [] => Ok(None),
        [name] => match check_common_name(name) {
            Ok(()) => Ok(Some(Account::named(name, MappingMethod::Subject, Strength::Weak))),
            Err(fault) => Err(not_mapped(WhyNotMapped::MalformedName { name: name.clone(), fault })),
        },
        _ => Err(MappingError::Ambiguous { mapper: Mapper::Subject, names: names.clone() }),
    };
    (names, result)
}

fn readable_alternative_names(leaf: &Certificate) -> Result<(), MappingError> {
    let extension_unread = leaf.undecodable_extensions().contains(&rfc5280::ID_CE_SUBJECT_ALT_NAME)
        || leaf.duplicate_extensions().contains(&rfc5280::ID_CE_SUBJECT_ALT_NAME);
    if extension_unread || leaf.subject_alternative_names().undecodable {
        return Err(not_mapped(WhyNotMapped::AlternativeNamesUndecodable));
    }
    Ok(())
}

fn admitted(name: &str, suffixes: &[String]) -> Result<(), MappingError> {
    let parsed = PrincipalName::parse(name)
        .map_err(|fault| not_mapped(WhyNotMapped::MalformedName { name: name.to_owned(), fault }))?;
    if parsed.has_suffix_among(suffixes) {
        Ok(())
    } else {
        Err(not_mapped(WhyNotMapped::SuffixNotAdmitted { name: name.to_owned() }))
    }
}

fn strong_enough(account: Option<Account>, minimum: Strength) -> Result<Option<Account>, MappingError> {
    match account {
        Some(Account { user, mapping, strength, .. }) if strength < minimum => {
            Err(MappingError::TooWeak { user, mapping, strength, minimum })
        }
        found => Ok(found),
    }
}

fn not_mapped(why: WhyNotMapped) -> MappingError {
    MappingError::NotMapped { why }
}
