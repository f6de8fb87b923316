//! Takes security identifiers of groups, gives the groups with their names. Names are kept for an hour, so that most
//! look-ups ask for none.

use crate::directory::account::DirectoryGroup;
use crate::directory::active_directory::schema::{find_groups, read_group};
use crate::directory::error::DirectoryError;
use crate::directory::replicas::ReplicaSet;
use crate::directory::sid::Sid;
use moka::future::Cache;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

const LIFE: Duration = Duration::from_secs(3600);
const MAXIMUM_GROUPS: u64 = 100_000;
/// How many are asked for at once.
const AT_ONCE: usize = 200;

/// The names of a domain's groups, and of those of the directories that its accounts are in, as far as they are known.
#[derive(Debug)]
pub(in crate::directory) struct GroupNames {
    known: Cache<Sid, Arc<str>>,
}

/// Where groups are looked for.
#[derive(Clone, Copy, Debug)]
pub(in crate::directory) struct Place<'a> {
    pub(in crate::directory) servers: &'a Arc<ReplicaSet>,
    pub(in crate::directory) base: &'a str,
}

impl GroupNames {
    pub(in crate::directory) fn new() -> Self {
        Self { known: Cache::builder().max_capacity(MAXIMUM_GROUPS).time_to_live(LIFE).build() }
    }

    /// The groups, by name. Those that nobody has a name for are called by their identifier; identifiers that stand for
    /// no group are left out. Groups that every domain has for itself are looked for in `domain`, the others in `directories`.
    pub(in crate::directory) async fn groups(
        &self,
        sids: &[Sid],
        domain: Place<'_>,
        directories: Place<'_>,
    ) -> Result<Vec<DirectoryGroup>, DirectoryError> {
        let built_in = sids.iter().filter(|sid| sid.is_built_in()).cloned().collect();
        let others = sids.iter().filter(|sid| sid.is_of_a_domain()).cloned().collect();
        let mut names = self.names(built_in, domain).await?;
        names.extend(self.names(others, directories).await?);
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
        place: Place<'_>,
    ) -> Result<HashMap<Sid, Arc<str>>, DirectoryError> {
        let mut names = HashMap::new();
        let mut unknown = Vec::new();
        for sid in sids {
            match self.known.get(&sid).await {
                Some(name) => drop(names.insert(sid, name)),
                None => unknown.push(sid),
            }
        }
        for some in unknown.chunks(AT_ONCE) {
            let Some(search) = find_groups(place.base, some) else { continue };
            let answered = place.servers.search(&search).await?;
            let read = answered.found.entries.iter().map(read_group).collect::<Result<Vec<_>, _>>();
            let read: HashMap<_, _> =
                read.map_err(|error| answered.error(error))?.into_iter().flatten().collect();
            for sid in some {
                let name: Arc<str> =
                    read.get(sid).map_or_else(|| sid.to_string().into(), |name| name.as_str().into());
                if read.contains_key(sid) || !answered.found.more {
                    self.known.insert(sid.clone(), Arc::clone(&name)).await;
                }
                names.insert(sid.clone(), name);
            }
        }
        Ok(names)
    }
}
