//! The limits on the number and the size of header fields, for both versions of HTTP and both directions.

use crate::support::{TestClient, TestConfig, TestGateway, empty_body, exchange, raw_backend, wait_for};
use http::Method;

fn gateway(limits: &str) -> TestGateway {
    TestGateway::with(TestConfig { limits: limits.into(), ..TestConfig::default() })
}

/// Returns the status of a GET with this number of fields in addition to `Host` and `Accept`.
async fn status(client: &TestClient, fields: usize) -> u16 {
    let mut request = client.request(Method::GET, "/ignore/echo");
    for _ in 0..fields {
        request = request.header("ab", "c");
    }
    client.send(request.body(empty_body()).unwrap()).await.status
}

#[tokio::test]
async fn a_request_may_have_more_than_a_hundred_fields() {
    let gateway = gateway(r#"max_header_bytes = "1MiB""#);
    for client in TestClient::http1_and_http2(&gateway) {
        assert_eq!(status(&client, 105).await, 200);
        let received = gateway.rms.requests();
        let names = received.last().unwrap().headers.iter().map(|(name, _)| name.as_str());
        assert_eq!(names.filter(|name| *name == "ab").count(), 105);
    }
}

#[tokio::test]
async fn a_request_with_more_fields_than_the_limit_is_headers_too_large() {
    let gateway = gateway("max_header_fields = 20");
    for client in TestClient::http1_and_http2(&gateway) {
        assert_eq!(status(&client, 18).await, 200);
        let forwarded = gateway.rms.requests().len();
        assert_eq!(status(&client, 21).await, 431);
        assert_eq!(gateway.rms.requests().len(), forwarded);
    }
    let denied =
        || gateway.records().iter().filter(|record| record["decision"] == "headers-too-large").count();
    wait_for("both records", || (denied() == 2).then_some(())).await;
}

#[tokio::test]
async fn a_response_above_the_limits_is_rejected() {
    for (lines, status) in [
        ("ab: c\r\n".repeat(105), 200),
        ("ab: c\r\n".repeat(257), 502),
        (format!("ab: {}\r\n", "c".repeat(60_000)), 200),
        (format!("ab: {}\r\n", "c".repeat(70_000)), 502),
    ] {
        let response = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok");
        let backend = raw_backend(response.leak()).await;
        let gateway = TestGateway::with(TestConfig::with_backend(backend));
        let request = b"GET /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\n\r\n";
        let response = exchange(&mut TestClient::new(&gateway).tls_stream().await.unwrap(), request).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{response}");
    }
}
