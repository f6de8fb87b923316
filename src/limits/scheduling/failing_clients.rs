//! Clients that fail repeatedly, and are therefore served after others.

use super::super::AddressKey;
use super::fair_slots::ClientRank;
use moka::sync::Cache;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// The number of failures within [`WINDOW`] from which a client is served last. Users with a wrong PIN or an expired card do
/// not reach it.
const MANY: u32 = 16;
/// The time for which failures are counted, from the first one.
const WINDOW: Duration = Duration::from_secs(60);
/// The maximum number of clients.
const CAPACITY: u64 = 10_000;

/// The failures of the last minute by client. Clones share them.
#[derive(Clone)]
pub struct FailingClients(Cache<AddressKey, Arc<AtomicU32>>);

impl Default for FailingClients {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(CAPACITY).time_to_live(WINDOW).build())
    }
}

impl FailingClients {
    /// Counts one failure.
    pub fn failed(&self, client: AddressKey) {
        self.0.get_with(client, Arc::default).fetch_add(1, Ordering::Relaxed);
    }

    /// Returns the current rank of a client.
    pub fn rank(&self, client: AddressKey) -> ClientRank {
        match self.0.get(&client).is_some_and(|failures| failures.load(Ordering::Relaxed) >= MANY) {
            true => ClientRank::Last,
            false => ClientRank::Normal,
        }
    }
}

impl fmt::Debug for FailingClients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FailingClients").field("clients", &self.0.entry_count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_served_last_after_many_failures_of_its_own() {
        let clients = FailingClients::default();
        let [one, other] = [1, 2].map(|last| AddressKey::of([192, 0, 2, last].into(), 64));
        for _ in 1..MANY {
            clients.failed(one);
        }
        assert_eq!(clients.rank(one), ClientRank::Normal);
        clients.failed(one);
        assert_eq!((clients.rank(one), clients.rank(other)), (ClientRank::Last, ClientRank::Normal));
    }
}
