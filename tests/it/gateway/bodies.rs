//! Bodies are forwarded unchanged in both directions.

use crate::support::{
    TestClient, TestConfig, TestGateway, TestResponse, chunked_body, empty_body, exchange, pattern,
    raw_backend, sha256, sized_body,
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const TEN_MEBIBYTES: usize = 10 << 20;

fn pieces_of(body: &Bytes) -> Vec<Bytes> {
    // A size that does not divide the frames of any layer.
    (0..body.len()).step_by(70_001).map(|start| body.slice(start..body.len().min(start + 70_001))).collect()
}

fn assert_received(response: &TestResponse, body: &[u8]) {
    assert_eq!(response.status_and_id(), "200 permit");
    assert_eq!(response.json()["body_length"], body.len());
    assert_eq!(response.json()["body_sha256"], sha256(body));
}

#[tokio::test]
async fn an_upload_of_known_length_arrives_byte_for_byte() {
    let gateway = TestGateway::start();
    let body = pattern(TEN_MEBIBYTES);
    for client in TestClient::http1_and_http2(&gateway) {
        let response = client.certificate("alice").post("/require/echo", sized_body(body.clone())).await;
        assert_received(&response, &body);
        assert_eq!(response.received_header("content-length"), [TEN_MEBIBYTES.to_string()]);
    }
}

#[tokio::test]
async fn an_upload_of_unknown_length_arrives_byte_for_byte() {
    let gateway = TestGateway::start();
    let body = pattern(TEN_MEBIBYTES);
    for client in TestClient::http1_and_http2(&gateway) {
        let response = client.post("/ignore/echo", chunked_body(pieces_of(&body), None)).await;
        assert_received(&response, &body);
        assert_eq!(response.received_header("transfer-encoding"), ["chunked"]);
    }
}

#[tokio::test]
async fn a_download_arrives_byte_for_byte_with_any_framing() {
    let gateway = TestGateway::start();
    let expected: Vec<u8> = (b'a'..=b'z').cycle().take(TEN_MEBIBYTES).collect();
    for client in TestClient::http1_and_http2(&gateway) {
        for framing in ["", "&chunked=1", "&close=1", "&chunked=1&close=1"] {
            let response = client.get(&format!("/ignore/echo?size={TEN_MEBIBYTES}{framing}")).await;
            assert_eq!(response.status, 200);
            assert_eq!(sha256(&response.body), sha256(&expected), "{framing}");
        }
    }
}

#[tokio::test]
async fn a_compressed_response_is_forwarded_unchanged() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let body = pattern(1000);
        let target = "/ignore/echo?mirror=1&header=Content-Encoding:gzip";
        let response = client.post(target, sized_body(body.clone())).await;
        assert_eq!(response.header("content-encoding"), Some("gzip"));
        assert_eq!(response.body, body);
    }
}

#[tokio::test]
async fn a_soap_fault_of_the_backend_is_forwarded_unchanged() {
    let gateway = TestGateway::start();
    let request = "POST /_wmcs/licensing/publish.asmx HTTP/1.1\r\nHost: rms.corp.example\r\n\
                   Content-Type: text/xml; charset=utf-8\r\nSOAPAction: \"none\"\r\nContent-Length: 4\r\n\
                   Connection: close\r\n\r\n<a/>";
    let mut direct = TcpStream::connect(gateway.rms.address()).await.unwrap();
    let direct = exchange(&mut direct, request.as_bytes()).await;
    let (_, fault) = direct.split_once("\r\n\r\n").unwrap();
    assert!(direct.starts_with("HTTP/1.1 500 ") && fault.contains("faultcode"), "{direct}");
    for client in TestClient::http1_and_http2(&gateway) {
        let request = client
            .request(Method::POST, "/_wmcs/licensing/publish.asmx")
            .header("content-type", "text/xml; charset=utf-8")
            .header("soapaction", "\"none\"");
        let response = client.send(request.body(sized_body("<a/>")).unwrap()).await;
        assert_eq!((response.status, response.text()), (500, fault));
        assert_eq!(response.header("content-type"), Some("text/xml; charset=utf-8"));
    }
}

#[tokio::test]
async fn a_response_before_the_end_of_the_request_body_is_forwarded_at_once() {
    let gateway = TestGateway::start();
    let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
    let head = "POST /ignore/echo?early=1&status=403&close=1 HTTP/1.1\r\nHost: rms.corp.example\r\n\
                Content-Length: 1000000\r\nConnection: close\r\n\r\n";
    // More than the gateway buffers before it connects to the backend.
    let sent = [head.as_bytes(), &[b'x'; 200 << 10]].concat();
    let response = exchange(&mut stream, &sent).await;
    assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
    assert!(response.contains("\"target\":\"/ignore/echo?early=1&status=403&close=1\""), "{response}");
}

#[tokio::test]
async fn a_truncated_response_of_the_backend_never_looks_complete_to_the_client() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        for framing in ["", "&chunked=1"] {
            let mut connection = client.connect().await.unwrap();
            let target = format!("/ignore/echo?size=100000&cut=50000{framing}");
            let request = connection.request(Method::GET, &target).body(empty_body()).unwrap();
            assert!(connection.send(request).await.is_err(), "{framing}: a truncated response");
            let record = gateway.record_where(|record| record["decision"] == "backend-unreachable").await;
            assert_eq!((&record["status"], &record["bytes_out"]), (&200.into(), &50_000.into()));
        }
    }
}

#[tokio::test]
async fn continue_is_sent_to_a_permitted_request_only() {
    let gateway = TestGateway::start();
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: rms.corp.example\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\
             Connection: close\r\n\r\n"
        )
    };
    let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
    stream.write_all(head("/ignore/echo").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut interim = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    let response = exchange(&mut stream, b"abc").await;
    assert!(response.starts_with("HTTP/1.1 200 ") && response.contains("\"body_length\":3"), "{response}");

    for (path, status) in [("/require/echo", "403"), ("/none", "404")] {
        let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
        let response = exchange(&mut stream, head(path).as_bytes()).await;
        assert!(response.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {response}");
    }
}

#[tokio::test]
async fn a_client_that_sends_nothing_after_100_continue_occupies_no_backend_connection() {
    let gateway =
        TestGateway::with(TestConfig { backend: "max_connections = 1".into(), ..TestConfig::default() });
    let mut waiting = Vec::new();
    for _ in 0..8 {
        let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
        let head = "POST /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nContent-Length: 3\r\n\
                    Expect: 100-continue\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut interim = [0; 25];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut interim).await.unwrap();
        waiting.push(stream);
    }
    let response = TestClient::new(&gateway).post("/ignore/echo", sized_body("abc")).await;
    assert_eq!(response.status_and_id(), "200 permit");
    let response = exchange(&mut waiting[0], b"abc").await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}

#[tokio::test]
async fn an_informational_response_of_the_backend_is_ignored() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        assert_eq!(client.get("/ignore/echo?informational=1").await.status_and_id(), "200 permit");
    }
}

#[tokio::test]
async fn trailers_of_the_client_are_removed() {
    let gateway = TestGateway::start();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-remote-user", "CORP\\administrator".parse().unwrap());
    trailers.insert("x-checksum", "1".parse().unwrap());
    for client in TestClient::http1_and_http2(&gateway) {
        let body = chunked_body([Bytes::from_static(b"abc")], Some(trailers.clone()));
        let request =
            client.request(Method::POST, "/ignore/echo").header("trailer", "x-remote-user, x-checksum");
        let response = client.send(request.body(body).unwrap()).await;
        assert_received(&response, b"abc");
        assert_eq!(response.json()["trailers"], serde_json::json!([]));
        assert_eq!(response.received_header("trailer"), [""; 0]);
    }
}

#[tokio::test]
async fn reserved_names_are_removed_from_trailers_of_the_backend() {
    // The test RMS server sends no trailers without `TE: trailers` (RFC 9110 10.1.4), which the gateway never sends.
    let backend = raw_backend(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\
         X-Remote-User: administrator\r\nX-Checksum: 1\r\n\r\n",
    );
    let gateway = TestGateway::with(TestConfig::with_backend(backend.await));
    let response = TestClient::new(&gateway).http2().get("/ignore/echo").await;
    let names: Vec<_> = response.trailers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!((response.text(), names), ("abc", vec!["x-checksum"]));
    let record = gateway.only_record().await;
    assert_eq!((&record["decision"], &record["bytes_out"]), (&"permit".into(), &3.into()));
}
