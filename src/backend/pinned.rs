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
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::connection::{Connection, Watch};
use super::error::BackendError;
use super::exchange::{Answered, check_head, failure, overdue, prepare, until_overdue};
use super::pinned_places::PinnedPlace;
use super::request::DialogueRequest;
use super::request_body::{RequestBody, Upload};
use super::response_body::{Hold, ResponseBody};
use super::settings::BackendSettings;
use super::stream::Stream;

/// How long the rest of a body may take after its answer came. The answer does not wait for it; the connection does,
/// since the dialogue that began on it can only go on there.
const REST_OF_BODY: Duration = Duration::from_secs(5);

/// A backend connection for one client's connection. Dropped, it closes the backend's.
pub struct PinnedConnection {
    settings: Arc<BackendSettings>,
    server: String,
    served: Cell<bool>,
    line: Rc<Line>,
}

/// What the connection's owner, the answer on its way and the watch over the rest of a body share.
struct Line {
    /// Absent while a request is on its way or its answer is, and when the connection has ended.
    connection: RefCell<Option<Connection>>,
    /// Says that the client's connection must end too.
    retired: CancellationToken,
    authorized: Cell<bool>,
    given_up: Cell<bool>,
    rest_of_body: Cell<Option<AbortOnDropHandle<()>>>,
}

/// The use of the connection for one answer. Dropped, it closes the connection.
pub(super) struct Turn {
    connection: Option<Connection>,
    line: Rc<Line>,
    last: bool,
}

impl PinnedConnection {
    /// Speaks HTTP/1.1 on `stream`. `place` is held until the connection ends.
    pub(super) async fn on(
        stream: Stream,
        server: String,
        settings: Arc<BackendSettings>,
        place: PinnedPlace,
        retired: CancellationToken,
    ) -> Result<Self, BackendError> {
        let ended = retired.clone();
        // Moved into the driver, whose end is the socket's.
        let on_close = move |_: &Rc<_>| {
            drop(place);
            ended.cancel();
        };
        let connection = Connection::establish(stream, &settings, None, &Rc::default(), on_close)
            .await
            .map_err(|source| BackendError::Protocol { server: server.clone(), source })?;
        let line = Line {
            connection: RefCell::new(Some(connection)),
            retired,
            authorized: Cell::new(false),
            given_up: Cell::new(false),
            rest_of_body: Cell::new(None),
        };
        Ok(Self { settings, server, served: Cell::new(false), line: Rc::new(line) })
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
    /// Any error ends the connection, and the client's with it.
    pub async fn send(&self, request: DialogueRequest) -> Result<Answered, BackendError> {
        self.send_framed(request.into_request()).await
    }

    pub(super) async fn send_framed(&self, request: Request<RequestBody>) -> Result<Answered, BackendError> {
        let answered = self.exchange(request).await;
        if answered.is_err() {
            self.line.retired.cancel();
        }
        let reused = self.served.replace(true);
        answered.map(|response| Answered { response, server: self.server.clone(), reused })
    }

    async fn exchange(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, BackendError> {
        let wanted = prepare(&mut request, &self.settings);
        let upload = request.body().upload();
        // Before a byte is written: nobody may take the connection for a nameless one from here on.
        if request.headers().contains_key(AUTHORIZATION) {
            self.line.authorized.set(true);
        }
        let mut connection = self.ready().await?;
        upload.moved();
        let answer = connection.sender.try_send_request(request);
        let Some(answer) = until_overdue(answer, &upload, &connection.link, &self.settings).await else {
            return Err(overdue(&upload, &self.settings, self.server.clone()));
        };
        let mut answer = answer.map_err(|error| failure(error.into_error(), &upload, self.server.clone()))?;
        check_head(&answer, || self.server.clone())?;
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
        if last {
            self.line.retired.cancel();
        }
        *answer.version_mut() = Version::HTTP_11;
        connection.link.moved();
        let turn = Turn { connection: Some(connection), line: Rc::clone(&self.line), last };
        Ok(answer.map(|body| ResponseBody::new(body, Hold::Pinned(turn))))
    }

    /// The connection, as soon as hyper has finished the exchange before.
    async fn ready(&self) -> Result<Connection, BackendError> {
        let lost = |source| BackendError::PinnedConnectionEnded { server: self.server.clone(), source };
        let connection = self.line.connection.take();
        let mut connection = connection.ok_or_else(|| lost(io::ErrorKind::NotConnected.into()))?;
        connection.link.resume();
        match timeout(self.settings.body_idle_timeout, connection.sender.ready()).await {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(closed)) => Err(lost(io::Error::other(closed))),
            Err(_) => Err(lost(io::ErrorKind::TimedOut.into())),
        }
    }
}

impl Line {
    fn is_alive(&self) -> bool {
        self.connection.borrow().as_ref().is_some_and(|connection| !connection.sender.is_closed())
    }

    /// Closes both connections unless the rest of the body comes in time.
    fn watch_rest_of_body(self: &Rc<Self>, upload: Rc<Upload>) {
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

impl Turn {
    /// A piece of the answer was handed on.
    pub(super) fn moved(&self) {
        self.connection.iter().for_each(|connection| connection.link.moved());
    }

    /// Whether the connection was closed because the answer did not move.
    pub(super) fn stalled(&self) -> bool {
        self.connection.as_ref().is_some_and(|connection| connection.link.watch() == Watch::Stalled)
    }

    /// The answer has ended cleanly: the connection waits for its client's next request.
    pub(super) fn give_back(mut self) {
        if self.last || self.line.given_up.get() {
            return;
        }
        if let Some(connection) = self.connection.take() {
            drop(connection.link.vacate());
            self.line.connection.replace(Some(connection));
        }
    }
}

impl Drop for Turn {
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
