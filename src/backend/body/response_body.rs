//! A response's body on its way to the client, byte for byte, and with it the use of the backend's connection: given
//! back to the pool when the response ended cleanly, closed when it did not. A small response is read whole before the
//! client takes it, so that a client which does not read holds no backend connection.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::backend::body::memory::MemoryReservation;
use crate::backend::pinned::connection::PinnedLease;
use crate::backend::pool::backend_pool::PooledLease;

/// How long the head of a response may wait for its body. A response that takes longer is streamed.
const READ_IN_WITHIN: Duration = Duration::from_millis(50);

/// Frames shorter than this are copied when they are kept: each of them may hold a whole read buffer.
const COPIED_BELOW: usize = 16 * 1024;

/// The body of a backend's answer. Dropped before its end, it closes the backend's connection.
pub struct ResponseBody {
    source: Incoming,
    read_in: Option<Box<ReadIn>>,
    hold: Option<ConnectionLease>,
}

/// What was read before the client took it, and the memory for it.
struct ReadIn {
    frames: VecDeque<Result<Frame<Bytes>, ResponseBodyError>>,
    _memory: MemoryReservation,
}

/// The backend's connection, held for the time of an answer.
pub(in crate::backend) enum ConnectionLease {
    /// From the pool, and back to it.
    Shared(PooledLease),
    /// The client's own.
    Pinned(PinnedLease),
}

impl ConnectionLease {
    fn moved(&self, bytes: u64) {
        match self {
            Self::Shared(lease) => lease.moved(bytes),
            Self::Pinned(turn) => turn.moved(bytes),
        }
    }

    /// The client has to take what is there.
    fn waits_for_client(&self) {
        match self {
            Self::Shared(lease) => lease.waits_for_client(),
            Self::Pinned(turn) => turn.waits_for_client(),
        }
    }

    /// The client has taken all there is.
    fn waits_for_backend(&self) {
        match self {
            Self::Shared(lease) => lease.waits_for_backend(),
            Self::Pinned(turn) => turn.waits_for_backend(),
        }
    }

    fn stalled(&self) -> bool {
        match self {
            Self::Shared(lease) => lease.stalled(),
            Self::Pinned(turn) => turn.stalled(),
        }
    }

    fn give_back(self) {
        match self {
            Self::Shared(lease) => lease.give_back(),
            Self::Pinned(turn) => turn.give_back(),
        }
    }
}

/// Whether the backend sent a body whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum BodyEnd {
    Complete,
    /// The backend's side broke off or stalled, or the reader let go of it first.
    Broken,
}

/// Why an answer's body broke off. The client must be shown that it did: its connection is to be closed.
#[derive(Debug, thiserror::Error)]
pub enum ResponseBodyError {
    /// The connection ended before the body did, or the framing is broken.
    #[error("the backend's answer broke off")]
    Cut(#[source] hyper::Error),
    /// For the longest pause allowed the backend sent nothing, or the client took nothing.
    #[error("the backend's answer stalled")]
    Stalled,
}

impl ResponseBody {
    pub(in crate::backend) fn new(source: Incoming, hold: ConnectionLease) -> Self {
        let mut body = Self { source, read_in: None, hold: Some(hold) };
        if body.source.is_end_stream() {
            body.finish(BodyEnd::Complete);
        }
        body
    }

    /// Reads the body whole if it has at most `limit` bytes, comes soon and there is memory for it. The backend's
    /// connection is then free for others, however slowly the client reads.
    pub(in crate::backend) async fn read_in(&mut self, limit: usize, mut memory: MemoryReservation) {
        let length =
            self.source.size_hint().exact().map(|bytes| usize::try_from(bytes).unwrap_or(usize::MAX));
        let fits = length.is_none_or(|length| length <= limit);
        if self.hold.is_some() && fits && memory.grow(length.unwrap_or(limit)) {
            let frames = self.frames_within(limit).await;
            self.read_in = Some(Box::new(ReadIn { frames, _memory: memory }));
        }
        if let Some(hold) = &self.hold {
            hold.waits_for_client();
        }
    }

    async fn frames_within(&mut self, limit: usize) -> VecDeque<Result<Frame<Bytes>, ResponseBodyError>> {
        let mut frames = VecDeque::new();
        let end = Instant::now() + READ_IN_WITHIN;
        let mut bytes = 0;
        while self.hold.is_some() && bytes < limit {
            let Ok(frame) = timeout_at(end, poll_fn(|cx| self.poll_source(cx))).await else { break };
            match frame {
                Some(Ok(frame)) => {
                    bytes += frame.data_ref().map_or(0, Bytes::len);
                    frames.push_back(Ok(frame.map_data(owned)));
                }
                Some(Err(error)) => frames.push_back(Err(error)),
                None => {}
            }
        }
        frames
    }

    fn finish(&mut self, outcome: BodyEnd) {
        let Some(hold) = self.hold.take() else { return };
        match outcome {
            BodyEnd::Complete => hold.give_back(),
            BodyEnd::Broken => drop(hold),
        }
    }

    fn poll_source(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ResponseBodyError>>> {
        let next = Pin::new(&mut self.source).poll_frame(cx);
        if let (Poll::Pending, Some(hold)) = (&next, &self.hold) {
            hold.waits_for_backend();
        }
        Poll::Ready(match ready!(next) {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                let length = u64::try_from(length).unwrap_or(u64::MAX);
                if let Some(hold) = &self.hold {
                    hold.moved(length);
                }
                // A server asks `is_end_stream` after a frame, or sends trailers, and then polls no more.
                if frame.is_trailers() || self.source.is_end_stream() {
                    self.finish(BodyEnd::Complete);
                }
                Some(Ok(frame))
            }
            Some(Err(source)) => {
                let failure = self.failure(source);
                self.finish(BodyEnd::Broken);
                Some(Err(failure))
            }
            None => {
                self.finish(BodyEnd::Complete);
                None
            }
        })
    }

    fn failure(&self, source: hyper::Error) -> ResponseBodyError {
        match &self.hold {
            Some(hold) if hold.stalled() => ResponseBodyError::Stalled,
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
        if let Some(frame) = this.read_in.as_mut().and_then(|read_in| read_in.frames.pop_front()) {
            return Poll::Ready(Some(frame));
        }
        this.read_in = None;
        this.poll_source(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.read_in.as_ref().is_none_or(|read_in| read_in.frames.is_empty()) && self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let frames = self.read_in.iter().flat_map(|read_in| &read_in.frames).flatten();
        let read_in = frames.filter_map(Frame::data_ref).map(Bytes::len).sum::<usize>();
        let read_in = u64::try_from(read_in).unwrap_or(u64::MAX);
        match self.source.size_hint().exact() {
            Some(left) => SizeHint::with_exact(left.saturating_add(read_in)),
            None => SizeHint::default(),
        }
    }
}

fn owned(data: Bytes) -> Bytes {
    if data.len() < COPIED_BELOW { Bytes::copy_from_slice(&data) } else { data }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.finish(BodyEnd::Broken);
    }
}
