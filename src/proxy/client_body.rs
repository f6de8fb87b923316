//! The body of a request from the client, over HTTP/1.1 or HTTP/2.

use crate::backend::MalformedBody;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Response, StatusCode, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::time::Instant;

/// The body of a request. If the client expects it, `100 Continue` is sent when the body is first polled.
pub(super) enum ClientBody {
    /// An HTTP/1.1 body.
    Http1(Incoming),
    /// An HTTP/2 body.
    Http2(Http2Body),
}

/// The body of an HTTP/2 request. Flow-control capacity is released when data is taken from the body.
pub(super) struct Http2Body {
    stream: RecvStream,
    /// The number of bytes that are missing of the declared length.
    missing: Option<u64>,
    has_data: bool,
    /// The sender of `100 Continue`, if the client waits for one.
    invitation: Option<Http2Responder>,
    last_read: Rc<Cell<Instant>>,
}

/// The sender of an HTTP/2 stream's response, until the head of the response is sent. Shared by the task of the stream and the
/// body of its request, which sends `100 Continue`.
#[derive(Clone)]
pub(super) struct Http2Responder(Rc<RefCell<Option<SendResponse<Bytes>>>>);

impl Http2Body {
    /// Creates the body of the request with these `headers`. `last_read` is set whenever data is received.
    pub(super) fn new(
        stream: RecvStream,
        headers: &HeaderMap,
        invitation: Option<Http2Responder>,
        last_read: Rc<Cell<Instant>>,
    ) -> Self {
        // h2 resets a stream with several different lengths or an invalid one, and one whose data has another length.
        let declared = headers.get(header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse().ok());
        let missing = declared.or_else(|| stream.is_end_stream().then_some(0));
        Self { stream, missing, has_data: true, invitation, last_read }
    }

    fn taken(&mut self, data: &Bytes) {
        // An error means that the stream has ended, and its window with it.
        let _ = self.stream.flow_control().release_capacity(data.len());
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.missing = self.missing.map(|missing| missing.saturating_sub(length));
        self.last_read.set(Instant::now());
        if length > 0 {
            // A client that has begun to send does not wait for `100 Continue` (RFC 9110 section 10.1.1).
            self.invitation = None;
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if self.has_data {
            let Poll::Ready(data) = self.stream.poll_data(cx) else {
                if let Some(responder) = self.invitation.take() {
                    responder.invite();
                }
                return Poll::Pending;
            };
            match data {
                Some(Ok(data)) => {
                    self.taken(&data);
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(failure(error)),
                None => self.has_data = false,
            }
        }
        Poll::Ready(match ready!(self.stream.poll_trailers(cx)) {
            Ok(trailers) => {
                self.last_read.set(Instant::now());
                trailers.map(|trailers| Ok(Frame::trailers(trailers)))
            }
            Err(error) => failure(error),
        })
    }
}

/// Returns the last item of the body after an error. NO_ERROR is not one: it ends the stream early (RFC 9113 section 8.1).
fn failure<T>(error: h2::Error) -> Option<Result<T, h2::Error>> {
    (error.reason() != Some(Reason::NO_ERROR)).then_some(Err(error))
}

fn http1_error(error: hyper::Error) -> Box<dyn Error + Send + Sync> {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<io::Error>());
    // An error of hyper's chunk decoder. A TLS record that cannot be decrypted has the same kind.
    let is_malformed = cause.is_some_and(|cause| {
        matches!(cause.kind(), io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
            && !cause.get_ref().is_some_and(<dyn Error + Send + Sync>::is::<rustls::Error>)
    });
    if is_malformed { Box::new(MalformedBody(error.into())) } else { error.into() }
}

/// Returns the error of the body. If h2 reset the stream itself, the request is malformed (RFC 9113 section 8.1.1).
fn http2_error(error: h2::Error) -> Box<dyn Error + Send + Sync> {
    let is_malformed = error.is_reset() && error.is_library();
    if is_malformed { Box::new(MalformedBody(error.into())) } else { error.into() }
}

impl Http2Responder {
    pub(super) fn new(response: SendResponse<Bytes>) -> Self {
        Self(Rc::new(RefCell::new(Some(response))))
    }

    /// Takes the sender for the final response. No `100 Continue` is sent afterwards.
    pub(super) fn take(&self) -> Option<SendResponse<Bytes>> {
        self.0.borrow_mut().take()
    }

    /// Polls the stream. Ready when it was reset or the connection has ended, with the error code if there is one.
    pub(super) fn poll_reset(&self, cx: &mut Context<'_>) -> Poll<Option<Reason>> {
        match &mut *self.0.borrow_mut() {
            Some(response) => response.poll_reset(cx).map(Result::ok),
            None => Poll::Pending,
        }
    }

    /// Sends `100 Continue`, unless the head of the response was sent.
    fn invite(&self) {
        if let Some(response) = &mut *self.0.borrow_mut() {
            let mut invitation = Response::new(());
            *invitation.status_mut() = StatusCode::CONTINUE;
            // An error means that the stream has ended. The body reports it when it is polled again.
            let _ = response.send_informational(invitation);
        }
    }
}

impl Body for ClientBody {
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.get_mut() {
            Self::Http1(body) => Pin::new(body).poll_frame(cx).map(|frame| Some(frame?.map_err(http1_error))),
            Self::Http2(body) => body.poll(cx).map(|frame| Some(frame?.map_err(http2_error))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Http1(body) => body.is_end_stream(),
            Self::Http2(body) => body.stream.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Http1(body) => body.size_hint(),
            Self::Http2(body) => body.missing.map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}
