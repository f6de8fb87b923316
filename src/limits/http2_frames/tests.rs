//! Tests of the limit on frames of every type, and of the parser with frames that are split at every byte.

use super::*;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const LIMITS: FrameLimits = FrameLimits { per_second: 2, preface: Duration::from_secs(10) };
const BURST: u32 = LIMITS.per_second * BURST_SECONDS;

const DATA: u8 = 0;
const SETTINGS: u8 = 4;
const PING: u8 = 6;

fn frame(kind: u8, flags: u8, length: usize) -> Vec<u8> {
    let [.., high, middle, low] = length.to_be_bytes();
    let mut frame = vec![high, middle, low, kind, flags, 0, 0, 0, 1];
    frame.resize(9 + length, b'x');
    frame
}

/// Reads a connection whose client sends its preface and then `bytes`.
async fn received(bytes: &[u8]) -> (io::Result<usize>, Rc<FrameBudget>, DuplexStream) {
    let (mut client, server) = duplex(1 << 20);
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    client.write_all(bytes).await.unwrap();
    client.shutdown().await.unwrap();
    let budget = FrameBudget::new(LIMITS);
    let mut server = Http2Stream::new(server, Rc::clone(&budget), RequestHeads::new(10), LIMITS);
    let read = server.read_to_end(&mut Vec::new()).await;
    (read, budget, client)
}

async fn is_too_much(frames: &[Vec<u8>]) -> bool {
    let (read, budget, _client) = received(&frames.concat()).await;
    assert_eq!(read.is_err(), budget.is_exceeded());
    budget.is_exceeded()
}

#[tokio::test(start_paused = true)]
async fn every_type_of_frame_that_serves_no_request_is_limited() {
    let many = 2 * BURST as usize;
    for (what, flood) in [
        ("PRIORITY", frame(2, 0, 5)),
        ("RST_STREAM", frame(RST_STREAM, 0, 4)),
        ("SETTINGS", frame(SETTINGS, 0, 0)),
        ("PING", frame(PING, 0, 8)),
        ("GOAWAY", frame(7, 0, 8)),
        ("WINDOW_UPDATE", frame(8, 0, 4)),
        ("CONTINUATION", frame(9, 0, 0)),
        ("an unknown one", frame(0x7f, 0, 0)),
        ("empty DATA", frame(DATA, 0, 0)),
        ("small DATA", frame(DATA, 0, 1)),
        ("HEADERS without a request", frame(HEADERS, 4, 20)),
    ] {
        assert!(is_too_much(&vec![flood.clone(); many]).await, "{what}");
        assert!(!is_too_much(&vec![flood; 5]).await, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn data_frames_of_a_body_are_free() {
    let mut frames = vec![frame(DATA, 0, 1_000); 4 * BURST as usize];
    frames.extend(vec![frame(DATA, 1, 0); 4 * BURST as usize]);
    assert!(!is_too_much(&frames).await);
}

#[tokio::test(start_paused = true)]
async fn long_settings_cost_more_than_short_ones() {
    assert!(is_too_much(&vec![frame(SETTINGS, 0, 12_000); 5]).await);
}

#[test]
fn frames_that_are_split_at_any_byte_are_parsed() {
    let frames = [
        frame(PING, 0, 8),
        frame(DATA, 1, 300),
        frame(RST_STREAM, 0, 4),
        frame(SETTINGS, 0, 0),
        frame(RST_STREAM, 0, 2),
        frame(GO_AWAY, 0, 30),
        frame(HEADERS, 5, 70),
    ];
    let (none, four, two) = (0, u32::from_be_bytes(*b"xxxx"), u32::from_be_bytes(*b"xx\0\0"));
    let expected = [
        (PING, 0, 8, none, none),
        (DATA, 1, 300, none, none),
        (RST_STREAM, 0, 4, four, none),
        (SETTINGS, 0, 0, none, none),
        (RST_STREAM, 0, 2, two, none),
        (GO_AWAY, 0, 30, four, four),
        (HEADERS, 5, 70, none, none),
    ];
    let bytes = frames.concat();
    for size in 1..40 {
        let mut reader = FrameReader::after(0);
        let mut found = Vec::new();
        for piece in bytes.chunks(size) {
            let Ok(()) = reader.read(piece, |header| {
                assert_eq!(header.stream, 1);
                found.push((header.kind, header.flags, header.length, header.first, header.second));
                Ok::<_, std::convert::Infallible>(())
            });
        }
        assert_eq!(found, expected, "{size}");
        assert!(reader.is_between_frames());
    }
}

#[tokio::test(start_paused = true)]
async fn requests_and_sent_bytes_add_to_the_budget() {
    let budget = FrameBudget::new(LIMITS);
    for _ in 0..BURST {
        budget.spend(1).unwrap();
    }
    budget.request();
    budget.spend(REQUEST).unwrap();
    for _ in 0..64 {
        budget.sent(64);
    }
    budget.spend(2).unwrap();
    assert_eq!(budget.spend(1), Err(TooManyFrames));
    tokio::time::advance(Duration::from_millis(500)).await;
    assert_eq!(budget.spend(1), Ok(()));
    assert_eq!(budget.spend(1), Err(TooManyFrames));
    tokio::time::advance(Duration::from_secs(3_600)).await;
    assert_eq!(budget.spend(BURST), Ok(()));
    assert_eq!(budget.spend(1), Err(TooManyFrames));
}

#[tokio::test(start_paused = true)]
async fn requests_that_are_reset_at_once_are_limited() {
    let budget = FrameBudget::new(LIMITS);
    let headers =
        FrameHeader { length: 20, kind: HEADERS, flags: 5, stream: 1, first: 0, second: 0, debug: [0; 16] };
    let reset = FrameHeader { length: 4, kind: RST_STREAM, flags: 0, ..headers };
    let one = || {
        budget.spend(headers.cost())?;
        budget.request();
        budget.spend(reset.cost())
    };
    assert!((0..BURST).any(|_| one().is_err()));
}

#[tokio::test(start_paused = true)]
async fn a_client_over_the_limit_receives_go_away() {
    let (_, _, mut client) = received(&vec![frame(PING, 0, 8); 2 * BURST as usize].concat()).await;
    let mut received_bytes = Vec::new();
    client.read_to_end(&mut received_bytes).await.unwrap();
    assert_eq!(received_bytes, CALM_DOWN);
}

#[tokio::test(start_paused = true)]
async fn go_away_is_not_written_within_another_frame() {
    let (mut client, server) = duplex(1 << 20);
    let mut server = Http2Stream::new(server, FrameBudget::new(LIMITS), RequestHeads::new(10), LIMITS);
    let half = frame(DATA, 0, 100);
    server.write_all(&half[..50]).await.unwrap();
    let flood = vec![frame(PING, 0, 8); 2 * BURST as usize].concat();
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    client.write_all(&flood).await.unwrap();
    assert!(server.read_to_end(&mut Vec::new()).await.is_err());
    drop(server);
    let mut received_bytes = Vec::new();
    client.read_to_end(&mut received_bytes).await.unwrap();
    assert_eq!(received_bytes, half[..50]);
}

#[tokio::test(start_paused = true)]
async fn a_client_without_a_preface_times_out() {
    for sent in [&b""[..], b"PRI * HTTP/2.0\r\n"] {
        let (mut client, server) = duplex(1 << 10);
        client.write_all(sent).await.unwrap();
        let mut server = Http2Stream::new(server, FrameBudget::new(LIMITS), RequestHeads::new(10), LIMITS);
        let error = server.read_to_end(&mut Vec::new()).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_may_be_idle_after_its_preface() {
    let (mut client, server) = duplex(1 << 10);
    client.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    let mut server = Http2Stream::new(server, FrameBudget::new(LIMITS), RequestHeads::new(10), LIMITS);
    let mut read = vec![0; 24];
    server.read_exact(&mut read).await.unwrap();
    let silent = tokio::time::timeout(Duration::from_secs(60), server.read(&mut read)).await;
    assert!(silent.is_err());
}
