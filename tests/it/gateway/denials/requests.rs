//! Denials caused by the request itself.

use crate::support::{
    TestClient, TestConfig, TestGateway, chunked_body, empty_body, exchange, pattern, sized_body, wait_for,
};
use bytes::Bytes;
use http::Method;
use tokio::net::TcpStream;

#[tokio::test]
async fn plain_http_is_tls_required() {
    let gateway = TestGateway::start();
    for path in ["/ignore/echo", "/require/echo", "/no/such/path"] {
        let mut stream = TcpStream::connect(gateway.plain_address()).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: rms.corp.example\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        );
        let response = exchange(&mut stream, request.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 403 "), "{response}");
        assert!(response.contains(r#""id":"tls-required""#), "{response}");
        assert!(!response.to_lowercase().contains("location:"), "{response}");
    }
    assert_eq!(gateway.rms.requests(), []);
}

#[tokio::test]
async fn plain_http_is_redirected_to_tls_if_configured() {
    let gateway =
        TestGateway::with(TestConfig { site: r#"http_action = "redirect""#.into(), ..TestConfig::default() });
    let mut stream = TcpStream::connect(gateway.plain_address()).await.unwrap();
    let request = "GET /require/echo?a=b HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\n\r\n";
    let response = exchange(&mut stream, request.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 308 "), "{response}");
    assert!(response.contains("location: https://rms.corp.example/require/echo?a=b\r\n"), "{response}");
}

#[tokio::test]
async fn a_path_without_a_rule_is_path_not_found_and_never_reaches_the_backend() {
    let gateway = TestGateway::start();
    let client = TestClient::new(&gateway).certificate("alice");
    for path in
        ["/", "/other", "/require", "/require/echo/below", "/require/echo/below.asmx", "/require/echo/"]
    {
        assert_eq!(client.get(path).await.status_and_id(), "404 path-not-found", "{path}");
    }
    assert_eq!(gateway.rms.requests(), []);
}

#[tokio::test]
async fn a_path_that_iis_may_interpret_in_two_ways_is_invalid_path() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        for path in
            ["//ignore/echo", "/x/../ignore/echo", "/ignore/%65cho", "/ignore/echo;a", "/ignore/echo."]
        {
            assert_eq!(client.get(path).await.status_and_id(), "400 invalid-path", "{path}");
        }
    }
    assert_eq!(gateway.rms.requests(), []);
}

#[tokio::test]
async fn another_method_is_method_not_allowed_and_the_response_lists_the_allowed_ones() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        for method in ["PUT", "DELETE", "TRACE", "PROPFIND", "OPTIONS"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = client.request(method, "/ignore/echo").body(empty_body()).unwrap();
            let response = client.send(request).await;
            assert_eq!(response.status_and_id(), "405 method-not-allowed");
            assert_eq!(response.header("allow"), Some("GET, HEAD, POST"));
        }
    }
    assert_eq!(gateway.rms.requests(), []);
}

#[tokio::test]
async fn a_host_that_the_handshake_did_not_name_is_a_misdirected_request() {
    let more = r#"
[[site]]
hosts = ["open.corp.example"]
listen = ["127.0.0.1:0"]
certificate = ["pki/server-ecdsa.pem"]
private_key = ["pki/server-ecdsa.key"]
backend = "rms"
[[site.path]]
path = "/open/echo"
client_certificate = "ignore"
"#;
    let gateway = TestGateway::with(TestConfig { more: more.into(), ..TestConfig::default() });
    for client in TestClient::http1_and_http2(&gateway) {
        let open = client.clone().resolving("open.corp.example");
        assert_eq!(open.get("/open/echo").await.status_and_id(), "200 permit");
        for host in ["rms.corp.example", "RMS.CORP.EXAMPLE", "rms.corp.example.", "nowhere.example"] {
            let response = open.clone().host(host).get("/ignore/echo").await;
            assert_eq!(response.status_and_id(), "421 misdirected-request", "{host}");
        }
        let response = client.host("open.corp.example").get("/open/echo").await;
        assert_eq!(response.status_and_id(), "421 misdirected-request");
    }
    assert_eq!(gateway.rms.requests().len(), 2);
}

#[tokio::test]
async fn a_connection_without_server_name_belongs_to_the_default_site() {
    let gateway = TestGateway::with(TestConfig { site: "default = true".into(), ..TestConfig::default() });
    for client in TestClient::http1_and_http2(&gateway) {
        let client = client.certificate("alice").without_server_name();
        assert_eq!(client.get("/require/echo").await.status_and_id(), "200 permit");
        let response = client.host("other.example").get("/require/echo").await;
        assert_eq!(response.status_and_id(), "421 misdirected-request");
    }
}

#[tokio::test]
async fn a_request_of_another_site_is_a_cross_site_request() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let client = client.certificate("alice");
        for foreign in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
        {
            let response = client.get_with("/require/echo", &[foreign]).await;
            assert_eq!(response.status_and_id(), "403 cross-site-request", "{foreign:?}");
        }
        let own = [("sec-fetch-site", "same-origin"), ("origin", "https://rms.corp.example")];
        assert_eq!(client.get_with("/require/echo", &own).await.status_and_id(), "200 permit");
    }
}

#[tokio::test]
async fn a_message_whose_framing_cannot_be_trusted_is_a_malformed_request() {
    let gateway = TestGateway::start();
    let head = "POST /ignore/echo HTTP/1.1\r\nAccept: application/json\r\nHost: rms.corp.example\r\n";
    let broken = [
        "Host: rms.corp.example\r\n\r\n",
        "Connection: authorization\r\n\r\n",
        "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "Content-Length: +5\r\n\r\nabcde",
        "Transfer-Encoding: identity\r\n\r\n",
        "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        ": no name\r\n\r\n",
    ];
    for rest in broken {
        let recorded = gateway.records().len();
        let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
        let response = exchange(&mut stream, format!("{head}{rest}").as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{rest:?}: {response}");
        let record = wait_for("the record", || gateway.records().get(recorded).cloned()).await;
        assert_eq!(
            (&record["decision"], &record["status"]),
            (&"malformed-request".into(), &400.into()),
            "{rest:?}"
        );
    }
    assert_eq!(gateway.rms.requests(), []);
}

#[tokio::test]
async fn a_head_above_the_limit_is_headers_too_large() {
    let gateway = TestGateway::with(TestConfig {
        limits: r#"max_header_bytes = "8KiB""#.into(),
        ..TestConfig::default()
    });
    let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
    let long = "a".repeat(16 * 1024);
    let request = format!("GET /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nX-Long: {long}\r\n\r\n");
    let response = exchange(&mut stream, request.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 431 "), "{response}");
    assert_eq!(gateway.only_record().await["decision"], "headers-too-large");
}

#[tokio::test]
async fn a_head_above_the_limit_is_headers_too_large_over_http2() {
    let gateway = TestGateway::with(TestConfig {
        limits: r#"max_header_bytes = "8KiB""#.into(),
        ..TestConfig::default()
    });
    let mut connection = TestClient::new(&gateway).http2().connect().await.unwrap();
    let long = "a".repeat(9 * 1024);
    let request = connection.request(Method::GET, "/ignore/echo").header("x-long", long);
    let response = connection.send(request.body(empty_body()).unwrap()).await.unwrap();
    assert_eq!(response.status_and_id(), "431 headers-too-large");
    let record = gateway.record(&response.request_id()).await;
    assert_eq!((&record["decision"], &record["status"]), (&"headers-too-large".into(), &431.into()));
    assert_eq!(gateway.rms.requests(), []);
    let long = "a".repeat(7 * 1024);
    let request = connection.request(Method::GET, "/ignore/echo").header("x-long", long);
    assert_eq!(
        connection.send(request.body(empty_body()).unwrap()).await.unwrap().status_and_id(),
        "200 permit"
    );
}

#[tokio::test]
async fn a_body_that_stalls_is_request_timeout() {
    let gateway = TestGateway::with(TestConfig {
        backend: r#"body_idle_timeout = "1s""#.into(),
        ..TestConfig::default()
    });
    let mut stream = TestClient::new(&gateway).tls_stream().await.unwrap();
    let request = "POST /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nAccept: application/json\r\n\
                   Content-Length: 10\r\n\r\nabc";
    let response = exchange(&mut stream, request.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 408 "), "{response}");
    assert!(response.contains(r#""id":"request-timeout""#), "{response}");
    assert_eq!(gateway.only_record().await["bytes_in"], 3);
}

#[tokio::test]
async fn a_body_above_the_limit_is_body_too_large_whether_declared_or_not() {
    let gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let response = client.post("/small/echo", sized_body(pattern(1024))).await;
        assert_eq!(response.status_and_id(), "200 permit");
        let forwarded = gateway.rms.requests().len();
        let response = client.post("/small/echo", sized_body(pattern(1025))).await;
        assert_eq!(response.status_and_id(), "413 body-too-large");
        assert_eq!(
            gateway.rms.requests().len(),
            forwarded,
            "a body that is declared too large is never forwarded"
        );
        let pieces = (0..5).map(|_| Bytes::from(vec![b'a'; 250]));
        let response = client.post("/small/echo", chunked_body(pieces, None)).await;
        assert_eq!(response.status_and_id(), "413 body-too-large");
    }
}
