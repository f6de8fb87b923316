//! Old servers: their responses, and the letter case of header names on which they depend.

use crate::support::{TestClient, TestConfig, TestGateway, exchange, raw_backend, raw_backend_with};
use std::sync::mpsc;

async fn gateway_before(response: &'static str) -> TestGateway {
    TestGateway::with(TestConfig::with_backend(raw_backend(response).await))
}

const GET: &str = "GET /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn white_space_before_a_colon_is_removed_from_a_response() {
    let gateway = gateway_before("HTTP/1.1 200 OK\r\nX-Legacy : yes\r\nContent-Length: 2\r\n\r\nok").await;
    let response = exchange(&mut TestClient::new(&gateway).tls_stream().await.unwrap(), GET.as_bytes()).await;
    assert!(response.to_lowercase().contains("\r\nx-legacy: yes\r\n"), "{response}");
    let response = TestClient::new(&gateway).http2().get("/ignore/echo").await;
    assert_eq!((response.status, response.header("x-legacy"), response.text()), (200, Some("yes"), "ok"));
}

#[tokio::test]
async fn an_http_1_0_response_is_forwarded_in_http_1_1_and_keeps_the_client_connection() {
    for response in ["HTTP/1.0 200 OK\r\n\r\nok", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"] {
        let gateway = gateway_before(response).await;
        let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
        let twice = GET.replace("Connection: close\r\n", "") + GET;
        let responses = exchange(&mut stream, twice.as_bytes()).await;
        assert_eq!(responses.matches("HTTP/1.1 200 OK\r\n").count(), 2, "{responses}");
        assert!(!responses.contains("HTTP/1.0"), "{responses}");
    }
}

/// Returns the request head that the backend receives.
async fn head_of(client: impl AsyncFnOnce(&TestGateway)) -> String {
    let (sender, heads) = mpsc::channel();
    let response = move |head: &str| {
        sender.send(head.to_owned()).unwrap();
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
    };
    let backend = raw_backend_with(response).await;
    let gateway = TestGateway::with(TestConfig::with_backend(backend));
    client(&gateway).await;
    heads.recv().unwrap()
}

#[tokio::test]
async fn names_keep_the_letter_case_of_an_http_1_1_client() {
    let head = head_of(async |gateway| {
        let lines = "SOAPAction: \"a\"\r\nx-lower: b\r\nX-MiXeD: c\r\nConnection: close\r\n\r\n";
        let request = GET.replace("Connection: close\r\n\r\n", lines);
        exchange(&mut TestClient::new(gateway).tls_stream().await.unwrap(), request.as_bytes()).await;
    })
    .await;
    for line in [
        "SOAPAction: \"a\"",
        "x-lower: b",
        "X-MiXeD: c",
        "Host: rms.corp.example",
        "X-Forwarded-Proto: https",
    ] {
        assert!(head.contains(&format!("\r\n{line}\r\n")), "{line}: {head}");
    }
}

#[tokio::test]
async fn names_of_an_http_2_client_begin_with_capitals() {
    let head = head_of(async |gateway| {
        TestClient::new(gateway).http2().get_with("/ignore/echo", &[("x-lower", "b")]).await;
    })
    .await;
    assert!(
        head.contains("\r\nX-Lower: b\r\n") && head.contains("\r\nAccept: application/json\r\n"),
        "{head}"
    );
}

#[tokio::test]
async fn a_client_does_not_choose_the_letter_case_of_the_gateways_own_headers() {
    let head = head_of(async |gateway| {
        let lines = "x-forwarded-PROTO: gopher\r\nX-MiXeD: c\r\nConnection: close\r\n\r\n";
        let request = GET.replace("Connection: close\r\n\r\n", lines);
        exchange(&mut TestClient::new(gateway).tls_stream().await.unwrap(), request.as_bytes()).await;
    })
    .await;
    assert!(
        head.contains("\r\nX-Forwarded-Proto: https\r\n") && head.contains("\r\nX-Mixed: c\r\n"),
        "{head}"
    );
}
