//! A request's body on its way to the backend: the client's frames byte for byte, counted and bounded, held back until
//! the server wants them where the request asks for that. Never buffers, and is never read again once an answer came.

use std::cell::{Cell, RefCell};
use std::error::Error;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

type Source = Pin<Box<dyn Body<Data = Bytes, Error = Box<dyn Error + Send + Sync>>>>;

/// The body of a request to the backend.
pub struct RequestBody {
    source: Source,
    declared: Option<u64>,
    max_bytes: u64,
    strip_trailers: fn(&mut HeaderMap),
    held: Option<Pin<Box<dyn Future<Output = ()>>>>,
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
            source: Box::pin(http_body_util::BodyExt::map_err(body, Into::into)),
            max_bytes,
            strip_trailers,
            held: None,
            upload: Rc::new(upload),
        }
    }

    /// The handle that shows how far this body has come, also when the body itself is gone.
    pub fn upload(&self) -> Rc<Upload> {
        Rc::clone(&self.upload)
    }

    /// Holds the body back until the given word is notified or `limit`, if there is one, has passed, counted from the
    /// first poll, which is when the request's head has been written.
    pub(super) fn hold(&mut self, limit: Option<Duration>) -> Arc<Notify> {
        let word = Arc::new(Notify::new());
        let awaited = Arc::clone(&word);
        self.held = Some(match limit {
            Some(limit) => Box::pin(async move {
                // Without a word the body is sent all the same (RFC 9110 10.1.1).
                let _unheard = timeout(limit, awaited.notified()).await;
            }),
            None => Box::pin(async move { awaited.notified().await }),
        });
        self.upload.waits_for_backend.set(limit.is_none());
        word
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
            // Not an error: that would make hyper give up the answer. The connection is closed with the answer's end.
            return Poll::Pending;
        }
        ready!(this.poll_held(cx));
        let next = this.source.as_mut().poll_frame(cx);
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
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
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

    /// An answer came: the body is read no more.
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

    /// Whether it is the backend, which has not said yet that it wants the body.
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
