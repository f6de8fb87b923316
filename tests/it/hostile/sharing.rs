//! Many people over few backend connections: nobody is ever answered what another asked, and the backend is never told
//! one person's name for another's request (CVE-2026-71324 and CVE-2026-71326 were such mix-ups).
//!
//! Two hundred clients share four connections a worker to each of two backends. Every request carries a mark of its
//! own in its query and in its body, and the echo shows mark, body and identity as the backend received them. Some
//! clients leave in the middle of a long answer, whose rest nobody else must get.
//!
//! That the test can fail was tried by hand, by breaking what it is to hold, one at a time; see the end of this file.

use super::stage::{HOME, PATHS, start, three_sites};
use crate::support::{Client, TestConfig, TestGateway, TestResponse, pki, sha256, sized_body};
use http::Method;
use http_body_util::BodyExt;
use portcullis::clock::Clock;
use portcullis::demo::pki::{Card, CardProfile};
use portcullis::demo::rms::Rms;

const CLIENTS: usize = 200;
const REQUESTS: usize = 50;
const PEOPLE: usize = 20;
const CONNECTIONS_PER_WORKER: u64 = 4;
const WORKERS: u64 = 2;

const SHARED: &str = "max_connections = 4\nqueue_timeout = \"60s\"";

fn shared_setup(second: &Rms) -> TestConfig {
    let setup = three_sites();
    let second = format!("[backend.second]\nservers = [\"http://{}\"]\n{SHARED}", second.address());
    let path = "[[site.path]]\npath = \"/second/*\"\nclient_certificate = \"require\"\nbackend = \"second\"";
    TestConfig {
        paths: format!("{PATHS}\n{path}"),
        backend: SHARED.to_owned(),
        more: format!("{}\n{second}", setup.more),
        ..setup
    }
}

fn issue(person: usize) -> Card {
    pki().issue(&CardProfile::of(&format!("person-{person}"), Clock::system().now())).unwrap()
}

/// Whether this client has no card: then it asks where none is looked at.
fn is_nameless(client: usize) -> bool {
    client % 10 == 9
}

fn path(client: usize, request: usize) -> &'static str {
    match (is_nameless(client), request % 3) {
        (true, _) => "/ignore/echo",
        (false, 0) => "/second/echo",
        (false, 1) => "/accept/echo",
        (false, _) => "/require/echo",
    }
}

async fn visit(client: Client, number: usize) {
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
            leave_in_the_middle(&client, path).await;
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
    let users: &[String] = if is_nameless(number) { &[] } else { &[person] };
    assert_eq!(response.received_header("x-remote-user"), users, "{mark}");
}

/// Takes the head of a long answer and is gone.
async fn leave_in_the_middle(client: &Client, path: &str) {
    let mut connection = client.connect().await.unwrap();
    let request = connection.request(Method::GET, &format!("{path}?size=4000000&mark=gone"));
    let mut response = connection.begin(request.body(sized_body("")).unwrap()).await.unwrap();
    assert!(response.frame().await.unwrap().is_ok());
}

fn reused(rms: &Rms) -> usize {
    rms.requests().iter().filter(|seen| seen.request > 1).count()
}

fn clients(gateway: &TestGateway, cards: &[Card], number: usize) -> Client {
    let client = Client::new(gateway).resolving(HOME);
    let client = if number.is_multiple_of(2) { client.http2() } else { client.http1() };
    if is_nameless(number) { client } else { client.chain(&cards[number % PEOPLE]) }
}

#[tokio::test]
async fn two_hundred_clients_over_few_backend_connections_get_each_their_own_answers() {
    let second = Rms::start("127.0.0.1:0".parse().unwrap()).unwrap();
    let gateway = start(shared_setup(&second));
    let cards: Vec<_> = (0..PEOPLE).map(issue).collect();
    let visits: Vec<_> =
        (0..CLIENTS).map(|number| tokio::spawn(visit(clients(&gateway, &cards, number), number))).collect();
    for visit in visits {
        visit.await.unwrap();
    }

    let elsewhere = |seen: &portcullis::demo::rms::ReceivedRequest| seen.target.starts_with("/second/");
    assert!(second.requests().iter().all(elsewhere));
    assert!(!gateway.rms.requests().iter().any(elsewhere));
    let marked = |rms: &Rms| rms.requests().iter().filter(|seen| !seen.values("x-mark").is_empty()).count();
    assert_eq!(marked(&gateway.rms) + marked(&second), CLIENTS * REQUESTS);
    // Each client that left took its connection with it, and no other was closed.
    let left = u64::try_from(CLIENTS / 20 * (REQUESTS / 10)).unwrap();
    for rms in [&gateway.rms, &second] {
        assert!(rms.connections() <= WORKERS * CONNECTIONS_PER_WORKER + left, "{}", rms.connections());
        assert!(reused(rms) > rms.requests().len() / 2);
    }
}

// What was broken by hand, and what became of the test:
//
// * `Worker::pool` keyed without the backend (every request takes the pool of the first): fails, because requests for
//   `/second/` reach the other stand-in.
// * `AccountCache`'s key without the card (the anchor's fingerprint in the leaf's place): fails at once with
//   `left: ["person-6@corp.example"] right: ["person-10@corp.example"]`.
// * `ResponseBody` gives its connection back when it is dropped half read, and neither `Lease::give_back` nor
//   `IdleConnections::take` asks hyper whether it is ready: passes. hyper closes a connection whose answer nobody
//   reads to its end and gives an unsent request back, which the exchange then sends over another. The pool's own
//   checks are the second lock on that door; `backend::tests::pooling` holds them.
