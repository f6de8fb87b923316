//! One server of a backend, as one worker sees it: its open connections, its free slots and its last failure.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::connection::state::ConnectionState;
use crate::backend::settings::ServerAddress;
use crate::telemetry::BackendConnectionMetrics;

/// How long a server that could not be reached is used only if all others failed too.
const FAILURE_BACKOFF: Duration = Duration::from_secs(5);

/// One server of a backend.
pub(in crate::backend) struct ServerState {
    pub(in crate::backend) index: usize,
    pub(in crate::backend) address: ServerAddress,
    /// The address as it is written in the configuration.
    pub(in crate::backend) name: Arc<str>,
    open: Rc<Cell<usize>>,
    free_slots: Cell<usize>,
    failed_at: Cell<Option<Instant>>,
    connections: RefCell<Vec<Weak<ConnectionState>>>,
}

impl ServerState {
    pub(super) fn new(index: usize, address: &ServerAddress, slots: usize) -> Rc<Self> {
        Rc::new(Self {
            index,
            address: address.clone(),
            name: address.to_string().into(),
            open: Rc::default(),
            free_slots: Cell::new(slots),
            failed_at: Cell::new(None),
            connections: RefCell::default(),
        })
    }

    /// Prefers other servers for the duration of the backoff.
    pub(super) fn mark_failed(&self) {
        self.failed_at.set(Some(Instant::now()));
    }

    /// Ends the backoff: a connection was opened.
    pub(in crate::backend) fn mark_healthy(&self) {
        self.failed_at.set(None);
    }

    pub(super) fn is_backing_off(&self) -> bool {
        self.failed_at.get().is_some_and(|failed| failed.elapsed() < FAILURE_BACKOFF)
    }

    pub(super) fn has_free_slot(&self) -> bool {
        self.free_slots.get() > 0
    }

    /// Takes a slot. The caller has checked that one is free.
    pub(super) fn take_slot(&self) {
        self.free_slots.set(self.free_slots.get().saturating_sub(1));
    }

    pub(super) fn release_slot(&self) {
        self.free_slots.set(self.free_slots.get() + 1);
    }

    /// The pooled sockets that are open or being opened, idle ones included.
    pub(super) fn open_sockets(&self) -> usize {
        self.open.get()
    }

    /// Counts a pooled socket that is about to be opened.
    pub(super) fn count_socket(&self, metrics: &BackendConnectionMetrics) -> OpenSocket {
        self.open.set(self.open.get() + 1);
        metrics.open.inc();
        OpenSocket { open: Rc::clone(&self.open), metrics: metrics.clone() }
    }

    /// Adds a new connection to those that can be evicted.
    pub(in crate::backend) fn add_connection(&self, connection: &Rc<ConnectionState>) {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|connection| connection.strong_count() > 0);
        connections.push(Rc::downgrade(connection));
    }

    /// The connections that are open, pooled and pinned.
    pub(super) fn connections(&self) -> Vec<Rc<ConnectionState>> {
        self.connections.borrow().iter().filter_map(Weak::upgrade).collect()
    }
}

/// One pooled socket in the count of its server, from before it is opened until it is closed.
pub(super) struct OpenSocket {
    open: Rc<Cell<usize>>,
    metrics: BackendConnectionMetrics,
}

impl Drop for OpenSocket {
    fn drop(&mut self) {
        self.open.set(self.open.get().saturating_sub(1));
        self.metrics.open.dec();
    }
}
