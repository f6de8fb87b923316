//! Divides the connections of one worker among the requests that want one: servers in turn, those that failed last at
//! the end, no more connections to one server than configured, and no more for one client than its share.
//!
//! A request that finds no free connection waits. Waiting is fair: certificate holders and anonymous clients take
//! turns, within them accounts (or addresses), within those client connections, so that a client with a thousand
//! requests in the queue delays the only request of another by one turn. A request that has waited for
//! [`PATIENCE`] closes the connection of the slowest client that keeps a server waiting.
//!
//! Never connects.

use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use crate::backend::connection::http1::ConnectionState;
use crate::backend::error::BackendError;
use crate::backend::settings::{BackendSettings, ConnectionShares, ServerAddress};
use crate::limits::{AccountKey, AddressKey};
use crate::telemetry::BackendConnectionMetrics;

/// How long a server that could not be reached is used only if no other is left.
const PENALTY: Duration = Duration::from_secs(5);

/// How long a request waits before a client that delays a server has to give way.
const PATIENCE: Duration = Duration::from_millis(100);

/// The client that a request came from, as far as connections are divided among clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Requester {
    /// The client's address as it is counted. A trusted one, which stands for many clients, has no share of its own.
    pub address: Option<AddressKey>,
    /// The number of the client's connection, unique in this worker.
    pub connection: u64,
    /// The account, if the request has one.
    pub account: Option<AccountKey>,
}

impl Requester {
    fn principal(&self) -> QueuePrincipal {
        match self.account {
            Some(account) => QueuePrincipal::Account(account),
            None => QueuePrincipal::Address(self.address),
        }
    }
}

/// Among whom the queue takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum QueuePrincipal {
    Account(AccountKey),
    Address(Option<AddressKey>),
}

/// One server of the backend, as this worker knows it.
pub(in crate::backend) struct ServerState {
    pub(in crate::backend) index: usize,
    pub(in crate::backend) address: ServerAddress,
    /// The address as it is written in the configuration.
    pub(in crate::backend) name: Arc<str>,
    open: Rc<Cell<usize>>,
    free: Cell<usize>,
    failed_at: Cell<Option<Instant>>,
    links: RefCell<Vec<Weak<ConnectionState>>>,
}

impl ServerState {
    /// Puts the server last for a while.
    pub(in crate::backend) fn penalize(&self) {
        self.failed_at.set(Some(Instant::now()));
    }

    pub(in crate::backend) fn absolve(&self) {
        self.failed_at.set(None);
    }

    fn is_penalized(&self) -> bool {
        self.failed_at.get().is_some_and(|failed| failed.elapsed() < PENALTY)
    }

    /// The pooled sockets that are open or being opened, idle ones included.
    pub(in crate::backend) fn open(&self) -> usize {
        self.open.get()
    }

    /// Counts a pooled socket that is about to be opened.
    pub(in crate::backend) fn count_socket(&self, metrics: &BackendConnectionMetrics) -> OpenSocket {
        self.open.set(self.open.get() + 1);
        metrics.open.inc();
        OpenSocket { open: Rc::clone(&self.open), metrics: metrics.clone() }
    }

    /// Remembers a new connection, which may have to be closed when its client delays the server.
    pub(in crate::backend) fn watch(&self, link: &Rc<ConnectionState>) {
        let mut links = self.links.borrow_mut();
        links.retain(|link| link.strong_count() > 0);
        links.push(Rc::downgrade(link));
    }
}

/// One pooled socket, from before it is opened until it is closed.
pub(in crate::backend) struct OpenSocket {
    open: Rc<Cell<usize>>,
    metrics: BackendConnectionMetrics,
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
        self.metrics.open.dec();
    }
}

/// The servers, their connections and the queue for them.
pub(in crate::backend) struct LoadBalancer {
    servers: Vec<Rc<ServerState>>,
    next: Cell<usize>,
    queue_timeout: Duration,
    state: RefCell<BalancerState>,
    metrics: BackendConnectionMetrics,
}

struct BalancerState {
    shares: ConnectionShares,
    held: SlotUsage,
    queue: WaitQueue,
    queue_length: usize,
    next_waiter: u64,
}

/// The right to use one connection to one server. Dropped, it goes to the next request in the queue.
pub(in crate::backend) struct ConnectionSlot {
    admission: Rc<LoadBalancer>,
    server: Rc<ServerState>,
    requester: Requester,
}

impl ConnectionSlot {
    /// The client that uses it.
    pub(in crate::backend) fn requester(&self) -> Requester {
        self.requester
    }

    /// The server that it is for.
    pub(in crate::backend) fn server(&self) -> &Rc<ServerState> {
        &self.server
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.server.free.set(self.server.free.get() + 1);
        self.admission.state.borrow_mut().held.remove(&self.requester);
        self.admission.grant();
    }
}

impl LoadBalancer {
    pub(in crate::backend) fn new(settings: &BackendSettings, metrics: BackendConnectionMetrics) -> Rc<Self> {
        let server = |(index, address): (usize, &ServerAddress)| {
            Rc::new(ServerState {
                index,
                address: address.clone(),
                name: address.to_string().into(),
                open: Rc::default(),
                free: Cell::new(settings.max_connections),
                failed_at: Cell::new(None),
                links: RefCell::default(),
            })
        };
        let state = BalancerState {
            shares: settings.shares.times(settings.servers.len()),
            held: SlotUsage::default(),
            queue: WaitQueue::default(),
            queue_length: settings.queue_length,
            next_waiter: 0,
        };
        Rc::new(Self {
            servers: settings.servers.iter().enumerate().map(server).collect(),
            next: Cell::new(0),
            queue_timeout: settings.queue_timeout,
            state: RefCell::new(state),
            metrics,
        })
    }

    /// All servers, another first each time.
    pub(in crate::backend) fn in_turn(&self) -> Vec<Rc<ServerState>> {
        let mut servers = self.servers.clone();
        if !servers.is_empty() {
            let first = self.next.get() % servers.len();
            self.next.set(first + 1);
            servers.rotate_left(first);
        }
        servers
    }

    /// A slot of the first of `servers` that has one, else of the first that gets one. Servers that failed last are
    /// used only if all of them did: a full queue is better than a connection that cannot be made.
    ///
    /// # Errors
    /// [`BackendError::Busy`] if the queue, or the client's share of it, is full, or no slot came in time.
    pub(in crate::backend) async fn admit(
        self: &Rc<Self>,
        servers: &[Rc<ServerState>],
        requester: Requester,
    ) -> Result<ConnectionSlot, BackendError> {
        let healthy: Vec<_> = servers.iter().filter(|server| !server.is_penalized()).cloned().collect();
        let candidates = if healthy.is_empty() { servers.to_vec() } else { healthy };
        if let Some(slot) = self.take_free(&candidates, requester) {
            return Ok(slot);
        }
        let (grant, mut granted) = oneshot::channel();
        let _queued = self.enqueue(requester, candidates.clone(), grant)?;
        let end = Instant::now() + self.queue_timeout;
        loop {
            let look = (Instant::now() + PATIENCE).min(end);
            match timeout_at(look, &mut granted).await {
                Ok(Ok(slot)) => return Ok(slot),
                Ok(Err(_)) => return Err(BackendError::Busy),
                Err(_) if Instant::now() >= end => return Err(BackendError::Busy),
                Err(_) => self.evict_for(requester, &candidates),
            }
        }
    }

    /// A slot that is free now. Those who wait in the queue could not use it: their shares are used up, or they may
    /// not use that server.
    fn take_free(
        self: &Rc<Self>,
        candidates: &[Rc<ServerState>],
        requester: Requester,
    ) -> Option<ConnectionSlot> {
        let mut state = self.state.borrow_mut();
        if !state.held.admits(&requester, &state.shares) {
            return None;
        }
        let server = candidates.iter().find(|server| server.free.get() > 0)?;
        state.held.add(&requester);
        Some(self.slot(server, requester))
    }

    /// The caller has checked that the server has a free slot, and counts it in `held`.
    fn slot(self: &Rc<Self>, server: &Rc<ServerState>, requester: Requester) -> ConnectionSlot {
        server.free.set(server.free.get().saturating_sub(1));
        ConnectionSlot { admission: Rc::clone(self), server: Rc::clone(server), requester }
    }

    fn enqueue(
        self: &Rc<Self>,
        requester: Requester,
        candidates: Vec<Rc<ServerState>>,
        grant: oneshot::Sender<ConnectionSlot>,
    ) -> Result<QueueEntry, BackendError> {
        let mut state = self.state.borrow_mut();
        let limit = state.queue_length;
        if state.queue.waiting >= limit || state.queue.exceeds_share(&requester, limit) {
            return Err(BackendError::Busy);
        }
        let number = state.next_waiter;
        state.next_waiter += 1;
        state.queue.push(WaitingRequest { number, requester, candidates, grant });
        self.metrics.waiting.inc();
        Ok(QueueEntry { admission: Rc::clone(self), requester, number })
    }

    /// Gives free slots to those who wait, as long as both fit.
    fn grant(self: &Rc<Self>) {
        loop {
            let mut state = self.state.borrow_mut();
            let BalancerState { queue, held, shares, .. } = &mut *state;
            let Some(waiter) = queue.next(held, shares) else { return };
            let requester = waiter.requester;
            let Some(server) = waiter.candidates.iter().find(|server| server.free.get() > 0) else { return };
            held.add(&requester);
            let slot = self.slot(server, requester);
            drop(state);
            // A request that has left takes its entry out of the queue before its receiver ends, so this reaches it.
            drop(waiter.grant.send(slot));
        }
    }

    /// Closes the connection of the slowest client that keeps one of `candidates` waiting and whose slot the requester
    /// could use.
    fn evict_for(&self, requester: Requester, candidates: &[Rc<ServerState>]) {
        let state = self.state.borrow();
        let helps =
            |link: &ConnectionState| state.held.admits_without(&requester, &link.requester(), &state.shares);
        let now = Instant::now();
        let links = candidates.iter().flat_map(|server| {
            let links = server.links.borrow();
            links.iter().filter_map(Weak::upgrade).collect::<Vec<_>>()
        });
        let slow = links.filter(|link| helps(link)).filter_map(|link| Some((link.delaying_rate(now)?, link)));
        if let Some((_, slowest)) = slow.min_by_key(|(rate, _)| *rate) {
            slowest.evict();
            self.metrics.slow.inc();
        }
    }
}

/// The slots in use, by client.
#[derive(Default)]
struct SlotUsage {
    anonymous: usize,
    by_connection: HashMap<u64, usize>,
    by_address: HashMap<AddressKey, usize>,
    by_account: HashMap<AccountKey, usize>,
}

impl SlotUsage {
    /// Whether the client's shares allow it one more.
    fn admits(&self, requester: &Requester, shares: &ConnectionShares) -> bool {
        self.left(requester, shares).into_iter().all(|left| left > 0)
    }

    /// Whether they would if `holder` gave one back.
    fn admits_without(&self, requester: &Requester, holder: &Requester, shares: &ConnectionShares) -> bool {
        let given_back = [
            requester.account == holder.account,
            requester.address == holder.address,
            requester.connection == holder.connection,
        ];
        let left = self.left(requester, shares).into_iter().zip(given_back);
        left.into_iter().all(|(left, given_back)| left > 0 || given_back)
    }

    /// What is left of the client's shares: that of its account or of all anonymous requests, of its address, of its
    /// connection.
    fn left(&self, requester: &Requester, shares: &ConnectionShares) -> [usize; 3] {
        let of_account = match requester.account {
            Some(account) => shares.per_account.saturating_sub(count(&self.by_account, &account)),
            None => shares.anonymous.saturating_sub(self.anonymous),
        };
        let of_address = match requester.address {
            Some(address) => shares.per_address.saturating_sub(count(&self.by_address, &address)),
            None => usize::MAX,
        };
        [
            of_account,
            of_address,
            shares.per_connection.saturating_sub(count(&self.by_connection, &requester.connection)),
        ]
    }

    fn add(&mut self, requester: &Requester) {
        *self.by_connection.entry(requester.connection).or_default() += 1;
        if let Some(address) = requester.address {
            *self.by_address.entry(address).or_default() += 1;
        }
        match requester.account {
            Some(account) => *self.by_account.entry(account).or_default() += 1,
            None => self.anonymous += 1,
        }
    }

    fn remove(&mut self, requester: &Requester) {
        take_one(&mut self.by_connection, requester.connection);
        if let Some(address) = requester.address {
            take_one(&mut self.by_address, address);
        }
        match requester.account {
            Some(account) => take_one(&mut self.by_account, account),
            None => self.anonymous = self.anonymous.saturating_sub(1),
        }
    }
}

fn count<K: Eq + Hash>(counts: &HashMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or(0)
}

fn take_one<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    use std::collections::hash_map::Entry;
    if let Entry::Occupied(mut entry) = counts.entry(key) {
        match entry.get() {
            0 | 1 => drop(entry.remove()),
            _ => *entry.get_mut() -= 1,
        }
    }
}

/// A request in the queue.
struct WaitingRequest {
    number: u64,
    requester: Requester,
    candidates: Vec<Rc<ServerState>>,
    grant: oneshot::Sender<ConnectionSlot>,
}

/// Who waits: certificate holders and anonymous clients, by principal, by client connection.
#[derive(Default)]
struct WaitQueue {
    with_account: ConnectionClass,
    anonymous: ConnectionClass,
    anonymous_first: bool,
    waiting: usize,
}

/// Entries that are served one after the other: one that was served goes to the end.
type Turns<K, V> = VecDeque<(K, V)>;

type ConnectionClass = Turns<QueuePrincipal, Turns<u64, VecDeque<WaitingRequest>>>;

impl WaitQueue {
    fn class(&mut self, requester: &Requester) -> &mut ConnectionClass {
        match requester.account {
            Some(_) => &mut self.with_account,
            None => &mut self.anonymous,
        }
    }

    /// Whether one more waiting request of this client is more than its share of a queue of `limit`: a quarter for
    /// one connection, half for one account or address, three quarters for all anonymous clients.
    fn exceeds_share(&mut self, requester: &Requester, limit: usize) -> bool {
        let anonymous: usize = match requester.account {
            Some(_) => 0,
            None => self.anonymous.iter().map(|(_, connections)| waiting(connections)).sum(),
        };
        let principal = requester.principal();
        let entry = self.class(requester).iter().find(|(key, _)| *key == principal);
        let (of_principal, of_connection) = entry.map_or((0, 0), |(_, connections)| {
            let own = connections.iter().find(|(key, _)| *key == requester.connection);
            (waiting(connections), own.map_or(0, |(_, waiters)| waiters.len()))
        });
        of_connection >= limit.div_ceil(4)
            || of_principal >= limit.div_ceil(2)
            || anonymous >= limit - limit / 4
    }

    fn push(&mut self, waiter: WaitingRequest) {
        self.waiting += 1;
        let requester = waiter.requester;
        let connections = entry(self.class(&requester), requester.principal());
        entry(connections, requester.connection).push_back(waiter);
    }

    /// Takes out the next request whose client's share and one of whose servers have a free slot.
    fn next(&mut self, held: &SlotUsage, shares: &ConnectionShares) -> Option<WaitingRequest> {
        let order = match (held.anonymous < shares.anonymous, self.anonymous_first) {
            (false, _) => vec![&mut self.with_account],
            (true, true) => vec![&mut self.anonymous, &mut self.with_account],
            (true, false) => vec![&mut self.with_account, &mut self.anonymous],
        };
        let found = order.into_iter().find_map(|class| next_in(class, held, shares))?;
        self.anonymous_first = found.requester.account.is_some();
        self.waiting -= 1;
        Some(found)
    }

    /// Takes out a request that waits no more.
    fn remove(&mut self, requester: &Requester, number: u64) {
        let class = self.class(requester);
        let principal = requester.principal();
        let Some(at) = class.iter().position(|(key, _)| *key == principal) else { return };
        let Some((_, connections)) = class.get_mut(at) else { return };
        let Some(inner) = connections.iter().position(|(key, _)| *key == requester.connection) else {
            return;
        };
        let Some((_, waiters)) = connections.get_mut(inner) else { return };
        let Some(place) = waiters.iter().position(|waiter| waiter.number == number) else { return };
        let removed = waiters.remove(place);
        if waiters.is_empty() {
            connections.remove(inner);
        }
        if connections.is_empty() {
            class.remove(at);
        }
        self.waiting -= 1;
        drop(removed);
    }
}

fn waiting(connections: &Turns<u64, VecDeque<WaitingRequest>>) -> usize {
    connections.iter().map(|(_, waiters)| waiters.len()).sum()
}

fn entry<K: PartialEq, V: Default>(turns: &mut Turns<K, V>, key: K) -> &mut V {
    let at = turns.iter().position(|(other, _)| *other == key).unwrap_or_else(|| {
        turns.push_back((key, V::default()));
        turns.len() - 1
    });
    &mut turns.get_mut(at).expect("the index was found or made in the line before").1
}

fn next_in(
    class: &mut ConnectionClass,
    held: &SlotUsage,
    shares: &ConnectionShares,
) -> Option<WaitingRequest> {
    for at in 0..class.len() {
        let (_, connections) = class.get_mut(at)?;
        let Some(found) = next_of(connections, held, shares) else { continue };
        let (key, connections) = class.remove(at)?;
        if !connections.is_empty() {
            class.push_back((key, connections));
        }
        return Some(found);
    }
    None
}

fn next_of(
    connections: &mut Turns<u64, VecDeque<WaitingRequest>>,
    held: &SlotUsage,
    shares: &ConnectionShares,
) -> Option<WaitingRequest> {
    for at in 0..connections.len() {
        let (_, waiters) = connections.get_mut(at)?;
        if !waiters.front().is_some_and(|first| held.admits(&first.requester, shares)) {
            continue;
        }
        let usable = |waiter: &WaitingRequest| {
            held.admits(&waiter.requester, shares)
                && waiter.candidates.iter().any(|server| server.free.get() > 0)
        };
        let Some(place) = waiters.iter().position(usable) else { continue };
        let waiter = waiters.remove(place)?;
        let (key, waiters) = connections.remove(at)?;
        if !waiters.is_empty() {
            connections.push_back((key, waiters));
        }
        return Some(waiter);
    }
    None
}

/// One request in the queue, for as long as it waits. Dropped, it leaves the queue.
struct QueueEntry {
    admission: Rc<LoadBalancer>,
    requester: Requester,
    number: u64,
}

impl Drop for QueueEntry {
    fn drop(&mut self) {
        self.admission.state.borrow_mut().queue.remove(&self.requester, self.number);
        self.admission.metrics.waiting.dec();
    }
}
