//! One connection to a server, with or without TLS. A failed write does not end it: the answer may already lie in
//! the receive buffer. A request on a connection that was idle is written only when the server has not spoken or left
//! meanwhile.
//!
//! A server that refuses a body early answers (413, 401) and closes. The next write of the body then fails, and hyper
//! would report that instead of the answer. So after a failed write, further ones are swallowed, and reading goes on
//! until it gives the answer or the end. Such a connection is never used again.
//!
//! The runtime learns late, on a busy worker, that a server closed an idle connection. So before a request goes out on
//! one, the socket itself is asked; hyper, which reads before it writes, then gives the request back unsent.

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

/// The bytes to and from one server.
pub(in crate::backend) struct ServerStream {
    bytes: TcpOrTls,
    condition: Rc<StreamState>,
}

/// What is known of a stream while hyper owns it.
pub(in crate::backend) struct StreamState {
    write_failed: Cell<bool>,
    was_idle: Cell<bool>,
    received: Cell<bool>,
    last_write: Cell<Instant>,
}

impl StreamState {
    fn new() -> Self {
        Self {
            write_failed: Cell::new(false),
            was_idle: Cell::new(false),
            received: Cell::new(false),
            last_write: Cell::new(Instant::now()),
        }
    }

    /// When the server last took bytes.
    pub(in crate::backend) fn last_write(&self) -> Instant {
        self.last_write.get()
    }

    /// True once a write has failed.
    pub(in crate::backend) fn write_failed(&self) -> bool {
        self.write_failed.get()
    }

    /// Further writes are swallowed.
    pub(in crate::backend) fn stop_sending(&self) {
        self.write_failed.set(true);
    }

    /// The connection was idle and is to carry a request: the next read asks the socket first.
    pub(in crate::backend) fn end_idleness(&self) {
        self.was_idle.set(true);
        self.received.set(false);
    }

    /// Whether the server has sent any byte since the connection was idle, or ever if it was not.
    pub(in crate::backend) fn has_received(&self) -> bool {
        self.received.get()
    }
}

/// What carries them.
pub(in crate::backend) enum TcpOrTls {
    Plain(TcpStream),
    // Boxed: a TLS session is a kilobyte, a socket a few words.
    Tls(Box<TlsStream<TcpStream>>),
}

impl ServerStream {
    pub(in crate::backend) fn new(bytes: TcpOrTls) -> Self {
        Self { bytes, condition: Rc::new(StreamState::new()) }
    }

    pub(in crate::backend) fn condition(&self) -> Rc<StreamState> {
        Rc::clone(&self.condition)
    }

    /// Whether anything but silence waits in the socket: the end, an error, or bytes that nobody asked for. With TLS
    /// such bytes are no answer either: at best the server's farewell.
    fn is_disturbed(&self) -> bool {
        let socket = match &self.bytes {
            TcpOrTls::Plain(tcp) => SockRef::from(tcp),
            TcpOrTls::Tls(tls) => SockRef::from(tls.get_ref().0),
        };
        let peeked = socket.peek(&mut [MaybeUninit::uninit()]);
        !peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// `count` bytes count as written when writing failed before or fails now.
    fn swallow(&self, written: Poll<io::Result<usize>>, count: usize) -> Poll<io::Result<usize>> {
        match ready!(written) {
            Ok(written) => {
                self.condition.last_write.set(Instant::now());
                Poll::Ready(Ok(written))
            }
            Err(_) => {
                self.condition.write_failed.set(true);
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
        if self.condition.was_idle.take() && self.is_disturbed() {
            // Nothing read is the end of the stream.
            return Poll::Ready(Ok(()));
        }
        let before = buffer.filled().len();
        let read = match &mut self.bytes {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_read(cx, buffer),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_read(cx, buffer),
        };
        if buffer.filled().len() > before {
            self.condition.received.set(true);
        }
        read
    }
}

impl AsyncWrite for ServerStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        if self.condition.write_failed() {
            return Poll::Ready(Ok(data.len()));
        }
        let written = match &mut self.bytes {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_write(cx, data),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_write(cx, data),
        };
        self.swallow(written, data.len())
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let all = data.iter().map(|slice| slice.len()).sum();
        if self.condition.write_failed() {
            return Poll::Ready(Ok(all));
        }
        let written = match &mut self.bytes {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_write_vectored(cx, data),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_write_vectored(cx, data),
        };
        self.swallow(written, all)
    }

    fn is_write_vectored(&self) -> bool {
        match &self.bytes {
            TcpOrTls::Plain(tcp) => tcp.is_write_vectored(),
            TcpOrTls::Tls(tls) => tls.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.condition.write_failed() {
            return Poll::Ready(Ok(()));
        }
        let flushed = match &mut self.bytes {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_flush(cx),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_flush(cx),
        };
        match ready!(flushed) {
            Ok(()) => Poll::Ready(Ok(())),
            Err(_) => {
                self.condition.write_failed.set(true);
                Poll::Ready(Ok(()))
            }
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.bytes {
            TcpOrTls::Plain(tcp) => Pin::new(tcp).poll_shutdown(cx),
            TcpOrTls::Tls(tls) => Pin::new(tls).poll_shutdown(cx),
        }
    }
}
