//! Every card of the demo at every kind of path, over both versions of TLS and of HTTP.

use crate::support::{Client, Connection, TestConfig, TestGateway, TestResponse};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A card, and what it is worth at a path that requires one: the account, or status and denial.
const CARDS: [(&str, Result<&str, &str>); 18] = [
    ("alice", Ok("alice@corp.example")),
    ("alice-rsa", Ok("alice@corp.example")),
    ("bob", Err("403 certificate-revoked")),
    ("carol", Err("403 certificate-expired")),
    ("dave", Err("403 certificate-untrusted")),
    ("erin", Err("403 certificate-not-yet-valid")),
    ("frank", Err("403 not-mapped")),
    ("grace", Ok("grace@corp.example")),
    ("heidi", Err("403 identity-conflict")),
    ("ivan", Err("403 not-mapped")),
    ("judy", Ok("judy@corp.example")),
    ("ken", Ok("ken@corp.example")),
    ("leo", Err("403 not-mapped")),
    ("mia", Err("403 not-mapped")),
    ("mallory", Err("403 certificate-untrusted")),
    ("critical", Err("403 certificate-untrusted")),
    ("version-one", Err("403 certificate-untrusted")),
    ("none", Err("403 certificate-required")),
];

/// The backend's view of an answer, beside its verdict.
fn outcome(response: &TestResponse) -> (String, Option<Vec<String>>) {
    let verdict = response.status_and_id();
    let user = (response.status == 200).then(|| response.received_header("x-remote-user"));
    (verdict, user)
}

fn permit_as(user: &str) -> (String, Option<Vec<String>>) {
    ("200 permit".to_owned(), Some(vec![user.to_owned()]))
}

fn denied(verdict: &str) -> (String, Option<Vec<String>>) {
    (verdict.to_owned(), None)
}

fn anonymous() -> (String, Option<Vec<String>>) {
    ("200 permit".to_owned(), Some(Vec::new()))
}

/// Requests every kind of path on one connection, a path that ignores cards first and last.
async fn assert_worth(mut connection: Connection, card: &str, worth: Result<&str, &str>) {
    let at_require = worth.map_or_else(denied, permit_as);
    let at_accept = if card == "none" { denied("401 credentials-required") } else { at_require.clone() };
    let at_policy =
        if card == "grace" { denied("403 certificate-not-sufficient") } else { at_require.clone() };
    let expected = [
        ("/ignore/echo", anonymous()),
        ("/require/echo", at_require),
        ("/accept/echo", at_accept),
        ("/policy/echo", at_policy),
        ("/ignore/echo", anonymous()),
    ];
    for (path, expected) in expected {
        let response = connection.get(path).await.unwrap();
        assert_eq!(outcome(&response), expected, "{card} at {path}: {}", response.text());
    }
}

async fn assert_every_card(of: impl Fn(Client) -> Client) {
    let gateway = TestGateway::start();
    for (card, worth) in CARDS {
        let client = of(Client::new(&gateway).card(card));
        assert_worth(client.connect().await.unwrap(), card, worth).await;
    }
}

#[tokio::test]
async fn every_card_is_worth_the_same_over_http1_and_tls12() {
    assert_every_card(|client| client.http1().tls12()).await;
}

#[tokio::test]
async fn every_card_is_worth_the_same_over_http1_and_tls13() {
    assert_every_card(|client| client.http1().tls13()).await;
}

#[tokio::test]
async fn every_card_is_worth_the_same_over_http2_and_tls12() {
    assert_every_card(|client| client.http2().tls12()).await;
}

#[tokio::test]
async fn every_card_is_worth_the_same_over_http2_and_tls13() {
    assert_every_card(|client| client.http2().tls13()).await;
}

#[tokio::test]
async fn a_resumed_session_is_judged_like_the_first_one() {
    let gateway = TestGateway::start();
    for (card, worth) in CARDS {
        for client in [Client::new(&gateway).tls12(), Client::new(&gateway).tls13()] {
            let client = client.card(card);
            let first = client.get("/require/echo").await;
            let again = client.get("/require/echo").await;
            // Without a card there is nothing to resume: the next connection asks again.
            assert_eq!((first.resumed, again.resumed), (false, card != "none"), "{card}");
            let expected = worth.map_or_else(denied, permit_as);
            assert_eq!([outcome(&first), outcome(&again)], [expected.clone(), expected], "{card}");
        }
    }
}

/// The verdict lives for a second, and the clock runs fifty times as fast as the requests: some of them are decided at
/// the moment at which it ends.
#[tokio::test]
async fn no_request_is_refused_at_the_moment_at_which_a_verdict_ends() {
    let setup = TestConfig::default();
    let realm = format!("{}verdict_cache_ttl = \"1s\"\n", setup.realm);
    let gateway = TestGateway::with(TestConfig { realm, ..setup });
    let clock = gateway.clock.clone();
    let running = Arc::new(AtomicBool::new(true));
    let goes_on = Arc::clone(&running);
    let ticking = std::thread::spawn(move || {
        while goes_on.load(Ordering::Relaxed) {
            clock.advance(Duration::from_millis(50));
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    for client in [Client::new(&gateway).http1(), Client::new(&gateway).http2()] {
        let mut connection = client.card("alice").connect().await.unwrap();
        for _ in 0..1000 {
            assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
        }
    }
    running.store(false, Ordering::Relaxed);
    ticking.join().unwrap();
}
