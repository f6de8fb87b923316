//! Clients and backends that exchange raw bytes, over TLS or plain TCP.

use super::TEST_TIMEOUT;
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::timeout;

/// Writes `bytes`, and returns everything that is received until the gateway closes or resets the connection.
pub(crate) async fn exchange<IO>(stream: &mut IO, bytes: &[u8]) -> String
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    // The gateway may respond and close before it has read everything. Then the write fails, and the response counts.
    drop(stream.write_all(bytes).await);
    drop(stream.flush().await);
    read_to_end(stream).await
}

/// Reads until the gateway closes or resets the connection, and decodes ISO 8859-1.
async fn read_to_end<IO: AsyncRead + Unpin>(stream: &mut IO) -> String {
    let mut received = Vec::new();
    let mut buffer = [0; 8192];
    let reading = async {
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            received.extend_from_slice(&buffer[..count]);
        }
    };
    timeout(TEST_TIMEOUT, reading).await.expect("the gateway closes");
    received.into_iter().map(char::from).collect()
}

/// Starts a backend that reads one request head on each connection, writes `response`, and closes. It stops with the test.
/// Returns its address.
pub(crate) async fn raw_backend(response: &'static str) -> SocketAddr {
    raw_backend_with(move |_| response).await
}

/// As [`raw_backend`], with a response that depends on the head of the request.
pub(crate) async fn raw_backend_with(response: impl Fn(&str) -> &'static str + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                match stream.read_u8().await {
                    Ok(byte) => head.push(byte),
                    Err(_) => break,
                }
            }
            let response = response(&String::from_utf8_lossy(&head));
            // The gateway may have closed the connection.
            drop(stream.write_all(response.as_bytes()).await);
        }
    });
    address
}
