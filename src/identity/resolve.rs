//! Resolution of the findings of all mappers to one of the accounts that the directory returned.
//!
//! The certificate is rejected if it matches two accounts, or if a name in it belongs to an account with another
//! security identifier.

use super::account::Account;
use super::account_identifier::AccountIdentifier;
use super::error::{IdentityConflict, MappingError, NotMappedReason, not_mapped};
use super::mapping_step::{MapperFinding, MappingStep, StepResult};
use super::method::{Mapper, MappingMethod, MappingStrength};
use super::rules::NamedAccount;
use super::settings::{RequiredStrength, SidCheck};
use crate::clock::UnixTime;
use crate::directory::{DirectoryAccount, DirectoryGroup, Sid};

/// The directory may have truncated a response with this many accounts, and an account that is missing might be a
/// second one that the certificate names.
const MAX_ACCOUNTS: usize = 8;

/// The account of the directory that a certificate maps to.
#[derive(Clone, Debug)]
pub(super) struct ResolvedAccount<'p> {
    entry: &'p DirectoryAccount,
    method: MappingMethod,
    strength: MappingStrength,
    /// The groups that a rule adds.
    groups: Vec<DirectoryGroup>,
}

/// Returns the one account to which every mapper with a match leads. `sid` is the security identifier in the leaf,
/// which is compared with the account's as `sid_check` specifies.
pub(super) fn resolve<'p>(
    findings: &[MapperFinding<'_>],
    accounts: &'p [DirectoryAccount],
    sid: Option<&Sid>,
    sid_check: SidCheck,
) -> (Vec<MappingStep>, Result<ResolvedAccount<'p>, MappingError>) {
    let mut steps = Vec::new();
    if accounts.len() >= MAX_ACCOUNTS {
        return (steps, Err(too_many_accounts(findings, accounts)));
    }
    let explicit = match sid_check {
        SidCheck::Windows => strong_explicit_mapping(findings, accounts),
        SidCheck::Strict => None,
    };
    let sid = sid.filter(|_| explicit.is_none());
    let mut found: Option<ResolvedAccount<'p>> = None;
    for finding in findings {
        if explicit.is_some_and(|entry| is_sid_of_another(finding, entry)) {
            steps.push(finding.step(StepResult::Skipped));
            continue;
        }
        match apply(finding, accounts, sid, found.as_ref()) {
            Ok((result, now_found)) => {
                steps.push(finding.step(result));
                found = now_found.or(found);
            }
            Err(error) => {
                steps.push(finding.step(StepResult::Rejected));
                return (steps, Err(error));
            }
        }
    }
    let searched = findings.iter().any(|finding| matches!(finding.identifier, Ok(Some(_))));
    let why = if searched { NotMappedReason::AccountNotFound } else { NotMappedReason::NoValue };
    (steps, found.ok_or_else(|| not_mapped(why)))
}

/// Returns the account to which an administrator mapped this certificate strongly. Domain controllers then ignore the
/// security identifier in the certificate: that of a partner's Enterprise CA belongs to the partner's domain.
fn strong_explicit_mapping<'p>(
    findings: &[MapperFinding<'_>],
    accounts: &'p [DirectoryAccount],
) -> Option<&'p DirectoryAccount> {
    let identifiers = findings.iter().filter_map(|finding| finding.identifier.as_ref().ok()?.as_ref());
    let mut explicit = identifiers
        .filter(|identifier| matches!(identifier, AccountIdentifier::AltSecurityIdentities { .. }));
    let explicit = explicit.next()?;
    accounts.iter().find(|entry| {
        explicit.matches(entry).is_some_and(|(_, strength)| strength == MappingStrength::Strong)
    })
}

/// Returns whether the finding is a security identifier other than that of `entry`.
fn is_sid_of_another(finding: &MapperFinding<'_>, entry: &DirectoryAccount) -> bool {
    finding.mapper == Mapper::Sid
        && match &finding.identifier {
            Ok(Some(identifier)) => identifier.matches(entry).is_none(),
            Ok(None) => false,
            Err(_) => true,
        }
}

/// Returns the result of one mapper after `before` was found, and the account that replaces `before`, if any.
fn apply<'p>(
    finding: &MapperFinding<'_>,
    accounts: &'p [DirectoryAccount],
    sid: Option<&Sid>,
    before: Option<&ResolvedAccount<'p>>,
) -> Result<(StepResult, Option<ResolvedAccount<'p>>), MappingError> {
    let identifier = match (&finding.identifier, before) {
        (Ok(None), _) if !finding.permitted => return Ok((StepResult::IssuerNotPermitted, None)),
        (Ok(None), _) => return Ok((StepResult::NoValue, None)),
        (Err(error), None) => return Err(error.clone()),
        (Err(_) | Ok(Some(AccountIdentifier::Rule(_))), Some(_)) => return Ok((StepResult::Skipped, None)),
        (Ok(Some(identifier)), _) => identifier,
    };
    let mut matches = accounts.iter().filter_map(|entry| {
        let (method, strength) = identifier.matches(entry)?;
        Some(ResolvedAccount { entry, method, strength, groups: groups_of(identifier) })
    });
    let Some(one) = matches.next() else {
        return continue_without_account(identifier).map(|()| (StepResult::NoAccount, None));
    };
    let others: Vec<_> = matches.map(|found| found.entry).collect();
    if !others.is_empty() {
        return Err(ambiguous(finding.mapper, std::iter::once(one.entry).chain(others)));
    }
    if !matches!(identifier, AccountIdentifier::Rule(_)) {
        check_sid(finding.mapper, one.entry, sid)?;
    }
    match before {
        None => Ok((StepResult::Mapped, Some(one))),
        Some(before) if !std::ptr::eq(before.entry, one.entry) => {
            Err(ambiguous(finding.mapper, [before.entry, one.entry]))
        }
        Some(before) => Ok((StepResult::Agrees, (one.strength > before.strength).then_some(one))),
    }
}

/// Decides whether later mappers are applied although no account matches. A security identifier without an account is
/// final, because a deleted account leaves its UPN free for another one.
fn continue_without_account(identifier: &AccountIdentifier<'_>) -> Result<(), MappingError> {
    match identifier {
        AccountIdentifier::Sid(sid) => Err(not_mapped(NotMappedReason::UnknownSid { sid: sid.clone() })),
        AccountIdentifier::Rule(rule) => {
            let user = rule.named().map(|named| named.user.clone()).unwrap_or_default();
            Err(not_mapped(NotMappedReason::RuleAccountNotFound { rule: rule.name().to_owned(), user }))
        }
        AccountIdentifier::AltSecurityIdentities { .. }
        | AccountIdentifier::Upn(_)
        | AccountIdentifier::Emails(_)
        | AccountIdentifier::Subject(_)
        | AccountIdentifier::Number(..) => Ok(()),
    }
}

/// Checks that the account has the security identifier of the certificate. This prevents CVE-2022-26923, in which a
/// certificate names another account than its own security identifier does. Directories other than Active Directory
/// have no security identifiers to compare.
fn check_sid(mapper: Mapper, entry: &DirectoryAccount, sid: Option<&Sid>) -> Result<(), MappingError> {
    match (sid, &entry.sid) {
        (Some(of_certificate), Some(of_account)) if of_certificate != of_account => {
            Err(MappingError::Conflict {
                why: IdentityConflict::SidMismatch {
                    mapper,
                    account: entry.dn.clone(),
                    of_account: of_account.clone(),
                    of_certificate: of_certificate.clone(),
                },
            })
        }
        (Some(_) | None, Some(_) | None) => Ok(()),
    }
}

fn ambiguous<'p>(mapper: Mapper, accounts: impl IntoIterator<Item = &'p DirectoryAccount>) -> MappingError {
    let names = accounts.into_iter().map(|entry| entry.dn.clone()).collect();
    MappingError::Ambiguous { mapper, names }
}

fn too_many_accounts(findings: &[MapperFinding<'_>], accounts: &[DirectoryAccount]) -> MappingError {
    let last = findings.iter().rev().find(|finding| matches!(finding.identifier, Ok(Some(_))));
    ambiguous(last.map_or(Mapper::Rules, |finding| finding.mapper), accounts)
}

fn groups_of(identifier: &AccountIdentifier<'_>) -> Vec<DirectoryGroup> {
    match identifier {
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
    /// Returns the account. It expires with the account's own expiry or logon hours.
    ///
    /// # Errors
    /// The mapping is weaker than required of a certificate with this notBefore date, or the account must not be used
    /// at `now`.
    pub(super) fn account(
        self,
        required: RequiredStrength,
        not_before: UnixTime,
        now: UnixTime,
    ) -> Result<Account, MappingError> {
        let account = Account::from_directory(self.entry, self.method, self.strength);
        let account = required.check(account, not_before, self.entry.created)?;
        let until = self.entry.status.check(now).map_err(|why| {
            let user = account.user.clone();
            MappingError::AccountUnusable { user, why }
        })?;
        let mut groups = account.groups;
        groups.extend(self.groups);
        Ok(Account { groups, until, ..account })
    }
}
