//! Requests with every client certificate of the demo to every kind of path, over both versions of TLS and of HTTP.

use crate::support::{Connection, TestClient, TestConfig, TestGateway, TestResponse};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The certificates, each with the result on a path that requires one: the account, or the status and the denial id.
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

/// Returns the status and the denial id, and the user that the backend received.
fn outcome(response: &TestResponse) -> (String, Option<Vec<String>>) {
    let user = (response.status == 200).then(|| response.received_header("x-remote-user"));
    (response.status_and_id(), user)
}

fn permit_as(user: &str) -> (String, Option<Vec<String>>) {
    ("200 permit".to_owned(), Some(vec![user.to_owned()]))
}

fn denied(status_and_id: &str) -> (String, Option<Vec<String>>) {
    (status_and_id.to_owned(), None)
}

fn anonymous() -> (String, Option<Vec<String>>) {
    ("200 permit".to_owned(), Some(Vec::new()))
}

/// Requests every kind of path over one connection, first and last a path that ignores certificates.
async fn assert_result(mut connection: Connection, card: &str, result: Result<&str, &str>) {
    let at_require = result.map_or_else(denied, permit_as);
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

async fn assert_every_card(of: impl Fn(TestClient) -> TestClient) {
    let gateway = TestGateway::start();
    for (card, result) in CARDS {
        let client = of(TestClient::new(&gateway).certificate(card));
        assert_result(client.connect().await.unwrap(), card, result).await;
    }
}

#[tokio::test]
async fn every_certificate_has_the_same_result_over_http1_and_tls12() {
    assert_every_card(|client| client.http1().tls12()).await;
}

#[tokio::test]
async fn every_certificate_has_the_same_result_over_http1_and_tls13() {
    assert_every_card(|client| client.http1().tls13()).await;
}

#[tokio::test]
async fn every_certificate_has_the_same_result_over_http2_and_tls12() {
    assert_every_card(|client| client.http2().tls12()).await;
}

#[tokio::test]
async fn every_certificate_has_the_same_result_over_http2_and_tls13() {
    assert_every_card(|client| client.http2().tls13()).await;
}

#[tokio::test]
async fn a_resumed_session_has_the_same_result_as_a_full_handshake() {
    let gateway = TestGateway::start();
    for (card, result) in CARDS {
        for client in TestClient::tls12_and_tls13(&gateway) {
            let client = client.certificate(card);
            let first = client.get("/require/echo").await;
            let again = client.get("/require/echo").await;
            // Without a certificate no session is kept, so that the next handshake requests one again.
            assert_eq!((first.resumed, again.resumed), (false, card != "none"), "{card}");
            let expected = result.map_or_else(denied, permit_as);
            assert_eq!([outcome(&first), outcome(&again)], [expected.clone(), expected], "{card}");
        }
    }
}

/// Verdicts are cached for one second, and the clock runs 50 times too fast, so that some requests find a verdict that
/// expires at that moment.
#[tokio::test]
async fn no_request_is_denied_when_a_cached_verdict_expires() {
    let config = TestConfig::default();
    let realm = format!("{}verdict_cache_ttl = \"1s\"\n", config.realm);
    let gateway = TestGateway::with(TestConfig { realm, ..config });
    let clock = gateway.clock.clone();
    let running = Arc::new(AtomicBool::new(true));
    let ticker = Arc::clone(&running);
    let ticking = std::thread::spawn(move || {
        while ticker.load(Ordering::Relaxed) {
            clock.advance(Duration::from_millis(50));
            std::thread::sleep(Duration::from_millis(1));
        }
    });
    for client in TestClient::http1_and_http2(&gateway) {
        let mut connection = client.certificate("alice").connect().await.unwrap();
        for _ in 0..1000 {
            assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
        }
    }
    running.store(false, Ordering::Relaxed);
    ticking.join().unwrap();
}
