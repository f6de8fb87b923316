//! The open pinned connections of one worker to one backend, of which an idle one can be closed for a request that
//! needs a connection. Kept over reloads, as the connections are.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::rc::{Rc, Weak};
use std::sync::Arc;

use tokio::time::Instant;

use super::state::PinnedState;
use crate::limits::AddressKey;
use crate::telemetry::BackendConnectionMetrics;

/// The open pinned connections of one worker to one backend.
#[derive(Default)]
pub(crate) struct PinnedRegister {
    entries: RefCell<BTreeMap<u64, PinnedEntry>>,
    next: Cell<u64>,
}

struct PinnedEntry {
    server: Arc<str>,
    /// The client's address; `None` for a trusted address, which represents many clients.
    address: Option<AddressKey>,
    /// Dangling while the connection is being opened.
    state: Weak<PinnedState>,
}

/// The registration of one connection, from before it is opened until its socket is closed. It is removed on drop.
pub(in crate::backend) struct PinnedRegistration {
    register: Rc<PinnedRegister>,
    number: u64,
    metrics: BackendConnectionMetrics,
}

impl PinnedRegister {
    /// Adds a connection that is about to be opened.
    pub(in crate::backend) fn register(
        self: &Rc<Self>,
        server: &Arc<str>,
        address: Option<AddressKey>,
        metrics: &BackendConnectionMetrics,
    ) -> PinnedRegistration {
        let number = self.next.replace(self.next.get().wrapping_add(1));
        let entry = PinnedEntry { server: Arc::clone(server), address, state: Weak::new() };
        self.entries.borrow_mut().insert(number, entry);
        metrics.open.inc();
        PinnedRegistration { register: Rc::clone(self), number, metrics: metrics.clone() }
    }

    /// Returns the number of connections to `server`.
    pub(in crate::backend) fn count(&self, server: &str) -> usize {
        self.entries.borrow().values().filter(|entry| &*entry.server == server).count()
    }

    /// Returns the idle connection to `server` that is closed first, and when it became idle: of the address with the
    /// most connections, the one that has been idle for longest.
    pub(in crate::backend) fn eviction_candidate(&self, server: &str) -> Option<(Instant, Rc<PinnedState>)> {
        let entries = self.entries.borrow();
        let to_server = || entries.values().filter(|entry| &*entry.server == server);
        let mut by_address: HashMap<AddressKey, usize> = HashMap::new();
        for address in to_server().filter_map(|entry| entry.address) {
            *by_address.entry(address).or_default() += 1;
        }
        let of_address =
            |entry: &PinnedEntry| entry.address.and_then(|address| by_address.get(&address).copied());
        let idle = to_server().filter_map(|entry| {
            let state = entry.state.upgrade()?;
            Some((of_address(entry).unwrap_or(1), state.idle_since()?, state))
        });
        let candidate = idle.min_by_key(|(of_address, since, _)| (usize::MAX - of_address, *since));
        candidate.map(|(_, since, state)| (since, state))
    }
}

impl PinnedRegistration {
    /// Records that the connection is open.
    pub(super) fn set_opened(&self, state: &Rc<PinnedState>) {
        if let Some(entry) = self.register.entries.borrow_mut().get_mut(&self.number) {
            entry.state = Rc::downgrade(state);
        }
    }
}

impl Drop for PinnedRegistration {
    fn drop(&mut self) {
        self.register.entries.borrow_mut().remove(&self.number);
        self.metrics.open.dec();
    }
}
