//! Takes a chain of which nothing is revoked and a realm's rule, gives the account that its leaf names.
//!
//! Only the leaf names somebody, and only where the CA that issued it is one that the rule lets name people, known by
//! its key. Where there is a directory it is asked once, for all names that the leaf may be taken by; what comes back is
//! compared here. Never goes on after a contradiction.

use super::account::Account;
use super::error::{MappingError, NotMappedReason, not_mapped};
use super::lookup_plan::LookupPlan;
use super::settings::{Mapper, MappingSettings};
use crate::clock::UnixTime;
use crate::directory::{Directories, DirectoryError, LookupKeys};
use crate::revocation::UnrevokedChain;
use std::sync::Arc;

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
    /// The issuer may not feed it; the next one was asked.
    NotFed,
    /// Nobody in the directory has the name; the next one was asked.
    NobodyFound,
    /// It decided for an account.
    Mapped,
    /// It leads to the account that was found before.
    Agrees,
    /// An account was found before, and this name could not have led to one; or a strong mapping of an account's
    /// altSecurityIdentities counts, and the security identifier is another account's.
    PassedOver,
    /// It refused; nobody else was asked.
    Refused,
}

/// What a directory was asked, and whom it has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryLookup {
    /// The search filters, one for each directory.
    pub filters: Vec<String>,
    /// The distinguished names of the accounts that came back.
    pub found: Vec<String>,
}

/// How a mapping went.
#[derive(Clone, Debug)]
pub struct MappingTrace {
    /// The mappers that had their turn, in order. None where the issuer may name nobody.
    pub steps: Vec<MappingStep>,
    /// What a directory was asked, if it was.
    pub look_up: Option<DirectoryLookup>,
    /// What came of it.
    pub outcome: Result<Account, MappingError>,
}

/// The account that the leaf of `chain` names by `rule`, and how it came to that.
///
/// Without a directory the first mapper that finds something decides. Where that account is named too weakly, no later
/// mapper is asked, though it might be stronger: it might also name somebody else, and who stands before it in the order
/// has spoken. So the strong mappers belong first. With a directory all that find somebody must find the same account,
/// and the strongest of them counts.
///
/// A rule of the realm is the operator's own word on a certificate: where its turn comes before anybody was found, no
/// name in the certificate is looked at.
pub async fn map(
    chain: &UnrevokedChain,
    rule: &MappingSettings,
    directory: Option<&Directories>,
    now: UnixTime,
) -> MappingTrace {
    let question = match LookupPlan::of(chain, rule) {
        Ok(question) => question,
        Err(error) => return MappingTrace { steps: Vec::new(), look_up: None, outcome: Err(error) },
    };
    let Some(directory) = directory else {
        let (steps, outcome) = question.without_directory();
        return MappingTrace { steps, look_up: None, outcome };
    };
    let names = question.names();
    if names == LookupKeys::default() {
        let (steps, outcome) = question.answered(&[], now);
        return MappingTrace { steps, look_up: None, outcome };
    }
    let filters = directory.filters(&names);
    match directory.look_up(&names).await {
        Ok(persons) => {
            let found = persons.iter().map(|person| person.dn.clone()).collect();
            let (steps, outcome) = question.answered(&persons, now);
            MappingTrace { steps, look_up: Some(DirectoryLookup { filters, found }), outcome }
        }
        Err(error) => {
            let look_up = Some(DirectoryLookup { filters, found: Vec::new() });
            MappingTrace { steps: Vec::new(), look_up, outcome: Err(unanswered(error)) }
        }
    }
}

/// A directory that gives no answer says nothing about the card, but for names that none can be asked for.
fn unanswered(error: DirectoryError) -> MappingError {
    match error {
        DirectoryError::UnusableLookupKeys(why) => not_mapped(NotMappedReason::Unsearchable { why }),
        error => MappingError::Directory(Arc::new(error)),
    }
}
