//! Floods of HTTP/2 control frames. The gateway closes the connection of the client, and serves other connections.

use super::http2_frames::{HEADERS, RawHttp2Connection, frame, get};
use super::three_sites::{HOME, start, start_with_limits, three_sites};
use crate::support::{TEST_TIMEOUT, TestClient, TestGateway, wait_for};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

/// Returns the HEADERS frame of a request for `/ignore/echo`.
fn headers(stream: u32, flags: u8) -> Vec<u8> {
    frame(HEADERS, flags, stream, &get("/ignore/echo", &[]))
}

/// Sends `flood` until the connection is closed, 10,000 times at most. Returns whether it was closed.
async fn closes(gateway: &TestGateway, opening: &[u8], mut flood: impl FnMut(u32) -> Vec<u8>) -> bool {
    let mut connection = RawHttp2Connection::connect(gateway).await;
    connection.send(opening).await.unwrap();
    let (mut reading, mut writing) = tokio::io::split(connection.0);
    let reader = tokio::spawn(async move {
        let mut buffer = [0; 4_096];
        while let Ok(1..) = reading.read(&mut buffer).await {}
    });
    for number in 0..10_000 {
        if reader.is_finished() || writing.write_all(&flood(number)).await.is_err() {
            break;
        }
        if writing.flush().await.is_err() {
            break;
        }
    }
    timeout(TEST_TIMEOUT, reader).await.is_ok()
}

#[tokio::test]
async fn every_flood_closes_its_connection() {
    let gateway = start(three_sites());
    let mut other = TestClient::new(&gateway).resolving(HOME).http2().connect().await.unwrap();
    let stream = |number: u32| 2 * number + 3;
    let one = headers(1, 4);
    assert!(closes(&gateway, &[], |_| frame(6, 0, 0, &[0; 8])).await, "PING");
    assert!(closes(&gateway, &[], |_| frame(4, 0, 0, &[])).await, "SETTINGS");
    assert!(
        closes(&gateway, &[], |_| frame(4, 0, 0, &[0, 3, 0, 0, 0, 9].repeat(2_000))).await,
        "long SETTINGS"
    );
    assert!(closes(&gateway, &[], |number| frame(2, 0, stream(number), &[0, 0, 0, 0, 9])).await, "PRIORITY");
    assert!(closes(&gateway, &[], |_| frame(8, 0, 0, &[0, 0, 0, 1])).await, "WINDOW_UPDATE");
    assert!(closes(&gateway, &one, |_| frame(8, 0, 1, &[0, 0, 0, 1])).await, "WINDOW_UPDATE of a stream");
    assert!(closes(&gateway, &[], |_| frame(0x7f, 0, 0, b"anything")).await, "an unknown frame");
    assert!(closes(&gateway, &one, |_| frame(0, 0, 1, &[])).await, "empty DATA");
    assert!(closes(&gateway, &one, |_| frame(0, 8, 1, &[3, 0, 0, 0])).await, "DATA that is only padding");
    assert!(closes(&gateway, &headers(1, 0), |_| frame(9, 0, 1, &[])).await, "CONTINUATION");
    let reset = |number| [headers(stream(number), 5), frame(3, 0, stream(number), &[0, 0, 0, 8])].concat();
    assert!(closes(&gateway, &[], reset).await, "requests that are reset at once");
    assert_eq!(other.get("/ignore/echo").await.unwrap().status_and_id(), "200 permit");
    let counted =
        |line: &str| line.starts_with(r#"portcullis_closed_connections_total{limit="http2_frames"} 1"#);
    assert!(gateway.metrics.encode().lines().any(counted), "{}", gateway.metrics.encode());
}

#[tokio::test]
async fn a_client_without_a_preface_is_closed_after_the_handshake_timeout() {
    let gateway = start_with_limits("handshake_timeout = \"1s\"");
    for sent in [&b""[..], b"PRI * "] {
        let mut stream = TestClient::new(&gateway).resolving(HOME).http2().tls_stream().await.unwrap();
        stream.write_all(sent).await.unwrap();
        let closed = async { while let Ok(1..) = stream.read(&mut [0; 4_096]).await {} };
        timeout(TEST_TIMEOUT, closed).await.expect("the gateway closes");
    }
}

#[tokio::test]
async fn control_frames_of_a_busy_client_are_not_a_flood() {
    let gateway = start_with_limits("http2_control_frames_per_second = 4");
    let mut connection = TestClient::new(&gateway).resolving(HOME).http2().connect().await.unwrap();
    for _ in 0..300 {
        assert_eq!(connection.get("/ignore/echo").await.unwrap().status_and_id(), "200 permit");
    }
    let response = connection.get("/ignore/echo?size=8000000").await.unwrap();
    assert_eq!(response.status, 200);
    assert!(response.body.len() >= 8_000_000);
}

#[tokio::test]
async fn every_flooding_connection_is_counted_in_the_metric() {
    let gateway = start(three_sites());
    for _ in 0..3 {
        assert!(closes(&gateway, &[], |_| frame(6, 0, 0, &[0; 8])).await);
    }
    let counted = || {
        let line = r#"portcullis_closed_connections_total{limit="http2_frames"} 3"#;
        gateway.metrics.encode().lines().any(|written| written == line).then_some(())
    };
    wait_for("three connections in the metric", counted).await;
}
