//! The body of a request to a backend: the client's bytes, counted and limited. A limited part is read before a backend
//! connection is acquired, so that a client which sends slowly or not at all does not occupy one; the rest is streamed.
//! After the response, the rest is read and discarded: a client that sends its whole body before it reads would
//! otherwise not receive the response.

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
use tokio::time::{sleep_until, timeout};

use super::memory::MemoryReservation;
use super::read_ahead::ReadAhead;
use super::transfer_rate::MinimumRate;
use super::upload_progress::{RequestBodyError, RequestBodyFailed, UploadProgress};

type SourceError = Box<dyn Error + Send + Sync>;
type Source = Pin<Box<dyn Body<Data = Bytes, Error = SourceError>>>;

/// The body of a request to the backend.
pub(crate) struct RequestBody {
    source: Source,
    declared: Option<u64>,
    max_bytes: u64,
    strip_trailers: fn(&mut HeaderMap),
    held_back: Option<Pin<Box<dyn Future<Output = ()>>>>,
    /// Boxed, since a request without a body has none.
    ahead: Option<Box<ReadAhead>>,
    /// The bytes that were discarded after the response.
    discarded: u64,
    progress: Rc<UploadProgress>,
}

impl RequestBody {
    /// Creates the body from the client's, of which at most `max_bytes` are forwarded. `strip_trailers` removes the
    /// trailers that must not reach the backend.
    pub(crate) fn new<B>(body: B, max_bytes: u64, strip_trailers: fn(&mut HeaderMap)) -> Self
    where
        B: Body<Data = Bytes> + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        Self {
            declared: body.size_hint().exact(),
            progress: Rc::new(UploadProgress::new(body.is_end_stream())),
            source: Box::pin(body.map_err(Into::into)),
            max_bytes,
            strip_trailers,
            held_back: None,
            ahead: None,
            discarded: 0,
        }
    }

    /// Sets the average rate that the client must keep while the gateway waits for it.
    pub(crate) fn with_minimum_rate(self, minimum: MinimumRate) -> Self {
        self.progress.set_minimum_rate(minimum);
        self
    }

    /// Returns the progress of this body, which outlives it.
    pub(crate) fn progress(&self) -> Rc<UploadProgress> {
        Rc::clone(&self.progress)
    }

    /// Reads up to `limit` bytes of the body, or as many as `memory` has room for, and stores them for forwarding.
    /// Returns when the body has ended or no more of it can be stored. `idle` is the longest pause that the client may
    /// make.
    ///
    /// # Errors
    /// The body is too large, or the client disconnected, stalled or is slower than its minimum rate.
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
        let progress = Rc::clone(&self.progress);
        let mut timer = None;
        while ahead.bytes() < limit && !ahead.has_ended() && ahead.has_room() {
            let frame = poll_fn(|cx| {
                let frame = self.source.as_mut().poll_frame(cx);
                if frame.is_pending() {
                    progress.wait_for_client();
                    let deadline = progress.client_deadline(idle);
                    let timer = timer.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
                    if timer.deadline() != deadline {
                        timer.as_mut().reset(deadline);
                    }
                    ready!(timer.as_mut().poll(cx));
                    return Poll::Ready(Err(progress.deadline_error(idle)));
                }
                frame.map(Ok)
            });
            match frame.await? {
                Some(Ok(frame)) => self.store(frame, &mut ahead)?,
                Some(Err(source)) => return Err(RequestBodyError::of_source(source)),
                None => ahead.set_ended(),
            }
        }
        let total = u64::try_from(ahead.bytes()).unwrap_or(u64::MAX);
        if ahead.has_ended() && self.declared.is_some_and(|declared| total < declared) {
            return Err(RequestBodyError::ClientGone(io::Error::from(io::ErrorKind::UnexpectedEof).into()));
        }
        ahead.finish();
        // hyper does not poll an empty body to its end.
        self.progress.set_whole(ahead.has_ended() && ahead.is_empty());
        self.ahead = Some(ahead);
        Ok(())
    }

    fn store(&self, frame: Frame<Bytes>, ahead: &mut ReadAhead) -> Result<(), RequestBodyError> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => {
                self.progress.record_received(0);
                ahead.push_trailers(trailers);
                return Ok(());
            }
        };
        self.progress.record_received(u64::try_from(data.len()).unwrap_or(u64::MAX));
        ahead.push(data);
        let total = u64::try_from(ahead.bytes()).unwrap_or(u64::MAX);
        if total > self.max_bytes {
            return Err(RequestBodyError::TooLarge { limit: self.max_bytes });
        }
        if self.source.is_end_stream() || self.declared == Some(total) {
            ahead.set_ended();
        }
        Ok(())
    }

    /// Returns the body for a second copy of a request without a body. Both share the progress.
    pub(in crate::backend) fn clone_empty(&self) -> Self {
        Self {
            source: Box::pin(Empty::new().map_err(|never| match never {})),
            declared: self.declared,
            max_bytes: self.max_bytes,
            strip_trailers: self.strip_trailers,
            held_back: None,
            ahead: None,
            discarded: 0,
            progress: Rc::clone(&self.progress),
        }
    }

    /// Holds the body back until the returned [`Notify`] is notified or `limit` has passed. The time begins with the
    /// first poll, after the request head is written.
    pub(in crate::backend) fn hold_back(&mut self, limit: Duration) -> Arc<Notify> {
        let release = Arc::new(Notify::new());
        let released = Arc::clone(&release);
        self.held_back = Some(Box::pin(async move {
            // If no 100 is received, the body is sent after the time limit (RFC 9110 10.1.1).
            let _timed_out = timeout(limit, released.notified()).await;
        }));
        self.progress.set_waits_for_backend(true);
        release
    }

    /// Reads and discards the rest after the response, up to the size limit of the body. A body that the backend has
    /// not asked for is not read, since reading it would send a 100 to the client.
    fn discard(&mut self, cx: &mut Context<'_>) {
        while self.held_back.is_none()
            && self.progress.bytes().saturating_add(self.discarded) <= self.max_bytes
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

    fn poll_held_back(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if let Some(held_back) = &mut self.held_back {
            ready!(held_back.as_mut().poll(cx));
            self.held_back = None;
            self.progress.set_waits_for_backend(false);
            self.progress.touch();
        }
        Poll::Ready(())
    }

    /// Polls the next frame, first of the part that was read ahead, then of the source.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, SourceError>>> {
        if let Some(ahead) = &mut self.ahead {
            if let Some(frame) = ahead.pop() {
                return Poll::Ready(Some(Ok(frame)));
            }
            if ahead.has_ended() {
                return Poll::Ready(None);
            }
        }
        let next = self.source.as_mut().poll_frame(cx);
        match &next {
            Poll::Pending => self.progress.wait_for_client(),
            Poll::Ready(Some(Ok(frame))) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                self.progress.record_received(u64::try_from(length).unwrap_or(u64::MAX));
            }
            Poll::Ready(_) => self.progress.record_received(0),
        }
        next
    }

    fn forward(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, RequestBodyFailed> {
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(other) => return Ok(self.forward_trailers(other)),
        };
        let length = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let total = self.progress.bytes().saturating_add(length);
        if total > self.max_bytes {
            return Err(self.progress.fail(RequestBodyError::TooLarge { limit: self.max_bytes }));
        }
        self.progress.set_forwarded(total);
        self.progress.touch();
        // hyper stops polling at the declared length, before the source reports its end.
        if self.is_end_stream() || self.declared == Some(total) {
            self.progress.set_whole(true);
        }
        Ok(Frame::data(data))
    }

    fn end(&self) -> Result<(), RequestBodyFailed> {
        if self.declared.is_some_and(|declared| self.progress.bytes() < declared) {
            let short = io::Error::from(io::ErrorKind::UnexpectedEof);
            return Err(self.progress.fail(RequestBodyError::ClientGone(short.into())));
        }
        self.progress.touch();
        self.progress.set_whole(true);
        Ok(())
    }

    fn forward_trailers(&mut self, frame: Frame<Bytes>) -> Frame<Bytes> {
        self.progress.touch();
        self.progress.set_whole(true);
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
        if this.progress.discards_rest() {
            this.discard(cx);
            // Not an error, which would make hyper abort the response. The connection is closed after the response.
            return Poll::Pending;
        }
        if this.progress.is_suspended() {
            return Poll::Pending;
        }
        ready!(this.poll_held_back(cx));
        let frame = match ready!(this.poll_next(cx)) {
            Some(Ok(frame)) => match this.forward(frame) {
                Err(_) if this.progress.ignores_failure() => {
                    this.progress.discard_rest();
                    return Poll::Pending;
                }
                forwarded => Some(forwarded),
            },
            Some(Err(source)) => Some(Err(this.progress.fail(RequestBodyError::of_source(source)))),
            None => this.end().err().map(Err),
        };
        if matches!(frame, Some(Err(_))) && this.progress.awaits_login_result() {
            this.progress.suspend();
            return Poll::Pending;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        match &self.ahead {
            Some(ahead) => ahead.is_empty() && (ahead.has_ended() || self.source.is_end_stream()),
            None => self.source.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self.declared {
            Some(declared) => SizeHint::with_exact(declared.saturating_sub(self.progress.bytes())),
            None => SizeHint::default(),
        }
    }
}
