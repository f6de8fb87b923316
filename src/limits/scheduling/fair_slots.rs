//! Slots for concurrent work, which clients get in turn. Within one client, the request with the least work is first.
//!
//! A semaphore would serve in order of arrival, so that one client with a thousand waiting requests would delay all others.

use super::super::AddressKey;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// One of this many turns goes to the clients of [`ClientRank::Last`] even if others wait, because failing clients may share
/// an address with good ones, for example behind a NAT.
const TURNS_PER_LAST: u32 = 8;

/// The number of slots, and of requests that may wait for a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SlotLimits {
    /// The number of slots.
    pub slots: usize,
    /// The maximum number of slots that one client may hold.
    pub slots_per_client: usize,
    /// The maximum number of waiting requests.
    pub waiting: usize,
    /// The maximum number of waiting requests of one client.
    pub waiting_per_client: usize,
}

/// The rank of a client among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientRank {
    /// The client is served in turn.
    Normal,
    /// The client is served after those of normal rank.
    Last,
}

/// A request for a slot.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotRequest {
    /// The client that causes the work.
    pub client: AddressKey,
    /// The rank of the client. It has no effect if another request of the client waits.
    pub rank: ClientRank,
    /// The amount of work, in any unit. Within one client, the smallest amount is first.
    pub work: u32,
}

/// Too many requests are waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests are waiting")]
pub(crate) struct SlotsFull;

/// A number of slots that clients get in turn. Clones share them.
#[derive(Clone)]
pub(crate) struct FairSlots(Arc<SlotPool>);

struct SlotPool {
    limits: SlotLimits,
    state: Mutex<SlotState>,
}

#[derive(Default)]
struct SlotState {
    running: usize,
    waiting: usize,
    /// The number of requests so far.
    arrivals: u64,
    turns: u32,
    /// The clients that hold a slot or wait for one.
    clients: HashMap<AddressKey, ClientQueue>,
    normal: VecDeque<AddressKey>,
    last: VecDeque<AddressKey>,
}

#[derive(Default)]
struct ClientQueue {
    running: usize,
    /// Waiting requests by their work, and then by their arrival.
    waiting: BTreeMap<(u32, u64), oneshot::Sender<HeldSlot>>,
    /// Whether the client is in one of the two queues.
    queued: bool,
}

/// A slot in use. The next client gets it when this value is dropped.
pub(crate) struct HeldSlot {
    shared: Option<Arc<SlotPool>>,
    client: AddressKey,
}

impl FairSlots {
    /// Creates a number of free slots.
    pub(crate) fn new(limits: SlotLimits) -> Self {
        Self(Arc::new(SlotPool { limits, state: Mutex::default() }))
    }

    /// Waits for a slot and returns it. If the future is dropped, the request is removed from the queue.
    ///
    /// # Errors
    /// Too many requests are waiting, in total or of this client.
    pub(crate) async fn acquire(&self, request: SlotRequest) -> Result<HeldSlot, SlotsFull> {
        let (sender, receiver) = oneshot::channel();
        let key = self.0.join(request, sender)?;
        let _waiting = WaitingGuard { shared: &self.0, client: request.client, key };
        // The sender is in the queue until it has sent, and the queue exists as long as `self`.
        receiver.await.map_err(|_| SlotsFull)
    }
}

impl fmt::Debug for FairSlots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.lock();
        f.debug_struct("FairSlots")
            .field("limits", &self.0.limits)
            .field("running", &state.running)
            .field("waiting", &state.waiting)
            .finish()
    }
}

impl SlotPool {
    fn lock(&self) -> MutexGuard<'_, SlotState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn join(
        self: &Arc<Self>,
        request: SlotRequest,
        sender: oneshot::Sender<HeldSlot>,
    ) -> Result<(u32, u64), SlotsFull> {
        let limits = &self.limits;
        let state = &mut *self.lock();
        let client = state.clients.entry(request.client).or_default();
        let is_free = state.running < limits.slots
            && client.running < limits.slots_per_client
            && client.waiting.is_empty();
        let may_wait = state.waiting < limits.waiting && client.waiting.len() < limits.waiting_per_client;
        if !is_free && !may_wait {
            state.forget_if_idle(request.client);
            return Err(SlotsFull);
        }
        let key = (request.work, state.arrivals);
        client.waiting.insert(key, sender);
        if !client.queued {
            client.queued = true;
            match request.rank {
                ClientRank::Normal => state.normal.push_back(request.client),
                ClientRank::Last => state.last.push_back(request.client),
            }
        }
        state.arrivals += 1;
        state.waiting += 1;
        self.serve(state);
        Ok(key)
    }

    /// Assigns the free slots.
    fn serve(self: &Arc<Self>, state: &mut SlotState) {
        while state.running < self.limits.slots {
            let Some((client, sender)) = state.next(self.limits.slots_per_client) else { break };
            let slot = HeldSlot { shared: Some(Arc::clone(self)), client };
            match sender.send(slot) {
                Ok(()) => {
                    state.running += 1;
                    if let Some(holder) = state.clients.get_mut(&client) {
                        holder.running += 1;
                    }
                }
                // The request was cancelled concurrently. The slot was not counted and must not be released.
                Err(mut unused) => {
                    unused.shared = None;
                    state.forget_if_idle(client);
                }
            }
        }
    }
}

impl SlotState {
    /// Removes the next request from the queue and returns it.
    fn next(&mut self, slots_per_client: usize) -> Option<(AddressKey, oneshot::Sender<HeldSlot>)> {
        self.turns = self.turns.wrapping_add(1);
        let queues = match self.turns % TURNS_PER_LAST {
            0 => [&mut self.last, &mut self.normal],
            _ => [&mut self.normal, &mut self.last],
        };
        for queue in queues {
            for _ in 0..queue.len() {
                let Some(name) = queue.pop_front() else { break };
                let Some(client) = self.clients.get_mut(&name) else { continue };
                if client.running >= slots_per_client && !client.waiting.is_empty() {
                    queue.push_back(name);
                    continue;
                }
                let first = client.waiting.pop_first();
                if client.waiting.is_empty() {
                    client.queued = false;
                } else {
                    queue.push_back(name);
                }
                let Some((_, sender)) = first else {
                    if client.running == 0 {
                        self.clients.remove(&name);
                    }
                    continue;
                };
                self.waiting = self.waiting.saturating_sub(1);
                return Some((name, sender));
            }
        }
        None
    }

    fn forget_if_idle(&mut self, name: AddressKey) {
        let idle = |client: &ClientQueue| client.running == 0 && client.waiting.is_empty() && !client.queued;
        if self.clients.get(&name).is_some_and(idle) {
            self.clients.remove(&name);
        }
    }
}

impl Drop for HeldSlot {
    fn drop(&mut self) {
        let Some(shared) = self.shared.take() else { return };
        let state = &mut *shared.lock();
        state.running = state.running.saturating_sub(1);
        if let Some(client) = state.clients.get_mut(&self.client) {
            client.running = client.running.saturating_sub(1);
        }
        state.forget_if_idle(self.client);
        shared.serve(state);
    }
}

impl fmt::Debug for HeldSlot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HeldSlot").field("client", &self.client).finish_non_exhaustive()
    }
}

/// Removes a request from the queue if it is cancelled.
struct WaitingGuard<'a> {
    shared: &'a Arc<SlotPool>,
    client: AddressKey,
    key: (u32, u64),
}

impl Drop for WaitingGuard<'_> {
    fn drop(&mut self) {
        let state = &mut *self.shared.lock();
        let Some(client) = state.clients.get_mut(&self.client) else { return };
        if client.waiting.remove(&self.key).is_none() {
            return;
        }
        state.waiting = state.waiting.saturating_sub(1);
        if client.waiting.is_empty() {
            client.queued = false;
            state.normal.retain(|name| *name != self.client);
            state.last.retain(|name| *name != self.client);
            state.forget_if_idle(self.client);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    const LIMITS: SlotLimits =
        SlotLimits { slots: 1, slots_per_client: 1, waiting: 100, waiting_per_client: 50 };

    fn turn(last: u8, rank: ClientRank, work: u32) -> SlotRequest {
        SlotRequest { client: AddressKey::of([192, 0, 2, last].into(), 64), rank, work }
    }

    type Acquiring<'a> = Pin<Box<dyn Future<Output = Result<HeldSlot, SlotsFull>> + 'a>>;

    /// Requests a slot at once.
    fn wait(slots: &FairSlots, request: SlotRequest) -> Acquiring<'_> {
        let mut acquiring: Acquiring<'_> = Box::pin(slots.acquire(request));
        assert!(poll(&mut acquiring).is_pending());
        acquiring
    }

    fn poll(acquiring: &mut Acquiring<'_>) -> Poll<Result<HeldSlot, SlotsFull>> {
        acquiring.as_mut().poll(&mut Context::from_waker(Waker::noop()))
    }

    /// Returns the positions in `waiting` in the order in which they are served.
    fn order(held: HeldSlot, mut waiting: Vec<Acquiring<'_>>) -> Vec<usize> {
        let mut order = Vec::new();
        drop(held);
        while order.len() < waiting.len() {
            let served: Vec<_> = (0..waiting.len())
                .filter(|position| !order.contains(position))
                .filter_map(|position| match poll(&mut waiting[position]) {
                    Poll::Ready(slot) => Some((position, slot.unwrap())),
                    Poll::Pending => None,
                })
                .collect();
            assert_eq!(served.len(), 1, "one slot has one holder");
            order.extend(served.into_iter().map(|(position, _slot)| position));
        }
        order
    }

    #[tokio::test]
    async fn a_client_with_one_request_waits_for_one_request_of_another() {
        let slots = FairSlots::new(LIMITS);
        let held = slots.acquire(turn(1, ClientRank::Normal, 1)).await.unwrap();
        let mut waiting: Vec<_> = (0..5).map(|_| wait(&slots, turn(1, ClientRank::Normal, 1))).collect();
        waiting.push(wait(&slots, turn(2, ClientRank::Normal, 1)));
        assert_eq!(order(held, waiting), [0, 5, 1, 2, 3, 4]);
    }

    #[tokio::test]
    async fn the_least_work_of_one_client_is_first() {
        let slots = FairSlots::new(LIMITS);
        let held = slots.acquire(turn(1, ClientRank::Normal, 1)).await.unwrap();
        let waiting = [30, 20, 30, 10].map(|work| wait(&slots, turn(1, ClientRank::Normal, work)));
        assert_eq!(order(held, waiting.into()), [3, 1, 0, 2]);
    }

    #[tokio::test]
    async fn a_client_of_the_last_rank_is_served_rarely_but_not_never() {
        let slots = FairSlots::new(LIMITS);
        let held = slots.acquire(turn(1, ClientRank::Normal, 1)).await.unwrap();
        let mut waiting = vec![wait(&slots, turn(9, ClientRank::Last, 1))];
        waiting.extend((0..20).map(|_| wait(&slots, turn(1, ClientRank::Normal, 1))));
        let order = order(held, waiting);
        let place = order.iter().position(|served| *served == 0).unwrap();
        assert!((1..8).contains(&place), "{order:?}");
    }

    #[tokio::test]
    async fn a_client_at_its_limit_leaves_free_slots_to_others() {
        let slots = FairSlots::new(SlotLimits { slots: 2, ..LIMITS });
        let _held = slots.acquire(turn(1, ClientRank::Normal, 1)).await.unwrap();
        let mut second = wait(&slots, turn(1, ClientRank::Normal, 1));
        assert!(slots.acquire(turn(2, ClientRank::Normal, 1)).await.is_ok());
        assert!(poll(&mut second).is_pending());
    }

    #[tokio::test]
    async fn a_request_beyond_the_queue_is_rejected_at_once() {
        let slots = FairSlots::new(SlotLimits { waiting: 3, waiting_per_client: 2, ..LIMITS });
        let _held = slots.acquire(turn(1, ClientRank::Normal, 1)).await.unwrap();
        let _waiting = [1, 1, 2].map(|client| wait(&slots, turn(client, ClientRank::Normal, 1)));
        assert_eq!(slots.acquire(turn(3, ClientRank::Normal, 1)).await.unwrap_err(), SlotsFull);
        let slots = FairSlots::new(SlotLimits { waiting: 3, waiting_per_client: 2, ..LIMITS });
        let _held = slots.acquire(turn(1, ClientRank::Normal, 1)).await.unwrap();
        let _waiting = [1, 1].map(|client| wait(&slots, turn(client, ClientRank::Normal, 1)));
        assert_eq!(slots.acquire(turn(1, ClientRank::Normal, 1)).await.unwrap_err(), SlotsFull);
    }

    #[tokio::test]
    async fn a_cancelled_request_leaves_the_counts_unchanged() {
        let slots = FairSlots::new(SlotLimits { waiting: 1, ..LIMITS });
        let held = slots.acquire(turn(1, ClientRank::Normal, 1)).await.unwrap();
        for client in 0..200 {
            drop(wait(&slots, turn(client, ClientRank::Normal, 1)));
        }
        // The request gets the slot, and is cancelled before it is polled.
        let unread = wait(&slots, turn(2, ClientRank::Normal, 1));
        drop(held);
        drop(unread);
        let last = slots.acquire(turn(3, ClientRank::Normal, 1)).await.unwrap();
        drop(last);
        let state = slots.0.lock();
        assert_eq!((state.running, state.waiting, state.clients.len()), (0, 0, 0));
    }
}
