//! A client's HTTP/1.1 connection, between hyper and the socket. It withholds the response without content that hyper
//! writes for an unreadable head, so that an error page can replace it, and leaves the end of the connection to
//! [`linger`](super::linger).

use super::lifetime::ConnectionLifetime;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// One of two handles to a connection. hyper has the other.
pub(super) struct ClientStream<IO>(Rc<RefCell<SharedStream<IO>>>);

struct SharedStream<IO> {
    io: IO,
    lifetime: Rc<ConnectionLifetime>,
    /// The number of requests up to the last time at which everything was written.
    written_up_to: u64,
    /// The client has begun a request head that hyper has not passed on.
    head_begun: bool,
}

/// A connection that hyper has finished.
pub(super) struct EndedStream<IO> {
    pub(super) io: IO,
    /// Whether only responses to requests were written, so that an error page can be sent.
    pub(super) is_quiet: bool,
    /// Whether the client has begun a request head that is incomplete.
    pub(super) head_begun: bool,
}

impl<IO> ClientStream<IO> {
    pub(super) fn new(io: IO, lifetime: Rc<ConnectionLifetime>) -> Self {
        let shared = SharedStream { io, lifetime, written_up_to: 0, head_begun: false };
        Self(Rc::new(RefCell::new(shared)))
    }

    /// The other handle.
    pub(super) fn handle(&self) -> Self {
        Self(Rc::clone(&self.0))
    }

    /// The connection, once the other handle is gone.
    pub(super) fn into_left(self) -> Option<EndedStream<IO>> {
        let shared = Rc::into_inner(self.0)?.into_inner();
        let is_quiet = shared.is_quiet();
        Some(EndedStream { io: shared.io, is_quiet, head_begun: shared.head_begun })
    }
}

impl<IO> SharedStream<IO> {
    /// Whether the responses to all requests were written completely. What is written then is no response to a request.
    fn is_quiet(&self) -> bool {
        !self.lifetime.is_busy() && self.lifetime.requests() == self.written_up_to
    }
}

impl<IO: AsyncRead + Unpin> AsyncRead for ClientStream<IO> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut shared = self.0.borrow_mut();
        let before = buffer.filled().len();
        ready!(Pin::new(&mut shared.io).poll_read(cx, buffer))?;
        let read = buffer.filled().get(before..).unwrap_or_default();
        // Some clients send an empty line after a body (RFC 9112 2.2).
        shared.head_begun |= read.iter().any(|byte| !matches!(byte, b'\r' | b'\n'));
        Poll::Ready(Ok(()))
    }
}

impl<IO: AsyncWrite + Unpin> AsyncWrite for ClientStream<IO> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let mut shared = self.0.borrow_mut();
        if shared.is_quiet() {
            return Poll::Ready(Ok(data.len()));
        }
        Pin::new(&mut shared.io).poll_write(cx, data)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut shared = self.0.borrow_mut();
        if shared.is_quiet() {
            return Poll::Ready(Ok(data.iter().map(|slice| slice.len()).sum()));
        }
        Pin::new(&mut shared.io).poll_write_vectored(cx, data)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.borrow().io.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut shared = self.0.borrow_mut();
        ready!(Pin::new(&mut shared.io).poll_flush(cx))?;
        // hyper flushes when it has written everything.
        if !shared.is_quiet() && !shared.lifetime.is_busy() {
            shared.written_up_to = shared.lifetime.requests();
            shared.head_begun = false;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
