//! A request's body on its way to the backend: the client's frames byte for byte, counted and bounded, held back until
//! the server wants them where the request asks for that. Buffers one frame at most. What comes after the answer is read
//! and discarded, so that a client which sends its whole body before it reads gets to the answer.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

type SourceError = Box<dyn Error + Send + Sync>;
type Source = Pin<Box<dyn Body<Data = Bytes, Error = SourceError>>>;

/// The body of a request to the backend.
pub struct RequestBody {
    source: Source,
    declared: Option<u64>,
    max_bytes: u64,
    strip_trailers: fn(&mut HeaderMap),
    held: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// What was read before there was a connection to send it on; an inner `None` is the end of the body.
    ahead: Option<Option<Frame<Bytes>>>,
    /// Read after the answer.
    discarded: u64,
    upload: Rc<Upload>,
}

/// How far a request's body has come. Shared by the body, the exchange and whoever records the request.
#[derive(Debug)]
pub struct Upload {
    bytes: Cell<u64>,
    whole: Cell<bool>,
    answered: Cell<bool>,
    only_drained: Cell<bool>,
    waits_for_backend: Cell<bool>,
    waits_for_client: Cell<bool>,
    progress: Cell<Instant>,
    failure: RefCell<Option<RequestBodyError>>,
}

/// Why a request's body could not be forwarded whole.
#[derive(Debug, thiserror::Error)]
pub enum RequestBodyError {
    /// The body went over the limit; a declared length over it is refused before the backend is asked.
    #[error("the body is larger than {limit} bytes")]
    TooLarge {
        /// The limit in bytes.
        limit: u64,
    },
    /// The client left, or broke the framing of its body.
    #[error("the client did not send the whole body")]
    ClientGone(#[source] Box<dyn Error + Send + Sync>),
    /// The client sent nothing for the longest pause allowed.
    #[error("the client stopped sending the body")]
    Stalled,
}

/// What hyper is told when a body fails; the reason is a [`RequestBodyError`].
#[derive(Debug, thiserror::Error)]
#[error("the request's body failed")]
pub struct RequestBodyFailed;

impl RequestBody {
    /// The client's body, of which at most `max_bytes` are forwarded. `strip_trailers` takes out of the trailers
    /// whatever may not reach the backend.
    pub fn new<B>(body: B, max_bytes: u64, strip_trailers: fn(&mut HeaderMap)) -> Self
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let upload = Upload {
            bytes: Cell::new(0),
            whole: Cell::new(body.is_end_stream()),
            answered: Cell::new(false),
            only_drained: Cell::new(false),
            waits_for_backend: Cell::new(false),
            waits_for_client: Cell::new(false),
            progress: Cell::new(Instant::now()),
            failure: RefCell::new(None),
        };
        Self {
            declared: body.size_hint().exact(),
            source: Box::pin(body.map_err(Into::into)),
            max_bytes,
            strip_trailers,
            held: None,
            ahead: None,
            discarded: 0,
            upload: Rc::new(upload),
        }
    }

    /// The handle that shows how far this body has come, also when the body itself is gone.
    pub fn upload(&self) -> Rc<Upload> {
        Rc::clone(&self.upload)
    }

    /// The body of a request that has none, of which a second copy is sent.
    pub(super) fn same_without_content(&self) -> Self {
        Self {
            source: Box::pin(Empty::new().map_err(|never| match never {})),
            declared: self.declared,
            max_bytes: self.max_bytes,
            strip_trailers: self.strip_trailers,
            held: None,
            ahead: None,
            discarded: 0,
            upload: Rc::clone(&self.upload),
        }
    }

    /// Holds the body back until the given word is notified or `limit` has passed, counted from the first poll, which
    /// is when the request's head has been written.
    pub(super) fn hold(&mut self, limit: Duration) -> Arc<Notify> {
        let word = Arc::new(Notify::new());
        let awaited = Arc::clone(&word);
        self.held = Some(Box::pin(async move {
            // Without a word the body is sent all the same (RFC 9110 10.1.1).
            let _unheard = timeout(limit, awaited.notified()).await;
        }));
        self.upload.waits_for_backend.set(true);
        word
    }

    /// Waits until the client has sent the first piece of its body, and keeps that piece. hyper's server sends the
    /// client a 100 when a body is first read.
    ///
    /// # Errors
    /// The client sends nothing within `limit`, or breaks off.
    pub(super) async fn first_piece(&mut self, limit: Duration) -> Result<(), RequestBodyError> {
        let next = timeout(limit, poll_fn(|cx| self.source.as_mut().poll_frame(cx))).await;
        let frame = next.map_err(|_| RequestBodyError::Stalled)?.transpose();
        self.ahead = Some(frame.map_err(RequestBodyError::ClientGone)?);
        Ok(())
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SourceError>>> {
        match self.ahead.take() {
            Some(frame) => Poll::Ready(frame.map(Ok)),
            None => self.source.as_mut().poll_frame(cx),
        }
    }

    /// Reads on after the answer, up to the size that the body may have. A body that the client was not told to send is
    /// not asked for.
    fn discard(&mut self, cx: &mut Context<'_>) {
        while self.held.is_none() && self.upload.bytes.get().saturating_add(self.discarded) <= self.max_bytes
        {
            match self.poll_source(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    let length = frame.data_ref().map_or(0, Bytes::len);
                    self.discarded = self.discarded.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
                }
                Poll::Ready(Some(Err(_)) | None) | Poll::Pending => return,
            }
        }
    }

    fn poll_held(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(held) = &mut self.held {
            ready!(held.as_mut().poll(cx));
            self.held = None;
            self.upload.waits_for_backend.set(false);
            self.upload.moved();
        }
        Poll::Ready(())
    }

    fn forward(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, RequestBodyFailed> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => return Ok(self.forward_trailers(other)),
        };
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let total = self.upload.bytes.get().saturating_add(length);
        if total > self.max_bytes {
            return Err(self.upload.fail(RequestBodyError::TooLarge { limit: self.max_bytes }));
        }
        self.upload.bytes.set(total);
        self.upload.moved();
        // hyper stops polling when the declared length is reached, before the source says that it has ended.
        if self.source.is_end_stream() || self.declared == Some(total) {
            self.upload.whole.set(true);
        }
        Ok(Frame::data(data))
    }

    fn end(&self) -> Result<(), RequestBodyFailed> {
        if self.declared.is_some_and(|declared| self.upload.bytes.get() < declared) {
            let short = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(self.upload.fail(RequestBodyError::ClientGone(short.into())));
        }
        self.upload.moved();
        self.upload.whole.set(true);
        Ok(())
    }

    fn forward_trailers(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        self.upload.moved();
        self.upload.whole.set(true);
        match frame.into_trailers() {
            Ok(mut trailers) => {
                (self.strip_trailers)(&mut trailers);
                Frame::trailers(trailers)
            }
            Err(unknown) => unknown,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = RequestBodyFailed;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RequestBodyFailed>>> {
        let this = self.get_mut();
        if this.upload.answered.get() {
            this.discard(cx);
            // Not an error: that would make hyper give up the answer. The connection is closed with the answer's end.
            return Poll::Pending;
        }
        ready!(this.poll_held(cx));
        let next = this.poll_source(cx);
        this.upload.waits_for_client.set(next.is_pending());
        Poll::Ready(match ready!(next) {
            Some(Ok(frame)) => match this.forward(frame) {
                Err(_) if this.upload.only_drained.get() => {
                    this.upload.stop();
                    return Poll::Pending;
                }
                forwarded => Some(forwarded),
            },
            Some(Err(source)) => Some(Err(this.upload.fail(RequestBodyError::ClientGone(source)))),
            None => this.end().err().map(Err),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ahead.is_none() && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        match self.declared {
            Some(declared) => SizeHint::with_exact(declared.saturating_sub(self.upload.bytes.get())),
            None => SizeHint::default(),
        }
    }
}

impl Upload {
    /// The bytes of the body handed to the backend's connection so far, without their framing.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// Whether the whole body was handed over. True from the start for a request without one.
    pub fn is_whole(&self) -> bool {
        self.whole.get()
    }

    /// The body moved, or is to: an attempt to send begins.
    pub(super) fn moved(&self) {
        self.progress.set(Instant::now());
    }

    /// An answer came: the rest of the body goes nowhere.
    pub(super) fn stop(&self) {
        self.answered.set(true);
    }

    /// An answer came before the whole body did, and is not to be lost when the rest is larger than it may be: the body
    /// then stands still instead of failing.
    pub(super) fn only_drain(&self) {
        self.only_drained.set(true);
    }

    /// When the body last moved.
    pub(super) fn progress(&self) -> Instant {
        self.progress.get()
    }

    /// Whether the body is held back until the backend has said that it wants it.
    pub(super) fn waits_for_backend(&self) -> bool {
        self.waits_for_backend.get()
    }

    /// Whether it is the client who keeps the body waiting.
    pub(super) fn waits_for_client(&self) -> bool {
        self.waits_for_client.get() && !self.whole.get()
    }

    /// Why the body failed, if it did. Given once.
    pub(super) fn take_failure(&self) -> Option<RequestBodyError> {
        self.failure.take()
    }

    fn fail(&self, why: RequestBodyError) -> RequestBodyFailed {
        self.failure.replace(Some(why));
        RequestBodyFailed
    }
}
