//! The response to a plain HTTP request on a TLS port, so that the user sees an explanation instead of the bytes of an
//! alert.

use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

const BODY: &str = "This port speaks HTTPS only. Write https:// instead of http:// in the address.\n";

/// The bytes that are read after the response: closing a connection with unread bytes resets it, and the reset can
/// overtake the response (RFC 9112 9.6).
const LINGER_BYTES: usize = 64 * 1024;
const LINGER: Duration = Duration::from_secs(2);

/// Sends the response and closes the connection, within `limit`. Errors are ignored.
pub(super) async fn refuse<IO: AsyncRead + AsyncWrite + Unpin>(io: &mut IO, head: bool, limit: Duration) {
    let body = if head { "" } else { BODY };
    let response = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        BODY.len()
    );
    let send = async {
        io.write_all(response.as_bytes()).await?;
        io.shutdown().await
    };
    if !matches!(timeout(limit, send).await, Ok(Ok(()))) {
        return;
    }
    let linger = async {
        let (mut left, mut unread) = (LINGER_BYTES, [0; 4096]);
        while let Ok(read @ 1..) = io.read(&mut unread).await {
            left = left.saturating_sub(read);
            if left == 0 {
                break;
            }
        }
    };
    let _ = timeout(LINGER.min(limit), linger).await;
}
