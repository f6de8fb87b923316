//! The heads and the framing of the backend's responses.

use crate::support::{TestClient, TestConfig, TestGateway, empty_body, pattern, raw_backend, sized_body};
use http::Method;

#[tokio::test]
async fn a_response_without_a_body_keeps_the_connection_open() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let mut connection = client.connect().await.unwrap();
        for (method, target, status) in [
            (Method::HEAD, "/ignore/echo", 200),
            (Method::GET, "/ignore/echo?status=204", 204),
            (Method::GET, "/ignore/echo?status=304", 304),
            (Method::HEAD, "/ignore/echo?size=100000", 200),
        ] {
            let request = connection.request(method.clone(), target).body(empty_body()).unwrap();
            let response = connection.send(request).await.unwrap();
            assert_eq!((response.status, response.body.len()), (status, 0), "{method} {target}");
        }
        assert_eq!(connection.get("/ignore/echo").await.unwrap().status_and_id(), "200 permit");
    }
}

#[tokio::test]
async fn every_line_of_a_repeated_header_is_forwarded() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let target = "/ignore/echo?header=Set-Cookie:a%3D1&header=Set-Cookie:b%3D2&header=ETag:%22x%22";
        let response = client.get(target).await;
        let cookies: Vec<_> = response.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(response.header("etag"), Some("\"x\""));
    }
}

#[tokio::test]
async fn hop_by_hop_headers_of_the_backend_are_removed() {
    let backend = raw_backend(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Upgrade: h2c\r\nX-Remote-User: administrator\r\nX-End: 2\r\n\r\n",
    );
    let gateway = TestGateway::with(TestConfig::with_backend(backend.await));
    for client in TestClient::http1_and_http2(&gateway) {
        let mut connection = client.connect().await.unwrap();
        for _ in 0..2 {
            let response = connection.get("/ignore/echo").await.unwrap();
            let mut names: Vec<_> = response.headers.keys().map(http::HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, ["content-length", "date", "x-end"]);
        }
    }
}

#[tokio::test]
async fn a_response_of_ambiguous_length_is_rejected() {
    for response in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        "HTTP/0.9 nonsense\r\n\r\n",
        "",
    ] {
        let gateway = TestGateway::with(TestConfig::with_backend(raw_backend(response).await));
        assert_eq!(
            TestClient::new(&gateway).get("/ignore/echo").await.status_and_id(),
            "502 backend-unreachable",
            "{response}"
        );
    }
}

#[tokio::test]
async fn bytes_after_a_response_are_never_part_of_the_next_one() {
    let backend = raw_backend(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    );
    let config = TestConfig::with_backend(backend.await);
    let gateway = TestGateway::with(TestConfig { top: "workers = 1".into(), ..config });
    for _ in 0..5 {
        let response = TestClient::new(&gateway).get("/ignore/echo").await;
        assert_eq!((response.status, response.text()), (200, "ok"));
    }
}

#[tokio::test]
async fn a_rejected_upload_of_the_size_of_a_soap_request_receives_the_response() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        for size in [1 << 10, 64 << 10, 200 << 10] {
            let response = client.post("/require/echo", sized_body(pattern(size))).await;
            assert_eq!(response.status_and_id(), "403 certificate-required", "{size}");
        }
    }
}
