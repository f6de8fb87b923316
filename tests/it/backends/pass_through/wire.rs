//! The dialogue byte by byte: who speaks when, and what the end of one side means for the other.

use super::before;
use crate::support::{Client, TEST_TIMEOUT, TestGateway, wait_for};
use std::net::{Ipv4Addr, SocketAddr};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const FIRST: &str = "POST /accept/x HTTP/1.1\r\nHost: rms.corp.example\r\n";
const OFFER: &str = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: NTLM\r\n\
                     WWW-Authenticate: Basic realm=\"rms\"\r\nContent-Length: 0\r\n\r\n";
const OK: &str = "HTTP/1.1 200 OK\r\nPersistent-Auth: true\r\nContent-Length: 2\r\n\r\nok";

/// One side of a conversation, read as far as a test expects it.
struct Side<IO> {
    io: IO,
    read: Vec<u8>,
}

impl<IO: AsyncRead + AsyncWrite + Unpin> Side<IO> {
    fn new(io: IO) -> Self {
        Self { io, read: Vec::new() }
    }

    async fn say(&mut self, bytes: impl AsRef<[u8]>) {
        self.io.write_all(bytes.as_ref()).await.unwrap();
        self.io.flush().await.unwrap();
    }

    /// Everything up to `end`, in lower case.
    async fn hear(&mut self, end: &str) -> String {
        let hearing = async {
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
        timeout(TEST_TIMEOUT, hearing).await.unwrap_or_else(|_| panic!("nobody says {end:?}"))
    }

    async fn head(&mut self) -> String {
        self.hear("\r\n\r\n").await
    }

    /// Waits for the end, and gives what came before.
    async fn closed(&mut self) -> String {
        let mut rest = Vec::new();
        // A reset is an end as well.
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

    async fn accept(&self) -> Side<TcpStream> {
        Side::new(timeout(TEST_TIMEOUT, self.0.accept()).await.expect("the gate connects").unwrap().0)
    }
}

async fn client(lab: &TestGateway) -> Side<impl AsyncRead + AsyncWrite + Unpin + use<>> {
    Side::new(Client::new(lab).tls_stream().await.unwrap())
}

/// A backend, the gate before it, and a client that has connected to the gate.
async fn stage() -> (Backend, TestGateway, Side<impl AsyncRead + AsyncWrite + Unpin>) {
    let (backend, address) = Backend::start().await;
    let lab = TestGateway::with(before(address));
    let client = client(&lab).await;
    (backend, lab, client)
}

#[tokio::test]
async fn the_three_messages_travel_on_one_connection_untouched() {
    let (backend, _lab, mut client) = stage().await;
    client.say(format!("{FIRST}Authorization: NTLM TlRMTVNTUAABAAAA\r\nX-Remote-User: mallory\r\nContent-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    let head = served.head().await;
    assert!(head.contains("\r\nauthorization: ntlm tlrmtvntuaabaaaa\r\n"), "{head}");
    assert!(head.contains("\r\ncontent-length: 0\r\n"), "{head}");
    assert!(head.contains("\r\nx-forwarded-for: 127.0.0.1\r\n") && !head.contains("x-remote-"), "{head}");
    served.say("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM TlRMTVNTUAACAAAA\r\nContent-Length: 0\r\n\r\n").await;
    assert!(client.head().await.contains("\r\nwww-authenticate: ntlm tlrmtvntuaacaaaa\r\n"));
    client.say(format!("{FIRST}Authorization: NTLM TlRMTVNTUAADAAAA\r\nContent-Length: 4\r\n\r\nbody")).await;
    assert!(served.hear("body").await.contains("ntlm tlrmtvntuaadaaaa"));
    served.say(OK).await;
    assert!(client.head().await.starts_with("http/1.1 200 ok\r\n"));
}

#[tokio::test]
async fn challenges_keep_their_order_and_their_lines() {
    let (backend, _lab, mut client) = stage().await;
    client.say(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.say(OFFER).await;
    let head = client.head().await;
    let lines: Vec<_> = head.lines().filter(|line| line.starts_with("www-authenticate")).collect();
    assert_eq!(
        lines,
        ["www-authenticate: negotiate", "www-authenticate: ntlm", "www-authenticate: basic realm=\"rms\""]
    );
    assert!(!head.contains("cache-control"), "nobody is named yet: {head}");
}

#[tokio::test]
async fn answers_after_a_log_in_are_private_also_where_no_credentials_came_with_the_request() {
    let (backend, _lab, mut client) = stage().await;
    let mut served = None;
    for credentials in ["Authorization: NTLM TlRMTVNTUAADAAAA\r\n", ""] {
        client.say(format!("{FIRST}{credentials}Content-Length: 0\r\n\r\n")).await;
        let served = match &mut served {
            Some(served) => served,
            None => served.insert(backend.accept().await),
        };
        served.head().await;
        served.say(OK).await;
        let answer = client.head().await;
        assert!(answer.contains("\r\ncache-control: private\r\n"), "{answer}");
        assert!(answer.contains("\r\npersistent-auth: true\r\n"), "{answer}");
        client.hear("ok").await;
    }
}

#[tokio::test]
async fn the_client_is_asked_for_its_body_when_the_backend_asks() {
    let (backend, _lab, mut client) = stage().await;
    client.say(format!("{FIRST}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")).await;
    let mut served = backend.accept().await;
    assert!(served.head().await.contains("\r\nexpect: 100-continue\r\n"));
    served.say("HTTP/1.1 100 Continue\r\n\r\n").await;
    assert_eq!(client.head().await, "http/1.1 100 continue\r\n\r\n");
    client.say("body").await;
    served.hear("body").await;
    served.say(OK).await;
    assert!(client.head().await.starts_with("http/1.1 200 ok\r\n"));
}

#[tokio::test]
async fn a_backend_that_refuses_before_the_body_is_heard_and_no_100_is_invented() {
    let (backend, _lab, mut client) = stage().await;
    client.say(format!("{FIRST}Expect: 100-continue\r\nContent-Length: 4\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.say(OFFER).await;
    assert!(client.head().await.starts_with("http/1.1 401 unauthorized\r\n"));
    // A client that sends its body all the same stays in step, and so does the backend.
    client.say(format!("body{FIRST}Content-Length: 0\r\n\r\n")).await;
    served.hear("body").await;
    assert!(served.head().await.starts_with("post /accept/x http/1.1\r\n"));
    served.say(OK).await;
    assert!(client.head().await.starts_with("http/1.1 200 ok\r\n"));
}

#[tokio::test]
async fn an_answer_before_the_end_of_the_body_keeps_both_connections_in_step() {
    let (backend, _lab, mut client) = stage().await;
    let half = "x".repeat(200_000);
    client.say(format!("{FIRST}Content-Length: 400000\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.say(OFFER).await;
    assert!(client.head().await.starts_with("http/1.1 401 unauthorized\r\n"));
    for _ in 0..2 {
        client.say(&half).await;
        served.hear(&half).await;
    }
    client.say(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    served.head().await;
    served.say(OK).await;
    assert!(client.head().await.starts_with("http/1.1 200 ok\r\n"));
}

#[tokio::test]
async fn a_backend_that_closes_between_two_requests_closes_the_client() {
    let (backend, _lab, mut client) = stage().await;
    client.say(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.say(OFFER).await;
    client.head().await;
    drop(served);
    assert_eq!(client.closed().await, "");
}

#[tokio::test]
async fn a_client_that_closes_between_two_requests_closes_the_backend() {
    let (backend, lab, mut client) = stage().await;
    client.say(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.say(OFFER).await;
    client.head().await;
    assert!(pinned(&lab, 1));
    drop(client);
    assert_eq!(served.closed().await, "");
    wait_for("the place is free", || pinned(&lab, 0).then_some(())).await;
}

#[tokio::test]
async fn a_client_that_leaves_in_the_midst_of_a_request_closes_the_backend() {
    let (backend, _lab, mut client) = stage().await;
    client.say(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    drop(client);
    assert_eq!(served.closed().await, "");
}

#[tokio::test]
async fn an_answer_that_closes_the_backend_closes_the_client() {
    let (backend, _lab, mut client) = stage().await;
    client.say(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.say("HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 2\r\n\r\nno").await;
    let head = client.head().await;
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    assert_eq!(client.closed().await, "no");
}

#[tokio::test]
async fn a_backend_that_dies_in_the_dialogue_is_a_502_that_closes_and_nothing_is_sent_again() {
    let (backend, mut lab, mut client) = stage().await;
    client.say(format!("{FIRST}Authorization: NTLM TlRMTVNTUAABAAAA\r\nContent-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    drop(served);
    let head = client.head().await;
    assert!(head.starts_with("http/1.1 502 bad gateway\r\n"), "{head}");
    assert!(head.contains("\r\nconnection: close\r\n"), "{head}");
    client.closed().await;
    lab.stop();
    let again = backend.0.into_std().unwrap().accept();
    assert!(again.is_err(), "the gate came again: {again:?}");
}

#[tokio::test]
async fn a_reload_that_names_other_servers_leaves_a_dialogue_where_it_began() {
    let (backend, address) = Backend::start().await;
    let (other, elsewhere) = Backend::start().await;
    let mut lab = TestGateway::with(before(address));
    let mut first = client(&lab).await;
    first.say(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    let mut served = backend.accept().await;
    served.head().await;
    served.say(OFFER).await;
    first.head().await;
    lab.reload(|setup| setup.servers = format!("[\"http://{elsewhere}\"]"));
    first.say(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    served.head().await;
    served.say(OK).await;
    first.hear("ok").await;
    let mut second = client(&lab).await;
    second.say(format!("{FIRST}Content-Length: 0\r\n\r\n")).await;
    other.accept().await.head().await;
}

/// Whether the gate has so many connections of that kind.
fn pinned(lab: &TestGateway, count: usize) -> bool {
    let line = format!("portcullis_backend_pinned_connections{{backend=\"rms\"}} {count}");
    lab.metrics.encode().lines().any(|written| written == line)
}
