//! TLS session resumption: the contents of a session, and its lifetime.

use crate::support::{TestClient, TestGateway, pki};
use portcullis::clock::Clock;
use portcullis::demo::pki::{CertificateProfile, ExtraExtension, KeyedChain};
use rustls_pki_types::CertificateDer;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_session_resumed_ten_times_expires_with_the_proof_of_possession() {
    let gateway = TestGateway::start();
    for client in TestClient::tls12_and_tls13(&gateway) {
        let client = client.certificate("alice");
        assert!(!client.get("/require/echo").await.resumed);
        for renewal in 1..=10 {
            gateway.clock.advance(45 * MINUTE);
            let response = client.get("/require/echo").await;
            assert_eq!(
                (response.resumed, response.status_and_id().as_str()),
                (true, "200 permit"),
                "{renewal}"
            );
        }
        // Eight hours after the card signed in the only full handshake.
        gateway.clock.advance(31 * MINUTE);
        let response = client.get("/require/echo").await;
        assert_eq!((response.resumed, response.status_and_id().as_str()), (false, "200 permit"));
    }
}

#[tokio::test]
async fn a_request_after_the_proof_of_possession_expired_is_misdirected() {
    let gateway = TestGateway::start();
    let client = TestClient::new(&gateway).certificate("alice");
    let mut connection = client.connect().await.unwrap();
    assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    gateway.clock.advance(8 * 60 * MINUTE);
    assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "421 misdirected-request");
    assert_eq!(client.get("/require/echo").await.status_and_id(), "200 permit");
}

#[tokio::test]
async fn every_worker_resumes_sessions_of_the_others() {
    let gateway = TestGateway::start();
    let client = TestClient::new(&gateway).certificate("alice");
    client.get("/require/echo").await;
    for _ in 0..8 {
        assert!(client.get("/require/echo").await.resumed);
    }
}

#[tokio::test]
async fn a_session_survives_a_reload_with_the_same_trust_anchors() {
    let mut gateway = TestGateway::start();
    let client = TestClient::new(&gateway).certificate("alice");
    client.get("/require/echo").await;
    gateway.reload(|config| config.site = r#"help_desk = "Room 12""#.into());
    let response = client.get("/require/echo").await;
    assert_eq!((response.resumed, response.status_and_id().as_str()), (true, "200 permit"));
}

#[tokio::test]
async fn a_reload_applies_to_the_next_request_of_an_open_connection() {
    let mut gateway = TestGateway::start();
    for client in TestClient::http1_and_http2(&gateway) {
        let mut connection = client.certificate("alice").connect().await.unwrap();
        assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
        gateway.reload(|config| config.realm = config.realm.replace("\"weak\"", "\"strong\""));
        assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "403 mapping-too-weak");
        gateway.reload(|config| config.realm = config.realm.replace("\"strong\"", "\"weak\""));
        assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    }
}

/// Returns the chain of alice, followed by unrelated certificates of these sizes in bytes.
pub(super) fn alice_with_certificates_of(bytes: &[usize]) -> KeyedChain {
    let alice = pki().card("alice").unwrap();
    let other = |bytes: &usize| -> CertificateDer<'static> {
        let identifier = const_oid::ObjectIdentifier::new_unwrap("1.2.3");
        let extra = ExtraExtension { identifier, critical: false, value: vec![0; *bytes] };
        let profile = CertificateProfile::of("other", Clock::system().now());
        let card = pki().issue(&CertificateProfile { extra_extensions: vec![extra], ..profile }).unwrap();
        CertificateDer::from(card.certificate_der().to_vec())
    };
    let chain = alice.chain.iter().cloned().chain(bytes.iter().map(other)).collect();
    KeyedChain { name: "alice".to_owned(), chain, key: alice.key.clone_key() }
}

#[tokio::test]
async fn a_session_with_a_long_chain_is_not_resumed_and_every_request_is_permitted() {
    let gateway = TestGateway::start();
    let makes: [fn(&TestGateway) -> TestClient; 2] =
        [|gateway| TestClient::new(gateway).tls12(), |gateway| TestClient::new(gateway).tls13()];
    for make in makes {
        for (others, resumed) in [(&[][..], true), (&[4_000, 4_000], true), (&[13_000, 13_000], false)] {
            let card = alice_with_certificates_of(others);
            let client = make(&gateway).chain(&card);
            assert!(!client.get("/require/echo").await.resumed);
            for _ in 0..3 {
                let response = client.get("/require/echo").await;
                assert_eq!(
                    (response.resumed, response.status_and_id().as_str()),
                    (resumed, "200 permit"),
                    "{others:?}"
                );
            }
        }
    }
}
