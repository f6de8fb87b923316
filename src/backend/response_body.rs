//! An answer's body on its way to the client, byte for byte, and with it the use of the backend's connection: given
//! back to the pool when the answer ended cleanly, closed when it did not. Tells once how it ended. Never buffers.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;

use super::pinned::Turn;
use super::pool::Lease;

/// The body of a backend's answer. Dropped before its end, it closes the backend's connection.
pub struct ResponseBody {
    source: Incoming,
    hold: Option<Hold>,
    end: BodyEnd,
    observer: Option<Box<dyn FnOnce(BodyEnd)>>,
}

/// The backend's connection, held for the time of an answer.
pub(super) enum Hold {
    /// From the pool, and back to it.
    Shared(Lease),
    /// The client's own.
    Pinned(Turn),
}

impl Hold {
    fn moved(&self) {
        match self {
            Self::Shared(lease) => lease.moved(),
            Self::Pinned(turn) => turn.moved(),
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

/// How an answer's body ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyEnd {
    /// The bytes handed on, without their framing.
    pub bytes: u64,
    /// Whether that was all.
    pub outcome: BodyOutcome,
}

/// Whether an answer's body was whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyOutcome {
    /// To the last byte.
    Complete,
    /// The backend's side broke off or stalled; the reader was given the error.
    Failed,
    /// The reader let go of it first: the client left.
    Abandoned,
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
    pub(super) fn new(source: Incoming, hold: Hold) -> Self {
        let end = BodyEnd { bytes: 0, outcome: BodyOutcome::Abandoned };
        let mut body = Self { source, hold: Some(hold), end, observer: None };
        if body.source.is_end_stream() {
            body.finish(BodyOutcome::Complete);
        }
        body
    }

    /// Calls `observer` exactly once: when the body has ended, has failed or is dropped before, and at once if it has
    /// ended already (an answer without a body). A second observer replaces one that was not called yet.
    pub fn on_end(&mut self, observer: impl FnOnce(BodyEnd) + 'static) {
        if self.hold.is_some() {
            self.observer = Some(Box::new(observer));
        } else {
            observer(self.end);
        }
    }

    fn finish(&mut self, outcome: BodyOutcome) {
        let Some(hold) = self.hold.take() else { return };
        self.end.outcome = outcome;
        match outcome {
            BodyOutcome::Complete => hold.give_back(),
            BodyOutcome::Failed | BodyOutcome::Abandoned => drop(hold),
        }
        if let Some(observer) = self.observer.take() {
            observer(self.end);
        }
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
        Poll::Ready(match ready!(Pin::new(&mut this.source).poll_frame(cx)) {
            Some(Ok(frame)) => {
                let length = frame.data_ref().map_or(0, Bytes::len);
                this.end.bytes = this.end.bytes.saturating_add(u64::try_from(length).unwrap_or(u64::MAX));
                if let Some(hold) = &this.hold {
                    hold.moved();
                }
                // hyper's server asks `is_end_stream` after a frame and then polls no more.
                if this.source.is_end_stream() {
                    this.finish(BodyOutcome::Complete);
                }
                Some(Ok(frame))
            }
            Some(Err(source)) => {
                let failure = this.failure(source);
                this.finish(BodyOutcome::Failed);
                Some(Err(failure))
            }
            None => {
                this.finish(BodyOutcome::Complete);
                None
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.source.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.source.size_hint()
    }
}

impl Drop for ResponseBody {
    fn drop(&mut self) {
        self.finish(BodyOutcome::Abandoned);
    }
}
