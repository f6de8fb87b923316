//! The messages of pass-through authentication: their order, and the end of both connections.

use super::in_front_of;
use crate::support::{TEST_TIMEOUT, TestClient, TestGateway, wait_for};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const FIRST: &str = "POST /accept/x HTTP/1.1\r\nHost: rms.corp.example\r\n";
const CHALLENGES: &str = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n\
                     WWW-Authenticate: Basic realm=\"rms\"\r\nContent-Length: 0\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nPersistent-Auth: true\r\nContent-Length: 2\r\n\r\nok";

/// One end of a connection, with the bytes that were received and not yet expected.
struct Endpoint<IO> {
    io: IO,
    read: Vec<u8>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Endpoint<IO> {
    fn new(io: IO) -> Self {
        Self { io, read: Vec::new() }
    }

    async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// Reads up to `end`. Returns the text in lower case.
    async fn expect_text(&mut self, end: &str) -> String {
        let reading = async {
            loop {
                let text = String::from_utf8_lossy(&self.read).into_owned();
                if let Some(at) = text.find(end) {
                    let rest = self.read.split_off(at + end.len());
                    self.read = rest;
                    return text[..at + end.len()].to_ascii_lowercase();
                }
                let mut buffer = [0; 8192];
                let count = self.io.read(&mut buffer).await.unwrap();
                assert_ne!(count, 0, "closed after {text:?}");
                self.read.extend_from_slice(&buffer[..count]);
            }
        };
        timeout(TEST_TIMEOUT, reading).await.unwrap_or_else(|_| panic!("{end:?} was not received"))
    }

    async fn head(&mut self) -> String {
        self.expect_text("\r\n\r\n").await
    }

    /// Waits for the end of the connection. Returns the rest of the text.
    async fn closed(&mut self) -> String {
        let mut rest = Vec::new();
        // A reset ends the connection too.
        drop(timeout(TEST_TIMEOUT, self.io.read_to_end(&mut rest)).await.expect("it closes"));
        self.read.extend(rest);
        String::from_utf8_lossy(&self.read).into_owned()
    }
}

struct Backend(TcpListener);

impl Backend {
    async fn start() -> (Self, SocketAddr) {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        (Self(listener), address)
    }

    async fn accept(&self) -> Endpoint<TcpStream> {
        Endpoint::new(timeout(TEST_TIMEOUT, self.0.accept()).await.expect("the gateway connects").unwrap().0)
    }
}

async fn client(lab: &TestGateway) -> Endpoint<impl AsyncRead + AsyncWrite + Unpin + use<>> {
    Endpoint::new(TestClient::new(lab).tls_stream().await.unwrap())
}

/// Starts a backend and a gateway in front of it. Returns both with a connected client.
async fn connected() -> (Backend, TestGateway, Endpoint<impl AsyncRead + AsyncWrite + Unpin>) {
    let (backend, address) = Backend::start().await;
    let lab = TestGateway::with(in_front_of(address));
    let client = client(&lab).await;
    (backend, lab, client)
}

#[tokio::test]
async fn the_three_messages_are_forwarded_unchanged_on_one_connection() {
    let (backend, _lab, mut client) = connected().await;
    client.send(format!("{FIRST}Authorization: NTLM TlRMTVNTUAABAAAA\r\nX-Remote-User: mallory\r\nContent-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    let head = served.head().await;
    assert!(head.contains("\r\nauthorization: ntlm tlrmtvntuaabaaaa\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-length: 0\r\n"), "{head}");
    assert!(head.contains("\r\nx-forwarded-for: 127.0.0.1\r\n") && !head.contains("x-remote-"), "{head}");
    served.send("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM TlRMTVNTUAACAAAA\r\nContent-Length: 0\r\n\r\n").await;
    assert!(client.head().await.contains("\r\nwww-authenticate: ntlm tlrmtvntuaacaaaa\r\n"));
    client
        .send(format!("{FIRST}Authorization: NTLM TlRMTVNTUAADAAAA\r\nContent-Length: 4\r\n\r\nbody"))
        .await;
    assert!(served.expect_text("body").await.contains("ntlm tlrmtvntuaadaaaa"));
    served.send(OK).await;
    assert!(client.head().await.starts_with("http/1.1 200 ok\r\n"));
}

#[tokio::test]
async fn challenges_keep_their_order_and_their_lines() {
    let (backend, _lab, mut client) = connected().await;
    client.send(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.send(CHALLENGES).await;
    let head = client.head().await;
    let lines: Vec<_> = head.lines().filter(|line| line.starts_with("www-authenticate")).collect();
    assert_eq!(
        lines,
        ["www-authenticate: negotiate", "www-authenticate: ntlm", "www-authenticate: basic realm=\"rms\""]
    );
    assert!(!head.contains("cache-control"), "no user is known yet: {head}");
}

#[tokio::test]
async fn responses_after_a_login_are_private_even_if_the_request_has_no_credentials() {
    let (backend, _lab, mut client) = connected().await;
    let mut served = None;
    for credentials in ["Authorization: NTLM TlRMTVNTUAADAAAA\r\n", ""] {
        client.send(format!("{FIRST}{credentials}Content-Length: 0\r\n\r\n")).await;
        let served = match &mut served {
            Some(served) => served,
            None => served.insert(backend.accept().await),
        };
        served.head().await;
        served.send(OK).await;
        let response = client.head().await;
        assert!(response.contains("\r\ncache-control: private\r\n"), "{response}");
        assert!(response.contains("\r\npersistent-auth: true\r\n"), "{response}");
        client.expect_text("ok").await;
    }
}

#[tokio::test]
async fn the_client_receives_a_100_when_the_backend_sends_one() {
    let (backend, _lab, mut client) = connected().await;
    client.send(format!("{FIRST}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")).await;
    let mut served = backend.accept().await;
    assert!(served.head().await.contains("\r\nexpect: 100-continue\r\n"));
    served.send("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.head().await, "http/1.1 100 continue\r\n\r\n");
    client.send("body").await;
    served.expect_text("body").await;
    served.send(OK).await;
    assert!(client.head().await.starts_with("http/1.1 200 ok\r\n"));
}

#[tokio::test]
async fn a_rejection_before_the_body_is_forwarded_without_a_100() {
    let (backend, _lab, mut client) = connected().await;
    client.send(format!("{FIRST}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.send(CHALLENGES).await;
    assert!(client.head().await.starts_with("http/1.1 401 unauthorized\r\n"));
    // If the client sends its body nevertheless, both connections can still be used.
    client.send(format!("body{FIRST}Content-Length: 0\r\n\r\n")).await;
    served.expect_text("body").await;
    assert!(served.head().await.starts_with("post /accept/x http/1.1\r\n"));
    served.send(OK).await;
    assert!(client.head().await.starts_with("http/1.1 200 ok\r\n"));
}

#[tokio::test]
async fn both_connections_can_be_used_after_a_response_before_the_end_of_the_body() {
    let (backend, _lab, mut client) = connected().await;
    let half = "x".repeat(200_000);
    client.send(format!("{FIRST}Content-Length: 400000\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.send(CHALLENGES).await;
    assert!(client.head().await.starts_with("http/1.1 401 unauthorized\r\n"));
    for _ in 0..2 {
        client.send(&half).await;
        served.expect_text(&half).await;
    }
    client.send(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    served.head().await;
    served.send(OK).await;
    assert!(client.head().await.starts_with("http/1.1 200 ok\r\n"));
}

#[tokio::test]
async fn a_backend_that_closes_between_two_requests_closes_the_client_connection() {
    let (backend, _lab, mut client) = connected().await;
    client.send(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.send(CHALLENGES).await;
    client.head().await;
    drop(served);
    assert_eq!(client.closed().await, "");
}

#[tokio::test]
async fn a_client_that_closes_between_two_requests_closes_the_backend_connection() {
    let (backend, lab, mut client) = connected().await;
    client.send(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.send(CHALLENGES).await;
    client.head().await;
    assert!(pinned(&lab, 1));
    drop(client);
    assert_eq!(served.closed().await, "");
    wait_for("the connection is closed", || pinned(&lab, 0).then_some(())).await;
}

#[tokio::test]
async fn a_client_that_disconnects_during_a_request_closes_the_backend_connection() {
    let (backend, _lab, mut client) = connected().await;
    client.send(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    drop(client);
    assert_eq!(served.closed().await, "");
}

#[tokio::test]
async fn a_response_with_close_closes_the_client_connection() {
    let (backend, _lab, mut client) = connected().await;
    client.send(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.send("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno").await;
    let head = client.head().await;
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert_eq!(client.closed().await, "no");
}

#[tokio::test]
async fn a_backend_lost_during_a_login_is_a_502_and_no_request_is_sent_again() {
    let (backend, mut lab, mut client) = connected().await;
    client.send(format!("{FIRST}Authorization: NTLM TlRMTVNTUAABAAAA\r\nContent-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    drop(served);
    let head = client.head().await;
    assert!(head.starts_with("http/1.1 502 bad gateway\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    client.closed().await;
    lab.stop();
    let again = backend.0.into_std().unwrap().accept();
    assert!(again.is_err(), "the gateway connected again: {again:?}");
}

#[tokio::test]
async fn a_reload_with_other_servers_keeps_a_login_on_its_connection() {
    let (backend, address) = Backend::start().await;
    let (other, elsewhere) = Backend::start().await;
    let mut lab = TestGateway::with(in_front_of(address));
    let mut first = client(&lab).await;
    first.send(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.send(CHALLENGES).await;
    first.head().await;
    lab.reload(|setup| setup.servers = format!("[\"http://{elsewhere}\"]"));
    first.send(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    served.head().await;
    served.send(OK).await;
    first.expect_text("ok").await;
    let mut second = client(&lab).await;
    second.send(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    other.accept().await.head().await;
}

/// Returns whether the metric of pinned connections has this value.
fn pinned(lab: &TestGateway, count: usize) -> bool {
    let line = format!("portcullis_backend_pinned_connections{{backend=\"rms\"}} {count}");
    lab.metrics.encode().lines().any(|written| written == line)
}
