//! What becomes of the backend's answers beside their bodies.

use crate::support::{Client, Lab, Setup, backend_saying, nothing, pattern, whole};
use http::Method;

fn clients(lab: &Lab) -> [Client; 2] {
    [Client::new(lab).http1(), Client::new(lab).http2()]
}

#[tokio::test]
async fn an_answer_without_a_body_stays_without_and_the_connection_goes_on() {
    let lab = Lab::start();
    for client in clients(&lab) {
        let mut connection = client.connect().await.unwrap();
        for (method, target, status) in [
            (Method::HEAD, "/ignore/echo", 200),
            (Method::GET, "/ignore/echo?status=204", 204),
            (Method::GET, "/ignore/echo?status=304", 304),
            (Method::HEAD, "/ignore/echo?size=100000", 200),
        ] {
            let request = connection.request(method.clone(), target).body(nothing()).unwrap();
            let answer = connection.send(request).await.unwrap();
            assert_eq!((answer.status, answer.body.len()), (status, 0), "{method} {target}");
        }
        assert_eq!(connection.get("/ignore/echo").await.unwrap().verdict(), "200 permit");
    }
}

#[tokio::test]
async fn every_line_of_a_header_goes_through() {
    let lab = Lab::start();
    for client in clients(&lab) {
        let target = "/ignore/echo?header=Set-Cookie:a%3D1&header=Set-Cookie:b%3D2&header=ETag:%22x%22";
        let answer = client.get(target).await;
        let cookies: Vec<_> = answer.headers.get_all("set-cookie").iter().collect();
        assert_eq!(cookies, ["a=1", "b=2"]);
        assert_eq!(answer.header("etag"), Some("\"x\""));
    }
}

#[tokio::test]
async fn what_concerns_the_backends_connection_ends_at_the_gate() {
    let backend = backend_saying(
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\n\
         Upgrade: h2c\r\nX-Remote-User: administrator\r\nX-End: 2\r\n\r\n",
    );
    let servers = format!("[\"http://{}\"]", backend.await);
    let lab = Lab::with(Setup { servers, ..Setup::default() });
    for client in clients(&lab) {
        let mut connection = client.connect().await.unwrap();
        for _ in 0..2 {
            let answer = connection.get("/ignore/echo").await.unwrap();
            let mut names: Vec<_> = answer.headers.keys().map(http::HeaderName::as_str).collect();
            names.sort_unstable();
            assert_eq!(names, ["content-length", "date", "x-end"]);
        }
    }
}

#[tokio::test]
async fn an_answer_of_ambiguous_length_is_none() {
    for answer in [
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        "HTTP/0.9 nonsense\r\n\r\n",
        "",
    ] {
        let servers = format!("[\"http://{}\"]", backend_saying(answer).await);
        let lab = Lab::with(Setup { servers, ..Setup::default() });
        assert_eq!(
            Client::new(&lab).get("/ignore/echo").await.verdict(),
            "502 backend-unreachable",
            "{answer}"
        );
    }
}

#[tokio::test]
async fn bytes_after_an_answer_never_become_the_next_ones() {
    let backend = backend_saying(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil",
    );
    let servers = format!("[\"http://{}\"]", backend.await);
    let lab = Lab::with(Setup { top: "workers = 1".into(), servers, ..Setup::default() });
    for _ in 0..5 {
        let answer = Client::new(&lab).get("/ignore/echo").await;
        assert_eq!((answer.status, answer.text()), (200, "ok"));
    }
}

#[tokio::test]
async fn a_refused_upload_as_large_as_soap_requests_are_is_answered_and_not_reset() {
    let lab = Lab::start();
    for client in clients(&lab) {
        for size in [1 << 10, 64 << 10, 200 << 10] {
            let answer = client.post("/require/echo", whole(pattern(size))).await;
            assert_eq!(answer.verdict(), "403 certificate-required", "{size}");
        }
    }
}
