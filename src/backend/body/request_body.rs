//! A request's body on its way to the backend: the client's bytes, counted and bounded. A bounded part of it is read
//! before a backend connection is taken, so that a client which sends slowly, or nothing, does not hold one; the rest
//! is streamed. What comes after the response is read and discarded, so that a client which sends its whole body before it
//! reads gets to the response.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::error::Error;
use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep_until, timeout};

use crate::backend::body::memory::MemoryReservation;
use crate::backend::body::transfer_rate::{MinimumRate, TransferRate};

type SourceError = Box<dyn Error + Send + Sync>;
type Source = Pin<Box<dyn Body<Data = Bytes, Error = SourceError>>>;

/// Frames shorter than this are copied together while they are kept: each of them may hold a whole read buffer.
const COPIED_BELOW: usize = 4096;

/// The memory for the next piece of a body: as much as HTTP/2 sends in one frame.
const ROOM: usize = 16 * 1024;

/// The body of a request to the backend.
pub struct RequestBody {
    source: Source,
    declared: Option<u64>,
    max_bytes: u64,
    strip_trailers: fn(&mut HeaderMap),
    held: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Boxed: a request without a body has none.
    ahead: Option<Box<ReadAhead>>,
    /// Read after the response.
    discarded: u64,
    upload: Rc<UploadProgress>,
}

/// What was read before it could be forwarded.
struct ReadAhead {
    pieces: VecDeque<Bytes>,
    /// Short frames that came last, copied together.
    tail: BytesMut,
    trailers: Option<Frame<Bytes>>,
    bytes: usize,
    /// Whether the source has ended.
    ended: bool,
    /// The bytes that are reserved of `memory`.
    reserved: usize,
    memory: MemoryReservation,
}

/// How far a request's body has come. Shared by the body, the exchange and the request's record.
#[derive(Debug)]
pub struct UploadProgress {
    bytes: Cell<u64>,
    whole: Cell<bool>,
    answered: Cell<bool>,
    only_drained: Cell<bool>,
    waits_for_backend: Cell<bool>,
    pace: TransferRate,
    minimum: Cell<MinimumRate>,
    progress: Cell<Instant>,
    failure: RefCell<Option<RequestBodyError>>,
    /// Whether the answer is awaited also when the body fails.
    awaits_verdict: Cell<bool>,
    /// Notified when it has failed so.
    broken: Notify,
    is_broken: Cell<bool>,
}

/// Why a request's body could not be forwarded whole.
#[derive(Debug, thiserror::Error)]
pub enum RequestBodyError {
    /// The body exceeded the limit; a declared length above it is refused before the backend is asked.
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
    /// The client sent less than the minimum rate, or sent slowly while others waited for its backend connection.
    #[error("the client sent the body too slowly")]
    TooSlow,
}

/// The error that hyper receives when a body fails; the reason is a [`RequestBodyError`].
#[derive(Debug, thiserror::Error)]
#[error("the request's body failed")]
pub struct RequestBodyFailed;

impl RequestBody {
    /// The client's body, of which at most `max_bytes` are forwarded. `strip_trailers` removes from the trailers
    /// whatever may not reach the backend.
    pub fn new<B>(body: B, max_bytes: u64, strip_trailers: fn(&mut HeaderMap)) -> Self
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let upload = UploadProgress {
            bytes: Cell::new(0),
            whole: Cell::new(body.is_end_stream()),
            answered: Cell::new(false),
            only_drained: Cell::new(false),
            waits_for_backend: Cell::new(false),
            pace: TransferRate::default(),
            minimum: Cell::new(MinimumRate::NONE),
            progress: Cell::new(Instant::now()),
            failure: RefCell::new(None),
            awaits_verdict: Cell::new(false),
            broken: Notify::new(),
            is_broken: Cell::new(false),
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

    /// The same body, whose client must keep `minimum` while it is waited for.
    pub fn with_minimum_rate(self, minimum: MinimumRate) -> Self {
        self.upload.minimum.set(minimum);
        self
    }

    /// The handle that shows how far this body has come, also when the body itself is gone.
    pub fn upload(&self) -> Rc<UploadProgress> {
        Rc::clone(&self.upload)
    }

    /// Reads up to `limit` bytes of the body, or as many as there is memory for, and keeps them for forwarding.
    /// Returns when the body has ended or no more of it can be kept. The client may pause for `idle`.
    ///
    /// # Errors
    /// The body is too large, the client left, stopped or is slower than its minimum rate.
    pub(in crate::backend) async fn read_ahead(
        &mut self,
        limit: usize,
        idle: Duration,
        memory: MemoryReservation,
    ) -> Result<(), RequestBodyError> {
        if self.source.is_end_stream() {
            return Ok(());
        }
        let mut ahead = Box::new(ReadAhead::new(memory));
        let upload = Rc::clone(&self.upload);
        let mut due = None;
        while ahead.bytes < limit && !ahead.ended && ahead.has_room() {
            let frame = poll_fn(|cx| {
                let frame = self.source.as_mut().poll_frame(cx);
                if frame.is_pending() {
                    upload.pace.wait();
                    let at = upload.client_deadline(idle);
                    let due = due.get_or_insert_with(|| Box::pin(sleep_until(at)));
                    if due.deadline() != at {
                        due.as_mut().reset(at);
                    }
                    ready!(due.as_mut().poll(cx));
                    return Poll::Ready(Err(upload.too_late(idle)));
                }
                frame.map(Ok)
            });
            match frame.await? {
                Some(Ok(frame)) => self.keep(frame, &mut ahead)?,
                Some(Err(source)) => return Err(RequestBodyError::ClientGone(source)),
                None => ahead.ended = true,
            }
        }
        let total = u64::try_from(ahead.bytes).unwrap_or(u64::MAX);
        if ahead.ended && self.declared.is_some_and(|declared| total < declared) {
            return Err(RequestBodyError::ClientGone(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
        }
        ahead.seal();
        // The first piece is read in any case. Without memory for it, it is forwarded soon.
        ahead.reserve(ahead.bytes);
        // Of an empty body hyper never asks for the end.
        self.upload.whole.set(ahead.ended && ahead.is_empty());
        self.ahead = Some(ahead);
        Ok(())
    }

    fn keep(&self, frame: Frame<Bytes>, ahead: &mut ReadAhead) -> Result<(), RequestBodyError> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => {
                self.upload.note(0);
                ahead.trailers = Some(trailers);
                ahead.ended = true;
                return Ok(());
            }
        };
        self.upload.note(u64::try_from(data.len()).unwrap_or(u64::MAX));
        ahead.push(data);
        let total = u64::try_from(ahead.bytes).unwrap_or(u64::MAX);
        if total > self.max_bytes {
            return Err(RequestBodyError::TooLarge { limit: self.max_bytes });
        }
        if self.source.is_end_stream() || self.declared == Some(total) {
            ahead.ended = true;
        }
        Ok(())
    }

    /// The body of a request that has none, of which a second copy is sent.
    pub(in crate::backend) fn same_without_content(&self) -> Self {
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

    /// Holds the body back until the returned [`Notify`] is notified or `limit` has passed, counted from the first
    /// poll, which is when the request's head has been written.
    pub(in crate::backend) fn hold(&mut self, limit: Duration) -> Arc<Notify> {
        let word = Arc::new(Notify::new());
        let awaited = Arc::clone(&word);
        self.held = Some(Box::pin(async move {
            // Without a word the body is sent all the same (RFC 9110 10.1.1).
            let _unheard = timeout(limit, awaited.notified()).await;
        }));
        self.upload.waits_for_backend.set(true);
        word
    }

    /// Reads on after the response, up to the size that the body may have. A body that the client was not told to send
    /// is not asked for.
    fn discard(&mut self, cx: &mut Context<'_>) {
        while self.held.is_none() && self.upload.bytes.get().saturating_add(self.discarded) <= self.max_bytes
        {
            match self.poll_next(cx) {
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

    /// The next frame, of what was read ahead or of the source.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SourceError>>> {
        if let Some(ahead) = &mut self.ahead {
            if let Some(frame) = ahead.pop() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if ahead.ended {
                return Poll::Ready(None);
            }
        }
        let next = self.source.as_mut().poll_frame(cx);
        match &next {
            Poll::Pending => self.upload.pace.wait(),
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.upload.note(u64::try_from(length).unwrap_or(u64::MAX));
            }
            Poll::Ready(_) => self.upload.note(0),
        }
        next
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
        if self.is_end_stream() || self.declared == Some(total) {
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

impl ReadAhead {
    fn new(memory: MemoryReservation) -> Self {
        Self {
            pieces: VecDeque::new(),
            tail: BytesMut::new(),
            trailers: None,
            bytes: 0,
            ended: false,
            reserved: 0,
            memory,
        }
    }

    /// Whether there is memory for the next piece. It is taken as the body comes: a request that only announces one
    /// has none.
    fn has_room(&mut self) -> bool {
        self.bytes == 0 || self.reserve(self.bytes + ROOM)
    }

    /// Has memory for `bytes` in all. Returns whether it was there.
    fn reserve(&mut self, bytes: usize) -> bool {
        let missing = bytes.saturating_sub(self.reserved);
        let granted = missing == 0 || self.memory.grow(missing);
        if granted {
            self.reserved += missing;
        }
        granted
    }

    fn push(&mut self, data: Bytes) {
        self.bytes += data.len();
        if data.len() < COPIED_BELOW {
            self.tail.extend_from_slice(&data);
        } else {
            self.seal();
            self.pieces.push_back(data);
        }
    }

    fn seal(&mut self) {
        if !self.tail.is_empty() {
            self.pieces.push_back(self.tail.split().freeze());
        }
    }

    fn pop(&mut self) -> Option<Frame<Bytes>> {
        let Some(piece) = self.pieces.pop_front() else {
            self.memory.release();
            return self.trailers.take();
        };
        self.bytes -= piece.len();
        Some(Frame::data(piece))
    }

    fn is_empty(&self) -> bool {
        self.pieces.is_empty() && self.trailers.is_none()
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
            // Not an error: that would make hyper give up the response. The connection is closed with its end.
            return Poll::Pending;
        }
        if this.upload.is_broken.get() {
            return Poll::Pending;
        }
        ready!(this.poll_held(cx));
        let frame = match ready!(this.poll_next(cx)) {
            Some(Ok(frame)) => match this.forward(frame) {
                Err(_) if this.upload.only_drained.get() => {
                    this.upload.stop();
                    return Poll::Pending;
                }
                forwarded => Some(forwarded),
            },
            Some(Err(source)) => Some(Err(this.upload.fail(RequestBodyError::ClientGone(source)))),
            None => this.end().err().map(Err),
        };
        if matches!(frame, Some(Err(_))) && this.upload.awaits_verdict.get() {
            this.upload.stand_still();
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.ahead {
            Some(ahead) => ahead.is_empty() && (ahead.ended || self.source.is_end_stream()),
            None => self.source.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.declared {
            Some(declared) => SizeHint::with_exact(declared.saturating_sub(self.upload.bytes.get())),
            None => SizeHint::default(),
        }
    }
}

impl UploadProgress {
    /// The bytes of the body handed to the backend's connection so far, without their framing.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// The bytes of the body that the client has sent so far, without their framing.
    pub fn received(&self) -> u64 {
        self.pace.total()
    }

    /// Whether the whole body was handed over. True from the start for a request without one.
    pub fn is_whole(&self) -> bool {
        self.whole.get()
    }

    /// The body moved, or an attempt to send it begins.
    pub(in crate::backend) fn moved(&self) {
        self.progress.set(Instant::now());
    }

    /// The client sent `bytes`.
    fn note(&self, bytes: u64) {
        let now = Instant::now();
        self.pace.moved(bytes, now);
        self.progress.set(now);
    }

    /// The response has come: the rest of the body goes nowhere.
    pub(in crate::backend) fn stop(&self) {
        self.answered.set(true);
    }

    /// The response came before the whole body did, and is not to be lost when the rest is larger than it may be: the
    /// body then stands still instead of failing.
    pub(in crate::backend) fn only_drain(&self) {
        self.only_drained.set(true);
    }

    /// The body carries a log-in, whose outcome is not to be lost when the client breaks off: the body then stands still
    /// instead of failing, and the backend has a while to answer what it has got of the request.
    pub fn await_verdict(&self) {
        self.awaits_verdict.set(true);
    }

    /// Whether [`UploadProgress::await_verdict`] was called.
    pub(in crate::backend) fn awaits_verdict(&self) -> bool {
        self.awaits_verdict.get()
    }

    /// Whether the body has failed and stands still.
    pub(in crate::backend) fn is_broken(&self) -> bool {
        self.is_broken.get()
    }

    /// Waits until it has.
    pub(in crate::backend) async fn broken(&self) {
        self.broken.notified().await;
    }

    /// The body goes no further, and the backend has a while to respond to what it has got of it.
    pub(in crate::backend) fn stand_still(&self) {
        self.is_broken.set(true);
        self.moved();
        self.broken.notify_one();
    }

    /// When the body last moved.
    pub(in crate::backend) fn progress(&self) -> Instant {
        self.progress.get()
    }

    /// Whether the backend has not yet asked for the body.
    pub(in crate::backend) fn waits_for_backend(&self) -> bool {
        self.waits_for_backend.get()
    }

    /// Whether the client keeps the body waiting.
    pub(in crate::backend) fn waits_for_client(&self) -> bool {
        self.pace.is_waiting() && !self.whole.get()
    }

    /// When a client that sends nothing more is too late: it may pause for `idle`, and keeps its minimum rate.
    pub(in crate::backend) fn client_deadline(&self, idle: Duration) -> Instant {
        let idle_end = self.progress.get() + idle;
        self.pace.too_slow_at(self.minimum.get()).map_or(idle_end, |at| at.min(idle_end))
    }

    /// Why a client whose deadline has passed is too late.
    pub(in crate::backend) fn too_late(&self, idle: Duration) -> RequestBodyError {
        if self.progress.get() + idle <= Instant::now() {
            RequestBodyError::Stalled
        } else {
            RequestBodyError::TooSlow
        }
    }

    /// The client's recent rate in bytes per second, if it keeps the server waiting and the rate is low enough to give
    /// way to others.
    pub(in crate::backend) fn delaying_rate(&self, now: Instant) -> Option<u64> {
        if self.whole.get() || self.is_broken.get() { None } else { self.pace.delaying_rate(now) }
    }

    /// Notes why the connection that carries the body is closed.
    pub(in crate::backend) fn abort(&self, why: RequestBodyError) {
        self.failure.replace(Some(why));
    }

    /// Why the body failed, if it did. Returned once.
    pub(in crate::backend) fn take_failure(&self) -> Option<RequestBodyError> {
        self.failure.take()
    }

    fn fail(&self, why: RequestBodyError) -> RequestBodyFailed {
        self.failure.replace(Some(why));
        RequestBodyFailed
    }
}
