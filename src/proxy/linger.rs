//! Closes an HTTP/1.1 connection of a client in stages: sends the last response, half-closes, and then reads for a while
//! (`lingering_close` of nginx).
//!
//! A connection that is closed with unread data is reset (RFC 9112 section 9.6), and the client may lose the response: many
//! clients send the whole body before they read, and would report a broken connection instead of the reason.

use super::snapshot::LingerLimits;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

/// The timeout of the last write.
const WRITE_LIMIT: Duration = Duration::from_secs(5);

/// The time without data from the client after which the connection is closed.
const SILENCE: Duration = Duration::from_secs(5);

/// The minimum average rate of a client that is still sending.
const BYTES_PER_SECOND: u64 = 4096;

/// Whether the client has more to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RemainingData {
    /// The rest of a request's body, or of a malformed request.
    Expected,
    /// No more data than was received already.
    Unlikely,
}

/// Writes `page`, closes the sending half, and then reads and discards data from the client, within `limits`.
pub(super) async fn close<IO>(mut io: IO, page: Option<Vec<u8>>, more: RemainingData, limits: LingerLimits)
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let half_close = async {
        if let Some(page) = page {
            io.write_all(&page).await?;
            io.flush().await?;
        }
        io.shutdown().await
    };
    if !matches!(timeout(WRITE_LIMIT, half_close).await, Ok(Ok(()))) {
        return;
    }
    let begun = Instant::now();
    let mut silence = match more {
        RemainingData::Expected => SILENCE,
        RemainingData::Unlikely => Duration::ZERO,
    };
    let (mut buffer, mut read) = (vec![0; 16 * 1024], 0);
    loop {
        let deadline = (Instant::now() + silence).min(begun + limits.time);
        match timeout_at(deadline, io.read(&mut buffer)).await {
            Ok(Ok(count @ 1..)) => read += u64::try_from(count).unwrap_or(u64::MAX),
            // At the end, an error or a timeout, the client has read the response or never will.
            Ok(Ok(0) | Err(_)) | Err(_) => return,
        }
        let elapsed = begun.elapsed();
        let slow = elapsed > SILENCE && read < elapsed.as_secs().saturating_mul(BYTES_PER_SECOND);
        if slow || read > limits.bytes || elapsed >= limits.time {
            return;
        }
        silence = SILENCE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{DuplexStream, duplex};

    const LIMITS: LingerLimits = LingerLimits { time: Duration::from_secs(30), bytes: 1 << 20 };

    /// Closes one end while `client` uses the other. Returns the number of seconds that it took.
    async fn closed(more: RemainingData, client: impl AsyncFnOnce(DuplexStream) + 'static) -> u64 {
        let (ours, theirs) = duplex(1024);
        let begun = Instant::now();
        let close = async {
            close(ours, Some(b"page".to_vec()), more, LIMITS).await;
            begun.elapsed().as_secs()
        };
        tokio::join!(close, client(theirs)).0
    }

    /// Reads the page up to the end of the stream.
    async fn read_page(client: &mut DuplexStream) {
        let mut page = Vec::new();
        client.read_to_end(&mut page).await.unwrap();
        assert_eq!(page, b"page");
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_sends_its_whole_request_before_it_reads_gets_the_page() {
        let took = closed(RemainingData::Expected, async |mut client| {
            for _ in 0..1000 {
                client.write_all(&[b'x'; 1000]).await.unwrap();
            }
            read_page(&mut client).await;
        });
        assert_eq!(took.await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn closing_waits_for_a_silent_client_only_if_it_may_send_more() {
        let silent = async |mut client: DuplexStream| {
            read_page(&mut client).await;
            tokio::time::sleep(Duration::from_secs(60)).await;
        };
        assert_eq!(closed(RemainingData::Expected, silent).await, 5);
        assert_eq!(closed(RemainingData::Unlikely, silent).await, 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_never_stops_sending_is_limited_in_bytes_rate_and_time() {
        let sending = |bytes: usize, pause: Duration| {
            async move |mut client: DuplexStream| {
                while client.write_all(&vec![b'x'; bytes]).await.is_ok() {
                    tokio::time::sleep(pause).await;
                }
            }
        };
        assert_eq!(closed(RemainingData::Expected, sending(500_000, Duration::from_secs(1))).await, 2);
        assert_eq!(closed(RemainingData::Expected, sending(1, Duration::from_secs(1))).await, 6);
        assert_eq!(closed(RemainingData::Expected, sending(5000, Duration::from_secs(1))).await, 30);
    }
}
