//! A backend connection for one client connection, for pass-through authentication. It carries that client's requests
//! one after another, and ends if either side ends.
//!
//! NTLM and Negotiate authenticate the connection and not the request (RFC 4559 6, [MS-NTHT] 1.3): any request that is
//! sent on the connection is the authenticated user's. Such a connection is therefore never taken from a pool or
//! returned to one, and no request is sent twice.

use std::cell::Cell;
use std::io;
use std::rc::Rc;
use std::sync::Arc;

use http::header::{AUTHORIZATION, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{Request, Response, Version};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::limit::PinnedSlot;
use super::register::PinnedRegistration;
use super::state::{NextRequest, PinnedLease, PinnedState};
use crate::backend::body::request_body::RequestBody;
use crate::backend::body::response_body::{ConnectionLease, ResponseBody, UpstreamResponse};
use crate::backend::connection::connect::connect;
use crate::backend::connection::http1::Http1Connection;
use crate::backend::connection::stream::ServerStream;
use crate::backend::error::BackendError;
use crate::backend::exchange::framing::{check_response_head, frame_with_expectation};
use crate::backend::exchange::timeouts::{exchange_error, response_in_time, timeout_error};
use crate::backend::pool::backend_pool::BackendPool;
use crate::backend::pool::load_balancer::{ConnectionSlot, LoadBalancer};
use crate::backend::pool::server::ServerState;
use crate::backend::request::backend_request::PassthroughRequest;
use crate::backend::requester::Requester;
use crate::backend::settings::BackendSettings;
use crate::headers::authorization;

/// A backend connection for one client connection. Dropping it closes the backend connection.
pub(crate) struct PinnedConnection {
    settings: Arc<BackendSettings>,
    balancer: Rc<LoadBalancer>,
    server: Rc<ServerState>,
    requester: Requester,
    reused: Cell<bool>,
    state: Rc<PinnedState>,
}

/// What a pinned connection occupies: a slot for its first request and, until it ends, a registration in the worker and
/// a slot of the process.
struct PinnedOccupancy {
    slot: ConnectionSlot,
    registration: PinnedRegistration,
    pinned: PinnedSlot,
}

impl BackendPool {
    /// Opens a connection for one client connection, to the next server; servers that failed recently are tried last.
    /// It never joins the pool, but counts among the connections to its server, and needs a slot for each request, as
    /// pooled connections do. `retired` is cancelled when the connection ends for any reason.
    ///
    /// # Errors
    /// [`BackendError::Busy`] if there is no slot for its first request, or the failure to connect.
    pub(crate) async fn pin(
        &self,
        pinned: PinnedSlot,
        requester: Requester,
        retired: CancellationToken,
    ) -> Result<PinnedConnection, BackendError> {
        let mut candidates = self.candidates();
        while candidates.has_untried() {
            let slot = self.balancer.acquire(candidates.untried(), requester).await?;
            let server = Rc::clone(slot.server());
            let registration = self.pinned.register(&server.name, requester.address, &self.metrics);
            // The other connections to a server are reserved for requests with an account.
            if self.pinned.count(&server.name) > self.settings.shares.anonymous
                && let Some((_, idle)) = self.pinned.eviction_candidate(&server.name)
            {
                self.close_pinned(&idle);
            }
            self.make_room(&server);
            match connect(&server.address, None, self.settings.connect_timeout).await {
                Ok(stream) => {
                    server.mark_healthy();
                    let balancer = Rc::clone(&self.balancer);
                    let settings = Arc::clone(&self.settings);
                    let occupancy = PinnedOccupancy { slot, registration, pinned };
                    return PinnedConnection::establish(stream, balancer, settings, occupancy, retired).await;
                }
                Err(failure) => candidates.give_up(&server, failure),
            }
        }
        Err(candidates.take_failure())
    }
}

impl PinnedConnection {
    async fn establish(
        stream: ServerStream,
        balancer: Rc<LoadBalancer>,
        settings: Arc<BackendSettings>,
        PinnedOccupancy { slot, registration, pinned }: PinnedOccupancy,
        retired: CancellationToken,
    ) -> Result<Self, BackendError> {
        let (server, requester) = (Rc::clone(slot.server()), slot.requester());
        let state = PinnedState::new(retired.clone());
        registration.set_opened(&state);
        // Moved into the driver, which ends with the socket.
        let on_close = move |_: &Rc<_>| {
            drop((pinned, registration));
            retired.cancel();
        };
        let connection = Http1Connection::establish(stream, &settings, slot, on_close)
            .await
            .map_err(|source| BackendError::Protocol { server: server.name.to_string(), source })?;
        server.add_connection(&connection.state);
        state.put(connection);
        Ok(Self { settings, balancer, server, requester, reused: Cell::new(false), state })
    }

    /// Returns whether the connection can be replaced by a new one: it has ended, and never carried `Authorization`.
    pub(crate) fn is_replaceable(&self) -> bool {
        !self.state.is_authorized() && !self.state.is_alive()
    }

    /// Returns whether a request on the connection has carried `Authorization`. Responses may then be for that user
    /// only, even if the request carries none.
    pub(crate) fn is_authorized(&self) -> bool {
        self.state.is_authorized()
    }

    /// Sends `request` and returns the response with any status.
    ///
    /// `Expect: 100-continue` is forwarded: the client's body is not requested before the backend responds with a 100 or
    /// a final response, but for no longer than `continue_timeout` (RFC 9110 10.1.1). A response before the end of the
    /// body is returned at once; the rest of the body is still forwarded for a few seconds, so that both connections
    /// stay in step and the login on them is not lost.
    ///
    /// # Errors
    /// [`BackendError::Busy`] if no slot was free in time. Any other error ends both connections.
    pub(crate) async fn send(&self, request: PassthroughRequest) -> Result<UpstreamResponse, BackendError> {
        self.send_framed(request.into_request()).await
    }

    pub(in crate::backend) async fn send_framed(
        &self,
        request: Request<RequestBody>,
    ) -> Result<UpstreamResponse, BackendError> {
        let response = self.exchange(request).await;
        // Without a slot nothing was sent, and the connection is unchanged.
        if response.as_ref().is_err_and(|error| !matches!(error, BackendError::Busy)) {
            self.state.retire();
        }
        let reused = self.reused.replace(true);
        response.map(|response| UpstreamResponse { response, server: self.server_name(), reused })
    }

    async fn exchange(
        &self,
        mut request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, BackendError> {
        let held_back = frame_with_expectation(&mut request, &self.settings);
        let upload = request.body().progress();
        let connection = self.acquire().await?;
        // Before a byte is written: from here on the connection must not be taken for an anonymous one.
        if request.headers().contains_key(AUTHORIZATION) {
            self.state.set_authorized();
        }
        let mut connection = self.ready(connection).await?;
        upload.touch();
        connection.state.carry(&upload);
        let response = connection.sender.try_send_request(request);
        let Some(response) = response_in_time(response, &upload, &connection.state, &self.settings).await
        else {
            return Err(timeout_error(&upload, &self.settings, self.server_name()));
        };
        let mut response =
            response.map_err(|error| exchange_error(error.into_error(), &upload, self.server_name()))?;
        check_response_head(&response, || self.server_name())?;
        if !upload.is_whole() {
            upload.ignore_failure();
            self.state.limit_rest_of_body(upload);
        }
        // Only now, and in the client's own task, which writes the response head before any other task runs: otherwise
        // hyper would send the client a 100 that the backend never sent.
        if let Some(held_back) = held_back {
            held_back.notify_one();
        }
        let last = ends_connection(&response);
        let next = if authorization::is_continuation(response.headers()) {
            NextRequest::Login
        } else {
            NextRequest::Any
        };
        if last {
            self.state.retire();
        }
        *response.version_mut() = Version::HTTP_11;
        let lease = PinnedLease::new(connection, &self.state, next, last);
        Ok(response.map(|body| ResponseBody::new(body, ConnectionLease::Pinned(lease))))
    }

    /// Takes the connection and acquires a slot for the request.
    async fn acquire(&self) -> Result<Http1Connection, BackendError> {
        let connection = self.state.take();
        let connection = connection.ok_or_else(|| self.ended(io::ErrorKind::NotConnected.into()))?;
        if connection.sender.is_closed() {
            return Err(self.ended(io::ErrorKind::NotConnected.into()));
        }
        if connection.resume() {
            return Ok(connection);
        }
        let servers = std::slice::from_ref(&self.server);
        match self.balancer.acquire(servers, self.requester).await {
            Ok(slot) => connection.hold(slot),
            Err(busy) => {
                drop(connection.vacate());
                self.state.put(connection);
                return Err(busy);
            }
        }
        Ok(connection)
    }

    fn ended(&self, source: io::Error) -> BackendError {
        BackendError::PinnedConnectionEnded { server: self.server_name(), source }
    }

    fn server_name(&self) -> String {
        self.server.name.to_string()
    }

    /// Waits until hyper has finished the previous exchange.
    async fn ready(&self, mut connection: Http1Connection) -> Result<Http1Connection, BackendError> {
        match timeout(self.settings.body_idle_timeout, connection.sender.ready()).await {
            Ok(Ok(())) => Ok(connection),
            Ok(Err(closed)) => Err(self.ended(io::Error::other(closed))),
            Err(_) => Err(self.ended(io::ErrorKind::TimedOut.into())),
        }
    }
}

/// Returns whether no request can follow this response on its connection: the server sends `close` or HTTP/1.0, or ends
/// the body by closing the connection (RFC 9112 9.3, 6.3).
fn ends_connection(response: &Response<Incoming>) -> bool {
    let headers = response.headers();
    let options =
        headers.get_all(CONNECTION).iter().flat_map(|line| line.as_bytes().split(|byte| *byte == b','));
    let closes = options.map(<[u8]>::trim_ascii).any(|option| option.eq_ignore_ascii_case(b"close"));
    let delimited = headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
    closes || response.version() != Version::HTTP_11 || (!delimited && !response.body().is_end_stream())
}
