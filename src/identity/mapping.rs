//! Mapping of one certificate, with or without a directory.

use super::account::Account;
use super::error::{MappingError, NotMappedReason, not_mapped};
use super::lookup_plan::LookupPlan;
use super::mapping_step::MappingStep;
use super::settings::MappingSettings;
use crate::clock::UnixTime;
use crate::directory::{DirectoryError, LookupKeys, RealmDirectories};
use crate::revocation::UnrevokedChain;
use std::sync::Arc;

/// The steps and the outcome of one mapping.
#[derive(Clone, Debug)]
pub struct MappingTrace {
    /// The mappers that were applied, in order. Empty if the issuer may not name accounts.
    pub steps: Vec<MappingStep>,
    /// The directory search, if there was one.
    pub lookup: Option<DirectoryLookup>,
    /// The account, or the reason for which there is none.
    pub outcome: Result<Account, MappingError>,
}

/// One search of the directories.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DirectoryLookup {
    /// The search filters, one for each directory.
    pub filters: Vec<String>,
    /// The distinguished names of the accounts that were returned.
    pub found: Vec<String>,
}

/// Maps the leaf of `chain` to an account.
///
/// Without a directory the first mapper that finds a value decides. If its mapping is too weak, no later mapper is
/// tried, even a stronger one, because it might name another account than the one that takes precedence. So strong
/// mappers belong first. With a directory every mapper that finds an account must find the same one, and the strongest
/// mapping counts.
///
/// An account rule is the operator's own decision on a certificate: if it matches before an account was found, no name in
/// the certificate counts.
pub(crate) async fn map(
    chain: &UnrevokedChain,
    settings: &MappingSettings,
    directories: Option<&RealmDirectories>,
    now: UnixTime,
) -> MappingTrace {
    let plan = match LookupPlan::new(chain, settings) {
        Ok(plan) => plan,
        Err(error) => return MappingTrace { steps: Vec::new(), lookup: None, outcome: Err(error) },
    };
    let Some(directories) = directories else {
        let (steps, outcome) = plan.resolve_without_directory();
        return MappingTrace { steps, lookup: None, outcome };
    };
    let keys = plan.lookup_keys();
    if keys == LookupKeys::default() {
        let (steps, outcome) = plan.resolve(&[], now);
        return MappingTrace { steps, lookup: None, outcome };
    }
    let filters = directories.filters(&keys);
    match directories.look_up(&keys).await {
        Ok(accounts) => {
            let found = accounts.iter().map(|entry| entry.dn.clone()).collect();
            let (steps, outcome) = plan.resolve(&accounts, now);
            MappingTrace { steps, lookup: Some(DirectoryLookup { filters, found }), outcome }
        }
        Err(error) => {
            let lookup = Some(DirectoryLookup { filters, found: Vec::new() });
            MappingTrace { steps: Vec::new(), lookup, outcome: Err(lookup_error(error)) }
        }
    }
}

/// Returns the mapping error for a failed search. Values that cannot be searched for are a defect of the certificate;
/// any other failure leaves the account unknown.
fn lookup_error(error: DirectoryError) -> MappingError {
    match error {
        DirectoryError::UnusableLookupKeys(why) => not_mapped(NotMappedReason::InvalidLookupKeys { why }),
        error => MappingError::Directory(Arc::new(error)),
    }
}
