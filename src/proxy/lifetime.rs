//! The lifetime of a client connection: counts the requests and responses in progress, and decides whether the connection
//! continues, closes, or is aborted.

use super::snapshot::ProxyLimits;
use crate::backend::{MinimumRate, TransferRate};
use crate::limits::{AddressKey, OpenConnection, RequestBudget};
use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The activity and the deadlines of one client connection.
pub(super) struct ConnectionLifetime {
    /// The time from which no more requests are accepted.
    close_at: Instant,
    /// The time at which requests still in progress are aborted.
    abort_at: Instant,
    idle: Duration,
    minimum: MinimumRate,
    /// The rate at which the client reads all of its responses. The streams of an HTTP/2 connection share its bandwidth.
    reading: Rc<TransferRate>,
    requests: Cell<u64>,
    unread: Cell<bool>,
    running: Cell<usize>,
    idle_since: Cell<Instant>,
    responses: RefCell<Vec<Weak<ResponseProgress>>>,
    retired: CancellationToken,
    /// The connection in the table of all client connections. Shared with the responses in progress.
    open: Rc<OpenConnection>,
}

/// The limits on the lifetime of one connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct LifetimeLimits {
    /// How long requests are accepted.
    pub(super) accepting: Duration,
    /// How long requests in progress may take after that.
    pub(super) completing: Duration,
    /// The timeout of a connection without a request, and of a response whose client accepts no data.
    pub(super) idle: Duration,
    /// The minimum rate at which the client reads its responses.
    pub(super) minimum_rate: MinimumRate,
}

/// The next action of the task that serves a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LifetimeAction {
    /// Check again at this time.
    Recheck(Instant),
    /// Complete the requests in progress, and accept no more.
    Close,
    /// Abort the connection, because it is too old or the client does not read its responses. Each response holds a slot in
    /// the queue of the audit log, so that clients that never read would deny service to all others.
    Abort,
}

/// The progress of a response, which its body holds.
#[derive(Debug)]
pub(super) struct ResponseProgress {
    /// The time at which the client last accepted a part, or `None` while the gateway waits for the backend.
    offered: Cell<Option<Instant>>,
    reading: Rc<TransferRate>,
    open: Rc<OpenConnection>,
}

/// A request in progress. It ends when the head of its response is ready.
pub(super) struct RunningRequest<'a>(&'a ConnectionLifetime);

impl LifetimeLimits {
    /// Returns the limits of a connection that accepts requests for `accepting`. Requests in progress at its end have the
    /// maximum age of a connection to complete.
    pub(super) fn new(accepting: Duration, limits: &ProxyLimits) -> Self {
        Self {
            accepting,
            completing: limits.connection_max_age,
            idle: limits.client_idle_timeout,
            minimum_rate: limits.minimum_rate,
        }
    }
}

impl ConnectionLifetime {
    /// Creates the lifetime of a connection that begins now.
    pub(super) fn new(limits: LifetimeLimits, open: OpenConnection) -> Self {
        let now = Instant::now();
        Self {
            close_at: now + limits.accepting,
            abort_at: now + limits.accepting + limits.completing,
            idle: limits.idle,
            minimum: limits.minimum_rate,
            reading: Rc::default(),
            requests: Cell::new(0),
            unread: Cell::new(false),
            running: Cell::new(0),
            idle_since: Cell::new(now),
            responses: RefCell::default(),
            retired: CancellationToken::new(),
            open: Rc::new(open),
        }
    }

    /// Begins a request, which is in progress until the returned value is dropped.
    pub(super) fn begin_request(&self) -> RunningRequest<'_> {
        self.requests.set(self.requests.get() + 1);
        self.unread.set(false);
        self.running.set(self.running.get() + 1);
        self.open.begin();
        RunningRequest(self)
    }

    /// Begins a response, which is in progress until its body drops the returned value.
    pub(super) fn begin_response(&self) -> Rc<ResponseProgress> {
        self.open.begin();
        let open = Rc::clone(&self.open);
        let reading = Rc::clone(&self.reading);
        reading.start_waiting();
        let progress = Rc::new(ResponseProgress { offered: Cell::new(Some(Instant::now())), reading, open });
        let mut responses = self.responses.borrow_mut();
        responses.retain(|response| response.strong_count() > 0);
        responses.push(Rc::downgrade(&progress));
        progress
    }

    /// Returns whether there was no request yet.
    pub(super) fn is_unused(&self) -> bool {
        self.requests.get() == 0
    }

    /// Returns the number of requests so far.
    pub(super) fn requests(&self) -> u64 {
        self.requests.get()
    }

    /// Returns whether a request or its response is in progress. hyper may still have to write the end of a response.
    pub(super) fn is_busy(&self) -> bool {
        self.running.get() > 0 || self.responses.borrow().iter().any(|response| response.strong_count() > 0)
    }

    /// Records that the response to the last request is sent before the end of the request's body.
    pub(super) fn leave_body_unread(&self) {
        self.unread.set(true);
    }

    /// Returns whether the client may still be sending the body of the last request.
    pub(super) fn has_unread_body(&self) -> bool {
        self.unread.get()
    }

    /// Accepts no more requests: the client has to open another connection.
    pub(super) fn retire(&self) {
        self.retired.cancel();
    }

    /// Returns whether [`ConnectionLifetime::retire`] was called.
    pub(super) fn is_retired(&self) -> bool {
        self.retired.is_cancelled()
    }

    /// Returns the token that [`ConnectionLifetime::retire`] cancels.
    pub(super) fn retired(&self) -> CancellationToken {
        self.retired.clone()
    }

    /// Returns the token that is cancelled when the connection is evicted for another client.
    pub(super) fn evicted(&self) -> CancellationToken {
        self.open.evicted()
    }

    /// Returns the key of the client's address, also for a trusted address.
    pub(super) fn key(&self) -> AddressKey {
        self.open.key()
    }

    /// Returns the key of the client's address, or `None` for a trusted address.
    pub(super) fn address(&self) -> Option<AddressKey> {
        self.open.address()
    }

    /// Records that a request of the client was authenticated.
    pub(super) fn authenticated(&self) {
        self.open.authenticated();
    }

    /// Returns whether an earlier request on the connection was authenticated.
    pub(super) fn is_authenticated(&self) -> bool {
        self.open.is_authenticated()
    }

    /// Returns the request budget of the client's address, or `None` for a trusted address.
    pub(super) fn budget(&self) -> Option<&Arc<RequestBudget>> {
        self.open.budget()
    }

    /// Returns the action that is due. `close_idle` specifies whether a connection is closed that was idle for too long. Over
    /// HTTP/1.1 hyper closes it.
    pub(super) fn next_action(&self, close_idle: bool) -> LifetimeAction {
        let now = Instant::now();
        // If the gateway begins to wait for the client after this check, the client is not too slow before the grace period
        // has ended.
        let soon = now + self.idle.min(self.minimum.grace);
        let soon = self.too_slow_at().map_or(soon, |at| at.min(soon));
        if self.abort_at <= now || self.response_stalls(now) {
            LifetimeAction::Abort
        } else if self.close_at <= now {
            LifetimeAction::Close
        } else if !close_idle || self.running.get() > 0 {
            LifetimeAction::Recheck(soon.min(self.close_at))
        } else {
            let idle_end = self.idle_since.get() + self.idle;
            if idle_end <= now {
                LifetimeAction::Close
            } else {
                LifetimeAction::Recheck(idle_end.min(self.close_at).min(soon))
            }
        }
    }

    /// Returns the time of the next check of a connection that accepts no more requests.
    pub(super) fn next_check_while_closing(&self) -> Instant {
        (Instant::now() + self.idle.min(self.minimum.grace)).min(self.abort_at)
    }

    /// Returns the time from which the client is too slow if it reads no more.
    fn too_slow_at(&self) -> Option<Instant> {
        let in_progress = self.responses.borrow().iter().any(|response| response.strong_count() > 0);
        if in_progress { self.reading.too_slow_at(self.minimum) } else { None }
    }

    fn response_stalls(&self, now: Instant) -> bool {
        if self.too_slow_at().is_some_and(|at| at <= now) {
            return true;
        }
        let stalls = |response: Rc<ResponseProgress>| {
            response.offered.get().is_some_and(|since| since + self.idle <= now)
        };
        self.responses.borrow().iter().filter_map(Weak::upgrade).any(stalls)
    }
}

impl ResponseProgress {
    /// Records that the client accepted a part of `bytes`, and can accept the next.
    pub(super) fn record_progress(&self, bytes: u64) {
        let now = Instant::now();
        self.offered.set(Some(now));
        self.reading.record(bytes, now);
        self.reading.start_waiting();
    }

    /// Records that the gateway waits for the backend, which has its own timeouts.
    pub(super) fn wait_for_backend(&self) {
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

    fn lifetime() -> ConnectionLifetime {
        let connections = ConnectionLimits {
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
        let (open, _) = Arc::new(ConnectionTable::new(usize::MAX)).admit(address, &connections).unwrap();
        let limits = LifetimeLimits {
            accepting: Duration::from_secs(3600),
            completing: Duration::from_secs(3600),
            idle: Duration::from_secs(120),
            minimum_rate: MINIMUM,
        };
        ConnectionLifetime::new(limits, open)
    }

    /// Returns the number of seconds after which the connection is aborted, if `each_second` is called in between.
    async fn aborted_after(lifetime: &ConnectionLifetime, most: u64, each_second: impl Fn()) -> Option<u64> {
        for second in 1..=most {
            advance(Duration::from_secs(1)).await;
            if lifetime.next_action(false) == LifetimeAction::Abort {
                return Some(second);
            }
            each_second();
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_its_response_too_slowly_is_disconnected() {
        let lifetime = lifetime();
        let response = lifetime.begin_response();
        assert_eq!(aborted_after(&lifetime, 60, || response.record_progress(10)).await, Some(21));
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_reads_at_the_minimum_rate_is_not_disconnected() {
        let lifetime = lifetime();
        let response = lifetime.begin_response();
        assert_eq!(aborted_after(&lifetime, 600, || response.record_progress(1_001)).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_responses_of_one_connection_count_together() {
        let lifetime = lifetime();
        let (fast, slow) = (lifetime.begin_response(), lifetime.begin_response());
        let each_second = || {
            fast.record_progress(1_001);
            slow.record_progress(1);
        };
        assert_eq!(aborted_after(&lifetime, 600, each_second).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_waits_for_the_backend_is_not_slow() {
        let lifetime = lifetime();
        let response = lifetime.begin_response();
        response.wait_for_backend();
        assert_eq!(aborted_after(&lifetime, 600, || response.wait_for_backend()).await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_without_a_response_is_not_slow() {
        let lifetime = lifetime();
        drop(lifetime.begin_response());
        assert_eq!(aborted_after(&lifetime, 600, || {}).await, None);
    }
}
