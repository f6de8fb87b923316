//! How many connections of their own clients may have, and how many log-ins may fail.

use super::before;
use super::server::{ConnectionBound, basic, first_message, third_message};
use crate::support::{Client, Connection, TestConfig, TestGateway, TestResponse, empty_body, wait_for};
use http::Method;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

fn lab(backend: &ConnectionBound, limits: &str) -> TestGateway {
    TestGateway::with(TestConfig { backend: limits.to_owned(), ..before(backend.address) })
}

async fn ask(connection: &mut Connection, authorization: Option<&str>) -> TestResponse {
    ask_for(connection, "/accept/x", authorization).await
}

async fn ask_for(connection: &mut Connection, path: &str, authorization: Option<&str>) -> TestResponse {
    let mut request = connection.request(Method::POST, path).header("x-mark", "1-x");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    connection.send(request.body(empty_body()).unwrap()).await.unwrap()
}

/// Logs in by NTLM on a connection of its own. Gives the answer to the third message.
async fn log_in(lab: &TestGateway, user: &str) -> TestResponse {
    let mut connection = Client::new(lab).connect().await.unwrap();
    assert_eq!(ask(&mut connection, Some(&first_message("NTLM"))).await.status, 401);
    ask(&mut connection, Some(&third_message("NTLM", user))).await
}

/// How often the backend was asked with this.
fn asked(backend: &ConnectionBound, authorization: &str) -> usize {
    backend.book().iter().filter(|entry| entry.authorization.as_deref() == Some(authorization)).count()
}

#[tokio::test]
async fn connections_beyond_those_of_one_address_are_backend_busy_until_one_ends() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "max_pinned_connections_per_address = 2");
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = Client::new(&lab).connect().await.unwrap();
        assert_eq!(ask(&mut connection, None).await.status, 401);
        held.push(connection);
    }
    let mut third = Client::new(&lab).connect().await.unwrap();
    let busy = ask(&mut third, None).await;
    assert_eq!(busy.status_and_id(), "503 backend-busy");
    assert!(busy.header("retry-after").is_some());
    assert_eq!(ask(&mut held[0], None).await.status, 401, "those there are go on");
    held.clear();
    let pinned = "portcullis_backend_pinned_connections{backend=\"rms\"} 0";
    wait_for("the places are free", || lab.metrics.encode().contains(pinned).then_some(())).await;
    let mut fourth = Client::new(&lab).connect().await.unwrap();
    assert_eq!(ask(&mut fourth, None).await.status, 401);
}

/// A backend that serves this many connections at a time, and accepts no further one before one of them ends.
async fn serving_at_most(connections: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let places = Arc::new(Semaphore::new(connections));
    tokio::spawn(async move {
        loop {
            let place = Arc::clone(&places).acquire_owned().await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                answer_all(stream).await;
                drop(place);
            });
        }
    });
    address
}

/// Answers requests without a body until the connection ends.
async fn answer_all(mut stream: TcpStream) {
    let mut received = Vec::new();
    while stream.read_buf(&mut received).await.is_ok_and(|count| count > 0) {
        if received.ends_with(b"\r\n\r\n") {
            received.clear();
            if stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
                return;
            }
        }
    }
}

#[tokio::test]
async fn anonymous_clients_that_keep_their_connections_leave_the_server_to_card_holders() {
    // As many as two workers open; without a bound the ninth client would wait for ever.
    let backend = serving_at_most(8).await;
    let limits = "max_connections = 4\nconnect_timeout = \"1s\"\nfirst_byte_timeout = \"2s\"";
    let lab = TestGateway::with(TestConfig { backend: limits.to_owned(), ..before(backend) });
    let mut held = Vec::new();
    for number in 0..40 {
        let mut connection = Client::new(&lab).connect().await.unwrap();
        assert_eq!(ask_for(&mut connection, "/ignore/x", None).await.status, 200, "{number}");
        held.push(connection);
    }
    for _ in 0..10 {
        assert_eq!(Client::new(&lab).card("alice").get("/require/x").await.status, 200);
    }
    // Nobody has logged in, so that each client goes on over another connection.
    for connection in &mut held {
        assert_eq!(ask_for(connection, "/ignore/x", None).await.status, 200);
    }
    let metrics = lab.metrics.encode();
    let value = |name: &str| {
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().parse::<u32>().unwrap()
    };
    assert!(value("portcullis_backend_open_connections{backend=\"rms\"}") <= 8, "{metrics}");
    let evicted = "portcullis_backend_evicted_connections_total{backend=\"rms\",kind=\"idle_pinned\"}";
    assert!(value(evicted) > 0, "{metrics}");
}

#[tokio::test]
async fn the_whole_gate_has_a_limit_that_a_reload_does_not_forget() {
    let backend = ConnectionBound::start();
    let mut lab = lab(&backend, "max_pinned_connections = 1");
    let mut held = Client::new(&lab).connect().await.unwrap();
    assert_eq!(ask(&mut held, None).await.status, 401);
    lab.reload(|setup| setup.top.push_str("\n# another text"));
    let mut other = Client::new(&lab).connect().await.unwrap();
    assert_eq!(ask(&mut other, None).await.status_and_id(), "503 backend-busy");
}

#[tokio::test]
async fn an_account_with_too_many_failed_log_ins_waits_however_it_is_spelt() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "login_throttle = { max_failures_per_account = 3, window = \"15m\" }");
    for name in ["wrong", "CORP\\Wrong", "wrong@corp.example"] {
        // The backend knows this one name, and none of the passwords.
        assert_eq!(log_in(&lab, &name.replace("CORP\\Wrong", "wrong")).await.status, 401, "{name}");
    }
    let before = backend.book().len();
    let denied = log_in(&lab, "WRONG@other.example").await;
    assert_eq!(denied.status_and_id(), "429 login-throttled");
    let wait: u64 = denied.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    assert_eq!(backend.book().len(), before + 1, "the backend got the first message alone");
    assert_eq!(log_in(&lab, "alice").await.status, 200, "others are let in");
    let mut by_basic = Client::new(&lab).connect().await.unwrap();
    assert_eq!(
        ask(&mut by_basic, Some(&basic("CORP\\wrong", "Passw0rd"))).await.status_and_id(),
        "429 login-throttled"
    );
    lab.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(log_in(&lab, "wrong").await.status, 401);
}

#[tokio::test]
async fn an_address_with_too_many_failed_log_ins_waits_whoever_it_names() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "login_throttle = { max_failures_per_address = 4 }");
    for number in 0..4 {
        assert_eq!(log_in(&lab, &format!("wrong-{number}")).await.status, 401);
    }
    assert_eq!(log_in(&lab, "alice").await.status_and_id(), "429 login-throttled");
    // A ticket names nobody, and comes from there too.
    let mut by_ticket = Client::new(&lab).connect().await.unwrap();
    let denied = ask(&mut by_ticket, Some("Negotiate YIIBvgYGKwYBBQUCoIIB")).await;
    assert_eq!(denied.status_and_id(), "429 login-throttled");
    assert_eq!(ask(&mut by_ticket, None).await.status, 401, "only log-ins wait");
}

#[tokio::test]
async fn a_log_in_that_succeeds_forgives_the_accounts_failures() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "login_throttle = { max_failures_per_account = 2 }");
    let mut connection = Client::new(&lab).connect().await.unwrap();
    for _ in 0..4 {
        // Without the second message before it, the third one is refused.
        assert_eq!(ask(&mut connection, Some(&third_message("NTLM", "alice"))).await.status, 401);
        assert_eq!(log_in(&lab, "alice").await.status, 200);
    }
}

/// An anonymous path answers 200 to any password. It must neither clear what was counted nor make a guess count for none.
#[tokio::test]
async fn what_is_open_to_everybody_whitewashes_no_guess() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "login_throttle = { max_failures_per_account = 2 }");
    let mut connection = Client::new(&lab).connect().await.unwrap();
    for guess in ["Summer1", "Summer2"] {
        let guess = basic("wrong", guess);
        assert_eq!(ask_for(&mut connection, "/accept/open", Some(&guess)).await.status, 200);
        assert_eq!(ask(&mut connection, Some(&guess)).await.status, 401);
    }
    for path in ["/accept/open", "/accept/x"] {
        let third = ask_for(&mut connection, path, Some(&basic("wrong", "Summer3"))).await;
        assert_eq!(third.status_and_id(), "429 login-throttled", "{path}");
    }
    assert_eq!(asked(&backend, &basic("wrong", "Summer3")), 0);
}

#[tokio::test]
async fn a_password_that_the_backend_took_is_no_guess_when_it_comes_again() {
    let backend = ConnectionBound::start();
    let lab =
        lab(&backend, "login_throttle = { max_failures_per_account = 1, max_failures_per_address = 1 }");
    let mut connection = Client::new(&lab).connect().await.unwrap();
    for _ in 0..3 {
        assert_eq!(ask(&mut connection, Some(&basic("alice", "Passw0rd"))).await.status, 200);
    }
    assert_eq!(ask(&mut connection, Some(&basic("wrong", "Passw0rd"))).await.status, 401);
    assert_eq!(
        ask(&mut connection, Some(&basic("bob", "Passw0rd"))).await.status_and_id(),
        "429 login-throttled"
    );
    assert_eq!(asked(&backend, &basic("bob", "Passw0rd")), 0);
}

#[tokio::test]
async fn two_claims_in_one_request_are_refused() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "");
    let connection = Client::new(&lab);
    let request =
        connection.request(Method::POST, "/accept/x").header("authorization", basic("alice", "Passw0rd"));
    let answer = connection
        .send(request.header("authorization", basic("bob", "Passw0rd")).body(empty_body()).unwrap())
        .await;
    assert_eq!(answer.status_and_id(), "400 malformed-request");
    assert_eq!(backend.connections(), 0);
}

/// A backend whose requests are answered by the test, or never.
struct Withheld {
    address: SocketAddr,
    heads: mpsc::UnboundedReceiver<TcpStream>,
}

impl Withheld {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (asked, heads) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let asked = asked.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    drop(asked.send(stream));
                });
            }
        });
        Self { address, heads }
    }

    /// A client tries a password and leaves while the backend has its request.
    async fn left_by_client(&mut self, lab: &TestGateway) -> TcpStream {
        let mut connection = Client::new(lab).connect().await.unwrap();
        let request =
            connection.request(Method::POST, "/accept/x").header("authorization", basic("alice", "Passw0rd"));
        let request = request.body(empty_body()).unwrap();
        let stream = tokio::select! {
            answer = connection.send(request) => panic!("it was answered: {answer:?}"),
            stream = self.heads.recv() => stream.unwrap(),
        };
        drop(connection);
        let gone =
            || lab.records().iter().any(|record| record["decision"] == "client-disconnected").then_some(());
        wait_for("the gateway has noticed that the client left", gone).await;
        stream
    }

    /// Whether alice may try again, when what she tried is settled.
    async fn may_try_again(&mut self, lab: &TestGateway) -> bool {
        let pinned = "portcullis_backend_pinned_connections{backend=\"rms\"} 0";
        wait_for("the log-in is settled", || lab.metrics.encode().contains(pinned).then_some(())).await;
        let mut connection = Client::new(lab).connect().await.unwrap();
        let authorization = basic("alice", "Passw0rd");
        let again = ask(&mut connection, Some(&authorization));
        tokio::select! {
            answer = again => {
                assert_eq!(answer.status_and_id(), "429 login-throttled");
                false
            }
            asked = self.heads.recv() => asked.is_some(),
        }
    }
}

#[tokio::test]
async fn a_log_in_whose_client_leaves_counts_only_if_the_backend_refuses_it() {
    let refused = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";
    let taken = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let failed = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    for (answer, counts) in [(refused, true), (taken, false), (failed, false), ("", false)] {
        let mut backend = Withheld::start().await;
        let setup = before(backend.address);
        let lab = TestGateway::with(TestConfig {
            backend: "login_throttle = { max_failures_per_account = 1 }".to_owned(),
            ..setup
        });
        let mut stream = backend.left_by_client(&lab).await;
        stream.write_all(answer.as_bytes()).await.unwrap();
        drop(stream);
        assert_eq!(backend.may_try_again(&lab).await, !counts, "{answer:?}");
    }
}

#[tokio::test]
async fn a_backend_that_hangs_locks_nobody_out() {
    let mut backend = Withheld::start().await;
    let limits = "login_throttle = { max_failures_per_account = 1 }\nfirst_byte_timeout = \"1s\"".to_owned();
    let lab = TestGateway::with(TestConfig { backend: limits, ..before(backend.address) });
    let _held = backend.left_by_client(&lab).await;
    assert!(backend.may_try_again(&lab).await);
}
