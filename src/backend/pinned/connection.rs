//! One backend connection that belongs to one client's connection, for the backend's own password dialogue. Takes that
//! client's requests one after the other, gives their answers; ends when either side does.
//!
//! NTLM and Negotiate authenticate the connection and not the request (RFC 4559 6, [MS-NTHT] 1.3), so that whoever
//! sends the next request on it *is* the user. Such a connection therefore never comes from a pool and never goes to
//! one, from its first request on. Nothing is ever sent again on it or on another.

use std::cell::{Cell, RefCell};
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, Response, Version};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::backend::body::request_body::{RequestBody, UploadProgress};
use crate::backend::body::response_body::{ConnectionLease, ResponseBody};
use crate::backend::connection::http1::{ConnectionPhase, Http1Connection};
use crate::backend::connection::stream::ServerStream;
use crate::backend::error::BackendError;
use crate::backend::pinned::limit::PinnedSlot;
use crate::backend::pinned::register::PinnedRegistration;
use crate::backend::pool::load_balancer::{ConnectionSlot, LoadBalancer, Requester, ServerState};
use crate::backend::pool::send::{UpstreamResponse, check_head, failure, overdue, prepare, until_overdue};
use crate::backend::request::backend_request::PassthroughRequest;
use crate::backend::settings::BackendSettings;
use crate::headers::authorization;

/// How long the rest of a body may take after its answer came. The answer does not wait for it; the connection does,
/// since the dialogue that began on it can only go on there.
const REST_OF_BODY: Duration = Duration::from_secs(5);

/// A backend connection for one client's connection. Dropped, it closes the backend's.
pub struct PinnedConnection {
    settings: Arc<BackendSettings>,
    admission: Rc<LoadBalancer>,
    server: Rc<ServerState>,
    requester: Requester,
    served: Cell<bool>,
    line: Rc<PinnedState>,
}

/// What the connection's owner, the answer on its way and the watch over the rest of a body share.
pub(in crate::backend) struct PinnedState {
    /// Absent while a request is on its way or its answer is, and when the connection has ended.
    connection: RefCell<Option<Http1Connection>>,
    /// Says that the client's connection must end too.
    retired: CancellationToken,
    authorized: Cell<bool>,
    given_up: Cell<bool>,
    rest_of_body: Cell<Option<AbortOnDropHandle<()>>>,
}

/// The next request on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NextRequest {
    /// Any.
    Any,
    /// The next message of a log-in dialogue, which is lost with the connection.
    Dialogue,
}

/// The use of the connection for one answer. Dropped, it closes the connection.
pub(in crate::backend) struct PinnedLease {
    connection: Option<Http1Connection>,
    line: Rc<PinnedState>,
    next: NextRequest,
    last: bool,
}

impl PinnedConnection {
    /// Speaks HTTP/1.1 on `stream`. The slot is for the first request; place and entry in the register are held until
    /// the connection ends.
    pub(in crate::backend) async fn on(
        stream: ServerStream,
        admission: Rc<LoadBalancer>,
        settings: Arc<BackendSettings>,
        (slot, registered, place): (ConnectionSlot, PinnedRegistration, PinnedSlot),
        retired: CancellationToken,
    ) -> Result<Self, BackendError> {
        let (server, requester) = (Rc::clone(slot.server()), slot.requester());
        let line = Rc::new(PinnedState {
            connection: RefCell::new(None),
            retired: retired.clone(),
            authorized: Cell::new(false),
            given_up: Cell::new(false),
            rest_of_body: Cell::new(None),
        });
        registered.opened(&line);
        // Moved into the driver, whose end is the socket's.
        let on_close = move |_: &Rc<_>| {
            drop((place, registered));
            retired.cancel();
        };
        let connection = Http1Connection::establish(stream, &settings, slot, on_close)
            .await
            .map_err(|source| BackendError::Protocol { server: server.name.to_string(), source })?;
        server.watch(&connection.link);
        line.connection.replace(Some(connection));
        Ok(Self { settings, admission, server, requester, served: Cell::new(false), line })
    }

    /// Whether it may be let go of and another be opened in its place: it has ended, and the backend was never told on
    /// it who the client is.
    pub fn is_replaceable(&self) -> bool {
        !self.line.authorized.get() && !self.line.is_alive()
    }

    /// Whether a request on it has carried `Authorization`. What the backend answers may then be for that user alone,
    /// also where a later request carries none.
    pub fn is_authorized(&self) -> bool {
        self.line.authorized.get()
    }

    /// Sends `request` and gives its answer, whatever its status.
    ///
    /// `Expect: 100-continue` is the backend's to answer: until it does, by a 100 or a final answer, the client's body
    /// is not asked for, but no longer than `continue_timeout` (RFC 9110 10.1.1). An answer before the end of the body is given at once; the rest of the body still goes to the
    /// backend, for a few seconds at most, so that both connections stay in step and keep what was agreed on them.
    ///
    /// # Errors
    /// [`BackendError::Busy`] if no slot came in time. Any other error ends the connection, and the client's with it.
    pub async fn send(&self, request: PassthroughRequest) -> Result<UpstreamResponse, BackendError> {
        self.send_framed(request.into_request()).await
    }

    pub(in crate::backend) async fn send_framed(
        &self,
        request: Request<RequestBody>,
    ) -> Result<UpstreamResponse, BackendError> {
        let answered = self.exchange(request).await;
        // Without a slot nothing was sent, and the connection stays as it was.
        if answered.as_ref().is_err_and(|error| !matches!(error, BackendError::Busy)) {
            self.line.retired.cancel();
        }
        let reused = self.served.replace(true);
        answered.map(|response| UpstreamResponse { response, server: self.server_name(), reused })
    }

    async fn exchange(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, BackendError> {
        let wanted = prepare(&mut request, &self.settings);
        let upload = request.body().upload();
        let connection = self.with_slot().await?;
        // Before a byte is written: nobody may take the connection for a nameless one from here on.
        if request.headers().contains_key(AUTHORIZATION) {
            self.line.authorized.set(true);
        }
        let mut connection = self.ready(connection).await?;
        upload.moved();
        connection.link.carry(&upload);
        let answer = connection.sender.try_send_request(request);
        let Some(answer) = until_overdue(answer, &upload, &connection.link, &self.settings).await else {
            return Err(overdue(&upload, &self.settings, self.server_name()));
        };
        let mut answer = answer.map_err(|error| failure(error.into_error(), &upload, self.server_name()))?;
        check_head(&answer, || self.server_name())?;
        if !upload.is_whole() {
            upload.only_drain();
            self.line.watch_rest_of_body(upload);
        }
        // Only now, and in the client's own task, which writes the answer's head before anything else runs: else
        // hyper would ask the client for the body by a 100 that the backend never said.
        if let Some(wanted) = wanted {
            wanted.notify_one();
        }
        let last = ends_connection(&answer);
        let next = if authorization::is_continuation(answer.headers()) {
            NextRequest::Dialogue
        } else {
            NextRequest::Any
        };
        if last {
            self.line.retired.cancel();
        }
        *answer.version_mut() = Version::HTTP_11;
        connection.link.moved();
        connection.link.waits_for_client();
        let turn = PinnedLease { connection: Some(connection), line: Rc::clone(&self.line), next, last };
        Ok(answer.map(|body| ResponseBody::new(body, ConnectionLease::Pinned(turn))))
    }

    /// The connection, when it holds a slot.
    async fn with_slot(&self) -> Result<Http1Connection, BackendError> {
        let connection = self.line.connection.take();
        let connection = connection.ok_or_else(|| self.lost(io::ErrorKind::NotConnected.into()))?;
        if connection.sender.is_closed() {
            return Err(self.lost(io::ErrorKind::NotConnected.into()));
        }
        if connection.link.resume() {
            return Ok(connection);
        }
        let servers = std::slice::from_ref(&self.server);
        match self.admission.admit(servers, self.requester).await {
            Ok(slot) => connection.link.hold(slot),
            Err(busy) => {
                drop(connection.link.vacate());
                self.line.connection.replace(Some(connection));
                return Err(busy);
            }
        }
        Ok(connection)
    }

    fn lost(&self, source: io::Error) -> BackendError {
        BackendError::PinnedConnectionEnded { server: self.server_name(), source }
    }

    fn server_name(&self) -> String {
        self.server.name.to_string()
    }

    /// The same connection, as soon as hyper has finished the exchange before.
    async fn ready(&self, mut connection: Http1Connection) -> Result<Http1Connection, BackendError> {
        match timeout(self.settings.body_idle_timeout, connection.sender.ready()).await {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(closed)) => Err(self.lost(io::Error::other(closed))),
            Err(_) => Err(self.lost(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl PinnedState {
    /// Since when the connection has been idle, if it is.
    pub(in crate::backend) fn idle_since(&self) -> Option<Instant> {
        self.connection.borrow().as_ref()?.link.idle_since()
    }

    /// Closes the idle connection to make room for another. The client's ends too if the backend was told on it who the
    /// client is, since what was agreed then is lost; else the next request gets a new one.
    pub(in crate::backend) fn give_way(&self) {
        drop(self.connection.take());
        if self.authorized.get() {
            self.retired.cancel();
        }
    }

    fn is_alive(&self) -> bool {
        self.connection.borrow().as_ref().is_some_and(|connection| !connection.sender.is_closed())
    }

    /// Closes both connections unless the rest of the body comes in time.
    fn watch_rest_of_body(self: &Rc<Self>, upload: Rc<UploadProgress>) {
        let line: Weak<Self> = Rc::downgrade(self);
        let watch = tokio::task::spawn_local(async move {
            sleep(REST_OF_BODY).await;
            if let (Some(line), false) = (line.upgrade(), upload.is_whole()) {
                upload.stop();
                line.given_up.set(true);
                drop(line.connection.take());
                line.retired.cancel();
            }
        });
        self.rest_of_body.set(Some(AbortOnDropHandle::new(watch)));
    }
}

impl PinnedLease {
    /// A piece of the answer was handed on.
    pub(in crate::backend) fn moved(&self, bytes: u64) {
        self.connection.iter().for_each(|connection| connection.link.handed_on(bytes));
    }

    /// The client has to take what is there.
    pub(in crate::backend) fn waits_for_client(&self) {
        self.connection.iter().for_each(|connection| connection.link.waits_for_client());
    }

    /// The client has taken all there is.
    pub(in crate::backend) fn waits_for_backend(&self) {
        self.connection.iter().for_each(|connection| connection.link.waits_for_backend());
    }

    /// Whether the connection was closed because the answer did not move.
    pub(in crate::backend) fn stalled(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.link.watch() == ConnectionPhase::Stalled)
    }

    /// The answer has ended cleanly: the connection waits for its client's next request.
    pub(in crate::backend) fn give_back(mut self) {
        if self.last || self.line.given_up.get() {
            return;
        }
        if let Some(connection) = self.connection.take() {
            let slot = match self.next {
                NextRequest::Any => connection.link.vacate(),
                NextRequest::Dialogue => {
                    connection.link.pause();
                    None
                }
            };
            self.line.connection.replace(Some(connection));
            // Only now: the request that gets the slot may need this connection to give way.
            drop(slot);
        }
    }
}

impl Drop for PinnedLease {
    fn drop(&mut self) {
        // Not given back: the answer broke off, or the connection ends with it.
        if self.connection.is_some() {
            self.line.retired.cancel();
        }
    }
}

/// Whether no request can follow this answer on its connection: the server says so, speaks HTTP/1.0, or ends the body
/// by closing (RFC 9112 9.3, 6.3).
fn ends_connection(answer: &Response<Incoming>) -> bool {
    let headers = answer.headers();
    let options =
        headers.get_all(CONNECTION).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let closes = options.map(<[u8]>::trim_ascii).any(|option| option.eq_ignore_ascii_case(b"close"));
    let delimited = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    closes || answer.version() != Version::HTTP_11 || (!delimited && !answer.body().is_end_stream())
}
