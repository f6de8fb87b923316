//! Requests that are rejected before their body has arrived. The response reaches the client even if the client writes the
//! complete body before it reads; a connection reset would discard it.

use crate::support::{
    TestClient, TestConfig, TestGateway, exchange, is_installed, record_skip, run, wait_for,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Sends a POST, writes the complete body before it reads, and returns the status and the text of the response.
async fn blind_upload(gateway: &TestGateway, path: &str, bytes: usize, chunked: bool) -> (u16, String) {
    let mut stream = TestClient::new(gateway).tls_stream().await.unwrap();
    let framing = match chunked {
        true => "Transfer-Encoding: chunked".to_owned(),
        false => format!("Content-Length: {bytes}"),
    };
    // The backend may receive a small body completely before it responds, and the connection would then stay open.
    let close = if path.contains("early") { "Connection: close\r\n" } else { "" };
    let head = format!("POST {path} HTTP/1.1\r\nHost: rms.corp.example\r\n{close}{framing}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut left = bytes;
    while left > 0 {
        let piece = vec![b'x'; left.min(16_384)];
        left -= piece.len();
        let piece = match chunked {
            true => [format!("{:x}\r\n", piece.len()).as_bytes(), &piece, b"\r\n"].concat(),
            false => piece,
        };
        stream.write_all(&piece).await.unwrap_or_else(|error| panic!("{path}, {left} bytes to go: {error}"));
    }
    if chunked {
        stream.write_all(b"0\r\n\r\n").await.unwrap();
    }
    stream.flush().await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    (response[9..12].parse().unwrap(), response)
}

fn closes(response: &str) -> bool {
    response.to_lowercase().contains("\r\nconnection: close\r\n")
}

#[tokio::test]
async fn a_client_that_writes_the_complete_body_before_it_reads_receives_the_response() {
    let gateway = TestGateway::start();
    for (path, status) in [("/require/echo", 403), ("/none", 404), ("/ignore/echo?early=1&status=403", 403)] {
        for (bytes, chunked) in [(1 << 20, false), (1 << 20, true), (8 << 20, false), (8 << 20, true)] {
            let (received, response) = blind_upload(&gateway, path, bytes, chunked).await;
            assert_eq!(received, status, "{path} {bytes} {chunked}: {:.300}", response);
            assert!(closes(&response), "{path} {bytes} {chunked}: {:.300}", response);
        }
    }
}

#[tokio::test]
async fn a_body_above_the_limit_receives_the_denial_whether_declared_or_not() {
    let gateway = TestGateway::start();
    for chunked in [false, true] {
        let (received, response) = blind_upload(&gateway, "/small/echo", 8 << 20, chunked).await;
        assert_eq!(received, 413, "{chunked}: {:.300}", response);
        assert!(closes(&response), "{chunked}: {:.300}", response);
    }
}

#[tokio::test]
async fn the_connection_stays_open_after_a_short_rejected_body() {
    let gateway = TestGateway::start();
    let post = "POST /require/echo HTTP/1.1\r\nHost: rms.corp.example\r\n";
    let get = "GET /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\n\r\n";
    let body = "x".repeat(64_000);
    for framed in [
        format!("Content-Length: 64000\r\n\r\n{body}"),
        format!("Transfer-Encoding: chunked\r\n\r\nfa00\r\n{body}\r\n0\r\n\r\n"),
    ] {
        let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
        let responses = exchange(&mut stream, format!("{post}{framed}{get}").as_bytes()).await;
        assert!(
            responses.starts_with("HTTP/1.1 403 ") && responses.contains("HTTP/1.1 200 OK"),
            "{responses}"
        );
    }
}

#[tokio::test]
async fn a_denial_announces_the_close_if_the_body_is_not_sent() {
    let gateway = TestGateway::start();
    for expect in ["Expect: 100-continue\r\n", ""] {
        let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
        let head = format!(
            "POST /require/echo HTTP/1.1\r\nHost: rms.corp.example\r\nContent-Length: 9\r\n{expect}\r\n"
        );
        let response = exchange(&mut stream, head.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 403 ") && closes(&response), "{expect:?}: {response}");
    }
}

#[tokio::test]
async fn an_endless_rejected_body_is_cut_off() {
    let limits = r#"linger_max_bytes = "1MiB""#;
    let gateway = TestGateway::with(TestConfig { limits: limits.into(), ..TestConfig::default() });
    let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
    let head = "POST /require/echo HTTP/1.1\r\nHost: rms.corp.example\r\nContent-Length: 1000000000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut sent = 0;
    while stream.write_all(&[b'x'; 65_536]).await.is_ok() && stream.flush().await.is_ok() {
        sent += 65_536;
        assert!(sent < 64 << 20, "the gateway reads without a limit");
    }
}

/// Returns the body of a response.
fn page(response: &str) -> &str {
    response.split_once("\r\n\r\n").map_or("", |(_, page)| page)
}

#[tokio::test]
async fn an_unparseable_request_receives_a_page_whose_request_id_is_recorded() {
    let gateway = TestGateway::start();
    let host = "Host: rms.corp.example\r\n";
    for (head, status) in [
        (format!("GET /ignore/echo HTTP/1.1\r\n{host}: no name\r\n\r\n"), "400 Bad Request"),
        ("no HTTP at all\r\n\r\n".to_owned(), "400 Bad Request"),
        (format!("GET /ignore/echo HTTP/1.1\r\n{host}{}\r\n", "a: b\r\n".repeat(300)), "431 "),
        (format!("GET /ignore/echo HTTP/1.1\r\n{host}x: {}\r\n\r\n", "y".repeat(4 << 20)), "431 "),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "y".repeat(70_000)), "431 "),
        // After a valid request on the same connection.
        (format!("GET /ignore/echo HTTP/1.1\r\n{host}\r\n: no name\r\n\r\n"), "400 Bad Request"),
    ] {
        let recorded = gateway.records().len();
        let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
        let response = exchange(&mut stream, head.as_bytes()).await;
        let last = &response[response.rfind("HTTP/1.1 ").unwrap()..];
        assert!(last.starts_with(&format!("HTTP/1.1 {status}")) && closes(last), "{head:.60}: {last}");
        assert!(last.contains("\r\ndate: "), "{last}");
        let length: usize =
            last.split_once("content-length: ").unwrap().1.lines().next().unwrap().parse().unwrap();
        assert_eq!(page(last).len(), length, "{last}");
        let contains_id =
            |record: &serde_json::Value| page(last).contains(record["request_id"].as_str().unwrap());
        wait_for("the record", || gateway.records()[recorded..].iter().any(contains_id).then_some(())).await;
    }
}

#[tokio::test]
async fn an_incomplete_head_is_request_timeout_and_an_idle_connection_is_not() {
    let gateway = TestGateway::with(TestConfig {
        limits: r#"client_idle_timeout = "1s""#.into(),
        ..TestConfig::default()
    });
    let host = "Host: rms.corp.example\r\n";
    for (sent, statuses) in [
        (String::new(), 0),
        ("GET /ignore/echo HTTP/1.1\r\n".to_owned(), 1),
        (format!("GET /ignore/echo HTTP/1.1\r\n{host}\r\n"), 1),
        (format!("GET /ignore/echo HTTP/1.1\r\n{host}\r\n\r\n"), 1),
    ] {
        let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
        let response = exchange(&mut stream, sent.as_bytes()).await;
        assert_eq!(response.matches("HTTP/1.1 ").count(), statuses, "{sent:?}: {response}");
        let is_late = response.starts_with("HTTP/1.1 408 Request Timeout\r\n");
        assert_eq!(is_late, sent.ends_with("HTTP/1.1\r\n"), "{sent:?}: {response}");
    }
    let late = || gateway.records().iter().filter(|record| record["decision"] == "request-timeout").count();
    wait_for("the record", || (late() == 1).then_some(())).await;
}

#[test]
fn java_reads_the_response_to_a_rejected_upload() {
    let gateway = TestGateway::start();
    if !is_installed("java") {
        return record_skip("java is not installed");
    }
    let hosts = gateway.folder().join("hosts");
    std::fs::write(&hosts, "127.0.0.1 rms.corp.example\n").unwrap();
    let hosts = format!("-Djdk.net.hosts.file={}", hosts.display());
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/Upload.java");
    let ca = gateway.pki_files.server_ca.display().to_string();
    let url = format!("https://rms.corp.example:{}/require/echo", gateway.address().port());
    for (bytes, mode) in [("1048576", "fixed"), ("1048576", "chunked"), ("8388608", "buffered")] {
        let Some(ran) = run("java", &[], &[&hosts, program, &ca, &url, bytes, mode], b"") else { return };
        assert!(ran.stdout.starts_with("403 {"), "{bytes} {mode}: {}", ran.output());
        assert!(ran.stdout.contains("certificate-required"), "{bytes} {mode}: {}", ran.output());
    }
}

#[test]
fn python_requests_reads_the_response_to_a_rejected_upload() {
    let gateway = TestGateway::start();
    let program = "
import sys, socket
try:
    import requests
except ImportError:
    sys.exit(77)
port, ca = sys.argv[1], sys.argv[2]
real = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: real('127.0.0.1' if host == 'rms.corp.example' else host, *rest, **more)
url = 'https://rms.corp.example:%s/require/echo' % port
for size in (2**20, 2**23):
    for body in (b'x' * size, (b'x' * 65536 for _ in range(size // 65536))):
        response = requests.post(url, data=body, verify=ca)
        print(response.status_code, len(response.text) > 100)
";
    let port = gateway.address().port().to_string();
    let ca = gateway.pki_files.server_ca.display().to_string();
    let Some(ran) = run("python3", &[], &["-c", program, &port, &ca], b"") else { return };
    match ran.code {
        77 => record_skip("Python's requests is not installed"),
        _ => assert_eq!(ran.stdout, "403 True\n".repeat(4), "{}", ran.output()),
    }
}
