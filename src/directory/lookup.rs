//! Asks the directories of a directories, all at once, and joins what they answer.

use super::account::DirectoryAccount;
use super::account::DirectoryGroup;
use super::active_directory::group_names::Place;
use super::active_directory::schema::{self as active_directory, Account};
use super::configured_directory::{ConfiguredDirectory, LookupTarget};
use super::distinguished_name::{depth, domain, is_within};
use super::error::{DirectoryError, Nonsense, UnusableLookupKeys};
use super::filter::{AttributeName, SearchFilter};
use super::generic;
use super::lookup_keys::{LookupKeys, MAXIMUM_NAMES};
use super::replicas::Answered;
use super::settings::{AccountSchema, DirectorySettings, GenericSchema};
use std::collections::HashSet;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// Entries of one search for a person. More than one is already too many; with more than these the rest is not read.
const MAXIMUM_PEOPLE: u16 = 8;
/// How deep groups in groups go, in a directory that does not resolve them itself.
const MAXIMUM_NESTING: usize = 10;

/// The directories of a directories.
#[derive(Debug)]
pub(super) struct DirectorySet {
    pub(super) all: Vec<Arc<ConfiguredDirectory>>,
}

/// Catalogues of one directories find the same accounts.
fn each_once(mut people: Vec<DirectoryAccount>) -> Vec<DirectoryAccount> {
    let mut sids = HashSet::new();
    people.retain(|person| person.sid.clone().is_none_or(|sid| sids.insert(sid)));
    people
}

/// Where an account found in the global catalogue has its home.
enum Home<'d> {
    /// In this directory.
    In(&'d Arc<ConfiguredDirectory>),
    /// In a part of its domain where none of the directories looks for people.
    Outside,
}

impl DirectorySet {
    pub(super) fn new(settings: Vec<DirectorySettings>) -> Self {
        Self { all: settings.into_iter().map(ConfiguredDirectory::new).map(Arc::new).collect() }
    }

    /// Everybody who is wanted, each once. A directory that gives no answer is an error of the whole: the one account
    /// that others found might be one of two.
    pub(super) async fn people(
        self: &Arc<Self>,
        wanted: &LookupTarget,
    ) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        let asked = attributes(wanted)?;
        let questions = self.all.iter().map(|directory| {
            let (all, directory) = (Arc::clone(self), Arc::clone(directory));
            let (wanted, asked) = (wanted.clone(), asked.clone());
            AbortOnDropHandle::new(tokio::spawn(async move {
                directory.in_turn(all.people_of(&directory, &wanted, &asked)).await
            }))
        });
        let mut people = Vec::new();
        for question in questions.collect::<Vec<_>>() {
            people.extend(question.await.map_err(|_| DirectoryError::Dropped)??);
        }
        Ok(each_once(people))
    }

    async fn people_of(
        &self,
        directory: &Arc<ConfiguredDirectory>,
        wanted: &LookupTarget,
        asked: &[AttributeName],
    ) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        let Some(filter) = directory.filter(wanted).await? else { return Ok(Vec::new()) };
        match &directory.settings.schema {
            AccountSchema::ActiveDirectory => {
                let mut people = self.active_directory(directory, filter, asked).await?;
                if let LookupTarget::Login(login) = wanted {
                    people.retain(|person| active_directory::is_meant(login, person));
                }
                Ok(people)
            }
            AccountSchema::Generic(schema) => generic_people(directory, schema, filter, asked).await,
        }
    }

    async fn active_directory(
        &self,
        directory: &Arc<ConfiguredDirectory>,
        filter: SearchFilter,
        asked: &[AttributeName],
    ) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        let (servers, base) = match &directory.catalogue {
            Some(catalogue) => (catalogue, ""),
            None => (&directory.servers, directory.settings.base.as_str()),
        };
        let answered = servers.search(&active_directory::find(base, filter.clone(), MAXIMUM_PEOPLE)).await?;
        let mut people = Vec::new();
        for entry in &answered.found.entries {
            let home = match directory.catalogue {
                Some(_) => self.home(&entry.dn)?,
                None => Home::In(directory),
            };
            let Home::In(home) = home else { continue };
            people.extend(read_person(home, &entry.dn, filter.clone(), asked).await?);
        }
        all_or_several(people, &answered)
    }

    /// The directory of an account's own domain, the one that looks nearest to it.
    fn home(&self, dn: &str) -> Result<Home<'_>, DirectoryError> {
        let own: Vec<_> = self.all.iter().filter(|directory| covers_domain_of(directory, dn)).collect();
        if own.is_empty() {
            return Err(DirectoryError::NotCovered { dn: dn.to_owned() });
        }
        let above = own.into_iter().filter(|directory| is_within(dn, &directory.settings.base));
        Ok(above.max_by_key(|directory| depth(&directory.settings.base)).map_or(Home::Outside, Home::In))
    }
}

fn covers_domain_of(directory: &ConfiguredDirectory, dn: &str) -> bool {
    directory.settings.schema == AccountSchema::ActiveDirectory
        && domain(&directory.settings.base) == domain(dn)
}

/// Reads an account and the names of its groups. `None` where it is no person's, or the names do not fit it any more.
async fn read_person(
    home: &Arc<ConfiguredDirectory>,
    dn: &str,
    filter: SearchFilter,
    asked: &[AttributeName],
) -> Result<Option<DirectoryAccount>, DirectoryError> {
    let read = home.servers.search_entry(&active_directory::read_one(dn, filter, asked)).await?;
    let Some((entry, answered)) = read else { return Ok(None) };
    let account = active_directory::read(&entry, &home.settings.name, &answered.domains, asked);
    let Some(Account { person, groups }) = account.map_err(|failure| answered.error(failure))? else {
        return Ok(None);
    };
    let domain = Place { servers: &home.servers, base: &answered.domains.own };
    let directories = home.catalogue.as_ref().map_or(domain, |servers| Place { servers, base: "" });
    let groups = home.group_names.groups(&groups, domain, directories).await?;
    Ok(Some(DirectoryAccount { groups, ..person }))
}

async fn generic_people(
    directory: &Arc<ConfiguredDirectory>,
    schema: &GenericSchema,
    filter: SearchFilter,
    asked: &[AttributeName],
) -> Result<Vec<DirectoryAccount>, DirectoryError> {
    let search = generic::find(schema, &directory.settings.base, filter, asked, MAXIMUM_PEOPLE);
    let answered = directory.servers.search(&search).await?;
    let mut people = Vec::new();
    for entry in &answered.found.entries {
        let read = generic::read(schema, &directory.settings.name, entry, asked);
        let mut person = read.map_err(|nonsense| answered.error(nonsense))?;
        person.groups.extend(searched_groups(directory, schema, &person.dn).await?);
        people.push(person);
    }
    all_or_several(people, &answered)
}

/// People of whom there may be more are the answer only where they are several already: one alone would pass for the
/// only one.
fn all_or_several(
    people: Vec<DirectoryAccount>,
    answered: &Answered,
) -> Result<Vec<DirectoryAccount>, DirectoryError> {
    if answered.found.more && people.len() < 2 {
        return Err(answered.error(Nonsense::TooMany { limit: MAXIMUM_PEOPLE.into() }));
    }
    Ok(people)
}

/// The groups that somebody is in, and those that these are in, as far as they are searched for.
async fn searched_groups(
    directory: &Arc<ConfiguredDirectory>,
    schema: &GenericSchema,
    dn: &str,
) -> Result<Vec<DirectoryGroup>, DirectoryError> {
    let mut groups = Vec::new();
    let mut known = HashSet::new();
    let mut members = vec![dn.to_owned()];
    for _ in 0..MAXIMUM_NESTING {
        let Some(search) = generic::find_groups(schema, &members) else { break };
        let answered = directory.servers.search(&search).await?;
        if answered.found.more {
            // Some of somebody's groups are not their groups.
            return Err(answered.error(Nonsense::TooMany { limit: search.limit.into() }));
        }
        let new = |dn: &String| known.insert(dn.to_lowercase());
        groups.extend(answered.found.entries.iter().flat_map(|entry| generic::read_groups(schema, entry)));
        members = answered.found.entries.into_iter().map(|entry| entry.dn).filter(new).collect();
    }
    groups.sort();
    groups.dedup();
    Ok(groups)
}

/// The other attributes asked for, as names that a filter can have.
pub(super) fn attributes(wanted: &LookupTarget) -> Result<Vec<AttributeName>, DirectoryError> {
    let LookupTarget::Names(names) = wanted else { return Ok(Vec::new()) };
    let attributes = checked(names).map_err(DirectoryError::UnusableLookupKeys)?;
    Ok(attributes)
}

fn checked(names: &LookupKeys) -> Result<Vec<AttributeName>, UnusableLookupKeys> {
    let count = names.count();
    if count > MAXIMUM_NAMES {
        return Err(UnusableLookupKeys::TooMany { count, limit: MAXIMUM_NAMES });
    }
    let parsed = names.attributes.iter().map(|(name, _)| AttributeName::parse(name));
    let mut attributes =
        parsed.collect::<Result<Vec<_>, _>>().map_err(|error| UnusableLookupKeys::Attribute(error.0))?;
    attributes.sort();
    attributes.dedup();
    Ok(attributes)
}
