//! One limit on the number of header fields and one on their size, for both versions of HTTP and both directions.

use crate::support::{Client, Lab, Setup, backend_saying, exchange, nothing, wait_for};
use http::Method;

fn lab(limits: &str) -> Lab {
    Lab::with(Setup { limits: limits.into(), ..Setup::default() })
}

fn clients(lab: &Lab) -> [Client; 2] {
    [Client::new(lab).http1(), Client::new(lab).http2()]
}

/// The status of a GET with so many fields beside `Host` and `Accept`.
async fn status(client: &Client, fields: usize) -> u16 {
    let mut request = client.request(Method::GET, "/ignore/echo");
    for _ in 0..fields {
        request = request.header("ab", "c");
    }
    client.send(request.body(nothing()).unwrap()).await.status
}

#[tokio::test]
async fn a_request_may_have_more_than_a_hundred_fields() {
    let lab = lab(r#"max_header_bytes = "1MiB""#);
    for client in clients(&lab) {
        assert_eq!(status(&client, 105).await, 200);
        let seen = lab.rms.seen();
        let names = seen.last().unwrap().headers.iter().map(|(name, _)| name.as_str());
        assert_eq!(names.filter(|name| *name == "ab").count(), 105);
    }
}

#[tokio::test]
async fn a_request_with_more_fields_than_the_limit_is_header_too_large() {
    let lab = lab("max_header_fields = 20");
    for client in clients(&lab) {
        assert_eq!(status(&client, 18).await, 200);
        let reached = lab.rms.seen().len();
        assert_eq!(status(&client, 21).await, 431);
        assert_eq!(lab.rms.seen().len(), reached);
    }
    let refused = || lab.records().iter().filter(|record| record["decision"] == "headers-too-large").count();
    wait_for("both records", || (refused() == 2).then_some(())).await;
}

#[tokio::test]
async fn a_response_has_the_same_limits() {
    for (lines, status) in [
        ("ab: c\r\n".repeat(105), 200),
        ("ab: c\r\n".repeat(257), 502),
        (format!("ab: {}\r\n", "c".repeat(60_000)), 200),
        (format!("ab: {}\r\n", "c".repeat(70_000)), 502),
    ] {
        let answer = format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 2\r\n\r\nok");
        let backend = backend_saying(answer.leak()).await;
        let lab = Lab::with(Setup { servers: format!("[\"http://{backend}\"]"), ..Setup::default() });
        let request = b"GET /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nConnection: close\r\n\r\n";
        let answer = exchange(&mut Client::new(&lab).tls_stream().await.unwrap(), request).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    }
}
