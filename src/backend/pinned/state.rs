//! The state of one pinned connection, shared by its owner, the response that uses it and the register that closes it
//! while it is idle.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::backend::body::upload_progress::UploadProgress;
use crate::backend::connection::http1::Http1Connection;
use crate::backend::connection::state::ConnectionPhase;

/// The time limit for the rest of a request body after the response. The response does not wait for the rest, but the
/// connection does: a login that began on the connection can continue only there.
const REST_OF_BODY_TIMEOUT: Duration = Duration::from_secs(5);

/// The state of one pinned connection.
pub(in crate::backend) struct PinnedState {
    /// `None` during an exchange, and when the connection has ended.
    connection: RefCell<Option<Http1Connection>>,
    /// Cancelled when the client connection must end too.
    retired: CancellationToken,
    authorized: Cell<bool>,
    abandoned: Cell<bool>,
    rest_of_body: Cell<Option<AbortOnDropHandle<()>>>,
}

/// The request that is expected next on a pinned connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NextRequest {
    /// Any request.
    Any,
    /// The next message of a login, which fails if the connection is closed.
    Login,
}

impl PinnedState {
    pub(super) fn new(retired: CancellationToken) -> Rc<Self> {
        Rc::new(Self {
            connection: RefCell::new(None),
            retired,
            authorized: Cell::new(false),
            abandoned: Cell::new(false),
            rest_of_body: Cell::new(None),
        })
    }

    /// Ends the client connection.
    pub(super) fn retire(&self) {
        self.retired.cancel();
    }

    /// Takes the connection for an exchange.
    pub(super) fn take(&self) -> Option<Http1Connection> {
        self.connection.take()
    }

    /// Stores the connection, which is new or idle.
    pub(super) fn put(&self, connection: Http1Connection) {
        self.connection.replace(Some(connection));
    }

    /// Records that a request with `Authorization` is about to be sent.
    pub(super) fn set_authorized(&self) {
        self.authorized.set(true);
    }

    pub(super) fn is_authorized(&self) -> bool {
        self.authorized.get()
    }

    /// Returns when the connection became idle, if it is idle.
    pub(super) fn idle_since(&self) -> Option<Instant> {
        self.connection.borrow().as_ref()?.state.idle_since()
    }

    /// Closes the idle connection, so that another can be opened. If the backend may have authenticated the client on
    /// it, the client connection ends too, since that authentication is lost. Otherwise the next request opens another
    /// connection.
    pub(in crate::backend) fn yield_connection(&self) {
        drop(self.connection.take());
        if self.authorized.get() {
            self.retired.cancel();
        }
    }

    pub(super) fn is_alive(&self) -> bool {
        self.connection.borrow().as_ref().is_some_and(|connection| !connection.sender.is_closed())
    }

    /// Closes both connections unless the rest of the request body is sent in time.
    pub(super) fn limit_rest_of_body(self: &Rc<Self>, upload: Rc<UploadProgress>) {
        let state: Weak<Self> = Rc::downgrade(self);
        let timer = tokio::task::spawn_local(async move {
            sleep(REST_OF_BODY_TIMEOUT).await;
            if let (Some(state), false) = (state.upgrade(), upload.is_whole()) {
                upload.discard_rest();
                state.abandoned.set(true);
                drop(state.connection.take());
                state.retired.cancel();
            }
        });
        self.rest_of_body.set(Some(AbortOnDropHandle::new(timer)));
    }
}

/// The right to use a pinned connection until its response has ended. On drop both connections end.
pub(in crate::backend) struct PinnedLease {
    connection: Option<Http1Connection>,
    state: Rc<PinnedState>,
    next: NextRequest,
    last: bool,
}

impl PinnedLease {
    /// Creates the lease of a connection whose response has begun. `last` specifies whether it is the last response on
    /// the connection.
    pub(super) fn new(
        connection: Http1Connection,
        state: &Rc<PinnedState>,
        next: NextRequest,
        last: bool,
    ) -> Self {
        connection.state.record_response();
        connection.state.wait_for_client();
        Self { connection: Some(connection), state: Rc::clone(state), next, last }
    }

    /// Records that `bytes` of the response were forwarded, and that the gateway waits for the client.
    pub(in crate::backend) fn record_forwarded(&self, bytes: u64) {
        self.connection.iter().for_each(|connection| connection.state.record_forwarded(bytes));
    }

    /// Records that the gateway waits for the client to receive buffered bytes.
    pub(in crate::backend) fn wait_for_client(&self) {
        self.connection.iter().for_each(|connection| connection.state.wait_for_client());
    }

    /// Records that the client has received all bytes so far.
    pub(in crate::backend) fn wait_for_backend(&self) {
        self.connection.iter().for_each(|connection| connection.state.wait_for_backend());
    }

    /// Returns whether the connection was closed because the response made no progress.
    pub(in crate::backend) fn has_stalled(&self) -> bool {
        self.connection
            .as_ref()
            .is_some_and(|connection| connection.state.phase() == ConnectionPhase::Stalled)
    }

    /// Keeps the connection for its client's next request, because the response has ended without error.
    pub(in crate::backend) fn give_back(mut self) {
        if self.last || self.state.abandoned.get() {
            return;
        }
        if let Some(connection) = self.connection.take() {
            let slot = match self.next {
                NextRequest::Any => connection.vacate(),
                NextRequest::Login => {
                    // The slot is kept, so that the connection is not closed to make room for another.
                    connection.state.pause_login();
                    None
                }
            };
            self.state.put(connection);
            // Only now: the request that is granted the slot may have to close this connection first.
            drop(slot);
        }
    }
}

impl Drop for PinnedLease {
    fn drop(&mut self) {
        // Not given back: the response failed, or it was the last one on the connection.
        if self.connection.is_some() {
            self.state.retired.cancel();
        }
    }
}
