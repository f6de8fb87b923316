//! Request bodies, and the digests by which they are compared after the transfer.

use super::TestRng;
use bytes::Bytes;
use http::HeaderMap;
use http_body::{Body, Frame};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

pub(crate) type TestBody = BoxBody<Bytes, Infallible>;

pub(crate) fn empty_body() -> TestBody {
    Empty::new().boxed()
}

/// Returns a body of known length, which HTTP/1.1 sends with `Content-Length`.
pub(crate) fn sized_body(bytes: impl Into<Bytes>) -> TestBody {
    Full::new(bytes.into()).boxed()
}

/// Returns a body of unknown length, which HTTP/1.1 sends in chunks. Each piece is one frame; the trailers follow.
pub(crate) fn chunked_body(pieces: impl IntoIterator<Item = Bytes>, trailers: Option<HeaderMap>) -> TestBody {
    let data = pieces.into_iter().map(Frame::data);
    FrameQueue(data.chain(trailers.map(Frame::trailers)).collect()).boxed()
}

struct FrameQueue(VecDeque<Frame<Bytes>>);

impl Body for FrameQueue {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

/// Returns `length` bytes without repetition, so that a lost, repeated or moved piece changes the digest.
pub(crate) fn pattern(length: usize) -> Bytes {
    let mut rng = TestRng::new(1);
    std::iter::repeat_with(|| rng.next().to_le_bytes()).flatten().take(length).collect()
}

/// Returns the SHA-256 in lower-case hexadecimal digits, as the echo reports it.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
