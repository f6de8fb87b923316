//! The state of one worker: a single-threaded runtime with its own backend connections.

use super::snapshot::Snapshot;
use super::state::SharedState;
use crate::backend::{BackendPool, BodyMemory, PinnedRegister};
use crate::site::Backend;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// The state of one worker. It belongs to one thread and needs no lock.
pub(crate) struct Worker {
    state: Arc<SharedState>,
    pools: RefCell<BackendPools>,
    /// By the backend's name.
    pinned: RefCell<HashMap<String, Rc<PinnedRegister>>>,
    connections: Cell<u64>,
}

/// The pools of one configuration. A reload may change servers, trust or limits, so it begins with new pools; the old ones
/// end with their last request.
struct BackendPools {
    generation: u64,
    by_index: Vec<Option<Rc<BackendPool>>>,
    /// The memory for bodies that wait.
    memory: Rc<BodyMemory>,
}

impl Worker {
    /// A worker without backend connections.
    pub(crate) fn new(state: Arc<SharedState>) -> Self {
        let memory = BodyMemory::new(0, state.metrics.body_memory.clone());
        let pools = BackendPools { generation: 0, by_index: Vec::new(), memory };
        Self { state, pools: RefCell::new(pools), pinned: RefCell::default(), connections: Cell::new(0) }
    }

    /// A number for a client connection, unique in this worker.
    pub(super) fn number_connection(&self) -> u64 {
        self.connections.replace(self.connections.get().wrapping_add(1))
    }

    /// The state that all workers share.
    pub(crate) fn state(&self) -> &Arc<SharedState> {
        &self.state
    }

    /// This worker's pool for `backend` of `snapshot`.
    pub(super) fn pool(&self, snapshot: &Snapshot, backend: &Backend) -> Rc<BackendPool> {
        let mut pools = self.pools.borrow_mut();
        if pools.generation < snapshot.generation {
            *pools = BackendPools {
                generation: snapshot.generation,
                by_index: vec![None; snapshot.backends.len()],
                memory: BodyMemory::new(
                    snapshot.limits.body_memory_per_worker,
                    self.state.metrics.body_memory.clone(),
                ),
            };
        }
        let memory = Rc::clone(&pools.memory);
        let fresh = || {
            let mut pinned = self.pinned.borrow_mut();
            let pinned = Rc::clone(pinned.entry(backend.settings.name.clone()).or_default());
            let (settings, metrics) = (Arc::clone(&backend.settings), backend.metrics.connections.clone());
            Rc::new(BackendPool::new(settings, memory, pinned, metrics))
        };
        // A request that took its snapshot before a reload gets a pool of its own.
        let current = pools.generation == snapshot.generation;
        match pools.by_index.get_mut(backend.index).filter(|_| current) {
            Some(slot) => Rc::clone(slot.get_or_insert_with(fresh)),
            None => fresh(),
        }
    }
}
