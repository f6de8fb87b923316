//! Raw HTTP/2 frames, with field lists in HPACK that use neither Huffman codes nor the dynamic table.

use super::three_sites::HOME;
use crate::support::{TEST_TIMEOUT, TestClient, TestGateway};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::client::TlsStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const GO_AWAY: u8 = 7;
pub(super) const CONTINUATION: u8 = 9;

/// Flags of HEADERS.
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;

/// A frame from the gateway.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) stream: u32,
    pub(super) payload: Vec<u8>,
}

pub(super) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [.., high, middle, low] = payload.len().to_be_bytes();
    let mut frame = vec![high, middle, low, kind, flags];
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Returns the encoded fields in this order, pseudo-header fields included.
pub(super) fn fields(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name, value] {
            length(text.len(), &mut block);
            block.extend(text.as_bytes());
        }
    }
    block
}

/// Appends an integer of HPACK with seven bits in its first byte (RFC 7541 5.1).
fn length(number: usize, block: &mut Vec<u8>) {
    let Some(mut rest) = number.checked_sub(127) else {
        return block.push(u8::try_from(number).unwrap());
    };
    block.push(127);
    while rest >= 128 {
        block.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    block.push(u8::try_from(rest).unwrap());
}

/// Returns the field list of a GET.
pub(super) fn get(path: &str, more: &[(&str, &str)]) -> Vec<u8> {
    let pseudo = [(":method", "GET"), (":scheme", "https"), (":authority", HOME), (":path", path)];
    fields(&[&pseudo[..], more].concat())
}

/// A connection to [`HOME`] on which the preface has been sent.
pub(super) struct RawHttp2Connection(pub(super) TlsStream<TcpStream>);

impl RawHttp2Connection {
    pub(super) async fn connect(gateway: &TestGateway) -> Self {
        let mut stream = TestClient::new(gateway).resolving(HOME).http2().tls_stream().await.unwrap();
        stream.write_all(PREFACE).await.unwrap();
        Self(stream)
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.write_all(bytes).await?;
        self.0.flush().await
    }

    /// Returns the frames up to the first match, or all frames until the connection closes.
    pub(super) async fn frames_until(&mut self, matches: impl Fn(&Frame) -> bool) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Ok(frame) = timeout(TEST_TIMEOUT, self.next()).await.expect("the gateway sends a frame") {
            frames.push(frame);
            if frames.last().is_some_and(&matches) {
                break;
            }
        }
        frames
    }

    async fn next(&mut self) -> io::Result<Frame> {
        let mut header = [0; 9];
        self.0.read_exact(&mut header).await?;
        let [high, middle, low, kind, _, stream @ ..] = header;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]).try_into().unwrap()];
        self.0.read_exact(&mut payload).await?;
        Ok(Frame { kind, stream: u32::from_be_bytes(stream), payload })
    }
}
