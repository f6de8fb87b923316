//! Many users on few pooled connections: no client receives the response of another, and the backend never receives the
//! identity of another user (as in CVE-2026-71324 and CVE-2026-71326).
//!
//! Two hundred clients share four connections per worker to each of two backends. Every request has a unique mark in
//! its query and its body, and the echo returns the mark, body and identity that the backend received. Some clients
//! disconnect during a long response, whose rest no other client may receive.
//!
//! The end of this file lists defects that were introduced by hand to show that the test detects them.

use super::three_sites::{HOME, PATHS, start, three_sites};
use crate::support::{TestClient, TestConfig, TestGateway, TestResponse, pki, sha256, sized_body};
use http::Method;
use http_body_util::BodyExt;
use portcullis::clock::Clock;
use portcullis::demo::pki::{CertificateProfile, KeyedChain};
use portcullis::demo::rms::Rms;

const CLIENTS: usize = 200;
const REQUESTS: usize = 50;
const PEOPLE: usize = 20;
const CONNECTIONS_PER_WORKER: u64 = 4;
const WORKERS: u64 = 2;

const SHARED: &str = "max_connections = 4\nqueue_timeout = \"60s\"";

fn shared_config(second: &Rms) -> TestConfig {
    let config = three_sites();
    let second = format!("[backend.second]\nservers = [\"http://{}\"]\n{SHARED}", second.address());
    let path = "[[site.path]]\npath = \"/second/*\"\nclient_certificate = \"require\"\nbackend = \"second\"";
    TestConfig {
        paths: format!("{PATHS}\n{path}"),
        backend: SHARED.to_owned(),
        more: format!("{}\n{second}", config.more),
        ..config
    }
}

fn issue(person: usize) -> KeyedChain {
    pki().issue(&CertificateProfile::of(&format!("person-{person}"), Clock::system().now())).unwrap()
}

/// Returns whether this client has no certificate and requests a path that ignores certificates.
fn is_anonymous(client: usize) -> bool {
    client % 10 == 9
}

fn path(client: usize, request: usize) -> &'static str {
    match (is_anonymous(client), request % 3) {
        (true, _) => "/ignore/echo",
        (false, 0) => "/second/echo",
        (false, 1) => "/accept/echo",
        (false, _) => "/require/echo",
    }
}

async fn visit(client: TestClient, number: usize) {
    let mut connection = client.connect().await.unwrap();
    for request in 0..REQUESTS {
        let mark = format!("{number}-{request}");
        let path = path(number, request);
        let target = format!("{path}?mark={mark}");
        let body = mark.repeat(1 + request);
        let built = connection.request(Method::POST, &target).header("x-mark", &mark);
        let response = connection.send(built.body(sized_body(body.clone())).unwrap()).await.unwrap();
        assert_is_own(&response, number, &mark, &target, &body);
        if number % 20 == 7 && request % 10 == 3 {
            disconnect_during_response(&client, path).await;
        }
    }
}

fn assert_is_own(response: &TestResponse, number: usize, mark: &str, target: &str, body: &str) {
    assert_eq!(response.status_and_id(), "200 permit", "{mark}");
    let echo = response.json();
    assert_eq!(echo["target"], target, "{mark}");
    assert_eq!(echo["body_sha256"], sha256(body.as_bytes()), "{mark}");
    assert_eq!(response.received_header("x-mark"), [mark]);
    let person = format!("person-{}@corp.example", number % PEOPLE);
    let users: &[String] = if is_anonymous(number) { &[] } else { &[person] };
    assert_eq!(response.received_header("x-remote-user"), users, "{mark}");
}

/// Reads the head and the first bytes of a long response, then disconnects.
async fn disconnect_during_response(client: &TestClient, path: &str) {
    let mut connection = client.connect().await.unwrap();
    let request = connection.request(Method::GET, &format!("{path}?size=4000000&mark=gone"));
    let mut response = connection.begin(request.body(sized_body("")).unwrap()).await.unwrap();
    assert!(response.frame().await.unwrap().is_ok());
}

fn reused(rms: &Rms) -> usize {
    rms.requests().iter().filter(|request| request.request > 1).count()
}

fn client(gateway: &TestGateway, cards: &[KeyedChain], number: usize) -> TestClient {
    let client = TestClient::new(gateway).resolving(HOME);
    let client = if number.is_multiple_of(2) { client.http2() } else { client.http1() };
    if is_anonymous(number) { client } else { client.chain(&cards[number % PEOPLE]) }
}

#[tokio::test]
async fn two_hundred_clients_on_few_pooled_connections_receive_their_own_responses() {
    let second = Rms::start("127.0.0.1:0".parse().unwrap()).unwrap();
    let gateway = start(shared_config(&second));
    let cards: Vec<_> = (0..PEOPLE).map(issue).collect();
    let visits: Vec<_> =
        (0..CLIENTS).map(|number| tokio::spawn(visit(client(&gateway, &cards, number), number))).collect();
    for visit in visits {
        visit.await.unwrap();
    }

    let for_second =
        |request: &portcullis::demo::rms::ReceivedRequest| request.target.starts_with("/second/");
    assert!(second.requests().iter().all(for_second));
    assert!(!gateway.rms.requests().iter().any(for_second));
    let marked =
        |rms: &Rms| rms.requests().iter().filter(|request| !request.values("x-mark").is_empty()).count();
    assert_eq!(marked(&gateway.rms) + marked(&second), CLIENTS * REQUESTS);
    // Each disconnect closed one backend connection, and no other was closed.
    let left = u64::try_from(CLIENTS / 20 * (REQUESTS / 10)).unwrap();
    for rms in [&gateway.rms, &second] {
        assert!(rms.connections() <= WORKERS * CONNECTIONS_PER_WORKER + left, "{}", rms.connections());
        assert!(reused(rms) > rms.requests().len() / 2);
    }
}

// Defects introduced by hand, and the result of the test:
//
// * `Worker::pool` without the backend in its key, so that every request uses the pool of the first: fails, because
//   requests for `/second/` reach the other test RMS server.
// * The key of `AccountCache` with the fingerprint of the anchor instead of the leaf: fails at once with
//   `left: ["person-6@corp.example"] right: ["person-10@corp.example"]`.
// * `ResponseBody` returns its connection to the pool when it is dropped before the end, and neither `Lease::give_back`
//   nor `IdleConnections::take` checks that hyper is ready: passes. hyper closes a connection whose response is not read
//   to its end and returns an unsent request, which the exchange then sends on another connection. The checks of the pool
//   are a second defence; `backend::tests::pooling` tests them.
