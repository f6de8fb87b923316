//! Divides the connections of one worker among servers and requests: servers in turn, those that failed recently last;
//! no more connections to one server than configured, and no more for one client than its share.
//!
//! A request for which no slot is free waits in a fair [`WaitQueue`]. When it has waited for [`EVICTION_DELAY`], the
//! connection of the slowest client that makes a server wait is closed.
//!
//! All of it runs on the worker's single thread. Between two awaits nothing else changes the counts; a slot that is
//! granted to a request which is no longer there returns through its `Drop`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, timeout_at};

use super::server::ServerState;
use super::slot_usage::SlotUsage;
use super::wait_queue::{WaitQueue, WaitingRequest};
use crate::backend::connection::state::ConnectionState;
use crate::backend::error::BackendError;
use crate::backend::requester::Requester;
use crate::backend::settings::{BackendSettings, ConnectionShares};
use crate::telemetry::BackendConnectionMetrics;

/// How long a request waits before a client that makes a server wait must yield its connection.
const EVICTION_DELAY: Duration = Duration::from_millis(100);

/// The servers of a backend, their slots and the queue for them.
pub(in crate::backend) struct LoadBalancer {
    servers: Vec<Rc<ServerState>>,
    next: Cell<usize>,
    queue_timeout: Duration,
    state: RefCell<BalancerState>,
    metrics: BackendConnectionMetrics,
}

struct BalancerState {
    shares: ConnectionShares,
    usage: SlotUsage,
    queue: WaitQueue<ConnectionSlot>,
    queue_length: usize,
    next_number: u64,
}

/// The right to use one connection to one server. On drop it goes to the next request in the queue.
pub(in crate::backend) struct ConnectionSlot {
    balancer: Rc<LoadBalancer>,
    server: Rc<ServerState>,
    requester: Requester,
}

impl ConnectionSlot {
    /// The client that uses the slot.
    pub(in crate::backend) fn requester(&self) -> Requester {
        self.requester
    }

    /// The server of the connection.
    pub(in crate::backend) fn server(&self) -> &Rc<ServerState> {
        &self.server
    }
}

impl Drop for ConnectionSlot {
    fn drop(&mut self) {
        self.server.release_slot();
        self.balancer.state.borrow_mut().usage.remove(&self.requester);
        self.balancer.grant_slots();
    }
}

impl LoadBalancer {
    pub(super) fn new(settings: &BackendSettings, metrics: BackendConnectionMetrics) -> Rc<Self> {
        let servers = settings.servers.iter().enumerate();
        let state = BalancerState {
            shares: settings.shares.times(settings.servers.len()),
            usage: SlotUsage::default(),
            queue: WaitQueue::default(),
            queue_length: settings.queue_length,
            next_number: 0,
        };
        Rc::new(Self {
            servers: servers
                .map(|(index, address)| ServerState::new(index, address, settings.max_connections))
                .collect(),
            next: Cell::new(0),
            queue_timeout: settings.queue_timeout,
            state: RefCell::new(state),
            metrics,
        })
    }

    /// All servers, each time beginning with the next one.
    pub(super) fn servers_in_turn(&self) -> Vec<Rc<ServerState>> {
        let mut servers = self.servers.clone();
        if !servers.is_empty() {
            let first = self.next.get() % servers.len();
            self.next.set(first + 1);
            servers.rotate_left(first);
        }
        servers
    }

    /// Acquires a slot of the first of `servers` with a free one, or else waits for one. Servers that failed recently
    /// are used only if all of them did: waiting is better than a connection that is likely to fail.
    ///
    /// # Errors
    /// [`BackendError::Busy`] if the queue or the client's share of it is full, or no slot was free in time.
    pub(in crate::backend) async fn acquire(
        self: &Rc<Self>,
        servers: &[Rc<ServerState>],
        requester: Requester,
    ) -> Result<ConnectionSlot, BackendError> {
        let healthy: Vec<_> = servers.iter().filter(|server| !server.is_backing_off()).cloned().collect();
        let candidates = if healthy.is_empty() { servers.to_vec() } else { healthy };
        if let Some(slot) = self.take_free(&candidates, requester) {
            return Ok(slot);
        }
        let (grant, mut granted) = oneshot::channel();
        let _entry = self.enqueue(requester, candidates.clone(), grant)?;
        let end = Instant::now() + self.queue_timeout;
        loop {
            let eviction = (Instant::now() + EVICTION_DELAY).min(end);
            match timeout_at(eviction, &mut granted).await {
                Ok(Ok(slot)) => return Ok(slot),
                Ok(Err(_)) => return Err(BackendError::Busy),
                Err(_) if Instant::now() >= end => return Err(BackendError::Busy),
                Err(_) => self.evict_for(requester, &candidates),
            }
        }
    }

    /// Takes a free slot. It does not overtake the queue: the waiting requests cannot use this slot, since their shares
    /// are used up or they wait for another server.
    fn take_free(
        self: &Rc<Self>,
        candidates: &[Rc<ServerState>],
        requester: Requester,
    ) -> Option<ConnectionSlot> {
        let mut state = self.state.borrow_mut();
        if !state.usage.admits(&requester, &state.shares) {
            return None;
        }
        let server = candidates.iter().find(|server| server.has_free_slot())?;
        state.usage.add(&requester);
        Some(self.slot(server, requester))
    }

    /// The caller has checked that the server has a free slot, and has added it to the usage.
    fn slot(self: &Rc<Self>, server: &Rc<ServerState>, requester: Requester) -> ConnectionSlot {
        server.take_slot();
        ConnectionSlot { balancer: Rc::clone(self), server: Rc::clone(server), requester }
    }

    fn enqueue(
        self: &Rc<Self>,
        requester: Requester,
        candidates: Vec<Rc<ServerState>>,
        grant: oneshot::Sender<ConnectionSlot>,
    ) -> Result<QueueEntry, BackendError> {
        let mut state = self.state.borrow_mut();
        let limit = state.queue_length;
        if state.queue.len() >= limit || state.queue.exceeds_share(&requester, limit) {
            return Err(BackendError::Busy);
        }
        let number = state.next_number;
        state.next_number += 1;
        state.queue.push(WaitingRequest { number, requester, candidates, grant });
        self.metrics.waiting.inc();
        Ok(QueueEntry { balancer: Rc::clone(self), requester, number })
    }

    /// Grants free slots to waiting requests, as long as there are both.
    fn grant_slots(self: &Rc<Self>) {
        loop {
            let mut state = self.state.borrow_mut();
            let BalancerState { queue, usage, shares, .. } = &mut *state;
            let Some(request) = queue.next(usage, shares) else { return };
            let requester = request.requester;
            let Some(server) = request.candidates.iter().find(|server| server.has_free_slot()) else {
                return;
            };
            usage.add(&requester);
            let slot = self.slot(server, requester);
            drop(state);
            // A request that stops waiting removes its entry before its receiver is dropped, so this one still waits.
            drop(request.grant.send(slot));
        }
    }

    /// Closes the connection of the slowest client that makes one of `candidates` wait, and whose slot the requester
    /// could use.
    fn evict_for(&self, requester: Requester, candidates: &[Rc<ServerState>]) {
        let state = self.state.borrow();
        let helps = |connection: &ConnectionState| {
            state.usage.admits_without(&requester, &connection.requester(), &state.shares)
        };
        let now = Instant::now();
        let connections = candidates.iter().flat_map(|server| server.connections());
        let slow = connections
            .filter(|connection| helps(connection))
            .filter_map(|connection| Some((connection.blocking_rate(now)?, connection)));
        if let Some((_, slowest)) = slow.min_by_key(|(rate, _)| *rate) {
            slowest.evict();
            self.metrics.slow.inc();
        }
    }
}

/// A request in the queue. On drop it leaves the queue.
struct QueueEntry {
    balancer: Rc<LoadBalancer>,
    requester: Requester,
    number: u64,
}

impl Drop for QueueEntry {
    fn drop(&mut self) {
        self.balancer.state.borrow_mut().queue.remove(&self.requester, self.number);
        self.balancer.metrics.waiting.dec();
    }
}
