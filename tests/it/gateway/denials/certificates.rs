//! Denials caused by a client certificate, or by its absence.

use crate::support::{TestClient, TestConfig, TestGateway, pki};
use portcullis::clock::Clock;
use portcullis::demo::pki::CertificateProfile;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// Returns the status and the denial id of a request with this certificate to the path that requires one.
async fn status_and_id(gateway: &TestGateway, card: &str) -> String {
    TestClient::new(gateway).certificate(card).get("/require/echo").await.status_and_id()
}

#[tokio::test]
async fn no_certificate_on_a_path_that_requires_one_is_certificate_required() {
    assert_eq!(status_and_id(&TestGateway::start(), "none").await, "403 certificate-required");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_certificate_untrusted() {
    assert_eq!(status_and_id(&TestGateway::start(), "mallory").await, "403 certificate-untrusted");
}

#[tokio::test]
async fn a_certificate_that_expires_is_certificate_expired_on_an_open_connection_too() {
    let gateway = TestGateway::start();
    let now = Clock::system().now();
    let card = pki().issue(&CertificateProfile {
        not_after: now.plus(10 * MINUTE),
        ..CertificateProfile::of("short", now)
    });
    let client = TestClient::new(&gateway).chain(&card.unwrap());
    let mut connection = client.connect().await.unwrap();
    assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    gateway.clock.advance(11 * MINUTE);
    assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "403 certificate-expired");
    assert_eq!(client.get("/require/echo").await.status_and_id(), "403 certificate-expired");
}

#[tokio::test]
async fn a_certificate_that_becomes_valid_tomorrow_is_certificate_not_yet_valid_until_then() {
    let gateway = TestGateway::start();
    assert_eq!(status_and_id(&gateway, "erin").await, "403 certificate-not-yet-valid");
    gateway.clock.advance(DAY + MINUTE);
    assert_eq!(status_and_id(&gateway, "erin").await, "200 permit");
}

#[tokio::test]
async fn a_certificate_on_the_crl_is_certificate_revoked() {
    assert_eq!(status_and_id(&TestGateway::start(), "bob").await, "403 certificate-revoked");
}

#[tokio::test]
async fn a_stale_crl_is_revocation_unknown_on_an_open_connection_too() {
    let gateway = TestGateway::start();
    let mut connection = TestClient::new(&gateway).certificate("alice").connect().await.unwrap();
    assert_eq!(connection.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    // The connection is new enough for its proof of possession, so that only the CRL has expired.
    gateway.clock.advance(7 * DAY - MINUTE);
    let mut late = TestClient::new(&gateway).certificate("alice").connect().await.unwrap();
    assert_eq!(late.get("/require/echo").await.unwrap().status_and_id(), "200 permit");
    gateway.clock.advance(2 * MINUTE);
    assert_eq!(late.get("/require/echo").await.unwrap().status_and_id(), "403 revocation-unknown");
    assert_eq!(status_and_id(&gateway, "alice").await, "403 revocation-unknown");
}

#[tokio::test]
async fn a_certificate_without_the_policy_of_the_path_is_certificate_not_sufficient() {
    let gateway = TestGateway::start();
    let response = TestClient::new(&gateway).certificate("grace").get("/policy/echo").await;
    assert_eq!(response.status_and_id(), "403 certificate-not-sufficient");
    assert_eq!(status_and_id(&gateway, "grace").await, "200 permit");
}

#[tokio::test]
async fn a_certificate_without_a_name_is_not_mapped() {
    assert_eq!(status_and_id(&TestGateway::start(), "frank").await, "403 not-mapped");
}

#[tokio::test]
async fn two_email_addresses_are_mapping_ambiguous_if_they_are_mapped() {
    let realm = TestConfig::default()
        .realm
        .replace(r#"["upn"]"#, r#"["email"]"#)
        .replace("upn_suffixes", "email_domains");
    let gateway = TestGateway::with(TestConfig { realm, ..TestConfig::default() });
    let emails = vec!["alice@corp.example".to_owned(), "bob@corp.example".to_owned()];
    let profile =
        CertificateProfile { emails, ..CertificateProfile::of("two-addresses", Clock::system().now()) };
    let card = pki().issue(&profile).unwrap();
    let response = TestClient::new(&gateway).chain(&card).get("/require/echo").await;
    assert_eq!(response.status_and_id(), "403 mapping-ambiguous");
    assert_eq!(status_and_id(&gateway, "alice").await, "200 permit");
}

#[tokio::test]
async fn a_upn_is_mapping_too_weak_if_a_strong_mapping_is_required() {
    let realm = TestConfig::default().realm.replace("\"weak\"", "\"strong\"");
    let gateway = TestGateway::with(TestConfig { realm, ..TestConfig::default() });
    assert_eq!(status_and_id(&gateway, "alice").await, "403 mapping-too-weak");
}

#[tokio::test]
async fn two_upns_are_an_identity_conflict() {
    assert_eq!(status_and_id(&TestGateway::start(), "heidi").await, "403 identity-conflict");
}

#[tokio::test]
async fn no_certificate_on_a_path_that_accepts_one_is_credentials_required() {
    let response = TestClient::new(&TestGateway::start()).get("/accept/echo").await;
    assert_eq!(response.status_and_id(), "401 credentials-required");
}
