//! One worker: a single-threaded runtime's share of the gate, with backend connections of its own.

use super::gate::Gate;
use super::snapshot::Snapshot;
use crate::backend::Pool;
use crate::policy::Backend;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What one worker has for itself. Lives on one thread; nothing of it is locked.
pub struct Worker {
    gate: Arc<Gate>,
    pools: RefCell<Pools>,
}

/// The pools of one configuration. A reload may change servers, trust or limits, so that its pools are new; the old
/// ones end with their last request.
struct Pools {
    generation: u64,
    by_index: Vec<Option<Rc<Pool>>>,
}

impl Worker {
    /// A worker without a backend connection yet.
    pub fn new(gate: Arc<Gate>) -> Self {
        Self { gate, pools: RefCell::new(Pools { generation: 0, by_index: Vec::new() }) }
    }

    /// What it shares with the others.
    pub fn gate(&self) -> &Arc<Gate> {
        &self.gate
    }

    /// This worker's connections to `backend` of `snapshot`.
    pub(super) fn pool(&self, snapshot: &Snapshot, backend: &Backend) -> Rc<Pool> {
        let mut pools = self.pools.borrow_mut();
        if pools.generation < snapshot.generation {
            *pools = Pools { generation: snapshot.generation, by_index: vec![None; snapshot.backends.len()] };
        }
        let fresh = || Rc::new(Pool::new(Arc::clone(&backend.settings)));
        // A request that took its snapshot before a reload gets a pool for itself.
        let current = pools.generation == snapshot.generation;
        match pools.by_index.get_mut(backend.index).filter(|_| current) {
            Some(slot) => Rc::clone(slot.get_or_insert_with(fresh)),
            None => fresh(),
        }
    }
}
