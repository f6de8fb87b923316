//! The state of one connection, shared by the exchange that uses it, the task that drives it, and the load balancer,
//! which closes the connections of slow clients.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::stream::StreamState;
use crate::backend::body::transfer_rate::TransferRate;
use crate::backend::body::upload_progress::{RequestBodyError, UploadProgress};
use crate::backend::requester::Requester;

/// How long a client may take for the next message of its login before it must yield the connection to waiting requests.
const LOGIN_PAUSE: Duration = Duration::from_secs(2);

/// The state of one connection.
pub(in crate::backend) struct ConnectionState {
    requester: Cell<Requester>,
    phase: Cell<ConnectionPhase>,
    stream: Rc<StreamState>,
    /// The body of the current request.
    upload: RefCell<Option<Rc<UploadProgress>>>,
    /// The rate at which the client receives the response.
    download: TransferRate,
    eviction: Notify,
}

/// What a connection is doing, for the timeouts that its driver applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::backend) enum ConnectionPhase {
    /// A request is sent or waits for its response. The exchange applies the timeouts.
    Requesting,
    /// A response body last made progress at this time.
    Responding(Instant),
    /// No request since this time.
    Idle(Instant),
    /// No request since this time, in the middle of a login, which would fail if the connection were closed.
    LoginPaused(Instant),
    /// The connection was closed because a response body made no progress.
    Stalled,
}

impl ConnectionState {
    pub(super) fn new(requester: Requester, stream: Rc<StreamState>) -> Self {
        Self {
            requester: Cell::new(requester),
            phase: Cell::new(ConnectionPhase::Requesting),
            stream,
            upload: RefCell::default(),
            download: TransferRate::default(),
            eviction: Notify::new(),
        }
    }

    pub(in crate::backend) fn phase(&self) -> ConnectionPhase {
        self.phase.get()
    }

    /// The client that uses the connection, or used it last.
    pub(in crate::backend) fn requester(&self) -> Requester {
        self.requester.get()
    }

    pub(super) fn set_requester(&self, requester: Requester) {
        self.requester.set(requester);
    }

    /// When the connection became idle, if it is.
    pub(in crate::backend) fn idle_since(&self) -> Option<Instant> {
        match self.phase.get() {
            ConnectionPhase::Idle(since) => Some(since),
            ConnectionPhase::Requesting
            | ConnectionPhase::Responding(_)
            | ConnectionPhase::LoginPaused(_)
            | ConnectionPhase::Stalled => None,
        }
    }

    /// A request begins on an idle pooled connection.
    pub(super) fn end_idleness(&self) {
        self.phase.set(ConnectionPhase::Requesting);
        self.stream.end_idleness();
    }

    /// The next request of the client begins on its pinned connection.
    pub(super) fn resume(&self) {
        self.phase.set(ConnectionPhase::Requesting);
    }

    /// The connection carries a request with this body from now on.
    pub(in crate::backend) fn carry(&self, upload: &Rc<UploadProgress>) {
        self.upload.replace(Some(Rc::clone(upload)));
        self.download.reset();
    }

    /// The response head or a part of its body was received. Bytes that hyper had read before the connection was closed
    /// do not end [`ConnectionPhase::Stalled`].
    pub(in crate::backend) fn record_response(&self) {
        if self.phase.get() != ConnectionPhase::Stalled {
            self.phase.set(ConnectionPhase::Responding(Instant::now()));
        }
    }

    /// `bytes` of the response body were forwarded, and the client has to receive the next.
    pub(in crate::backend) fn record_forwarded(&self, bytes: u64) {
        self.record_response();
        self.download.record(bytes, Instant::now());
        self.download.start_waiting();
    }

    /// The client has to receive bytes that are buffered.
    pub(in crate::backend) fn wait_for_client(&self) {
        self.download.start_waiting();
    }

    /// The client has received all bytes so far.
    pub(in crate::backend) fn wait_for_backend(&self) {
        self.download.stop_waiting(Instant::now());
    }

    /// The request has ended, and the connection is idle.
    pub(super) fn set_idle(&self) {
        self.phase.set(ConnectionPhase::Idle(Instant::now()));
        self.upload.take();
    }

    /// The client has to send the next message of its login.
    pub(in crate::backend) fn pause_login(&self) {
        self.phase.set(ConnectionPhase::LoginPaused(Instant::now()));
        self.upload.take();
    }

    /// The rate in bytes per second at which the client sends its request or receives its response, if the server waits
    /// for this client and the rate is so low that the client must yield the connection to waiting requests.
    pub(in crate::backend) fn blocking_rate(&self, now: Instant) -> Option<u64> {
        match self.phase.get() {
            ConnectionPhase::Requesting => self.upload.borrow().as_ref()?.blocking_rate(now),
            ConnectionPhase::Responding(_) => self.download.blocking_rate(now),
            ConnectionPhase::LoginPaused(since) => (now.duration_since(since) >= LOGIN_PAUSE).then_some(0),
            ConnectionPhase::Idle(_) | ConnectionPhase::Stalled => None,
        }
    }

    /// Closes the connection, since its client slows down a server that other requests wait for. If the request tries a
    /// login, the server first has a few seconds to respond to the part that it has received, so that the attempt is counted.
    pub(in crate::backend) fn evict(&self) {
        if let (ConnectionPhase::Requesting, Some(upload)) = (self.phase.get(), self.upload.borrow().as_ref())
        {
            upload.abort(RequestBodyError::TooSlow);
            if upload.awaits_login_result() {
                upload.suspend();
                return;
            }
        }
        self.stall();
        self.eviction.notify_one();
    }

    /// Marks a response body as stalled, before the connection is closed.
    pub(super) fn stall(&self) {
        if let ConnectionPhase::Responding(_) = self.phase.get() {
            self.phase.set(ConnectionPhase::Stalled);
        }
    }

    /// Waits until the connection is evicted.
    pub(super) async fn evicted(&self) {
        self.eviction.notified().await;
    }

    /// Whether a write has failed or the rest of a request was not written, so that the connection must not be reused.
    pub(super) fn discards_writes(&self) -> bool {
        self.stream.discards_writes()
    }

    /// The server has responded before the end of the request body. The bytes that hyper still holds are not written: a
    /// server that does not read them would keep hyper from reading on.
    pub(in crate::backend) fn discard_writes(&self) {
        self.stream.discard_writes();
    }

    /// Whether any byte of a response to the current request was received.
    pub(in crate::backend) fn has_received(&self) -> bool {
        self.stream.has_received()
    }

    /// When the kernel last accepted bytes for the server.
    pub(in crate::backend) fn last_write(&self) -> Instant {
        self.stream.last_write()
    }
}
