//! The TCP stream below hyper. It passes every byte on unchanged, records the bytes of each request head, and sends
//! informational responses (1xx), which hyper's server does not support.

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

/// The largest number of recorded bytes of one message; a longer head is not returned.
const MAX_RECORDED_BYTES: usize = 65_536;

/// The socket of a connection, shared by hyper and the handlers.
pub(super) struct ClientSocket {
    stream: TcpStream,
    received: Mutex<ReceivedBytes>,
}

/// The bytes received since the last byte was sent. Without pipelining, the next head begins there.
#[derive(Default)]
struct ReceivedBytes {
    bytes: Vec<u8>,
    is_complete: bool,
}

impl ClientSocket {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self { stream, received: Mutex::default() }
    }

    /// Returns the head that was just received, once, if the received bytes begin with `method`.
    pub(super) fn take_head(&self, method: &Method) -> Option<String> {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = std::mem::take(&mut received.bytes);
        let length = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
        let head = latin_text(bytes.get(..length)?);
        let rest = head.strip_prefix(method.as_str())?;
        rest.starts_with(' ').then_some(head)
    }

    /// Sends bytes past hyper. Call it only while hyper has nothing to send, or the bytes may end up inside a message.
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

    fn record(&self, bytes: &[u8]) {
        let mut received = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut received.is_complete) {
            received.bytes.clear();
        }
        let room = MAX_RECORDED_BYTES.saturating_sub(received.bytes.len());
        received.bytes.extend(bytes.iter().take(room));
    }

    fn mark_complete(&self) {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).is_complete = true;
    }
}

/// The stream that hyper reads from and writes to.
pub(super) struct SocketIo(Arc<ClientSocket>);

impl SocketIo {
    pub(super) fn new(socket: Arc<ClientSocket>) -> Self {
        Self(socket)
    }
}

impl AsyncRead for SocketIo {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.stream.poll_read_ready(cx))?;
            let room = into.initialize_unfilled();
            match self.0.stream.try_read(room) {
                Ok(count) => {
                    self.0.record(room.get(..count).unwrap_or_default());
                    into.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl AsyncWrite for SocketIo {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            match self.0.stream.try_write(bytes) {
                Ok(count) => {
                    self.0.mark_complete();
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
