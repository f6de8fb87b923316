//! Denials because of the request itself.

use crate::support::{Client, Lab, Setup, exchange, in_pieces, nothing, pattern, wait_for, whole};
use bytes::Bytes;
use http::Method;
use tokio::net::TcpStream;

#[tokio::test]
async fn plain_http_is_tls_required() {
    let lab = Lab::start();
    for path in ["/ignore/echo", "/require/echo", "/no/such/path"] {
        let mut stream = TcpStream::connect(lab.plain_address()).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: rms.corp.example\r\nAccept: application/json\r\nConnection: close\r\n\r\n"
        );
        let answer = exchange(&mut stream, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
        assert!(answer.contains(r#""id":"tls-required""#), "{answer}");
        assert!(!answer.to_lowercase().contains("location:"), "{answer}");
    }
    assert_eq!(lab.rms.seen(), []);
}

#[tokio::test]
async fn plain_http_is_redirected_to_tls_if_configured() {
    let lab = Lab::with(Setup { site: r#"http_action = "redirect""#.into(), ..Setup::default() });
    let mut stream = TcpStream::connect(lab.plain_address()).await.unwrap();
    let request = "GET /require/echo?a=b HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\n\r\n";
    let answer = exchange(&mut stream, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 308 "), "{answer}");
    assert!(answer.contains("location: https://rms.corp.example/require/echo?a=b\r\n"), "{answer}");
}

#[tokio::test]
async fn a_path_without_a_rule_is_path_not_found_and_never_reaches_the_backend() {
    let lab = Lab::start();
    let client = Client::new(&lab).card("alice");
    for path in
        ["/", "/other", "/require", "/require/echo/below", "/require/echo/below.asmx", "/require/echo/"]
    {
        assert_eq!(client.get(path).await.verdict(), "404 path-not-found", "{path}");
    }
    assert_eq!(lab.rms.seen(), []);
}

#[tokio::test]
async fn a_path_that_iis_may_interpret_in_two_ways_is_invalid_path() {
    let lab = Lab::start();
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        for path in
            ["//ignore/echo", "/x/../ignore/echo", "/ignore/%65cho", "/ignore/echo;a", "/ignore/echo."]
        {
            assert_eq!(client.get(path).await.verdict(), "400 invalid-path", "{path}");
        }
    }
    assert_eq!(lab.rms.seen(), []);
}

#[tokio::test]
async fn another_method_is_method_not_allowed_and_the_response_lists_the_allowed_ones() {
    let lab = Lab::start();
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        for method in ["PUT", "DELETE", "TRACE", "PROPFIND", "OPTIONS"] {
            let method = Method::from_bytes(method.as_bytes()).unwrap();
            let request = client.request(method, "/ignore/echo").body(nothing()).unwrap();
            let answer = client.send(request).await;
            assert_eq!(answer.verdict(), "405 method-not-allowed");
            assert_eq!(answer.header("allow"), Some("GET, HEAD, POST"));
        }
    }
    assert_eq!(lab.rms.seen(), []);
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
    let lab = Lab::with(Setup { more: more.into(), ..Setup::default() });
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        let open = client.clone().resolving("open.corp.example");
        assert_eq!(open.get("/open/echo").await.verdict(), "200 permit");
        for host in ["rms.corp.example", "RMS.CORP.EXAMPLE", "rms.corp.example.", "nowhere.example"] {
            let answer = open.clone().host(host).get("/ignore/echo").await;
            assert_eq!(answer.verdict(), "421 misdirected-request", "{host}");
        }
        let answer = client.host("open.corp.example").get("/open/echo").await;
        assert_eq!(answer.verdict(), "421 misdirected-request");
    }
    assert_eq!(lab.rms.seen().len(), 2);
}

#[tokio::test]
async fn a_connection_without_server_name_belongs_to_the_default_site() {
    let lab = Lab::with(Setup { site: "default = true".into(), ..Setup::default() });
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        let client = client.card("alice").without_server_name();
        assert_eq!(client.get("/require/echo").await.verdict(), "200 permit");
        let answer = client.host("other.example").get("/require/echo").await;
        assert_eq!(answer.verdict(), "421 misdirected-request");
    }
}

#[tokio::test]
async fn a_request_of_another_site_is_a_cross_site_request() {
    let lab = Lab::start();
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        let client = client.card("alice");
        for foreign in
            [("sec-fetch-site", "cross-site"), ("origin", "https://evil.example"), ("origin", "null")]
        {
            let answer = client.get_with("/require/echo", &[foreign]).await;
            assert_eq!(answer.verdict(), "403 cross-site-request", "{foreign:?}");
        }
        let own = [("sec-fetch-site", "same-origin"), ("origin", "https://rms.corp.example")];
        assert_eq!(client.get_with("/require/echo", &own).await.verdict(), "200 permit");
    }
}

#[tokio::test]
async fn a_message_whose_framing_cannot_be_trusted_is_a_malformed_request() {
    let lab = Lab::start();
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
        let seen = lab.records().len();
        let mut stream = Client::new(&lab).tls_stream().await.unwrap();
        let answer = exchange(&mut stream, format!("{head}{rest}").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{rest:?}: {answer}");
        let record = wait_for("the record", || lab.records().get(seen).cloned()).await;
        assert_eq!(
            (&record["decision"], &record["status"]),
            (&"malformed-request".into(), &400.into()),
            "{rest:?}"
        );
    }
    assert_eq!(lab.rms.seen(), []);
}

#[tokio::test]
async fn a_head_above_the_limit_is_headers_too_large() {
    let lab = Lab::with(Setup { limits: r#"max_header_bytes = "8KiB""#.into(), ..Setup::default() });
    let mut stream = Client::new(&lab).tls_stream().await.unwrap();
    let long = "a".repeat(16 * 1024);
    let request = format!("GET /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nX-Long: {long}\r\n\r\n");
    let answer = exchange(&mut stream, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 431 "), "{answer}");
    assert_eq!(lab.only_record().await["decision"], "headers-too-large");
}

#[tokio::test]
async fn a_head_above_the_limit_is_headers_too_large_over_http2() {
    let lab = Lab::with(Setup { limits: r#"max_header_bytes = "8KiB""#.into(), ..Setup::default() });
    let mut connection = Client::new(&lab).http2().connect().await.unwrap();
    let long = "a".repeat(9 * 1024);
    let request = connection.request(Method::GET, "/ignore/echo").header("x-long", long);
    let answer = connection.send(request.body(nothing()).unwrap()).await.unwrap();
    assert_eq!(answer.verdict(), "431 headers-too-large");
    let record = lab.record(&answer.request_id()).await;
    assert_eq!((&record["decision"], &record["status"]), (&"headers-too-large".into(), &431.into()));
    assert_eq!(lab.rms.seen(), []);
    let long = "a".repeat(7 * 1024);
    let request = connection.request(Method::GET, "/ignore/echo").header("x-long", long);
    assert_eq!(connection.send(request.body(nothing()).unwrap()).await.unwrap().verdict(), "200 permit");
}

#[tokio::test]
async fn a_body_that_stalls_is_request_timeout() {
    let lab = Lab::with(Setup { backend: r#"body_idle_timeout = "1s""#.into(), ..Setup::default() });
    let mut stream = Client::new(&lab).tls_stream().await.unwrap();
    let request = "POST /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nAccept: application/json\r\n\
                   Content-Length: 10\r\n\r\nabc";
    let answer = exchange(&mut stream, request.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(answer.contains(r#""id":"request-timeout""#), "{answer}");
    assert_eq!(lab.only_record().await["bytes_in"], 3);
}

#[tokio::test]
async fn a_body_above_the_limit_is_body_too_large_declared_or_not() {
    let lab = Lab::start();
    for client in [Client::new(&lab).http1(), Client::new(&lab).http2()] {
        let answer = client.post("/small/echo", whole(pattern(1024))).await;
        assert_eq!(answer.verdict(), "200 permit");
        let reached = lab.rms.seen().len();
        let answer = client.post("/small/echo", whole(pattern(1025))).await;
        assert_eq!(answer.verdict(), "413 body-too-large");
        assert_eq!(lab.rms.seen().len(), reached, "what is declared too large is never sent on");
        let pieces = (0..5).map(|_| Bytes::from(vec![b'a'; 250]));
        let answer = client.post("/small/echo", in_pieces(pieces, None)).await;
        assert_eq!(answer.verdict(), "413 body-too-large");
    }
}
