//! The byte stream of one connection to a server, with or without TLS, and two workarounds for servers that close.
//!
//! A server that rejects a body early responds (413, 401) and closes the connection. The next write of the body then
//! fails, and hyper would report the failed write instead of the response, which may already be in the receive buffer.
//! So after a failed write, all further writes are discarded, and reading continues up to the response or the end. Such
//! a connection is never used again.
//!
//! On a busy worker, the runtime learns late that a server closed an idle connection. So before a request is written to
//! a connection that was idle, the socket itself is peeked. If the server has sent or closed anything meanwhile, hyper,
//! which reads before it writes, reads the end of the stream and returns the request unsent.

use std::cell::Cell;
use std::io;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tokio_rustls::client::TlsStream;

/// The byte stream of one connection to a server.
pub(in crate::backend) struct ServerStream {
    transport: TcpOrTls,
    state: Rc<StreamState>,
}

/// A connected socket, with or without TLS.
pub(super) enum TcpOrTls {
    Plain(TcpStream),
    // Boxed: a TLS session has a kilobyte, a socket a few words.
    Tls(Box<TlsStream<TcpStream>>),
}

/// The state of a stream that hyper owns.
pub(super) struct StreamState {
    discards_writes: Cell<bool>,
    was_idle: Cell<bool>,
    received: Cell<bool>,
    last_write: Cell<Instant>,
}

impl StreamState {
    fn new() -> Self {
        Self {
            discards_writes: Cell::new(false),
            was_idle: Cell::new(false),
            received: Cell::new(false),
            last_write: Cell::new(Instant::now()),
        }
    }

    /// When the kernel last accepted bytes for the server.
    pub(super) fn last_write(&self) -> Instant {
        self.last_write.get()
    }

    /// Whether writes are discarded, since one has failed or [`StreamState::discard_writes`] was called.
    pub(super) fn discards_writes(&self) -> bool {
        self.discards_writes.get()
    }

    /// Discards all further writes, and reports them as successful.
    pub(super) fn discard_writes(&self) {
        self.discards_writes.set(true);
    }

    /// A request will be written to the connection, which was idle: the next read peeks the socket first.
    pub(super) fn end_idleness(&self) {
        self.was_idle.set(true);
        self.received.set(false);
    }

    /// Whether the server has sent any byte since the connection was last idle.
    pub(super) fn has_received(&self) -> bool {
        self.received.get()
    }
}

impl ServerStream {
    pub(super) fn new(transport: TcpOrTls) -> Self {
        Self { transport, state: Rc::new(StreamState::new()) }
    }

    pub(super) fn state(&self) -> Rc<StreamState> {
        Rc::clone(&self.state)
    }

    /// Whether the socket holds unexpected bytes, an error or the end of the stream. With TLS, unexpected bytes are no
    /// response either: at best a closing alert.
    fn has_unexpected_input(&self) -> bool {
        let socket = match &self.transport {
            TcpOrTls::Plain(tcp) => SockRef::from(tcp),
            TcpOrTls::Tls(tls) => SockRef::from(tls.get_ref().0),
        };
        let peeked = socket.peek(&mut [MaybeUninit::uninit()]);
        !peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Reports all `count` bytes as written if the write failed, and discards further ones.
    fn hide_failure(&self, written: Poll<io::Result<usize>>, count: usize) -> Poll<io::Result<usize>> {
        match ready!(written) {
            Ok(written) => {
                self.state.last_write.set(Instant::now());
                Poll::Ready(Ok(written))
            }
            Err(_) => {
                self.state.discard_writes();
                Poll::Ready(Ok(count))
            }
        }
    }
}

impl AsyncRead for ServerStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.state.was_idle.take() && self.has_unexpected_input() {
            // An empty read is the end of the stream.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = match &mut self.transport {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        };
        if buffer.filled().len() > before {
            self.state.received.set(true);
        }
        read
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.state.discards_writes() {
            return Poll::Ready(Ok(data.len()));
        }
        let written = match &mut self.transport {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_write(cx, data),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_write(cx, data),
        };
        self.hide_failure(written, data.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = data.iter().map(|slice| slice.len()).sum();
        if self.state.discards_writes() {
            return Poll::Ready(Ok(all));
        }
        let written = match &mut self.transport {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, data),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, data),
        };
        self.hide_failure(written, all)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            TcpOrTls::Plain(tcp) => tcp.is_write_vectored(),
            TcpOrTls::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.state.discards_writes() {
            return Poll::Ready(Ok(()));
        }
        let flushed = match &mut self.transport {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_flush(cx),
        };
        match ready!(flushed) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(_) => {
                self.state.discard_writes();
                Poll::Ready(Ok(()))
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
