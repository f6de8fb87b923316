//! The progress of one request body, which the body, the exchange that sends it and the request's audit record share.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::transfer_rate::{MinimumRate, TransferRate};

/// The number of bytes of a request body that were received and forwarded, and the reason if it failed.
#[derive(Debug)]
pub(crate) struct UploadProgress {
    forwarded: Cell<u64>,
    whole: Cell<bool>,
    discards_rest: Cell<bool>,
    ignores_failure: Cell<bool>,
    waits_for_backend: Cell<bool>,
    rate: TransferRate,
    minimum: Cell<MinimumRate>,
    last_progress: Cell<Instant>,
    failure: RefCell<Option<RequestBodyError>>,
    awaits_login_result: Cell<bool>,
    suspended: Cell<bool>,
    suspension: Notify,
}

/// The reason for which a request body could not be forwarded to its end.
#[derive(Debug, thiserror::Error)]
pub enum RequestBodyError {
    /// The body exceeded the limit. A declared length above it is denied before a backend connection is acquired.
    #[error("the request body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The client disconnected or reset the stream.
    #[error("the client disconnected before the end of the request body")]
    ClientGone(#[source] Box<dyn Error + Send + Sync>),
    /// The body violates its framing (RFC 9112 7.1, RFC 9113 8.1.1).
    #[error("malformed request body")]
    Malformed(#[source] Box<dyn Error + Send + Sync>),
    /// The client sent nothing for `body_idle_timeout`.
    #[error("the client stopped sending the request body")]
    Stalled,
    /// The client sent less than the minimum rate, or sent slowly while other requests waited for its backend
    /// connection.
    #[error("the client sent the request body too slowly")]
    TooSlow,
}

/// The error of a body that violates its framing. Every other error of a client's body means that the client has
/// disconnected.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub(crate) struct MalformedBody(pub Box<dyn Error + Send + Sync>);

/// The error that is returned to hyper when a request body fails. [`UploadProgress`] stores the reason, because hyper
/// returns its own error to the sender of the request.
#[derive(Debug, thiserror::Error)]
#[error("the request body failed")]
pub(crate) struct RequestBodyFailed;

impl RequestBodyError {
    /// Returns the reason for which the client's body returned `error`.
    pub(super) fn of_source(error: Box<dyn Error + Send + Sync>) -> Self {
        match error.downcast::<MalformedBody>() {
            Ok(malformed) => Self::Malformed(malformed.0),
            Err(error) => Self::ClientGone(error),
        }
    }
}

impl UploadProgress {
    /// Creates the progress of a body, which is `whole` from the start if it is empty.
    pub(super) fn new(whole: bool) -> Self {
        Self {
            forwarded: Cell::new(0),
            whole: Cell::new(whole),
            discards_rest: Cell::new(false),
            ignores_failure: Cell::new(false),
            waits_for_backend: Cell::new(false),
            rate: TransferRate::default(),
            minimum: Cell::new(MinimumRate::NONE),
            last_progress: Cell::new(Instant::now()),
            failure: RefCell::new(None),
            awaits_login_result: Cell::new(false),
            suspended: Cell::new(false),
            suspension: Notify::new(),
        }
    }

    /// Returns the number of bytes that were passed to the backend connection, without framing.
    pub(crate) fn bytes(&self) -> u64 {
        self.forwarded.get()
    }

    /// Returns the number of bytes that the client has sent, without framing.
    pub(crate) fn received(&self) -> u64 {
        self.rate.total()
    }

    /// Returns whether the whole body was passed to the backend connection. True from the start for a request without a
    /// body.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole.get()
    }

    /// Marks the request as a login attempt. Its result must not be lost if the client stops in the middle of the body:
    /// the body is then suspended instead of failing, and the backend has a few seconds to respond to the part that it
    /// has received. Otherwise a client could guess passwords without being counted, by never completing a request.
    pub(crate) fn await_login_result(&self) {
        self.awaits_login_result.set(true);
    }

    /// Returns whether [`UploadProgress::await_login_result`] was called.
    pub(in crate::backend) fn awaits_login_result(&self) -> bool {
        self.awaits_login_result.get()
    }

    pub(super) fn set_minimum_rate(&self, minimum: MinimumRate) {
        self.minimum.set(minimum);
    }

    pub(super) fn set_forwarded(&self, bytes: u64) {
        self.forwarded.set(bytes);
    }

    pub(super) fn set_whole(&self, whole: bool) {
        self.whole.set(whole);
    }

    pub(super) fn set_waits_for_backend(&self, waits: bool) {
        self.waits_for_backend.set(waits);
    }

    /// Restarts the idle timeout: bytes were forwarded, or an attempt to send the body begins.
    pub(in crate::backend) fn touch(&self) {
        self.last_progress.set(Instant::now());
    }

    /// Records that the client sent `bytes`.
    pub(super) fn record_received(&self, bytes: u64) {
        let now = Instant::now();
        self.rate.record(bytes, now);
        self.last_progress.set(now);
    }

    /// Records that the next bytes of the body must come from the client.
    pub(super) fn wait_for_client(&self) {
        self.rate.start_waiting();
    }

    /// Discards the rest of the body, because the response was received.
    pub(in crate::backend) fn discard_rest(&self) {
        self.discards_rest.set(true);
    }

    pub(super) fn discards_rest(&self) -> bool {
        self.discards_rest.get()
    }

    /// Continues to forward the body although the response was received. If the rest exceeds the limit, it is
    /// discarded, because a body that fails would make hyper abort the response.
    pub(in crate::backend) fn ignore_failure(&self) {
        self.ignores_failure.set(true);
    }

    pub(super) fn ignores_failure(&self) -> bool {
        self.ignores_failure.get()
    }

    /// Stops forwarding the body. The backend has a few seconds to respond to the part that it has received.
    pub(in crate::backend) fn suspend(&self) {
        self.suspended.set(true);
        self.touch();
        self.suspension.notify_one();
    }

    /// Returns whether the body was suspended after a failure.
    pub(in crate::backend) fn is_suspended(&self) -> bool {
        self.suspended.get()
    }

    /// Waits until the body is suspended.
    pub(in crate::backend) async fn suspension(&self) {
        self.suspension.notified().await;
    }

    /// Returns when the body last made progress.
    pub(in crate::backend) fn last_progress(&self) -> Instant {
        self.last_progress.get()
    }

    /// Returns whether the body is held back until the backend responds with `100 Continue`.
    pub(in crate::backend) fn waits_for_backend(&self) -> bool {
        self.waits_for_backend.get()
    }

    /// Returns whether the next bytes of the body must come from the client.
    pub(in crate::backend) fn waits_for_client(&self) -> bool {
        self.rate.is_waiting() && !self.whole.get()
    }

    /// Returns the deadline of a client that sends nothing more: after a pause of `idle`, or when its average falls
    /// below the minimum rate.
    pub(in crate::backend) fn client_deadline(&self, idle: Duration) -> Instant {
        let idle_end = self.last_progress.get() + idle;
        self.rate.too_slow_at(self.minimum.get()).map_or(idle_end, |at| at.min(idle_end))
    }

    /// Returns the error for a client whose deadline has passed.
    pub(in crate::backend) fn deadline_error(&self, idle: Duration) -> RequestBodyError {
        if self.last_progress.get() + idle <= Instant::now() {
            RequestBodyError::Stalled
        } else {
            RequestBodyError::TooSlow
        }
    }

    /// Returns the client's recent rate in bytes per second, if the server waits for this client and the rate is so low
    /// that the client must yield its connection to waiting requests.
    pub(in crate::backend) fn blocking_rate(&self, now: Instant) -> Option<u64> {
        if self.whole.get() || self.suspended.get() { None } else { self.rate.blocking_rate(now) }
    }

    /// Records the reason for which the connection that carries the body is closed.
    pub(in crate::backend) fn abort(&self, reason: RequestBodyError) {
        self.failure.replace(Some(reason));
    }

    /// Removes and returns the reason of the body's failure.
    pub(in crate::backend) fn take_failure(&self) -> Option<RequestBodyError> {
        self.failure.take()
    }

    pub(super) fn fail(&self, reason: RequestBodyError) -> RequestBodyFailed {
        self.failure.replace(Some(reason));
        RequestBodyFailed
    }
}
