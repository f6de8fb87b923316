//! HTTP/2 connections of clients, which serve each request in a task.
//!
//! They use h2 and not the server of hyper, which sends no `100 Continue` and does not report the request heads that h2
//! rejects.

mod keep_alive;
mod stream;

use super::client_body::{ClientBody, Http2Body, Http2Responder};
use super::service::ConnectionService;
use super::snapshot::ProxyLimits;
use crate::headers::expects_continue;
use crate::limits::{HeadRejection, Http2Stream, RequestHeads, UnservedHeads};
use crate::policy::{Denial, DenialId};
use bytes::Bytes;
use h2::server::{Builder, Connection, Handshake, SendResponse};
use h2::{Reason, RecvStream};
use http::{Request, StatusCode};
use keep_alive::KeepAlive;
use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Instant;

/// The maximum number of response bytes that one stream buffers for a client that does not read.
const SEND_BUFFER: usize = 64 << 10;

/// The flow-control window of a stream: the number of body bytes that a client may send before the backend accepts them.
const STREAM_WINDOW: u32 = 128 << 10;

/// The flow-control window of a connection.
const CONNECTION_WINDOW: u32 = 256 << 10;

/// The maximum size of a frame from the client, which is the protocol's initial value.
const FRAME: u32 = 16 << 10;

/// The number of streams reset by the gateway after which the connection is closed.
const RESET_STREAMS: usize = 200;

/// The number of streams that the client may reset before they are accepted. The connection is closed at one more
/// (CVE-2023-44487).
const PENDING_RESETS: usize = 20;

/// h2 rejects a head that is this many times larger than the limit, without an error page. The service rejects smaller ones,
/// with an error page.
const LARGEST_HEAD_WITH_A_PAGE: usize = 2;

/// An HTTP/2 connection. The future completes when the connection has ended.
pub(super) struct Http2Connection<IO> {
    state: Http2State<IO>,
    service: Rc<ConnectionService>,
    heads: Rc<RequestHeads>,
    largest_head: usize,
    keep_alive: Option<KeepAlive>,
    interval: Duration,
    last_read: Rc<Cell<Instant>>,
    is_shutting_down: bool,
    is_unresponsive: bool,
}

enum Http2State<IO> {
    Handshake(Handshake<Http2Stream<IO>, Bytes>),
    Serving(Connection<Http2Stream<IO>, Bytes>),
}

/// The reason why a connection failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Http2Error {
    #[error("the HTTP/2 connection failed")]
    Connection(#[from] h2::Error),
    #[error("the client did not acknowledge a PING")]
    Unresponsive,
}

impl<IO> Http2Connection<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    pub(super) fn new(io: IO, service: Rc<ConnectionService>, limits: &ProxyLimits) -> Self {
        let streams = usize::try_from(limits.http2_streams).unwrap_or(usize::MAX);
        let heads = RequestHeads::new(streams.saturating_add(RESET_STREAMS));
        let io = Http2Stream::new(io, Rc::clone(service.frames()), Rc::clone(&heads), limits.http2_frames);
        let largest_head = limits.max_header.saturating_mul(LARGEST_HEAD_WITH_A_PAGE);
        let handshake = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_frame_size(FRAME)
            .max_concurrent_streams(limits.http2_streams)
            .max_header_list_size(u32::try_from(largest_head).unwrap_or(u32::MAX))
            .max_send_buffer_size(SEND_BUFFER)
            .max_local_error_reset_streams(Some(RESET_STREAMS))
            .max_pending_accept_reset_streams(PENDING_RESETS)
            .handshake(io);
        Self {
            state: Http2State::Handshake(handshake),
            service,
            heads,
            largest_head,
            keep_alive: None,
            interval: limits.client_idle_timeout,
            last_read: Rc::new(Cell::new(Instant::now())),
            is_shutting_down: false,
            is_unresponsive: false,
        }
    }

    /// Sends GOAWAY. Requests in progress are completed.
    pub(super) fn graceful_shutdown(self: Pin<&mut Self>) {
        let this = self.get_mut();
        this.is_shutting_down = true;
        if let Http2State::Serving(connection) = &mut this.state {
            connection.graceful_shutdown();
        }
    }

    fn begin(&mut self, mut connection: Connection<Http2Stream<IO>, Bytes>) {
        if self.is_shutting_down {
            connection.graceful_shutdown();
        }
        self.last_read.set(Instant::now());
        let pings = connection.ping_pong();
        self.keep_alive = pings.map(|pings| KeepAlive::new(pings, self.interval, Rc::clone(&self.last_read)));
        self.state = Http2State::Serving(connection);
    }

    /// Serves a request in a task. It ends with the connection at the latest, because h2 then reports the stream as reset.
    fn serve(&self, request: Request<RecvStream>, response: SendResponse<Bytes>) {
        self.heads.accepted(response.stream_id().as_u32());
        self.last_read.set(Instant::now());
        let responder = Http2Responder::new(response);
        let (head, stream) = request.into_parts();
        let invitation = expects_continue(&head.headers).then(|| responder.clone());
        let body = Http2Body::new(stream, &head.headers, invitation, Rc::clone(&self.last_read));
        let request = Request::from_parts(head, ClientBody::Http2(body));
        tokio::task::spawn_local(stream::serve(Rc::clone(&self.service), request, responder));
    }

    /// Records the heads that h2 has rejected since the last call.
    fn record_rejected(&self) {
        while let Some(rejection) = self.heads.next_rejected() {
            let (denial, status) = match rejection {
                HeadRejection::TooLarge => {
                    let detail = format!("the head is larger than {} bytes", self.largest_head);
                    let denial = Denial::new(DenialId::HeadersTooLarge, detail);
                    (denial, Some(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE))
                }
                HeadRejection::Reset(code) => {
                    let reason = Reason::from(code);
                    let detail = format!("the stream was reset with {reason:?}: its head is malformed");
                    (Denial::new(DenialId::MalformedRequest, detail), None)
                }
                HeadRejection::Ignored => {
                    (Denial::new(DenialId::MalformedRequest, "the head was not accepted as a request"), None)
                }
            };
            self.service.head_rejected(&denial, status);
        }
    }

    /// Records the heads that were received but not served when the connection ended.
    fn record_unserved(&self, ended: &Result<(), Http2Error>) {
        let UnservedHeads { complete, incomplete, last_is_too_large } = self.heads.take_unserved();
        let (count, detail, id, id_of_last) = match ended {
            Err(Http2Error::Connection(error)) if error.is_library() => {
                // If the error was caused by a head, it was the last one.
                let last =
                    if last_is_too_large { DenialId::HeadersTooLarge } else { DenialId::MalformedRequest };
                let detail = format!("the connection was closed before the request was accepted: {error}");
                (complete + usize::from(incomplete), detail, DenialId::MalformedRequest, last)
            }
            _ => {
                let detail = "the connection ended before the request was accepted".to_owned();
                (complete, detail, DenialId::ClientDisconnected, DenialId::ClientDisconnected)
            }
        };
        for number in 1..=count {
            let id = if number == count { id_of_last } else { id };
            self.service.head_rejected(&Denial::new(id, detail.clone()), None);
        }
    }

    fn poll_serving(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Http2Error>> {
        let Http2State::Serving(connection) = &mut self.state else { return Poll::Pending };
        if let Some(keep_alive) = &mut self.keep_alive
            && keep_alive.poll_unresponsive(cx).is_ready()
        {
            self.keep_alive = None;
            self.is_unresponsive = true;
            connection.abrupt_shutdown(Reason::NO_ERROR);
        }
        loop {
            let Http2State::Serving(connection) = &mut self.state else { return Poll::Pending };
            let Poll::Ready(accepted) = connection.poll_accept(cx) else {
                self.record_rejected();
                return Poll::Pending;
            };
            match accepted {
                Some(Ok((request, response))) => self.serve(request, response),
                Some(Err(error)) => return Poll::Ready(Err(error.into())),
                None if self.is_unresponsive => return Poll::Ready(Err(Http2Error::Unresponsive)),
                None => return Poll::Ready(Ok(())),
            }
        }
    }
}

impl<IO> Future for Http2Connection<IO>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    type Output = Result<(), Http2Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if let Http2State::Handshake(handshake) = &mut this.state {
            let connection = ready!(Pin::new(handshake).poll(cx))?;
            this.begin(connection);
        }
        let ended = ready!(this.poll_serving(cx));
        this.record_rejected();
        this.record_unserved(&ended);
        Poll::Ready(ended)
    }
}
