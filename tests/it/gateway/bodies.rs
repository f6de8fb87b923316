//! Bodies go through byte for byte, in both directions, whatever is in them.

use crate::support::{
    Answer, Client, Lab, Setup, backend_saying, exchange, in_pieces, nothing, pattern, sha256, whole,
};
use bytes::Bytes;
use http::{HeaderMap, Method};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

const TEN_MEBIBYTES: usize = 10 << 20;

fn clients(lab: &Lab) -> [Client; 2] {
    [Client::new(lab).http1(), Client::new(lab).http2()]
}

fn cut(body: &Bytes) -> Vec<Bytes> {
    // Pieces of no round size, so that they fall across the frames of every layer.
    (0..body.len()).step_by(70_001).map(|start| body.slice(start..body.len().min(start + 70_001))).collect()
}

fn assert_arrived(answer: &Answer, body: &[u8]) {
    assert_eq!(answer.verdict(), "200 permit");
    assert_eq!(answer.json()["body_length"], body.len());
    assert_eq!(answer.json()["body_sha256"], sha256(body));
}

#[tokio::test]
async fn an_upload_of_known_length_arrives_byte_for_byte() {
    let lab = Lab::start();
    let body = pattern(TEN_MEBIBYTES);
    for client in clients(&lab) {
        let answer = client.card("alice").post("/require/echo", whole(body.clone())).await;
        assert_arrived(&answer, &body);
        assert_eq!(answer.seen("content-length"), [TEN_MEBIBYTES.to_string()]);
    }
}

#[tokio::test]
async fn an_upload_of_unknown_length_arrives_byte_for_byte() {
    let lab = Lab::start();
    let body = pattern(TEN_MEBIBYTES);
    for client in clients(&lab) {
        let answer = client.post("/ignore/echo", in_pieces(cut(&body), None)).await;
        assert_arrived(&answer, &body);
        assert_eq!(answer.seen("transfer-encoding"), ["chunked"]);
    }
}

#[tokio::test]
async fn a_download_arrives_byte_for_byte_whatever_its_framing() {
    let lab = Lab::start();
    let expected: Vec<u8> = (b'a'..=b'z').cycle().take(TEN_MEBIBYTES).collect();
    for client in clients(&lab) {
        for framing in ["", "&chunked=1", "&close=1", "&chunked=1&close=1"] {
            let answer = client.get(&format!("/ignore/echo?size={TEN_MEBIBYTES}{framing}")).await;
            assert_eq!(answer.status, 200);
            assert_eq!(sha256(&answer.body), sha256(&expected), "{framing}");
        }
    }
}

#[tokio::test]
async fn a_compressed_answer_is_not_touched() {
    let lab = Lab::start();
    for client in clients(&lab) {
        let body = pattern(1000);
        let target = "/ignore/echo?mirror=1&header=Content-Encoding:gzip";
        let answer = client.post(target, whole(body.clone())).await;
        assert_eq!(answer.header("content-encoding"), Some("gzip"));
        assert_eq!(answer.body, body);
    }
}

#[tokio::test]
async fn a_soap_fault_of_the_backend_goes_through_untouched() {
    let lab = Lab::start();
    let request = "POST /_wmcs/licensing/publish.asmx HTTP/1.1\r\nHost: rms.corp.example\r\n\
                   Content-Type: text/xml; charset=utf-8\r\nSOAPAction: \"none\"\r\nContent-Length: 4\r\n\
                   Connection: close\r\n\r\n<a/>";
    let mut direct = TcpStream::connect(lab.rms.address()).await.unwrap();
    let direct = exchange(&mut direct, request.as_bytes()).await;
    let (_, fault) = direct.split_once("\r\n\r\n").unwrap();
    assert!(direct.starts_with("HTTP/1.1 500 ") && fault.contains("faultcode"), "{direct}");
    for client in clients(&lab) {
        let request = client
            .request(Method::POST, "/_wmcs/licensing/publish.asmx")
            .header("content-type", "text/xml; charset=utf-8")
            .header("soapaction", "\"none\"");
        let answer = client.send(request.body(whole("<a/>")).unwrap()).await;
        assert_eq!((answer.status, answer.text()), (500, fault));
        assert_eq!(answer.header("content-type"), Some("text/xml; charset=utf-8"));
    }
}

#[tokio::test]
async fn an_answer_that_comes_before_the_body_has_gone_is_given_at_once() {
    let lab = Lab::start();
    let mut stream = Client::new(&lab).tls_stream().await.unwrap();
    let head = "POST /ignore/echo?early=1&status=403&close=1 HTTP/1.1\r\nHost: rms.corp.example\r\n\
                Content-Length: 1000000\r\nConnection: close\r\n\r\n";
    // More than is read before the backend is asked.
    let sent = [head.as_bytes(), &[b'x'; 200 << 10]].concat();
    let answer = exchange(&mut stream, &sent).await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
    assert!(answer.contains("\"target\":\"/ignore/echo?early=1&status=403&close=1\""), "{answer}");
}

#[tokio::test]
async fn a_backend_that_breaks_off_breaks_the_clients_answer_off_too() {
    let lab = Lab::start();
    for client in clients(&lab) {
        for framing in ["", "&chunked=1"] {
            let mut connection = client.connect().await.unwrap();
            let target = format!("/ignore/echo?size=100000&cut=50000{framing}");
            let request = connection.request(Method::GET, &target).body(nothing()).unwrap();
            assert!(connection.send(request).await.is_err(), "{framing}: half an answer looks whole");
            let record = lab.record_where(|record| record["decision"] == "backend-unreachable").await;
            assert_eq!((&record["status"], &record["bytes_out"]), (&200.into(), &50_000.into()));
        }
    }
}

#[tokio::test]
async fn continue_is_said_to_a_permitted_request_only() {
    let lab = Lab::start();
    let head = |path: &str| {
        format!(
            "POST {path} HTTP/1.1\r\nHost: rms.corp.example\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\
             Connection: close\r\n\r\n"
        )
    };
    let mut stream = Client::new(&lab).tls_stream().await.unwrap();
    stream.write_all(head("/ignore/echo").as_bytes()).await.unwrap();
    stream.flush().await.unwrap();
    let mut told = [0; 25];
    tokio::io::AsyncReadExt::read_exact(&mut stream, &mut told).await.unwrap();
    assert_eq!(&told, b"HTTP/1.1 100 Continue\r\n\r\n");
    let answer = exchange(&mut stream, b"abc").await;
    assert!(answer.starts_with("HTTP/1.1 200 ") && answer.contains("\"body_length\":3"), "{answer}");

    for (path, status) in [("/require/echo", "403"), ("/none", "404")] {
        let mut stream = Client::new(&lab).tls_stream().await.unwrap();
        let answer = exchange(&mut stream, head(path).as_bytes()).await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{path}: {answer}");
    }
}

#[tokio::test]
async fn a_client_that_is_told_to_continue_and_keeps_silent_takes_no_connection_to_the_backend() {
    let lab = Lab::with(Setup { backend: "max_connections = 1".into(), ..Setup::default() });
    let mut silent = Vec::new();
    for _ in 0..8 {
        let mut stream = Client::new(&lab).tls_stream().await.unwrap();
        let head = "POST /ignore/echo HTTP/1.1\r\nHost: rms.corp.example\r\nContent-Length: 3\r\n\
                    Expect: 100-continue\r\nConnection: close\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut told = [0; 25];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut told).await.unwrap();
        silent.push(stream);
    }
    let answer = Client::new(&lab).post("/ignore/echo", whole("abc")).await;
    assert_eq!(answer.verdict(), "200 permit");
    let answer = exchange(&mut silent[0], b"abc").await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[tokio::test]
async fn an_informational_answer_of_the_backend_does_not_disturb() {
    let lab = Lab::start();
    for client in clients(&lab) {
        assert_eq!(client.get("/ignore/echo?informational=1").await.verdict(), "200 permit");
    }
}

#[tokio::test]
async fn trailers_of_the_client_end_at_the_gate() {
    let lab = Lab::start();
    let mut trailers = HeaderMap::new();
    trailers.insert("x-remote-user", "CORP\\administrator".parse().unwrap());
    trailers.insert("x-checksum", "1".parse().unwrap());
    for client in clients(&lab) {
        let body = in_pieces([Bytes::from_static(b"abc")], Some(trailers.clone()));
        let request =
            client.request(Method::POST, "/ignore/echo").header("trailer", "x-remote-user, x-checksum");
        let answer = client.send(request.body(body).unwrap()).await;
        assert_arrived(&answer, b"abc");
        assert_eq!(answer.json()["trailers"], serde_json::json!([]));
        assert_eq!(answer.seen("trailer"), [""; 0]);
    }
}

#[tokio::test]
async fn trailers_of_the_backend_say_no_more_than_its_headers_may() {
    // The stand-in sends trailers only to those who ask for them (RFC 9110 10.1.4), which the gate does not.
    let backend = backend_saying(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n3\r\nabc\r\n0\r\n\
         X-Remote-User: administrator\r\nX-Checksum: 1\r\n\r\n",
    );
    let servers = format!("[\"http://{}\"]", backend.await);
    let lab = Lab::with(Setup { servers, ..Setup::default() });
    let answer = Client::new(&lab).http2().get("/ignore/echo").await;
    let names: Vec<_> = answer.trailers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!((answer.text(), names), ("abc", vec!["x-checksum"]));
    let record = lab.only_record().await;
    assert_eq!((&record["decision"], &record["bytes_out"]), (&"permit".into(), &3.into()));
}
