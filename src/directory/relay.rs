//! Carries bytes between a server and the client library, each whole message past the guard. Never hands on a byte of a
//! message that the guard has not judged.

use super::dial::{Line, broken};
use super::error::{Nonsense, Unreachable};
use super::failure::Failure;
use super::guard::{Guard, Passage};
use bytes::{Buf, BytesMut};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::UnixStream;

const READ_AT_ONCE: usize = 16 * 1024;

/// Carries until one of both hangs up or the server says what it must not; gives the reason.
pub(super) async fn relay(line: Line, library: UnixStream) -> Failure {
    let guard = Mutex::new(Guard::default());
    let (from_server, to_server) = tokio::io::split(line.stream);
    let (from_library, to_library) = library.into_split();
    let ended = tokio::select! {
        ended = carry(from_library, to_server, BytesMut::new(), |message| {
            lock(&guard).asks(message).map(|()| Passage::Pass)
        }) => ended,
        ended = carry(from_server, to_library, line.received, |message| lock(&guard).hears(message)) => ended,
    };
    ended.err().unwrap_or(Unreachable::Closed.into())
}

async fn carry(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    mut received: BytesMut,
    judge: impl Fn(&[u8]) -> Result<Passage, Nonsense>,
) -> Result<(), Failure> {
    loop {
        while let Some(length) = Guard::length(&received)?.filter(|length| *length <= received.len()) {
            let message = received.split_to(length);
            match judge(&message)? {
                Passage::Pass => to.write_all(&message).await.map_err(broken)?,
                Passage::Drop => {}
                Passage::GoodBye => return Ok(()),
            }
        }
        to.flush().await.map_err(broken)?;
        received.reserve(READ_AT_ONCE);
        if from.read_buf(&mut received).await.map_err(broken)? == 0 {
            return if received.has_remaining() {
                Err(Nonsense::Malformed("it breaks off").into())
            } else {
                Ok(())
            };
        }
    }
}

/// The guard is never left half changed, so a panic elsewhere does it no harm.
fn lock(guard: &Mutex<Guard>) -> MutexGuard<'_, Guard> {
    guard.lock().unwrap_or_else(PoisonError::into_inner)
}
