//! Lookups in all directories of a realm, which run concurrently and whose results are joined.

use super::account::{DirectoryAccount, DirectoryGroup};
use super::active_directory::group_names::GroupSearch;
use super::active_directory::schema::{self as active_directory, AccountWithGroupSids};
use super::configured_directory::ConfiguredDirectory;
use super::error::{DirectoryError, UnusableLookupKeys};
use super::generic;
use super::lookup_keys::{LookupKeys, LookupTarget, MAXIMUM_KEYS};
use super::replicas::ServerResult;
use super::settings::{AccountSchema, DirectorySettings, GenericSchema};
use crate::ldap::{AttributeName, ProtocolError, SearchFilter, dn_depth, dn_domain, is_within};
use std::collections::HashSet;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The maximum number of accounts that are read from one directory. Two are already ambiguous.
const MAXIMUM_ACCOUNTS: u16 = 8;
/// The maximum depth of nested groups in a directory that does not resolve them itself.
const MAXIMUM_GROUP_DEPTH: usize = 10;

/// The directories of a realm.
#[derive(Debug)]
pub(super) struct DirectorySet {
    pub(super) all: Vec<Arc<ConfiguredDirectory>>,
}

/// The directory that holds an account which the global catalog returned.
enum HomeDirectory<'d> {
    /// This one.
    Found(&'d Arc<ConfiguredDirectory>),
    /// None: the account is in a part of its domain that is outside the base of every directory.
    OutsideBases,
}

impl DirectorySet {
    /// Creates the directories. `cancellation` ends background work, which no caller waits for.
    pub(super) fn new(settings: Vec<DirectorySettings>, cancellation: &CancellationToken) -> Self {
        let directory = |settings| Arc::new(ConfiguredDirectory::new(settings, cancellation));
        Self { all: settings.into_iter().map(directory).collect() }
    }

    /// Returns all accounts that match the target, each once. If one directory fails, the whole lookup fails: the only
    /// account that the others found might be one of two.
    pub(super) async fn accounts(
        self: &Arc<Self>,
        target: &LookupTarget,
    ) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        let more = requested_attributes(target)?;
        let lookups = self.all.iter().map(|directory| {
            let (all, directory) = (Arc::clone(self), Arc::clone(directory));
            let (target, more) = (target.clone(), more.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                directory.run_lookup(all.accounts_of(&directory, &target, &more)).await
            }))
        });
        let mut accounts = Vec::new();
        for lookup in lookups.collect::<Vec<_>>() {
            accounts.extend(lookup.await.map_err(|_| DirectoryError::Cancelled)??);
        }
        Ok(each_once(accounts))
    }

    async fn accounts_of(
        &self,
        directory: &Arc<ConfiguredDirectory>,
        target: &LookupTarget,
        more: &[AttributeName],
    ) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        let Some(filter) = directory.filter(target).await? else { return Ok(Vec::new()) };
        match &directory.settings.schema {
            AccountSchema::ActiveDirectory => {
                let mut accounts = self.active_directory_accounts(directory, filter, more).await?;
                if let LookupTarget::Login(login) = target {
                    accounts.retain(|account| active_directory::is_of_login_domain(login, account));
                }
                Ok(accounts)
            }
            AccountSchema::Generic(schema) => generic_accounts(directory, schema, filter, more).await,
        }
    }

    async fn active_directory_accounts(
        &self,
        directory: &Arc<ConfiguredDirectory>,
        filter: SearchFilter,
        more: &[AttributeName],
    ) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        let (servers, base) = match &directory.global_catalog {
            Some(global_catalog) => (global_catalog, ""),
            None => (&directory.servers, directory.settings.base.as_str()),
        };
        let result = servers.search(&active_directory::find(base, filter.clone(), MAXIMUM_ACCOUNTS)).await?;
        let mut accounts = Vec::new();
        for entry in &result.found.entries {
            let home = match directory.global_catalog {
                Some(_) => self.home_of(&entry.dn)?,
                None => HomeDirectory::Found(directory),
            };
            let HomeDirectory::Found(home) = home else { continue };
            accounts.extend(read_account(home, &entry.dn, filter.clone(), more).await?);
        }
        complete_or_ambiguous(accounts, &result)
    }

    /// Returns the directory of the account's domain whose base is nearest to the account.
    fn home_of(&self, dn: &str) -> Result<HomeDirectory<'_>, DirectoryError> {
        let of_domain: Vec<_> =
            self.all.iter().filter(|directory| is_of_same_domain(directory, dn)).collect();
        if of_domain.is_empty() {
            return Err(DirectoryError::NotCovered { dn: dn.to_owned() });
        }
        let above = of_domain.into_iter().filter(|directory| is_within(dn, &directory.settings.base));
        let nearest = above.max_by_key(|directory| dn_depth(&directory.settings.base));
        Ok(nearest.map_or(HomeDirectory::OutsideBases, HomeDirectory::Found))
    }
}

/// Removes duplicates: all global catalogs of a forest return the same accounts.
fn each_once(mut accounts: Vec<DirectoryAccount>) -> Vec<DirectoryAccount> {
    let mut sids = HashSet::new();
    accounts.retain(|account| account.sid.clone().is_none_or(|sid| sids.insert(sid)));
    accounts
}

fn is_of_same_domain(directory: &ConfiguredDirectory, dn: &str) -> bool {
    directory.settings.schema == AccountSchema::ActiveDirectory
        && dn_domain(&directory.settings.base) == dn_domain(dn)
}

/// Reads an account and the names of its groups; `None` if it is not a user account or no longer matches the filter.
async fn read_account(
    home: &Arc<ConfiguredDirectory>,
    dn: &str,
    filter: SearchFilter,
    more: &[AttributeName],
) -> Result<Option<DirectoryAccount>, DirectoryError> {
    let read = home.servers.search_entry(&active_directory::read_one(dn, filter, more)).await?;
    let Some((entry, result)) = read else { return Ok(None) };
    let account = active_directory::read_account(&entry, &home.settings.name, &result.domains, more);
    let Some(AccountWithGroupSids { account, group_sids }) = account.map_err(|error| result.error(error))?
    else {
        return Ok(None);
    };
    let domain = GroupSearch { servers: &home.servers, base: &result.domains.own };
    let forest = home.global_catalog.as_ref().map_or(domain, |servers| GroupSearch { servers, base: "" });
    let groups = home.group_names.groups(&group_sids, domain, forest).await?;
    Ok(Some(DirectoryAccount { groups, ..account }))
}

async fn generic_accounts(
    directory: &Arc<ConfiguredDirectory>,
    schema: &GenericSchema,
    filter: SearchFilter,
    more: &[AttributeName],
) -> Result<Vec<DirectoryAccount>, DirectoryError> {
    let request = generic::find(schema, &directory.settings.base, filter, more, MAXIMUM_ACCOUNTS);
    let result = directory.servers.search(&request).await?;
    let mut accounts = Vec::new();
    for entry in &result.found.entries {
        let read = generic::read_account(schema, &directory.settings.name, entry, more);
        let mut account = read.map_err(|error| result.error(error))?;
        account.groups.extend(searched_groups(directory, schema, &account.dn).await?);
        accounts.push(account);
    }
    complete_or_ambiguous(accounts, &result)
}

/// Returns `accounts`, or an error if the result was truncated and has fewer than two: the one account of an incomplete
/// result would be taken for the only one.
fn complete_or_ambiguous(
    accounts: Vec<DirectoryAccount>,
    result: &ServerResult,
) -> Result<Vec<DirectoryAccount>, DirectoryError> {
    if result.found.truncated && accounts.len() < 2 {
        return Err(result.error(ProtocolError::TooManyResults { limit: MAXIMUM_ACCOUNTS.into() }));
    }
    Ok(accounts)
}

/// Searches for the groups of an account, and for the groups of those groups.
async fn searched_groups(
    directory: &Arc<ConfiguredDirectory>,
    schema: &GenericSchema,
    dn: &str,
) -> Result<Vec<DirectoryGroup>, DirectoryError> {
    let mut groups = Vec::new();
    let mut known = HashSet::new();
    let mut members = vec![dn.to_owned()];
    for _ in 0..MAXIMUM_GROUP_DEPTH {
        let Some(request) = generic::find_groups(schema, &members) else { break };
        let result = directory.servers.search(&request).await?;
        if result.found.truncated {
            // An incomplete group list must not be used as if it were complete: a rule may deny a group.
            return Err(result.error(ProtocolError::TooManyResults { limit: request.size_limit.into() }));
        }
        let is_new = |dn: &String| known.insert(dn.to_lowercase());
        groups.extend(result.found.entries.iter().flat_map(|entry| generic::read_groups(schema, entry)));
        members = result.found.entries.into_iter().map(|entry| entry.dn).filter(is_new).collect();
    }
    groups.sort();
    groups.dedup();
    Ok(groups)
}

/// Returns the attributes that are read in addition to those of the schema.
fn requested_attributes(target: &LookupTarget) -> Result<Vec<AttributeName>, DirectoryError> {
    match target {
        LookupTarget::Keys(keys) => key_attributes(keys).map_err(DirectoryError::UnusableLookupKeys),
        LookupTarget::Login(_) => Ok(Vec::new()),
    }
}

fn key_attributes(keys: &LookupKeys) -> Result<Vec<AttributeName>, UnusableLookupKeys> {
    let count = keys.count();
    if count > MAXIMUM_KEYS {
        return Err(UnusableLookupKeys::TooMany { count, limit: MAXIMUM_KEYS });
    }
    let parsed = keys.attributes.iter().map(|(name, _)| AttributeName::parse(name));
    let mut attributes =
        parsed.collect::<Result<Vec<_>, _>>().map_err(|error| UnusableLookupKeys::Attribute(error.0))?;
    attributes.sort();
    attributes.dedup();
    Ok(attributes)
}
