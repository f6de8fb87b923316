//! The limits of pinned connections and of failed logins.

use super::in_front_of;
use super::server::{ConnectionBound, basic, first_message, third_message};
use crate::support::{Connection, TestClient, TestConfig, TestGateway, TestResponse, empty_body, wait_for};
use http::Method;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};

fn lab(backend: &ConnectionBound, limits: &str) -> TestGateway {
    TestGateway::with(TestConfig { backend: limits.to_owned(), ..in_front_of(backend.address) })
}

async fn send(connection: &mut Connection, authorization: Option<&str>) -> TestResponse {
    send_to(connection, "/accept/x", authorization).await
}

async fn send_to(connection: &mut Connection, path: &str, authorization: Option<&str>) -> TestResponse {
    let mut request = connection.request(Method::POST, path).header("x-mark", "1-x");
    if let Some(authorization) = authorization {
        request = request.header("authorization", authorization);
    }
    connection.send(request.body(empty_body()).unwrap()).await.unwrap()
}

/// Logs in by NTLM on a new client connection. Returns the response to the third message.
async fn log_in(lab: &TestGateway, user: &str) -> TestResponse {
    let mut connection = TestClient::new(lab).connect().await.unwrap();
    assert_eq!(send(&mut connection, Some(&first_message("NTLM"))).await.status, 401);
    send(&mut connection, Some(&third_message("NTLM", user))).await
}

/// Returns the number of requests with this `authorization` that the backend received.
fn received(backend: &ConnectionBound, authorization: &str) -> usize {
    backend
        .requests()
        .iter()
        .filter(|request| request.authorization.as_deref() == Some(authorization))
        .count()
}

#[tokio::test]
async fn connections_over_the_limit_of_an_address_are_denied_until_one_ends() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "max_pinned_connections_per_address = 2");
    let mut held = Vec::new();
    for _ in 0..2 {
        let mut connection = TestClient::new(&lab).connect().await.unwrap();
        assert_eq!(send(&mut connection, None).await.status, 401);
        held.push(connection);
    }
    let mut third = TestClient::new(&lab).connect().await.unwrap();
    let busy = send(&mut third, None).await;
    assert_eq!(busy.status_and_id(), "503 backend-busy");
    assert!(busy.header("retry-after").is_some());
    assert_eq!(send(&mut held[0], None).await.status, 401, "existing connections continue");
    held.clear();
    let pinned = "portcullis_backend_pinned_connections{backend=\"rms\"} 0";
    wait_for("the connections are closed", || lab.metrics.encode().contains(pinned).then_some(())).await;
    let mut fourth = TestClient::new(&lab).connect().await.unwrap();
    assert_eq!(send(&mut fourth, None).await.status, 401);
}

/// Starts a backend that serves this many connections at a time and accepts another only after one has ended.
async fn serving_at_most(connections: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let permits = Arc::new(Semaphore::new(connections));
    tokio::spawn(async move {
        loop {
            let permit = Arc::clone(&permits).acquire_owned().await.unwrap();
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                respond_to_all(stream).await;
                drop(permit);
            });
        }
    });
    address
}

/// Responds to requests without a body until the connection ends.
async fn respond_to_all(mut stream: TcpStream) {
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
async fn anonymous_clients_that_keep_their_connections_leave_some_to_certificate_holders() {
    // The number of connections that two workers may open. Without a limit the ninth client would wait forever.
    let backend = serving_at_most(8).await;
    let limits = "max_connections = 4\nconnect_timeout = \"1s\"\nfirst_byte_timeout = \"2s\"";
    let lab = TestGateway::with(TestConfig { backend: limits.to_owned(), ..in_front_of(backend) });
    let mut held = Vec::new();
    for number in 0..40 {
        let mut connection = TestClient::new(&lab).connect().await.unwrap();
        assert_eq!(send_to(&mut connection, "/ignore/x", None).await.status, 200, "{number}");
        held.push(connection);
    }
    for _ in 0..10 {
        assert_eq!(TestClient::new(&lab).certificate("alice").get("/require/x").await.status, 200);
    }
    // No client has logged in, so each can continue on another backend connection.
    for connection in &mut held {
        assert_eq!(send_to(connection, "/ignore/x", None).await.status, 200);
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
async fn the_limit_of_the_process_holds_after_a_reload() {
    let backend = ConnectionBound::start();
    let mut lab = lab(&backend, "max_pinned_connections = 1");
    let mut held = TestClient::new(&lab).connect().await.unwrap();
    assert_eq!(send(&mut held, None).await.status, 401);
    lab.reload(|setup| setup.top.push_str("\n# another text"));
    let mut other = TestClient::new(&lab).connect().await.unwrap();
    assert_eq!(send(&mut other, None).await.status_and_id(), "503 backend-busy");
}

#[tokio::test]
async fn an_account_with_too_many_failed_logins_is_throttled_in_every_spelling() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "login_throttle = { max_failures_per_account = 3, window = \"15m\" }");
    for name in ["wrong", "CORP\\Wrong", "wrong@corp.example"] {
        // The backend rejects this user name with any password.
        assert_eq!(log_in(&lab, &name.replace("CORP\\Wrong", "wrong")).await.status, 401, "{name}");
    }
    let before = backend.requests().len();
    let denied = log_in(&lab, "WRONG@other.example").await;
    assert_eq!(denied.status_and_id(), "429 login-throttled");
    let wait: u64 = denied.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=900).contains(&wait), "{wait}");
    assert_eq!(backend.requests().len(), before + 1, "the backend received the first message only");
    assert_eq!(log_in(&lab, "alice").await.status, 200, "other accounts are permitted");
    let mut by_basic = TestClient::new(&lab).connect().await.unwrap();
    assert_eq!(
        send(&mut by_basic, Some(&basic("CORP\\wrong", "Passw0rd"))).await.status_and_id(),
        "429 login-throttled"
    );
    lab.clock.advance(Duration::from_secs(15 * 60));
    assert_eq!(log_in(&lab, "wrong").await.status, 401);
}

#[tokio::test]
async fn an_address_with_too_many_failed_logins_is_throttled_for_every_account() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "login_throttle = { max_failures_per_address = 4 }");
    for number in 0..4 {
        assert_eq!(log_in(&lab, &format!("wrong-{number}")).await.status, 401);
    }
    assert_eq!(log_in(&lab, "alice").await.status_and_id(), "429 login-throttled");
    // A Kerberos ticket, which names no account to the gateway, is throttled too.
    let mut by_ticket = TestClient::new(&lab).connect().await.unwrap();
    let denied = send(&mut by_ticket, Some("Negotiate YIIBvgYGKwYBBQUCoIIB")).await;
    assert_eq!(denied.status_and_id(), "429 login-throttled");
    assert_eq!(send(&mut by_ticket, None).await.status, 401, "only logins are throttled");
}

#[tokio::test]
async fn a_successful_login_resets_the_accounts_failures() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "login_throttle = { max_failures_per_account = 2 }");
    let mut connection = TestClient::new(&lab).connect().await.unwrap();
    for _ in 0..4 {
        // Without the second message before it, the third one is rejected.
        assert_eq!(send(&mut connection, Some(&third_message("NTLM", "alice"))).await.status, 401);
        assert_eq!(log_in(&lab, "alice").await.status, 200);
    }
}

/// The backend responds 200 to any password on an anonymous path. This must neither reset the count nor exempt a guess
/// from it.
#[tokio::test]
async fn a_response_on_an_anonymous_path_does_not_exempt_a_guess() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "login_throttle = { max_failures_per_account = 2 }");
    let mut connection = TestClient::new(&lab).connect().await.unwrap();
    for guess in ["Summer1", "Summer2"] {
        let guess = basic("wrong", guess);
        assert_eq!(send_to(&mut connection, "/accept/open", Some(&guess)).await.status, 200);
        assert_eq!(send(&mut connection, Some(&guess)).await.status, 401);
    }
    for path in ["/accept/open", "/accept/x"] {
        let third = send_to(&mut connection, path, Some(&basic("wrong", "Summer3"))).await;
        assert_eq!(third.status_and_id(), "429 login-throttled", "{path}");
    }
    assert_eq!(received(&backend, &basic("wrong", "Summer3")), 0);
}

#[tokio::test]
async fn a_password_that_the_backend_accepted_is_not_counted_again() {
    let backend = ConnectionBound::start();
    let lab =
        lab(&backend, "login_throttle = { max_failures_per_account = 1, max_failures_per_address = 1 }");
    let mut connection = TestClient::new(&lab).connect().await.unwrap();
    for _ in 0..3 {
        assert_eq!(send(&mut connection, Some(&basic("alice", "Passw0rd"))).await.status, 200);
    }
    assert_eq!(send(&mut connection, Some(&basic("wrong", "Passw0rd"))).await.status, 401);
    assert_eq!(
        send(&mut connection, Some(&basic("bob", "Passw0rd"))).await.status_and_id(),
        "429 login-throttled"
    );
    assert_eq!(received(&backend, &basic("bob", "Passw0rd")), 0);
}

#[tokio::test]
async fn two_authorization_headers_are_rejected() {
    let backend = ConnectionBound::start();
    let lab = lab(&backend, "");
    let connection = TestClient::new(&lab);
    let request =
        connection.request(Method::POST, "/accept/x").header("authorization", basic("alice", "Passw0rd"));
    let response = connection
        .send(request.header("authorization", basic("bob", "Passw0rd")).body(empty_body()).unwrap())
        .await;
    assert_eq!(response.status_and_id(), "400 malformed-request");
    assert_eq!(backend.connections(), 0);
}

/// A backend whose responses are sent by the test.
struct ManualBackend {
    address: SocketAddr,
    heads: mpsc::UnboundedReceiver<TcpStream>,
}

impl ManualBackend {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (requested, heads) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let requested = requested.clone();
                tokio::spawn(async move {
                    let mut head = Vec::new();
                    while !head.windows(4).any(|bytes| bytes == b"\r\n\r\n") {
                        head.push(stream.read_u8().await.unwrap());
                    }
                    drop(requested.send(stream));
                });
            }
        });
        Self { address, heads }
    }

    /// Tries a password, and disconnects before the response.
    async fn abandoned_login(&mut self, lab: &TestGateway) -> TcpStream {
        let mut connection = TestClient::new(lab).connect().await.unwrap();
        let request =
            connection.request(Method::POST, "/accept/x").header("authorization", basic("alice", "Passw0rd"));
        let request = request.body(empty_body()).unwrap();
        let stream = tokio::select! {
            response = connection.send(request) => panic!("unexpected response: {response:?}"),
            stream = self.heads.recv() => stream.unwrap(),
        };
        drop(connection);
        let gone =
            || lab.records().iter().any(|record| record["decision"] == "client-disconnected").then_some(());
        wait_for("the gateway notices that the client disconnected", gone).await;
        stream
    }

    /// Returns whether the account can log in again, after the outcome of its login is known.
    async fn can_log_in_again(&mut self, lab: &TestGateway) -> bool {
        let pinned = "portcullis_backend_pinned_connections{backend=\"rms\"} 0";
        wait_for("the outcome of the login is known", || lab.metrics.encode().contains(pinned).then_some(()))
            .await;
        let mut connection = TestClient::new(lab).connect().await.unwrap();
        let authorization = basic("alice", "Passw0rd");
        let again = send(&mut connection, Some(&authorization));
        tokio::select! {
            response = again => {
                assert_eq!(response.status_and_id(), "429 login-throttled");
                false
            }
            stream = self.heads.recv() => stream.is_some(),
        }
    }
}

#[tokio::test]
async fn a_login_of_a_disconnected_client_counts_only_if_the_backend_rejects_it() {
    let rejected = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";
    let accepted = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let failed = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";
    for (response, counts) in [(rejected, true), (accepted, false), (failed, false), ("", false)] {
        let mut backend = ManualBackend::start().await;
        let setup = in_front_of(backend.address);
        let lab = TestGateway::with(TestConfig {
            backend: "login_throttle = { max_failures_per_account = 1 }".to_owned(),
            ..setup
        });
        let mut stream = backend.abandoned_login(&lab).await;
        stream.write_all(response.as_bytes()).await.unwrap();
        drop(stream);
        assert_eq!(backend.can_log_in_again(&lab).await, !counts, "{response:?}");
    }
}

#[tokio::test]
async fn a_backend_that_does_not_respond_locks_no_account_out() {
    let mut backend = ManualBackend::start().await;
    let limits = "login_throttle = { max_failures_per_account = 1 }\nfirst_byte_timeout = \"1s\"".to_owned();
    let lab = TestGateway::with(TestConfig { backend: limits, ..in_front_of(backend.address) });
    let _held = backend.abandoned_login(&lab).await;
    assert!(backend.can_log_in_again(&lab).await);
}
