//! The body of a response, forwarded byte for byte, together with the lease of its backend connection. The connection
//! is returned when the body has ended, and closed if the body fails. A small body is buffered whole, so that a client
//! which does not read occupies no backend connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::Response;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use super::memory::MemoryReservation;
use crate::backend::pinned::state::PinnedLease;
use crate::backend::pool::lease::PooledLease;

/// How long the response head may wait for the buffered body. A body that takes longer is streamed from then on.
const BUFFERING_TIMEOUT: Duration = Duration::from_millis(50);

/// Shorter frames are copied when they are buffered: each of them may keep a whole read buffer alive.
const COPIED_BELOW: usize = 16 * 1024;

/// A backend's response, with facts about the connection on which it was received.
pub(crate) struct UpstreamResponse {
    /// The response; its body is streamed.
    pub response: Response<ResponseBody>,
    /// The address of the server as configured.
    pub server: String,
    /// Whether the connection had carried a request before.
    pub reused: bool,
}

/// The body of a backend's response. If it is dropped before its end, the backend connection is closed.
pub(crate) struct ResponseBody {
    source: Incoming,
    buffered: Option<Box<BufferedFrames>>,
    lease: Option<ConnectionLease>,
}

/// Frames that were read before the client receives them, with the memory reserved for them.
struct BufferedFrames {
    frames: VecDeque<Result<Frame<Bytes>, ResponseBodyError>>,
    _memory: MemoryReservation,
}

/// The right to use a backend connection until the response has ended.
pub(in crate::backend) enum ConnectionLease {
    /// The connection returns to the pool.
    Pooled(PooledLease),
    /// The connection stays with its client.
    Pinned(PinnedLease),
}

impl ConnectionLease {
    fn record_forwarded(&self, bytes: u64) {
        match self {
            Self::Pooled(lease) => lease.record_forwarded(bytes),
            Self::Pinned(lease) => lease.record_forwarded(bytes),
        }
    }

    fn wait_for_client(&self) {
        match self {
            Self::Pooled(lease) => lease.wait_for_client(),
            Self::Pinned(lease) => lease.wait_for_client(),
        }
    }

    fn wait_for_backend(&self) {
        match self {
            Self::Pooled(lease) => lease.wait_for_backend(),
            Self::Pinned(lease) => lease.wait_for_backend(),
        }
    }

    fn has_stalled(&self) -> bool {
        match self {
            Self::Pooled(lease) => lease.has_stalled(),
            Self::Pinned(lease) => lease.has_stalled(),
        }
    }

    fn give_back(self) {
        match self {
            Self::Pooled(lease) => lease.give_back(),
            Self::Pinned(lease) => lease.give_back(),
        }
    }
}

/// How a response body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyEnd {
    Complete,
    /// The backend failed or stalled, or the body was dropped.
    Incomplete,
}

/// The reason for which a response body is incomplete. The client connection must be closed, so that the client detects
/// it.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ResponseBodyError {
    /// The backend connection ended before the end of the body, or the framing is invalid.
    #[error("the backend's response is incomplete")]
    Cut(#[source] hyper::Error),
    /// For `body_idle_timeout` the backend sent nothing or the client received nothing.
    #[error("the backend's response stalled")]
    Stalled,
}

impl ResponseBody {
    pub(in crate::backend) fn new(source: Incoming, lease: ConnectionLease) -> Self {
        let mut body = Self { source, buffered: None, lease: Some(lease) };
        if body.source.is_end_stream() {
            body.finish(BodyEnd::Complete);
        }
        body
    }

    /// Buffers the whole body if it has at most `limit` bytes, is received within [`BUFFERING_TIMEOUT`] and there is
    /// memory for it. The backend connection is then free for other requests, however slowly the client reads.
    pub(in crate::backend) async fn buffer(&mut self, limit: usize, mut memory: MemoryReservation) {
        let length =
            self.source.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let fits = length.is_none_or(|length| length <= limit);
        if self.lease.is_some() && fits && memory.grow(length.unwrap_or(limit)) {
            let frames = self.read_frames(limit).await;
            self.buffered = Some(Box::new(BufferedFrames { frames, _memory: memory }));
        }
        if let Some(lease) = &self.lease {
            lease.wait_for_client();
        }
    }

    async fn read_frames(&mut self, limit: usize) -> VecDeque<Result<Frame<Bytes>, ResponseBodyError>> {
        let mut frames = VecDeque::new();
        let end = Instant::now() + BUFFERING_TIMEOUT;
        let mut bytes = 0;
        while self.lease.is_some() && bytes < limit {
            let Ok(frame) = timeout_at(end, poll_fn(|cx| self.poll_source(cx))).await else { break };
            match frame {
                Some(Ok(frame)) => {
                    bytes += frame.data_ref().map_or(0, Bytes::len);
                    frames.push_back(Ok(frame.map_data(copy_if_short)));
                }
                Some(Err(error)) => frames.push_back(Err(error)),
                None => {}
            }
        }
        frames
    }

    fn finish(&mut self, end: BodyEnd) {
        let Some(lease) = self.lease.take() else { return };
        match end {
            BodyEnd::Complete => lease.give_back(),
            BodyEnd::Incomplete => drop(lease),
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let next = Pin::new(&mut self.source).poll_frame(cx);
        if let (Poll::Pending, Some(lease)) = (&next, &self.lease) {
            lease.wait_for_backend();
        }
        Poll::Ready(match ready!(next) {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                let length = u64::try_from(length).unwrap_or(u64::MAX);
                if let Some(lease) = &self.lease {
                    lease.record_forwarded(length);
                }
                // hyper's server calls `is_end_stream` after a frame, or forwards trailers, and does not poll again.
                if frame.is_trailers() || self.source.is_end_stream() {
                    self.finish(BodyEnd::Complete);
                }
                Some(Ok(frame))
            }
            Some(Err(source)) => {
                let error = self.error(source);
                self.finish(BodyEnd::Incomplete);
                Some(Err(error))
            }
            None => {
                self.finish(BodyEnd::Complete);
                None
            }
        })
    }

    fn error(&self, source: hyper::Error) -> ResponseBodyError {
        match &self.lease {
            Some(lease) if lease.has_stalled() => ResponseBodyError::Stalled,
            _ => ResponseBodyError::Cut(source),
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = ResponseBodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let this = self.get_mut();
        if let Some(frame) = this.buffered.as_mut().and_then(|buffered| buffered.frames.pop_front()) {
            return Poll::Ready(Some(frame));
        }
        this.buffered = None;
        this.poll_source(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.buffered.as_ref().is_none_or(|buffered| buffered.frames.is_empty())
            && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self.buffered.iter().flat_map(|buffered| &buffered.frames).flatten();
        let buffered = frames.filter_map(Frame::data_ref).map(Bytes::len).sum::<usize>();
        let buffered = u64::try_from(buffered).unwrap_or(u64::MAX);
        match self.source.size_hint().exact() {
            Some(left) => SizeHint::with_exact(left.saturating_add(buffered)),
            None => SizeHint::default(),
        }
    }
}

fn copy_if_short(data: Bytes) -> Bytes {
    if data.len() < COPIED_BELOW { Bytes::copy_from_slice(&data) } else { data }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.finish(BodyEnd::Incomplete);
    }
}
