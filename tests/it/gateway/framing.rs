//! The boundaries of HTTP/1 messages: no byte of one request becomes another request (request smuggling).

use crate::support::{TestClient, TestConfig, TestGateway, exchange};
use tokio::net::TcpStream;

/// Sends bytes on one connection. Returns the status of each response, and the received text for assertion messages.
async fn statuses(gateway: &TestGateway, bytes: &str) -> (Vec<String>, String) {
    let mut stream = TestClient::new(gateway).tls_stream().await.unwrap();
    let responses = exchange(&mut stream, bytes.as_bytes()).await;
    // An echo in a body has the version at the end of a line, never before a status.
    let status_lines =
        responses.match_indices("HTTP/1.").filter(|(at, _)| responses[at + 8..].starts_with(' '));
    let lines = status_lines.map(|(at, _)| responses[at + 9..at + 12].to_owned()).collect();
    (lines, responses)
}

#[tokio::test]
async fn an_upgrade_is_not_forwarded_and_the_next_bytes_are_a_request() {
    let gateway = TestGateway::start();
    let next = "GET /require/echo HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\n\r\n";
    let settings = "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__";
    for upgrade in ["Upgrade: websocket", "Upgrade: TLS/1.0", settings] {
        let first = format!(
            "GET /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: Upgrade, HTTP2-Settings\r\n\
             {upgrade}\r\n\r\n"
        );
        let (lines, responses) = statuses(&gateway, &format!("{first}{next}")).await;
        assert_eq!(lines, ["200", "403"], "{responses}");
    }
    for received in gateway.rms.requests() {
        assert_eq!(received.target, "/ignore/echo");
        assert_eq!((received.values("upgrade"), received.values("http2-settings")), (vec![], vec![]));
    }
}

#[tokio::test]
async fn connect_never_opens_a_tunnel() {
    let gateway = TestGateway::start();
    let next = "GET /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\n\r\n";
    for target in ["rms.corp.example:443", "127.0.0.1:80"] {
        let request = format!("CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n\r\n{next}");
        let (lines, responses) = statuses(&gateway, &request).await;
        assert!(lines[0].starts_with('4'), "{responses}");
    }
}

#[tokio::test]
async fn a_response_to_http_1_0_is_not_chunked_and_closes_the_connection() {
    let gateway = TestGateway::start();
    let request = "GET /ignore/echo?chunked=1 HTTP/1.0\r\nHost: rms.corp.example\r\n\r\n";
    let (lines, responses) = statuses(&gateway, request).await;
    assert_eq!(lines, ["200"]);
    assert!(!responses.to_lowercase().contains("transfer-encoding"), "{responses}");
    assert!(responses.ends_with('}'), "{responses}");
}

#[tokio::test]
async fn http_1_0_without_a_host_or_with_chunks_is_rejected() {
    let gateway = TestGateway::start();
    let without_host = "GET /ignore/echo HTTP/1.0\r\n\r\n";
    let chunked =
        "POST /ignore/echo HTTP/1.0\r\nHost: rms.corp.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n";
    for request in [without_host, chunked] {
        let (lines, responses) = statuses(&gateway, request).await;
        assert_eq!(lines, ["400"], "{responses}");
    }
    assert_eq!(gateway.rms.requests(), []);
}

#[tokio::test]
async fn chunked_encoding_overrides_a_length_and_the_connection_closes() {
    let gateway = TestGateway::start();
    let smuggled = "GET /require/echo HTTP/1.1\r\nHost: rms.corp.example\r\n\r\n";
    let heads = [
        "Content-Length: 60\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: chunked\r\nContent-Length: 60",
    ];
    for head in heads {
        let request = format!(
            "POST /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\n{head}\r\n\r\n0\r\n\r\n{smuggled}"
        );
        let (lines, responses) = statuses(&gateway, &request).await;
        assert_eq!(lines.len(), 1, "{responses}");
    }
    for received in gateway.rms.requests() {
        assert_eq!((received.method.as_str(), received.values("content-length")), ("POST", vec![]));
    }
}

#[tokio::test]
async fn pipelined_requests_are_authorized_one_by_one_and_their_responses_are_in_order() {
    let gateway = TestGateway::start();
    let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: rms.corp.example\r\n\r\n");
    let last = "GET /accept/echo HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\n\r\n";
    let requests =
        [get("/ignore/echo"), get("/require/echo"), get("/none"), get("/ignore/echo"), last.into()];
    let (lines, responses) = statuses(&gateway, &requests.concat()).await;
    assert_eq!(lines, ["200", "403", "404", "200", "401"], "{responses}");
}

#[tokio::test]
async fn the_absolute_form_must_name_the_host_of_the_host_header() {
    let gateway = TestGateway::start();
    let request = |authority: &str, host: &str| {
        format!("GET https://{authority}/ignore/echo HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")
    };
    let cases = [
        ("rms.corp.example", "rms.corp.example", "200"),
        ("RMS.corp.example.", "rms.corp.example", "200"),
        ("other.example", "rms.corp.example", "400"),
        ("other.example", "other.example", "421"),
    ];
    for (authority, host, status) in cases {
        let (lines, responses) = statuses(&gateway, &request(authority, host)).await;
        assert_eq!(lines, [status], "{authority} {host}: {responses}");
    }
}

#[tokio::test]
async fn an_http_1_0_request_without_host_reaches_the_default_site() {
    let gateway = TestGateway::with(TestConfig { site: "default = true".into(), ..TestConfig::default() });
    for client in [TestClient::new(&gateway), TestClient::new(&gateway).without_server_name()] {
        let mut stream = client.clone().certificate("alice").tls_stream().await.unwrap();
        let response = exchange(&mut stream, b"GET /require/echo HTTP/1.0\r\n\r\n").await;
        assert!(response.starts_with("HTTP/1.0 200 "), "{response}");
        let received = gateway.rms.requests().pop().unwrap();
        assert!(received.headers.contains(&("host".into(), "rms.corp.example".into())), "{received:?}");
        let mut stream = client.tls_stream().await.unwrap();
        let response = exchange(&mut stream, b"GET /require/echo HTTP/1.1\r\n\r\n").await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    }
    let mut plain = TcpStream::connect(gateway.plain_address()).await.unwrap();
    let response = exchange(&mut plain, b"GET /require/echo HTTP/1.0\r\n\r\n").await;
    assert!(response.starts_with("HTTP/1.0 403 "), "{response}");
}
