//! Names of groups by their security identifiers, cached for an hour so that most lookups need no search for groups.

use super::schema::{find_groups, read_group};
use crate::directory::account::DirectoryGroup;
use crate::directory::error::DirectoryError;
use crate::directory::replicas::ReplicaSet;
use crate::directory::sid::Sid;
use moka::future::Cache;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const CACHE_LIFETIME: Duration = Duration::from_secs(3600);
const MAXIMUM_CACHED: u64 = 100_000;
/// The maximum number of groups in one search.
const BATCH: usize = 200;

/// The cached names of the groups that a domain's accounts are members of.
#[derive(Debug)]
pub(in crate::directory) struct GroupNames {
    cached: Cache<Sid, Arc<str>>,
}

/// The servers and the base of a search for groups.
#[derive(Clone, Copy, Debug)]
pub(in crate::directory) struct GroupSearch<'a> {
    pub(in crate::directory) servers: &'a Arc<ReplicaSet>,
    pub(in crate::directory) base: &'a str,
}

impl GroupNames {
    pub(in crate::directory) fn new() -> Self {
        Self { cached: Cache::builder().max_capacity(MAXIMUM_CACHED).time_to_live(CACHE_LIFETIME).build() }
    }

    /// Returns the groups with their names, sorted. A group whose name cannot be read is named by its identifier;
    /// identifiers that are not of a group are omitted. Built-in groups, which each domain has of its own, are searched
    /// for in `domain`, the others in `forest`.
    pub(in crate::directory) async fn groups(
        &self,
        sids: &[Sid],
        domain: GroupSearch<'_>,
        forest: GroupSearch<'_>,
    ) -> Result<Vec<DirectoryGroup>, DirectoryError> {
        let built_in = sids.iter().filter(|sid| sid.is_built_in()).cloned().collect();
        let of_domains = sids.iter().filter(|sid| sid.is_of_a_domain()).cloned().collect();
        let mut names = self.names(built_in, domain).await?;
        names.extend(self.names(of_domains, forest).await?);
        let named = names.into_iter();
        let mut groups: Vec<DirectoryGroup> = named
            .map(|(sid, name)| DirectoryGroup { name: name.to_string(), sid: Some(sid.to_string()) })
            .collect();
        groups.sort();
        Ok(groups)
    }

    async fn names(
        &self,
        sids: Vec<Sid>,
        search: GroupSearch<'_>,
    ) -> Result<HashMap<Sid, Arc<str>>, DirectoryError> {
        let mut names = HashMap::new();
        let mut unknown = Vec::new();
        for sid in sids {
            match self.cached.get(&sid).await {
                Some(name) => drop(names.insert(sid, name)),
                None => unknown.push(sid),
            }
        }
        for batch in unknown.chunks(BATCH) {
            let Some(request) = find_groups(search.base, batch) else { continue };
            let result = search.servers.search(&request).await?;
            let read = result.found.entries.iter().map(read_group).collect::<Result<Vec<_>, _>>();
            let read: HashMap<_, _> =
                read.map_err(|error| result.error(error))?.into_iter().flatten().collect();
            for sid in batch {
                let name: Arc<str> =
                    read.get(sid).map_or_else(|| sid.to_string().into(), |name| name.as_str().into());
                if read.contains_key(sid) || !result.found.truncated {
                    self.cached.insert(sid.clone(), Arc::clone(&name)).await;
                }
                names.insert(sid.clone(), name);
            }
        }
        Ok(names)
    }
}
