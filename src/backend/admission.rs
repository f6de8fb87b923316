//! Which server a request goes to, and when: servers in turn, those that just failed last, no more connections to one
//! than it may have, the rest waiting in the order in which they came. Never connects.

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use super::error::BackendError;
use super::settings::{BackendSettings, ServerAddress};

/// How long a server that could not be reached is left alone while others can.
const PENALTY: Duration = Duration::from_secs(5);

/// One server of the backend, as this worker knows it.
pub(super) struct Server {
    pub(super) index: usize,
    pub(super) address: ServerAddress,
    /// The sockets open to it now, idle ones included.
    pub(super) open: Rc<Cell<usize>>,
    slots: Arc<Semaphore>,
    failed_at: Cell<Option<Instant>>,
}

impl Server {
    /// Puts the server last for a while.
    pub(super) fn penalize(&self) {
        self.failed_at.set(Some(Instant::now()));
    }

    pub(super) fn absolve(&self) {
        self.failed_at.set(None);
    }

    fn is_penalized(&self) -> bool {
        self.failed_at.get().is_some_and(|failed| failed.elapsed() < PENALTY)
    }
}

/// The servers, and the queue before them.
pub(super) struct Admission {
    servers: Vec<Rc<Server>>,
    next: Cell<usize>,
    waiting: Cell<usize>,
    queue_length: usize,
    queue_timeout: Duration,
}

impl Admission {
    pub(super) fn new(settings: &BackendSettings) -> Self {
        let slots = settings.max_connections.min(Semaphore::MAX_PERMITS);
        let server = |(index, address): (usize, &ServerAddress)| {
            Rc::new(Server {
                index,
                address: address.clone(),
                open: Rc::default(),
                slots: Arc::new(Semaphore::new(slots)),
                failed_at: Cell::new(None),
            })
        };
        Self {
            servers: settings.servers.iter().enumerate().map(server).collect(),
            next: Cell::new(0),
            waiting: Cell::new(0),
            queue_length: settings.queue_length,
            queue_timeout: settings.queue_timeout,
        }
    }

    /// All servers, another first each time.
    pub(super) fn in_turn(&self) -> Vec<Rc<Server>> {
        let mut servers = self.servers.clone();
        if !servers.is_empty() {
            let first = self.next.get() % servers.len();
            self.next.set(first + 1);
            servers.rotate_left(first);
        }
        servers
    }

    /// All servers, another first each time, those that just failed at the end.
    pub(super) fn healthy_first(&self) -> Vec<Rc<Server>> {
        let mut servers = self.in_turn();
        servers.sort_by_key(|server| server.is_penalized());
        servers
    }

    /// A slot of the first of `servers` that has one, else of whichever gets one first. Servers that just failed are
    /// asked only when all of them did: a full queue is better than a connection that will not come about.
    pub(super) async fn admit(
        &self,
        servers: &[Rc<Server>],
    ) -> Result<(Rc<Server>, OwnedSemaphorePermit), BackendError> {
        let healthy: Vec<_> = servers.iter().filter(|server| !server.is_penalized()).cloned().collect();
        let candidates = if healthy.is_empty() { servers } else { &healthy };
        for server in candidates {
            // Never overtakes: a slot let go of is handed to the first in the queue at once.
            if let Ok(slot) = Arc::clone(&server.slots).try_acquire_owned() {
                return Ok((Rc::clone(server), slot));
            }
        }
        if self.waiting.get() >= self.queue_length {
            return Err(BackendError::Busy);
        }
        let _queued = Queued::enter(&self.waiting);
        timeout(self.queue_timeout, first_slot(candidates)).await.map_err(|_| BackendError::Busy)
    }

    /// The sockets open now, idle ones included.
    pub(super) fn open(&self) -> usize {
        self.servers.iter().map(|server| server.open.get()).sum()
    }

    /// The requests that wait for a slot.
    pub(super) fn waiting(&self) -> usize {
        self.waiting.get()
    }
}

/// Waits in the queues of all `servers` at once, and leaves the others when one gives a slot.
async fn first_slot(servers: &[Rc<Server>]) -> (Rc<Server>, OwnedSemaphorePermit) {
    let enqueue =
        |server: &Rc<Server>| (Rc::clone(server), Box::pin(Arc::clone(&server.slots).acquire_owned()));
    let mut queues: Vec<_> = servers.iter().map(enqueue).collect();
    poll_fn(|cx| {
        for (server, queue) in &mut queues {
            if let Poll::Ready(slot) = queue.as_mut().poll(cx) {
                let slot = slot.expect("the semaphore is owned here and never closed");
                return Poll::Ready((Rc::clone(server), slot));
            }
        }
        Poll::Pending
    })
    .await
}

/// One request in the queue, for as long as it is there: it may also be dropped.
struct Queued<'a>(&'a Cell<usize>);

impl<'a> Queued<'a> {
    fn enter(waiting: &'a Cell<usize>) -> Self {
        waiting.set(waiting.get() + 1);
        Self(waiting)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
