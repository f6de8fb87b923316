//! Limits on open client connections, in total, per address and per network. A connection beyond a limit is closed before its
//! handshake. If the total limit is reached, a connection of the address with the most connections is evicted for an address
//! with fewer.
//!
//! The table is locked when a connection is accepted, when it ends, and once when its client is authenticated, but never by a
//! request on an open connection.

use super::client_network::{AddressKey, NetworkKey, keys};
use super::handshakes::{
    AddressHandshakes, HandshakeCount, HandshakeInProgress, HandshakeLimitReached, HandshakeQuota,
};
use super::request_rate::{BURST, RequestBudget, RequestRate};
use crate::telemetry::CountedLine;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// The maximum number of addresses without a connection whose request budgets are kept.
const REMEMBERED: usize = 65_536;

/// The limits on connections, and on the requests and handshakes of one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// The maximum number of connections in total.
    pub total: usize,
    /// The maximum number of connections from one address.
    pub per_address: usize,
    /// The maximum number of connections from one network, which is an IPv4 /24 or an IPv6 /48.
    pub per_network: usize,
    /// The length of the IPv6 prefix that is counted as one address.
    pub ipv6_prefix: u8,
    /// The networks of load balancers. The limits per address and per network do not apply to them.
    pub trusted: Arc<[IpNet]>,
    /// The rate of requests from one address.
    pub requests: RequestRate,
    /// The limits on handshakes.
    pub handshakes: HandshakeQuota,
}

/// The limit for which a connection was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionLimitReached {
    /// The total limit is reached, and no address has more than its share.
    #[error("the total limit of {0} connections is reached")]
    Total(usize),
    /// The limit per address is reached.
    #[error("the limit of {0} connections per address is reached")]
    Address(usize),
    /// The limit per network is reached.
    #[error("the limit of {0} connections per network is reached")]
    Network(usize),
}

/// The open client connections of all workers.
#[derive(Debug)]
pub(crate) struct ConnectionTable {
    table: Mutex<ConnectionCounts>,
    handshakes: HandshakeCount,
    /// The number of connections that the process has file descriptors for.
    descriptors: usize,
    started: Instant,
    /// Limits the log lines about rejected connections.
    pub rejected: CountedLine,
    /// Limits the log lines about evicted connections.
    pub evicted: CountedLine,
}

#[derive(Debug, Default)]
struct ConnectionCounts {
    total: usize,
    addresses: HashMap<AddressKey, AddressEntry>,
    networks: HashMap<NetworkKey, usize>,
    /// The addresses, by the number of connections that may be evicted.
    by_number: BTreeSet<(usize, AddressKey)>,
    /// The addresses without a connection, by the time when their last one ended.
    ended: VecDeque<(Instant, AddressKey)>,
    next_id: u64,
}

/// The connections and budgets of one address.
#[derive(Debug)]
struct AddressEntry {
    network: NetworkKey,
    budget: Arc<RequestBudget>,
    handshakes: Arc<AddressHandshakes>,
    open: BTreeMap<u64, Arc<ConnectionActivity>>,
    /// The number of connections that may be evicted.
    closable: usize,
}

/// The activity of a connection, by which the connection to evict is selected.
#[derive(Debug)]
struct ConnectionActivity {
    /// Whether the connection is never evicted, because its client is authenticated or its network is trusted.
    keeps_place: AtomicBool,
    running: AtomicU32,
    /// In milliseconds after `ConnectionTable::started`.
    idle_since: AtomicU64,
    evicted: CancellationToken,
}

/// An open connection, which is counted until this value is dropped.
#[derive(Debug)]
pub(crate) struct OpenConnection {
    connections: Arc<ConnectionTable>,
    key: AddressKey,
    id: u64,
    activity: Arc<ConnectionActivity>,
    /// `None` for a trusted address.
    of_address: Option<(Arc<RequestBudget>, Arc<AddressHandshakes>)>,
}

impl ConnectionTable {
    /// Creates an empty table for a process that has file descriptors for `descriptors` connections.
    pub(crate) fn new(descriptors: usize) -> Self {
        Self {
            table: Mutex::default(),
            handshakes: HandshakeCount::default(),
            descriptors,
            started: Instant::now(),
            rejected: CountedLine::default(),
            evicted: CountedLine::default(),
        }
    }

    /// Returns the maximum number of connections in total under these limits.
    pub(crate) fn most(&self, limits: &ConnectionLimits) -> usize {
        limits.total.min(self.descriptors)
    }

    /// Counts a connection from `address`. Returns it, and whether another connection was evicted for it.
    ///
    /// # Errors
    /// The limit that is reached. The connection has to be closed.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        limits: &ConnectionLimits,
    ) -> Result<(OpenConnection, bool), ConnectionLimitReached> {
        let address = address.to_canonical();
        let trusted = limits.trusted.iter().any(|network| network.contains(&address));
        let (key, network) = keys(address, if trusted { 128 } else { limits.ipv6_prefix });
        let now = Instant::now();
        let mut table = self.lock();
        table.forget_ended(now);
        let most = self.most(limits);
        if !trusted {
            table.check_limits(key, network, limits, most)?;
        }
        let is_full = table.total >= most;
        if is_full {
            table.make_room(key, most)?;
            if let Some(evicted) = self.evicted.count() {
                tracing::warn!(
                    target: "portcullis::limits",
                    evicted,
                    most,
                    "connections of the address with the most connections were closed, because `limits.max_connections` is reached"
                );
            }
        }
        let activity = Arc::new(ConnectionActivity {
            keeps_place: AtomicBool::new(trusted),
            running: AtomicU32::new(0),
            idle_since: AtomicU64::new(self.millis()),
            evicted: CancellationToken::new(),
        });
        let (id, of_address) = table.open(key, network, limits, Arc::clone(&activity));
        drop(table);
        let of_address = Some(of_address).filter(|_| !trusted);
        let open = OpenConnection { connections: Arc::clone(self), key, id, activity, of_address };
        Ok((open, is_full))
    }

    /// Locks the counts. A poisoned lock is ignored, because no code between two changes of the counts can panic.
    fn lock(&self) -> MutexGuard<'_, ConnectionCounts> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl ConnectionCounts {
    /// Checks the limits per address and per network. One that is not below the total limit has no effect: a connection is
    /// evicted instead.
    fn check_limits(
        &self,
        key: AddressKey,
        network: NetworkKey,
        limits: &ConnectionLimits,
        most: usize,
    ) -> Result<(), ConnectionLimitReached> {
        let ConnectionLimits { per_address, per_network, .. } = *limits;
        let of_address = self.addresses.get(&key).map_or(0, |address| address.open.len());
        if per_address < most && of_address >= per_address {
            return Err(ConnectionLimitReached::Address(per_address));
        }
        let of_network = self.networks.get(&network).copied().unwrap_or_default();
        if per_network < most && of_network >= per_network {
            return Err(ConnectionLimitReached::Network(per_network));
        }
        Ok(())
    }

    /// Evicts a connection of the address with the most connections, if that has more than `newcomer` will have.
    fn make_room(&mut self, newcomer: AddressKey, most: usize) -> Result<(), ConnectionLimitReached> {
        let own = self.addresses.get(&newcomer).map_or(0, |address| address.closable);
        let Some((number, key)) = self.by_number.last().copied() else {
            return Err(ConnectionLimitReached::Total(most));
        };
        if number <= own + 1 {
            return Err(ConnectionLimitReached::Total(most));
        }
        let victim = self
            .addresses
            .get(&key)
            .and_then(AddressEntry::victim)
            .ok_or(ConnectionLimitReached::Total(most))?;
        if let Some(activity) = self.close(key, victim) {
            activity.evicted.cancel();
        }
        Ok(())
    }

    fn open(
        &mut self,
        key: AddressKey,
        network: NetworkKey,
        limits: &ConnectionLimits,
        activity: Arc<ConnectionActivity>,
    ) -> (u64, (Arc<RequestBudget>, Arc<AddressHandshakes>)) {
        let rate = limits.requests;
        let id = self.next_id;
        self.next_id += 1;
        self.total += 1;
        *self.networks.entry(network).or_default() += 1;
        let fresh = || Arc::new(RequestBudget::new(rate));
        let address = self.addresses.entry(key).or_insert_with(|| AddressEntry {
            network,
            budget: fresh(),
            handshakes: Arc::new(AddressHandshakes::new(limits.handshakes)),
            open: BTreeMap::new(),
            closable: 0,
        });
        if address.budget.rate() != rate {
            address.budget = fresh();
        }
        if let Some(handshakes) = address.handshakes.under(limits.handshakes) {
            address.handshakes = Arc::new(handshakes);
        }
        let of_address = (Arc::clone(&address.budget), Arc::clone(&address.handshakes));
        let closable = !activity.keeps_place.load(Ordering::Relaxed);
        address.open.insert(id, activity);
        if closable {
            self.change_closable(key, 1);
        }
        (id, of_address)
    }

    /// Removes a connection and returns its activity, or `None` if it was evicted before.
    fn close(&mut self, key: AddressKey, id: u64) -> Option<Arc<ConnectionActivity>> {
        let address = self.addresses.get_mut(&key)?;
        let activity = address.open.remove(&id)?;
        let (network, is_last) = (address.network, address.open.is_empty());
        let closable = !activity.keeps_place.load(Ordering::Relaxed);
        self.total -= 1;
        if let Some(open) = self.networks.get_mut(&network) {
            *open -= 1;
            if *open == 0 {
                self.networks.remove(&network);
            }
        }
        if closable {
            self.change_closable(key, -1);
        }
        if is_last {
            self.ended.push_back((Instant::now(), key));
        }
        Some(activity)
    }

    fn change_closable(&mut self, key: AddressKey, by: isize) {
        let Some(address) = self.addresses.get_mut(&key) else { return };
        self.by_number.remove(&(address.closable, key));
        address.closable = address.closable.saturating_add_signed(by);
        if address.closable > 0 {
            self.by_number.insert((address.closable, key));
        }
    }

    /// Removes the addresses whose request budgets are full again, and the oldest ones if there are too many.
    fn forget_ended(&mut self, now: Instant) {
        while let Some((since, key)) = self.ended.front().copied() {
            if now.duration_since(since) < BURST + Duration::from_secs(1) && self.ended.len() <= REMEMBERED {
                return;
            }
            self.ended.pop_front();
            if self.addresses.get(&key).is_some_and(|address| address.open.is_empty()) {
                self.addresses.remove(&key);
            }
        }
    }
}

impl AddressEntry {
    /// Returns the connection to evict: of those without an authenticated client the one that has been idle for the longest
    /// time, or a busy one if none is idle.
    fn victim(&self) -> Option<u64> {
        let candidates =
            self.open.iter().filter(|(_, activity)| !activity.keeps_place.load(Ordering::Relaxed));
        let worth = |activity: &ConnectionActivity| {
            let busy = activity.running.load(Ordering::Relaxed) > 0;
            (busy, activity.idle_since.load(Ordering::Relaxed))
        };
        candidates.min_by_key(|(_, activity)| worth(activity)).map(|(id, _)| *id)
    }
}

impl OpenConnection {
    /// Returns the request budget of the client's address. A trusted address has none.
    pub(crate) fn budget(&self) -> Option<&Arc<RequestBudget>> {
        self.of_address.as_ref().map(|(budget, _)| budget)
    }

    /// Begins the connection's handshake, which is in progress until the returned value is dropped.
    ///
    /// # Errors
    /// The limit that is reached. Only the total limit applies to a trusted address.
    pub(crate) fn begin_handshake(
        &self,
        quota: HandshakeQuota,
    ) -> Result<HandshakeInProgress, HandshakeLimitReached> {
        let of_address = self.of_address.as_ref().map(|(_, handshakes)| &**handshakes);
        HandshakeInProgress::begin(&self.connections.handshakes, of_address, quota)
    }

    /// Returns the key of the client's address, also for a trusted address.
    pub(crate) fn key(&self) -> AddressKey {
        self.key
    }

    /// Returns the key of the client's address, or `None` for a trusted address, which many clients share.
    pub(crate) fn address(&self) -> Option<AddressKey> {
        self.of_address.is_some().then_some(self.key)
    }

    /// Marks the client as authenticated. The connection is not evicted afterwards.
    pub(crate) fn authenticated(&self) {
        let activity = &self.activity;
        if activity.keeps_place.load(Ordering::Relaxed) {
            return;
        }
        let mut table = self.connections.lock();
        let open = table.addresses.get(&self.key).is_some_and(|address| address.open.contains_key(&self.id));
        if open && !activity.keeps_place.swap(true, Ordering::Relaxed) {
            table.change_closable(self.key, -1);
        }
    }

    /// Returns whether the client was marked as authenticated.
    pub(crate) fn is_authenticated(&self) -> bool {
        self.activity.keeps_place.load(Ordering::Relaxed)
    }

    /// Counts the start of a request or response.
    pub(crate) fn begin(&self) {
        self.activity.running.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts the end of a request or response.
    pub(crate) fn end(&self) {
        self.activity.running.fetch_sub(1, Ordering::Relaxed);
        self.activity.idle_since.store(self.connections.millis(), Ordering::Relaxed);
    }

    /// Returns the token that is cancelled when the connection is evicted and has to be closed at once.
    pub(crate) fn evicted(&self) -> CancellationToken {
        self.activity.evicted.clone()
    }
}

impl Drop for OpenConnection {
    fn drop(&mut self) {
        self.connections.lock().close(self.key, self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroU32;

    fn limits() -> ConnectionLimits {
        ConnectionLimits {
            total: 10,
            per_address: 4,
            per_network: 6,
            ipv6_prefix: 64,
            trusted: Arc::from(["198.51.100.0/24".parse().unwrap()]),
            requests: RequestRate::per_second(1),
            handshakes: HandshakeQuota {
                in_progress: 10,
                in_progress_per_address: 10,
                per_second_per_address: NonZeroU32::MIN,
            },
        }
    }

    fn table() -> Arc<ConnectionTable> {
        Arc::new(ConnectionTable::new(usize::MAX))
    }

    fn admit(table: &Arc<ConnectionTable>, address: &str) -> Result<OpenConnection, ConnectionLimitReached> {
        table.admit(address.parse().unwrap(), &limits()).map(|(open, _)| open)
    }

    fn fill<'a>(
        table: &Arc<ConnectionTable>,
        addresses: impl IntoIterator<Item = &'a str>,
    ) -> Vec<OpenConnection> {
        addresses.into_iter().map(|address| admit(table, address).unwrap()).collect()
    }

    #[test]
    fn connections_of_an_address_and_a_network_are_limited_until_one_closes() {
        let table = table();
        let mut open = fill(&table, ["192.0.2.1"; 4]);
        assert_eq!(admit(&table, "192.0.2.1").unwrap_err(), ConnectionLimitReached::Address(4));
        open.extend(fill(&table, ["192.0.2.2", "192.0.2.3"]));
        assert_eq!(admit(&table, "192.0.2.4").unwrap_err(), ConnectionLimitReached::Network(6));
        open.extend(fill(&table, ["192.0.3.1"]));
        open.clear();
        fill(&table, ["192.0.2.1"; 4]);
    }

    #[test]
    fn an_ipv6_prefix_is_one_address() {
        let table = table();
        let _open = fill(&table, ["2001:db8::1", "2001:db8::2", "2001:db8::3", "2001:db8::ffff:4"]);
        assert_eq!(admit(&table, "2001:db8::5").unwrap_err(), ConnectionLimitReached::Address(4));
        assert!(admit(&table, "2001:db8:0:1::5").is_ok());
    }

    #[test]
    fn a_trusted_network_is_limited_in_total_only_and_never_evicted() {
        let table = table();
        let open = fill(&table, ["198.51.100.1"; 10]);
        assert!(open.iter().all(|connection| connection.budget().is_none()));
        assert_eq!(admit(&table, "192.0.2.1").unwrap_err(), ConnectionLimitReached::Total(10));
        assert!(open.iter().all(|connection| !connection.evicted().is_cancelled()));
    }

    fn full(table: &Arc<ConnectionTable>) -> Vec<OpenConnection> {
        fill(
            table,
            ["192.0.2.1", "192.0.2.1", "192.0.2.1", "192.0.2.1"]
                .into_iter()
                .chain(["192.0.3.1", "192.0.3.1", "192.0.3.1"])
                .chain(["192.0.4.1", "192.0.4.1", "192.0.4.1"]),
        )
    }

    fn evicted(open: &[OpenConnection]) -> Vec<usize> {
        let is_evicted = |(index, connection): (usize, &OpenConnection)| {
            connection.evicted().is_cancelled().then_some(index)
        };
        open.iter().enumerate().filter_map(is_evicted).collect()
    }

    #[test]
    fn at_the_limit_the_longest_idle_connection_of_the_address_with_the_most_is_evicted() {
        let table = table();
        let open = full(&table);
        for (place, connection) in open.iter().enumerate() {
            connection.activity.idle_since.store(100 - place as u64, Ordering::Relaxed);
        }
        open[3].begin();
        let newcomer = admit(&table, "203.0.113.1").unwrap();
        assert_eq!(evicted(&open), [2]);
        assert_eq!(table.lock().total, 10);
        drop((newcomer, open));
        assert_eq!(table.lock().total, 0);
        assert!(table.lock().by_number.is_empty() && table.lock().networks.is_empty());
    }

    #[test]
    fn an_authenticated_connection_is_not_evicted() {
        let table = table();
        let open = full(&table);
        open[..4].iter().for_each(OpenConnection::authenticated);
        open[1].authenticated();
        let _newcomer = admit(&table, "203.0.113.1").unwrap();
        assert!(evicted(&open).iter().all(|place| *place >= 4));
        assert_eq!(evicted(&open).len(), 1);
    }

    #[test]
    fn a_client_does_not_evict_one_with_as_many_connections() {
        let table = table();
        let open = full(&table);
        assert_eq!(admit(&table, "192.0.3.1").unwrap_err(), ConnectionLimitReached::Total(10));
        assert!(evicted(&open).is_empty());
    }

    #[test]
    fn a_busy_connection_is_evicted_if_none_is_idle() {
        let table = table();
        let open = full(&table);
        open.iter().for_each(OpenConnection::begin);
        let _newcomer = admit(&table, "203.0.113.1").unwrap();
        assert_eq!(evicted(&open).len(), 1);
    }

    #[test]
    fn connections_are_limited_by_the_file_descriptors() {
        let table = Arc::new(ConnectionTable::new(1));
        let _open = fill(&table, ["192.0.2.1"]);
        assert_eq!(admit(&table, "192.0.3.1").unwrap_err(), ConnectionLimitReached::Total(1));
    }

    #[test]
    fn a_new_connection_does_not_refill_the_budget_of_its_address() {
        let table = table();
        let first = admit(&table, "192.0.2.1").unwrap();
        while first.budget().unwrap().take().is_ok() {}
        drop(first);
        assert!(admit(&table, "192.0.2.1").unwrap().budget().unwrap().take().is_err());
        assert!(admit(&table, "192.0.2.2").unwrap().budget().unwrap().take().is_ok());
    }

    #[test]
    fn addresses_without_a_connection_are_forgotten() {
        let table = table();
        drop(fill(&table, ["192.0.2.1", "192.0.2.2"]));
        assert_eq!(table.lock().addresses.len(), 2);
        table.lock().forget_ended(Instant::now() + Duration::from_secs(60));
        assert_eq!(table.lock().addresses.len(), 0);
    }
}
