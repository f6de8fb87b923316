//! An answer's body that repeats a block of bytes up to a length, announced or chunked, whole or cut off.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};

/// How the length of the body is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    /// `Content-Length`.
    Length,
    /// Chunks, with trailers after them.
    Chunked,
}

pub(super) struct GeneratedBody {
    block: Bytes,
    length: u64,
    sent: u64,
    framing: Framing,
    cut_after: Option<u64>,
    /// Whether hyper was given the occasion to send what goes before the cut.
    flushed: bool,
    trailers: Option<HeaderMap>,
}

impl GeneratedBody {
    /// `length` bytes, of `block` again and again.
    pub(super) fn repeating(block: Bytes, length: u64, framing: Framing) -> Self {
        // Of no bytes there is no repetition.
        let length = if block.is_empty() { 0 } else { length };
        Self { block, length, sent: 0, framing, cut_after: None, flushed: false, trailers: None }
    }

    /// The connection breaks after that many bytes.
    pub(super) fn cut_after(mut self, bytes: Option<u64>) -> Self {
        self.cut_after = bytes;
        self
    }

    /// Trailers after a chunked body.
    pub(super) fn with_trailers(mut self, trailers: HeaderMap) -> Self {
        self.trailers = (!trailers.is_empty()).then_some(trailers);
        self
    }

    /// The next bytes, at most one block's.
    fn next_piece(&self) -> Bytes {
        let block = self.block.len() as u64;
        let start = self.sent % block;
        let end = self.length.min(self.cut_after.unwrap_or(u64::MAX));
        let count = (block - start).min(end - self.sent);
        let [start, count] = [start, count].map(|part| usize::try_from(part).unwrap_or(self.block.len()));
        self.block.slice(start..start + count)
    }
}

impl Body for GeneratedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.cut_after.is_some_and(|cut| self.sent >= cut) {
            if !std::mem::replace(&mut self.flushed, true) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(io::Error::other("cut off as asked"))));
        }
        if self.sent < self.length {
            let piece = self.next_piece();
            self.sent += piece.len() as u64;
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        Poll::Ready(self.trailers.take().map(|trailers| Ok(Frame::trailers(trailers))))
    }

    fn is_end_stream(&self) -> bool {
        self.sent >= self.length && self.trailers.is_none() && self.cut_after.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        match self.framing {
            Framing::Length => SizeHint::with_exact(self.length - self.sent),
            Framing::Chunked => SizeHint::default(),
        }
    }
}
