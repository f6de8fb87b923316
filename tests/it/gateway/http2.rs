//! Features of HTTP/2 that HTTP/1.1 does not have: interim responses, stream resets and flow control.

use crate::support::{TEST_TIMEOUT, TestClient, TestConfig, TestGateway, pattern, sha256, wait_for};
use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::{Method, Request, StatusCode};
use serde_json::Value;
use std::future::poll_fn;
use tokio::time::timeout;

const HOST: &str = "rms.corp.example";

/// Opens a connection with the h2 crate, because hyper's client hides interim responses and windows.
async fn connect(client: &TestClient) -> SendRequest<Bytes> {
    let stream = client.clone().http2().tls_stream().await.unwrap();
    let (sender, connection) = h2::client::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    sender
}

async fn begin(
    sender: &SendRequest<Bytes>,
    request: Request<()>,
    end_of_stream: bool,
) -> (ResponseFuture, SendStream<Bytes>) {
    let mut sender = sender.clone().ready().await.unwrap();
    sender.send_request(request, end_of_stream).unwrap()
}

fn post(path: &str, headers: &[(&str, &str)]) -> Request<()> {
    let request = Request::builder().method(Method::POST).uri(format!("https://{HOST}{path}"));
    headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)).body(()).unwrap()
}

fn expecting(path: &str) -> Request<()> {
    post(path, &[("expect", "100-continue")])
}

/// Returns the status of the next interim response; `None` after the final response has arrived.
async fn informational(response: &mut ResponseFuture) -> Option<StatusCode> {
    let next = poll_fn(|cx| response.poll_informational(cx));
    timeout(TEST_TIMEOUT, next).await.expect("a response").map(|response| response.unwrap().status())
}

async fn send_all(stream: &mut SendStream<Bytes>, body: &Bytes) {
    let mut rest = body.clone();
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let capacity = timeout(TEST_TIMEOUT, poll_fn(|cx| stream.poll_capacity(cx))).await.expect("a window");
        let piece = rest.split_to(capacity.unwrap().unwrap().min(rest.len()));
        stream.send_data(piece, rest.is_empty()).unwrap();
    }
}

async fn read_all(mut body: RecvStream) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = timeout(TEST_TIMEOUT, body.data()).await.expect("the rest of the body") {
        let piece = piece.unwrap();
        body.flow_control().release_capacity(piece.len()).unwrap();
        all.extend_from_slice(&piece);
    }
    all
}

async fn json_of(body: RecvStream) -> Value {
    serde_json::from_slice(&read_all(body).await).unwrap()
}

#[tokio::test]
async fn continue_is_sent_once_and_the_body_is_forwarded_unchanged() {
    let gateway = TestGateway::start();
    let sender = connect(&TestClient::new(&gateway)).await;
    let body = pattern(1 << 20);
    let (mut response, mut stream) = begin(&sender, expecting("/ignore/echo"), false).await;
    assert_eq!(informational(&mut response).await, Some(StatusCode::CONTINUE));
    send_all(&mut stream, &body).await;
    assert_eq!(informational(&mut response).await, None);
    let response = response.await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(json_of(response.into_body()).await["body_sha256"], sha256(&body));
}

#[tokio::test]
async fn continue_is_sent_neither_before_a_denial_nor_without_expect() {
    let gateway = TestGateway::start();
    let sender = connect(&TestClient::new(&gateway)).await;
    for (path, status) in [("/require/echo", 403), ("/none", 404)] {
        let (mut response, _stream) = begin(&sender, expecting(path), false).await;
        assert_eq!(informational(&mut response).await, None, "{path}");
        assert_eq!(response.await.unwrap().status(), status, "{path}");
    }
    let (mut response, mut stream) = begin(&sender, post("/ignore/echo", &[]), false).await;
    send_all(&mut stream, &Bytes::from_static(b"abc")).await;
    assert_eq!(informational(&mut response).await, None);
    let (mut response, _) = begin(&sender, expecting("/ignore/echo"), true).await;
    assert_eq!(informational(&mut response).await, None, "a request without a body");
    assert_eq!(response.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_client_that_sends_nothing_after_100_continue_occupies_no_backend_connection() {
    let gateway =
        TestGateway::with(TestConfig { backend: "max_connections = 1".into(), ..TestConfig::default() });
    let sender = connect(&TestClient::new(&gateway)).await;
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let (mut response, stream) = begin(&sender, expecting("/ignore/echo"), false).await;
        assert_eq!(informational(&mut response).await, Some(StatusCode::CONTINUE));
        waiting.push((response, stream));
    }
    assert_eq!(TestClient::new(&gateway).get("/ignore/echo").await.status_and_id(), "200 permit");
    for (response, mut stream) in waiting {
        send_all(&mut stream, &Bytes::from_static(b"abc")).await;
        assert_eq!(response.await.unwrap().status(), 200);
    }
}

#[tokio::test]
async fn a_stream_reset_cancels_its_request_only() {
    let gateway = TestGateway::start();
    let sender = connect(&TestClient::new(&gateway).certificate("alice")).await;
    let (other, _) = begin(&sender, post("/require/echo?delay_ms=300", &[]), true).await;
    let slow = post("/require/echo?delay_ms=60000", &[]);
    let (response, mut stream) = begin(&sender, slow, true).await;
    wait_for("both requests at the backend", || (gateway.rms.requests().len() == 2).then_some(())).await;
    stream.send_reset(Reason::CANCEL);
    let record = gateway.record_where(|record| record["decision"] == "client-disconnected").await;
    assert_eq!((&record["status"], &record["account"]["user"]), (&Value::Null, &"alice@corp.example".into()));
    assert!(response.await.is_err());
    assert_eq!(other.await.unwrap().status(), 200);
}

#[tokio::test]
async fn a_body_of_another_length_than_declared_is_malformed() {
    let gateway = TestGateway::start();
    for (length, body) in [("3", "abcd"), ("5", "abcd")] {
        let sender = connect(&TestClient::new(&gateway)).await;
        let recorded = gateway.records().len();
        let (response, mut stream) =
            begin(&sender, post("/ignore/echo", &[("content-length", length)]), false).await;
        stream.send_data(Bytes::from_static(body.as_bytes()), true).unwrap();
        assert_eq!(response.await.unwrap_err().reason(), Some(Reason::PROTOCOL_ERROR));
        let record = wait_for("the record", || gateway.records().get(recorded).cloned()).await;
        let outcome = (&record["decision"], &record["status"]);
        assert_eq!(outcome, (&"malformed-request".into(), &Value::Null), "{length}");
    }
    assert!(gateway.rms.requests().is_empty());
}

#[tokio::test]
async fn a_stream_that_is_reset_within_its_body_is_recorded_without_a_status() {
    let gateway = TestGateway::start();
    let sender = connect(&TestClient::new(&gateway)).await;
    let (response, mut stream) =
        begin(&sender, post("/ignore/echo", &[("content-length", "9")]), false).await;
    stream.send_data(Bytes::from_static(b"abc"), false).unwrap();
    stream.send_reset(Reason::CANCEL);
    assert!(response.await.is_err());
    let record = gateway.only_record().await;
    let outcome = (&record["decision"], &record["status"]);
    assert_eq!(outcome, (&"client-disconnected".into(), &Value::Null));
}

#[tokio::test]
async fn concurrent_streams_share_the_connection_window_without_loss() {
    const SIZE: usize = 8 << 20;
    let gateway = TestGateway::start();
    let sender = connect(&TestClient::new(&gateway)).await;
    let expected: Vec<u8> = (b'a'..=b'z').cycle().take(SIZE).collect();
    let downloads = (0..2).map(|_| {
        let sender = sender.clone();
        tokio::spawn(async move {
            let path = format!("/ignore/echo?size={SIZE}");
            let (response, _) = begin(&sender, post(&path, &[]), true).await;
            sha256(&read_all(response.await.unwrap().into_body()).await)
        })
    });
    let body = pattern(SIZE);
    let uploads = (0..2).map(|_| {
        let (sender, body) = (sender.clone(), body.clone());
        tokio::spawn(async move {
            let (response, mut stream) = begin(&sender, post("/ignore/echo", &[]), false).await;
            send_all(&mut stream, &body).await;
            json_of(response.await.unwrap().into_body()).await["body_sha256"].as_str().unwrap().to_owned()
        })
    });
    let running: Vec<_> = downloads.chain(uploads).collect();
    let mut digests = Vec::new();
    for stream in running {
        digests.push(stream.await.unwrap());
    }
    assert_eq!(digests[..2], [sha256(&expected), sha256(&expected)]);
    assert_eq!(digests[2..], [sha256(&body), sha256(&body)]);
}

#[tokio::test]
async fn a_denial_has_a_date_and_a_length_and_no_content_after_head() {
    let gateway = TestGateway::start();
    let sender = connect(&TestClient::new(&gateway)).await;
    for method in [Method::GET, Method::HEAD] {
        let request = Request::builder().method(method.clone()).uri(format!("https://{HOST}/require/echo"));
        let (response, _) = begin(&sender, request.body(()).unwrap(), true).await;
        let (head, body) = response.await.unwrap().into_parts();
        assert_eq!(head.status, 403);
        assert!(head.headers["date"].to_str().unwrap().ends_with(" GMT"));
        assert!(!head.headers.contains_key("connection"));
        let length: usize = head.headers["content-length"].to_str().unwrap().parse().unwrap();
        assert!(length > 0);
        let expected = if method == Method::HEAD { 0 } else { length };
        assert_eq!(read_all(body).await.len(), expected, "{method}");
    }
}
