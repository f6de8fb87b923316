//! The activity of a connection, and when it must end. Keeps account of requests and responses in progress, and
//! decides whether the connection continues, accepts no more requests, or is aborted.

use super::snapshot::Limits;
use crate::backend::{MinimumRate, TransferRate};
use crate::limits::{AddressKey, OpenConnection, RequestBudget};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// What one connection's driver looks at.
pub(super) struct ConnectionLifetime {
    /// After this no more requests are taken.
    end: Instant,
    /// After this what still runs is broken off.
    last_end: Instant,
    idle: Duration,
    minimum: MinimumRate,
    /// How fast the client takes its responses, all of them together: the streams of an HTTP/2 connection share its
    /// bandwidth.
    reading: Rc<TransferRate>,
    requests: Cell<u64>,
    unread: Cell<bool>,
    running: Cell<usize>,
    idle_since: Cell<Instant>,
    answers: RefCell<Vec<Weak<ResponseProgress>>>,
    retired: CancellationToken,
    /// Its place among the connections of all clients. Shared with the responses on their way.
    open: Rc<OpenConnection>,
}

/// What the driver is to do with the connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LifetimeAction {
    /// Nothing. Look again at this time.
    Recheck(Instant),
    /// Let what runs end, and take no more requests.
    Close,
    /// Break off: its time is over, or the client does not take its answers. Each holds a place in the audit log's
    /// queue, so that clients which never read could otherwise keep everybody out.
    Abort,
}

/// How an answer moves. Held by its body.
#[derive(Debug)]
pub(super) struct ResponseProgress {
    /// When the client last took a piece; nothing while the backend is waited for.
    offered: Cell<Option<Instant>>,
    reading: Rc<TransferRate>,
    open: Rc<OpenConnection>,
}

/// Counts a request as running until its answer's head is ready.
pub(super) struct RunningRequest<'a>(&'a ConnectionLifetime);

impl ConnectionLifetime {
    /// A life that takes requests for `span`, and as long again as the greatest age of a connection for those in
    /// progress then.
    pub(super) fn new(span: Duration, limits: &Limits, open: OpenConnection) -> Self {
        let now = Instant::now();
        Self {
            end: now + span,
            last_end: now + span + limits.connection_max_age,
            idle: limits.client_idle_timeout,
            minimum: limits.minimum_rate,
            reading: Rc::default(),
            requests: Cell::new(0),
            unread: Cell::new(false),
            running: Cell::new(0),
            idle_since: Cell::new(now),
            answers: RefCell::default(),
            retired: CancellationToken::new(),
            open: Rc::new(open),
        }
    }

    /// A request begins.
    pub(super) fn begin(&self) -> RunningRequest<'_> {
        self.requests.set(self.requests.get() + 1);
        self.unread.set(false);
        self.running.set(self.running.get() + 1);
        self.open.begin();
        RunningRequest(self)
    }

    /// An answer begins, whose body keeps this.
    pub(super) fn answer(&self) -> Rc<ResponseProgress> {
        self.open.begin();
        let open = Rc::clone(&self.open);
        let reading = Rc::clone(&self.reading);
        reading.start_waiting();
        let progress = Rc::new(ResponseProgress { offered: Cell::new(Some(Instant::now())), reading, open });
        let mut answers = self.answers.borrow_mut();
        answers.retain(|answer| answer.strong_count() > 0);
        answers.push(Rc::downgrade(&progress));
        progress
    }

    /// Whether no request ever came: there is nothing to finish.
    pub(super) fn is_unused(&self) -> bool {
        self.requests.get() == 0
    }

    /// The requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Whether a request or its response is on its way. hyper may still have to write the end of a response.
    pub(super) fn is_answering(&self) -> bool {
        self.running.get() > 0 || self.answers.borrow().iter().any(|answer| answer.strong_count() > 0)
    }

    /// The last request's response comes before the end of its body.
    pub(super) fn leave_unread(&self) {
        self.unread.set(true);
    }

    /// Whether the client may have more of the last request's body to send.
    pub(super) fn has_unread(&self) -> bool {
        self.unread.get()
    }

    /// The client must come over another connection.
    pub(super) fn retire(&self) {
        self.retired.cancel();
    }

    /// Whether it must.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.is_cancelled()
    }

    /// Says that the client must.
    pub(super) fn retired(&self) -> CancellationToken {
        self.retired.clone()
    }

    /// Says that the connection has to give its place to another client's.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.open.evicted()
    }

    /// The client's address as it is counted, a trusted one too.
    pub(super) fn key(&self) -> AddressKey {
        self.open.key()
    }

    /// The client's address as it is counted; `None` for a trusted one.
    pub(super) fn address(&self) -> Option<AddressKey> {
        self.open.address()
    }

    /// The client is authenticated.
    pub(super) fn authenticated(&self) {
        self.open.authenticated();
    }

    /// Whether it was on an earlier request.
    pub(super) fn is_authenticated(&self) -> bool {
        self.open.is_authenticated()
    }

    /// What the client's address may still request; `None` where that is not limited.
    pub(super) fn budget(&self) -> Option<&Arc<RequestBudget>> {
        self.open.budget()
    }

    /// What is to be done now. `idle_ends` where the connection is to close when it was without a request for too
    /// long; hyper sees to that for HTTP/1.1.
    pub(super) fn order(&self, idle_ends: bool) -> LifetimeAction {
        let now = Instant::now();
        // A client that begins to be waited for after this look is too slow no earlier than after the grace.
        let soon = now + self.idle.min(self.minimum.grace);
        let soon = self.too_slow_at().map_or(soon, |at| at.min(soon));
        if self.last_end <= now || self.answers_stall(now) {
            LifetimeAction::Abort
        } else if self.end <= now {
            LifetimeAction::Close
        } else if !idle_ends || self.running.get() > 0 {
            LifetimeAction::Recheck(soon.min(self.end))
        } else {
            let idle_end = self.idle_since.get() + self.idle;
            if idle_end <= now {
                LifetimeAction::Close
            } else {
                LifetimeAction::Recheck(idle_end.min(self.end).min(soon))
            }
        }
    }

    /// When to look again at a connection that takes no more requests.
    pub(super) fn next_look_while_closing(&self) -> Instant {
        (Instant::now() + self.idle.min(self.minimum.grace)).min(self.last_end)
    }

    /// When the client will have taken its responses too slowly, if it takes nothing more.
    fn too_slow_at(&self) -> Option<Instant> {
        let under_way = self.answers.borrow().iter().any(|answer| answer.strong_count() > 0);
        if under_way { self.reading.too_slow_at(self.minimum) } else { None }
    }

    fn answers_stall(&self, now: Instant) -> bool {
        if self.too_slow_at().is_some_and(|at| at <= now) {
            return true;
        }
        let stalls =
            |answer: Rc<ResponseProgress>| answer.offered.get().is_some_and(|since| since + self.idle <= now);
        self.answers.borrow().iter().filter_map(Weak::upgrade).any(stalls)
    }
}

impl ResponseProgress {
    /// The client took a piece of `bytes`, and may take the next.
    pub(super) fn moved(&self, bytes: u64) {
        let now = Instant::now();
        self.offered.set(Some(now));
        self.reading.record(bytes, now);
        self.reading.start_waiting();
    }

    /// The backend has to give the next piece first; it has a limit of its own.
    pub(super) fn waits_for_backend(&self) {
        self.offered.set(None);
        self.reading.stop_waiting(Instant::now());
    }
}

impl Drop for RunningRequest<'_> {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
        self.0.idle_since.set(Instant::now());
        self.0.open.end();
    }
}

impl Drop for ResponseProgress {
    fn drop(&mut self) {
        self.open.end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{ConnectionLimits, ConnectionTable, HandshakeQuota, RequestRate};
    use tokio::time::advance;

    const MINIMUM: MinimumRate = MinimumRate { bytes_per_second: 1_000, grace: Duration::from_secs(20) };

    fn life() -> ConnectionLifetime {
        let limits = ConnectionLimits {
            total: 1,
            per_address: 1,
            per_network: 1,
            ipv6_prefix: 64,
            trusted: Arc::from([]),
            requests: RequestRate::per_second(1),
            handshakes: HandshakeQuota {
                in_progress: 1,
                in_progress_per_address: 1,
                per_second_per_address: std::num::NonZeroU32::MIN,
            },
        };
        let address = "192.0.2.1".parse().unwrap();
        let (open, _) = Arc::new(ConnectionTable::new(usize::MAX)).admit(address, &limits).unwrap();
        let now = Instant::now();
        ConnectionLifetime {
            end: now + Duration::from_secs(3600),
            last_end: now + Duration::from_secs(7200),
            idle: Duration::from_secs(120),
            minimum: MINIMUM,
            reading: Rc::default(),
            requests: Cell::new(1),
            unread: Cell::new(false),
            running: Cell::new(0),
            idle_since: Cell::new(now),
            answers: RefCell::default(),
            retired: CancellationToken::new(),
            open: Rc::new(open),
        }
    }

    /// After how many seconds the connection is broken off, when `each_second` is called in between.
    async fn broken_off_after(life: &ConnectionLifetime, most: u64, each_second: impl Fn()) -> Option<u64> {
        for second in 1..=most {
            advance(Duration::from_secs(1)).await;
            if life.order(false) == LifetimeAction::Abort {
                return Some(second);
            }
            each_second();
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_its_response_too_slowly_is_broken_off() {
        let life = life();
        let answer = life.answer();
        assert_eq!(broken_off_after(&life, 60, || answer.moved(10)).await, Some(21));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_keeps_the_minimum_rate_is_not() {
        let life = life();
        let answer = life.answer();
        assert_eq!(broken_off_after(&life, 600, || answer.moved(1_001)).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_responses_of_one_connection_count_together() {
        let life = life();
        let (fast, slow) = (life.answer(), life.answer());
        let each_second = || {
            fast.moved(1_001);
            slow.moved(1);
        };
        assert_eq!(broken_off_after(&life, 600, each_second).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_waits_for_the_backend_is_not_slow() {
        let life = life();
        let answer = life.answer();
        answer.waits_for_backend();
        assert_eq!(broken_off_after(&life, 600, || answer.waits_for_backend()).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_response_is_not_slow() {
        let life = life();
        drop(life.answer());
        assert_eq!(broken_off_after(&life, 600, || {}).await, None);
    }
}
