//! Asks the directories of a forest, all at once, and joins what they answer.

use super::active_directory::{self, Account};
use super::distinguished_name::{depth, domain, is_within};
use super::error::{DirectoryError, Nonsense, UnusableNames};
use super::filter::{AttributeName, Filter};
use super::generic;
use super::group::Group;
use super::group_names::Place;
use super::names::{MAXIMUM_NAMES, Names};
use super::person::Person;
use super::replicas::Answered;
use super::settings::{DirectorySettings, GenericSchema, Schema};
use super::tree::{Directory, Wanted};
use std::collections::HashSet;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// Entries of one search for a person. More than one is already too many; with more than these the rest is not read.
const MAXIMUM_PEOPLE: u16 = 8;
/// How deep groups in groups go, in a directory that does not resolve them itself.
const MAXIMUM_NESTING: usize = 10;

/// The directories of a forest.
#[derive(Debug)]
pub(super) struct Directories {
    pub(super) all: Vec<Arc<Directory>>,
}

/// Catalogues of one forest find the same accounts.
fn each_once(mut people: Vec<Person>) -> Vec<Person> {
    let mut sids = HashSet::new();
    people.retain(|person| person.sid.clone().is_none_or(|sid| sids.insert(sid)));
    people
}

/// Where an account found in the global catalogue has its home.
enum Home<'d> {
    /// In this directory.
    In(&'d Arc<Directory>),
    /// In a part of its domain where none of the directories looks for people.
    Outside,
}

impl Directories {
    pub(super) fn new(settings: Vec<DirectorySettings>) -> Self {
        Self { all: settings.into_iter().map(Directory::new).map(Arc::new).collect() }
    }

    /// Everybody who is wanted, each once. A directory that gives no answer is an error of the whole: the one account
    /// that others found might be one of two.
    pub(super) async fn people(self: &Arc<Self>, wanted: &Wanted) -> Result<Vec<Person>, DirectoryError> {
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
        directory: &Arc<Directory>,
        wanted: &Wanted,
        asked: &[AttributeName],
    ) -> Result<Vec<Person>, DirectoryError> {
        let Some(filter) = directory.filter(wanted).await? else { return Ok(Vec::new()) };
        match &directory.settings.schema {
            Schema::ActiveDirectory => {
                let mut people = self.active_directory(directory, filter, asked).await?;
                if let Wanted::Login(login) = wanted {
                    people.retain(|person| active_directory::is_meant(login, person));
                }
                Ok(people)
            }
            Schema::Generic(schema) => generic_people(directory, schema, filter, asked).await,
        }
    }

    async fn active_directory(
        &self,
        directory: &Arc<Directory>,
        filter: Filter,
        asked: &[AttributeName],
    ) -> Result<Vec<Person>, DirectoryError> {
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

fn covers_domain_of(directory: &Directory, dn: &str) -> bool {
    directory.settings.schema == Schema::ActiveDirectory && domain(&directory.settings.base) == domain(dn)
}

/// Reads an account and the names of its groups. `None` where it is no person's, or the names do not fit it any more.
async fn read_person(
    home: &Arc<Directory>,
    dn: &str,
    filter: Filter,
    asked: &[AttributeName],
) -> Result<Option<Person>, DirectoryError> {
    let read = home.servers.search_entry(&active_directory::read_one(dn, filter, asked)).await?;
    let Some((entry, answered)) = read else { return Ok(None) };
    let account = active_directory::read(&entry, &home.settings.name, &answered.domains, asked);
    let Some(Account { person, groups }) = account.map_err(|failure| answered.error(failure))? else {
        return Ok(None);
    };
    let domain = Place { servers: &home.servers, base: &answered.domains.own };
    let forest = home.catalogue.as_ref().map_or(domain, |servers| Place { servers, base: "" });
    let groups = home.group_names.groups(&groups, domain, forest).await?;
    Ok(Some(Person { groups, ..person }))
}

async fn generic_people(
    directory: &Arc<Directory>,
    schema: &GenericSchema,
    filter: Filter,
    asked: &[AttributeName],
) -> Result<Vec<Person>, DirectoryError> {
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
fn all_or_several(people: Vec<Person>, answered: &Answered) -> Result<Vec<Person>, DirectoryError> {
    if answered.found.more && people.len() < 2 {
        return Err(answered.error(Nonsense::TooMany { limit: MAXIMUM_PEOPLE.into() }));
    }
    Ok(people)
}

/// The groups that somebody is in, and those that these are in, as far as they are searched for.
async fn searched_groups(
    directory: &Arc<Directory>,
    schema: &GenericSchema,
    dn: &str,
) -> Result<Vec<Group>, DirectoryError> {
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
pub(super) fn attributes(wanted: &Wanted) -> Result<Vec<AttributeName>, DirectoryError> {
    let Wanted::Names(names) = wanted else { return Ok(Vec::new()) };
    let attributes = checked(names).map_err(DirectoryError::UnusableNames)?;
    Ok(attributes)
}

fn checked(names: &Names) -> Result<Vec<AttributeName>, UnusableNames> {
    let count = names.count();
    if count > MAXIMUM_NAMES {
        return Err(UnusableNames::TooMany { count, limit: MAXIMUM_NAMES });
    }
    let parsed = names.attributes.iter().map(|(name, _)| AttributeName::parse(name));
    let mut attributes =
        parsed.collect::<Result<Vec<_>, _>>().map_err(|error| UnusableNames::Attribute(error.0))?;
    attributes.sort();
    attributes.dedup();
    Ok(attributes)
}
