//! Denials because of a certificate, or because there is none.

use crate::support::{Client, Lab, Setup, pki};
use portcullis::clock::Clock;
use portcullis::demo::pki::CardProfile;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const DAY: Duration = Duration::from_secs(86_400);

/// The response to a certificate on the path that requires one.
async fn verdict_on(lab: &Lab, card: &str) -> String {
    Client::new(lab).card(card).get("/require/echo").await.verdict()
}

#[tokio::test]
async fn no_certificate_on_a_path_that_requires_one_is_certificate_required() {
    assert_eq!(verdict_on(&Lab::start(), "none").await, "403 certificate-required");
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_certificate_untrusted() {
    assert_eq!(verdict_on(&Lab::start(), "mallory").await, "403 certificate-untrusted");
}

#[tokio::test]
async fn a_certificate_that_expires_is_certificate_expired_on_an_open_connection_too() {
    let lab = Lab::start();
    let now = Clock::system().now();
    let card =
        pki().issue(&CardProfile { not_after: now.plus(10 * MINUTE), ..CardProfile::of("short", now) });
    let client = Client::new(&lab).chain(&card.unwrap());
    let mut connection = client.connect().await.unwrap();
    assert_eq!(connection.get("/require/echo").await.unwrap().verdict(), "200 permit");
    lab.clock.advance(11 * MINUTE);
    assert_eq!(connection.get("/require/echo").await.unwrap().verdict(), "403 certificate-expired");
    assert_eq!(client.get("/require/echo").await.verdict(), "403 certificate-expired");
}

#[tokio::test]
async fn a_certificate_of_tomorrow_is_certificate_not_yet_valid_until_then() {
    let lab = Lab::start();
    assert_eq!(verdict_on(&lab, "erin").await, "403 certificate-not-yet-valid");
    lab.clock.advance(DAY + MINUTE);
    assert_eq!(verdict_on(&lab, "erin").await, "200 permit");
}

#[tokio::test]
async fn a_certificate_on_the_crl_is_certificate_revoked() {
    assert_eq!(verdict_on(&Lab::start(), "bob").await, "403 certificate-revoked");
}

#[tokio::test]
async fn a_stale_crl_is_revocation_unknown_on_an_open_connection_too() {
    let lab = Lab::start();
    let mut connection = Client::new(&lab).card("alice").connect().await.unwrap();
    assert_eq!(connection.get("/require/echo").await.unwrap().verdict(), "200 permit");
    // The connection is new enough for its proof of possession, so that only the CRL has expired.
    lab.clock.advance(7 * DAY - MINUTE);
    let mut late = Client::new(&lab).card("alice").connect().await.unwrap();
    assert_eq!(late.get("/require/echo").await.unwrap().verdict(), "200 permit");
    lab.clock.advance(2 * MINUTE);
    assert_eq!(late.get("/require/echo").await.unwrap().verdict(), "403 revocation-unknown");
    assert_eq!(verdict_on(&lab, "alice").await, "403 revocation-unknown");
}

#[tokio::test]
async fn a_certificate_without_the_policy_of_the_path_is_certificate_not_sufficient() {
    let lab = Lab::start();
    let answer = Client::new(&lab).card("grace").get("/policy/echo").await;
    assert_eq!(answer.verdict(), "403 certificate-not-sufficient");
    assert_eq!(verdict_on(&lab, "grace").await, "200 permit");
}

#[tokio::test]
async fn a_certificate_without_a_name_is_not_mapped() {
    assert_eq!(verdict_on(&Lab::start(), "frank").await, "403 not-mapped");
}

#[tokio::test]
async fn two_email_addresses_are_mapping_ambiguous_if_they_are_mapped() {
    let realm =
        Setup::default().realm.replace(r#"["upn"]"#, r#"["email"]"#).replace("upn_suffixes", "email_domains");
    let lab = Lab::with(Setup { realm, ..Setup::default() });
    let emails = vec!["alice@corp.example".to_owned(), "bob@corp.example".to_owned()];
    let profile = CardProfile { emails, ..CardProfile::of("two-addresses", Clock::system().now()) };
    let card = pki().issue(&profile).unwrap();
    let answer = Client::new(&lab).chain(&card).get("/require/echo").await;
    assert_eq!(answer.verdict(), "403 mapping-ambiguous");
    assert_eq!(verdict_on(&lab, "alice").await, "200 permit");
}

#[tokio::test]
async fn a_upn_is_mapping_too_weak_if_a_strong_mapping_is_required() {
    let realm = Setup::default().realm.replace("\"weak\"", "\"strong\"");
    let lab = Lab::with(Setup { realm, ..Setup::default() });
    assert_eq!(verdict_on(&lab, "alice").await, "403 mapping-too-weak");
}

#[tokio::test]
async fn two_upns_are_an_identity_conflict() {
    assert_eq!(verdict_on(&Lab::start(), "heidi").await, "403 identity-conflict");
}

#[tokio::test]
async fn no_certificate_on_a_path_that_accepts_one_is_credentials_required() {
    let answer = Client::new(&Lab::start()).get("/accept/echo").await;
    assert_eq!(answer.verdict(), "401 credentials-required");
}
