//! Clients that do not read their responses, and streams, windows and the closing of HTTP/2 connections.

use super::three_sites::{HOME, card, start, start_with_limits, three_sites, three_sites_with};
use super::tls_client::{OfferedVersion, TLS_VERSIONS, TlsClient};
use crate::support::{Connection, TEST_TIMEOUT, TestBody, TestClient, TestGateway, empty_body, wait_for};
use http::{Method, Request};
use hyper::client::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::time::Duration;
use tokio::time::timeout;

/// The option of the echo for a response larger than all buffers together.
const LONG: &str = "size=50000000";

fn impatient() -> TestGateway {
    start_with_limits("client_idle_timeout = \"1s\"")
}

#[tokio::test]
async fn a_client_that_does_not_read_its_response_is_closed() {
    let gateway = impatient();
    let client = TlsClient::new(&gateway, OfferedVersion::Tls13, Some(card("alice")));
    let mut connection = client.connect(HOME).unwrap();
    connection.send(format!("GET /require/echo?{LONG} HTTP/1.1\r\nHost: {HOME}\r\n\r\n")).unwrap();
    let record = gateway.record_where(|_| true).await;
    assert_eq!((&record["decision"], &record["status"]), (&"client-disconnected".into(), &200.into()));
}

#[tokio::test]
async fn a_connection_whose_window_stays_closed_is_closed() {
    let gateway = impatient();
    for (path, decision) in
        [("/require/echo", "certificate-required"), ("/ignore/echo", "client-disconnected")]
    {
        let (mut sender, _driver) = with_window(&gateway, 0).await;
        let response = sender.send_request(request(&format!("{path}?{LONG}"))).await.unwrap();
        // The response is kept open and never read.
        let (_head, _body) = response.into_parts();
        let record = gateway.record_where(|record| record["path"] == path).await;
        assert_eq!(record["decision"], decision);
        wait_for("GOAWAY", || sender.is_closed().then_some(())).await;
    }
}

fn request(target: &str) -> Request<TestBody> {
    Request::get(format!("https://{HOME}{target}")).body(empty_body()).unwrap()
}

/// Opens an HTTP/2 connection with this initial window of its streams.
async fn with_window(
    gateway: &TestGateway,
    bytes: u32,
) -> (http2::SendRequest<TestBody>, tokio::task::JoinHandle<()>) {
    let stream = TestClient::new(gateway).resolving(HOME).http2().tls_stream().await.unwrap();
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(bytes);
    let (sender, connection) = builder.handshake(TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(async move { drop(connection.await) }))
}

#[tokio::test]
async fn an_expired_proof_of_possession_closes_an_http_2_connection() {
    for version in TLS_VERSIONS {
        let gateway = start(three_sites_with("card_reauth_interval = \"1h\""));
        let client = TestClient::new(&gateway).resolving(HOME).http2().chain(card("alice"));
        let client = if version == OfferedVersion::Tls12 { client.tls12() } else { client };
        let mut connection = client.connect().await.unwrap();
        assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
        gateway.clock.advance(Duration::from_secs(3_600));
        assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "421 misdirected-request");
        wait_for_the_end(&mut connection).await;
        let mut second = client.connect().await.unwrap();
        assert!(!second.resumed, "{version:?}");
        assert_eq!(second.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    }
}

/// Sends requests until the connection accepts no more; every response until then is a 421.
async fn wait_for_the_end(connection: &mut Connection) {
    let sending = async {
        while let Ok(response) = connection.get("/require/echo").await {
            assert_eq!(response.status_and_id(), "421 misdirected-request");
        }
    };
    timeout(TEST_TIMEOUT, sending).await.expect("the connection ends");
}

#[tokio::test]
async fn a_request_for_another_site_does_not_close_an_http_2_connection() {
    let gateway = start(three_sites());
    let client = TestClient::new(&gateway).resolving(HOME).http2().chain(card("alice"));
    let mut connection = client.connect().await.unwrap();
    let elsewhere = Request::get("https://b.corp.example/require/echo").body(empty_body()).unwrap();
    assert_eq!(connection.send(elsewhere).await.unwrap().status, 421);
    assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
}

#[tokio::test]
async fn a_stop_finishes_open_streams_and_accepts_no_more() {
    let mut gateway = start(three_sites());
    let client = TestClient::new(&gateway).resolving(HOME).http2().chain(card("alice"));
    let mut connection = client.connect().await.unwrap();
    let request = connection.request(Method::GET, "/require/echo?delay_ms=1000").body(empty_body()).unwrap();
    let running = tokio::spawn(async move { (connection.send(request).await, connection) });
    wait_for("the request at the backend", || gateway.rms.requests().pop()).await;
    let stopped = tokio::task::spawn_blocking(move || {
        gateway.stop();
        gateway
    });
    let (response, mut connection) = running.await.unwrap();
    assert_eq!(response.unwrap().status_and_id(), "200 permit");
    assert!(connection.get("/require/echo").await.is_err());
    let decisions: Vec<_> = stopped.await.unwrap().records().iter().map(|r| r["decision"].clone()).collect();
    assert_eq!(decisions, ["permit"]);
}

#[tokio::test]
async fn cookie_fields_of_http_2_are_joined_for_the_backend() {
    let gateway = start(three_sites());
    let client = TestClient::new(&gateway).resolving(HOME).http2();
    let response = client.get_with("/ignore/echo", &[("cookie", "a=1"), ("cookie", "b=2")]).await;
    assert_eq!(response.received_header("cookie"), ["a=1; b=2"]);
}

#[tokio::test]
async fn concurrent_streams_of_one_connection_are_authorized_one_by_one() {
    let gateway = start(three_sites());
    let (sender, _driver) = with_window(&gateway, 65_535).await;
    let streams = (0..90).map(|number| {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            let path = ["/ignore/echo", "/require/echo", "/none"][number % 3];
            let target = format!("{path}?delay_ms={}", 90 - number);
            let status = sender.send_request(request(&target)).await.unwrap().status();
            assert_eq!(status.as_u16(), [200, 403, 404][number % 3], "{target}");
        })
    });
    for stream in streams.collect::<Vec<_>>() {
        stream.await.unwrap();
    }
    assert_eq!(gateway.rms.requests().len(), 30);
}
