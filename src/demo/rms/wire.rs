//! The TCP stream below hyper: remembers the bytes of each request's head, and sends what hyper cannot (1xx answers).
//!
//! Never changes a byte on its way.

use std::io;
use std::net::Shutdown;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use http::Method;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::record::latin_text;

/// The most that is remembered of one message; a longer head is not shown.
const REMEMBERED_BYTES: usize = 65_536;

/// A connection's socket, shared by hyper and by the answering code.
pub(super) struct Wire {
    stream: TcpStream,
    received: Mutex<Received>,
}

/// The bytes that came since the last byte went out: with one request at a time, that is where a head begins.
#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    answered: bool,
}

impl Wire {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, received: Mutex::default() }
    }

    /// The head that was just received, if what came begins with `method`; each head is given once.
    pub(super) fn take_head(&self, method: &Method) -> Option<String> {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = std::mem::take(&mut received.bytes);
        let length = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
        let head = latin_text(bytes.get(..length)?);
        let rest = head.strip_prefix(method.as_str())?;
        rest.starts_with(' ').then_some(head)
    }

    /// Sends bytes past hyper; right only while hyper has nothing to send.
    pub(super) async fn send(&self, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            self.stream.writable().await?;
            match self.stream.try_write(bytes) {
                Ok(sent) => bytes = bytes.get(sent..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn remember(&self, bytes: &[u8]) {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut received.answered) {
            received.bytes.clear();
        }
        let room = REMEMBERED_BYTES.saturating_sub(received.bytes.len());
        received.bytes.extend(bytes.iter().take(room));
    }

    fn mark_answered(&self) {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).answered = true;
    }
}

/// The half that hyper reads from and writes to.
pub(super) struct WireStream(Arc<Wire>);

impl WireStream {
    pub(super) fn new(wire: Arc<Wire>) -> Self {
        Self(wire)
    }
}

impl AsyncRead for WireStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.stream.poll_read_ready(cx))?;
            let room = into.initialize_unfilled();
            match self.0.stream.try_read(room) {
                Ok(count) => {
                    self.0.remember(room.get(..count).unwrap_or_default());
                    into.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for WireStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            match self.0.stream.try_write(bytes) {
                Ok(count) => {
                    self.0.mark_answered();
                    return Poll::Ready(Ok(count));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.stream).shutdown(Shutdown::Write))
    }
}
