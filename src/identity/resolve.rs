//! Takes the turns of a realm's mappers and the accounts that the directory has for what they go by, gives the one
//! account that the leaf names.
//!
//! Refuses where two accounts could be meant. Never asks the directory again, and never lets a name lead to somebody
//! whose security identifier is not the certificate's.

use super::account::{Account, MappingMethod, MappingStrength};
use super::account_identifier::AccountIdentifier;
use super::error::{IdentityConflict, MappingError, NotMappedReason, not_mapped};
use super::lookup_plan::{MapperFinding, strong_enough};
use super::mapping::{MappingStep, StepResult};
use super::rules::NamedAccount;
use super::settings::{Mapper, RequiredStrength, SidCheck};
use crate::clock::UnixTime;
use crate::directory::{DirectoryAccount, DirectoryGroup, Sid};

/// So many accounts for the names of one certificate that the directory may not have told all of them: one of the others
/// might be a second that is meant.
const CROWD: usize = 8;

/// An account that the leaf names.
#[derive(Clone, Debug)]
pub(super) struct ResolvedAccount<'p> {
    person: &'p DirectoryAccount,
    method: MappingMethod,
    strength: MappingStrength,
    /// Groups that a rule puts it in.
    groups: Vec<DirectoryGroup>,
}

/// The account that all mappers lead to that lead anywhere. `sid` is what the leaf says of its owner's, and is compared as
/// `sid_check` demands.
pub(super) fn choose<'p>(
    turns: &[MapperFinding<'_>],
    persons: &'p [DirectoryAccount],
    (sid, sid_check): (Option<&Sid>, SidCheck),
) -> (Vec<MappingStep>, Result<ResolvedAccount<'p>, MappingError>) {
    let mut steps = Vec::new();
    if persons.len() >= CROWD {
        return (steps, Err(crowd(turns, persons)));
    }
    let by_value = match sid_check {
        SidCheck::Windows => strong_explicit(turns, persons),
        SidCheck::Strict => None,
    };
    let sid = sid.filter(|_| by_value.is_none());
    let mut found: Option<ResolvedAccount<'p>> = None;
    for turn in turns {
        if by_value.is_some_and(|person| names_another(turn, person)) {
            steps.push(turn.ended(StepResult::PassedOver));
            continue;
        }
        match take(turn, persons, sid, found.as_ref()) {
            Ok((result, now_found)) => {
                steps.push(turn.ended(result));
                found = now_found.or(found);
            }
            Err(error) => {
                steps.push(turn.ended(StepResult::Refused));
                return (steps, Err(error));
            }
        }
    }
    let asked = turns.iter().any(|turn| matches!(turn.claim, Ok(Some(_))));
    let why = if asked { NotMappedReason::NobodyFound } else { NotMappedReason::NothingFound };
    (steps, found.ok_or_else(|| not_mapped(why)))
}

/// The account that an administrator has given this certificate, strongly. Domain controllers do not look at the
/// certificate's security identifier then: the certificate of a partner's Enterprise CA has one of the partner's domain.
fn strong_explicit<'p>(
    turns: &[MapperFinding<'_>],
    persons: &'p [DirectoryAccount],
) -> Option<&'p DirectoryAccount> {
    let claims = turns.iter().filter_map(|turn| turn.claim.as_ref().ok()?.as_ref());
    let mut claims = claims.filter(|claim| matches!(claim, AccountIdentifier::AltSecurityIdentities { .. }));
    let claim = claims.next()?;
    persons
        .iter()
        .find(|person| claim.means(person).is_some_and(|(_, strength)| strength == MappingStrength::Strong))
}

/// Whether it is the turn of the security identifier, and that is not of `person`.
fn names_another(turn: &MapperFinding<'_>, person: &DirectoryAccount) -> bool {
    turn.mapper == Mapper::Sid
        && match &turn.claim {
            Ok(Some(claim)) => claim.means(person).is_none(),
            Ok(None) => false,
            Err(_) => true,
        }
}

/// One turn, after `before` was found: what came of it, and what is found now if that is something else.
fn take<'p>(
    turn: &MapperFinding<'_>,
    persons: &'p [DirectoryAccount],
    sid: Option<&Sid>,
    before: Option<&ResolvedAccount<'p>>,
) -> Result<(StepResult, Option<ResolvedAccount<'p>>), MappingError> {
    let claim = match (&turn.claim, before) {
        (Ok(None), _) if !turn.fed => return Ok((StepResult::NotFed, None)),
        (Ok(None), _) => return Ok((StepResult::NothingToGoOn, None)),
        (Err(error), None) => return Err(error.clone()),
        (Err(_) | Ok(Some(AccountIdentifier::Rule(_))), Some(_)) => {
            return Ok((StepResult::PassedOver, None));
        }
        (Ok(Some(claim)), _) => claim,
    };
    let mut meant = persons.iter().filter_map(|person| {
        let (method, strength) = claim.means(person)?;
        Some(ResolvedAccount { person, method, strength, groups: groups_of(claim) })
    });
    let Some(one) = meant.next() else {
        return nobody(claim).map(|()| (StepResult::NobodyFound, None));
    };
    let others: Vec<_> = meant.map(|found| found.person).collect();
    if !others.is_empty() {
        return Err(ambiguous(turn.mapper, std::iter::once(one.person).chain(others)));
    }
    if !matches!(claim, AccountIdentifier::Rule(_)) {
        check_sid(turn.mapper, one.person, sid)?;
    }
    match before {
        None => Ok((StepResult::Mapped, Some(one))),
        Some(before) if !std::ptr::eq(before.person, one.person) => {
            Err(ambiguous(turn.mapper, [before.person, one.person]))
        }
        Some(before) => Ok((StepResult::Agrees, (one.strength > before.strength).then_some(one))),
    }
}

/// Whether the search may go on though nobody has what the claim goes by. An account that is gone leaves its UPN behind
/// for somebody else, so its security identifier is the last word.
fn nobody(claim: &AccountIdentifier<'_>) -> Result<(), MappingError> {
    match claim {
        AccountIdentifier::Sid(sid) => Err(not_mapped(NotMappedReason::SidOfNobody { sid: sid.clone() })),
        AccountIdentifier::Rule(rule) => {
            let user = rule.named().map(|named| named.user.clone()).unwrap_or_default();
            Err(not_mapped(NotMappedReason::RuleOfNobody { rule: rule.name().to_owned(), user }))
        }
        AccountIdentifier::AltSecurityIdentities { .. }
        | AccountIdentifier::Upn(_)
        | AccountIdentifier::Emails(_)
        | AccountIdentifier::Subject(_)
        | AccountIdentifier::Number(..) => Ok(()),
    }
}

/// CVE-2022-26923: a name that leads to an account proves nothing against the security identifier beside it. Where the
/// directory has none, as without Active Directory, there is nothing to compare.
fn check_sid(mapper: Mapper, person: &DirectoryAccount, sid: Option<&Sid>) -> Result<(), MappingError> {
    match (sid, &person.sid) {
        (Some(of_certificate), Some(of_account)) if of_certificate != of_account => {
            Err(MappingError::Conflict {
                why: IdentityConflict::SidOfAnother {
                    mapper,
                    account: person.dn.clone(),
                    of_account: of_account.clone(),
                    of_certificate: of_certificate.clone(),
                },
            })
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn ambiguous<'p>(mapper: Mapper, persons: impl IntoIterator<Item = &'p DirectoryAccount>) -> MappingError {
    let names = persons.into_iter().map(|person| person.dn.clone()).collect();
    MappingError::Ambiguous { mapper, names }
}

fn crowd(turns: &[MapperFinding<'_>], persons: &[DirectoryAccount]) -> MappingError {
    let asked = turns.iter().rev().find(|turn| matches!(turn.claim, Ok(Some(_))));
    ambiguous(asked.map_or(Mapper::Rules, |turn| turn.mapper), persons)
}

fn groups_of(claim: &AccountIdentifier<'_>) -> Vec<DirectoryGroup> {
    match claim {
        AccountIdentifier::Rule(rule) => rule.named().into_iter().flat_map(NamedAccount::groups).collect(),
        AccountIdentifier::Sid(_)
        | AccountIdentifier::AltSecurityIdentities { .. }
        | AccountIdentifier::Upn(_)
        | AccountIdentifier::Emails(_)
        | AccountIdentifier::Subject(_)
        | AccountIdentifier::Number(..) => Vec::new(),
    }
}

impl ResolvedAccount<'_> {
    /// The account, where it is named as strongly as demanded by a certificate that begins at `not_before`, and may be
    /// used now. It ends with the directory's own word: its expiry, its logon hours.
    pub(super) fn account(
        self,
        demand: RequiredStrength,
        not_before: UnixTime,
        now: UnixTime,
    ) -> Result<Account, MappingError> {
        let account = Account::of_person(self.person, self.method, self.strength);
        let account = strong_enough(account, demand, not_before, self.person.created)?;
        let until = self.person.status.check(now).map_err(|why| {
            let user = account.user.clone();
            MappingError::AccountUnusable { user, why }
        })?;
        let mut groups = account.groups;
        groups.extend(self.groups);
        Ok(Account { groups, until, ..account })
    }
}
