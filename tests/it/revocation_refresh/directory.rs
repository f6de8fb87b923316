//! CRLs from a directory: a real slapd, with and without CRLs.

use super::{PATH, REVOKED, UNKNOWN};
use crate::support::{Slapd, TestClient, TestConfig, TestGateway, pki, wait_for};
use portcullis::clock::Clock;
use portcullis::demo::pki::CertificateProfile;
use portcullis::revocation::fetch::{FetchError, FetchRules, Fetcher};
use std::net::TcpListener;

const LOOPBACK: &str = r#"hosts = ["127.0.0.1"], addresses = ["127.0.0.1"]"#;
const ATTRIBUTE: &str = "certificateRevocationList;binary";
const NAME: &str = "Staff CA";

fn crl_revoking(revoked: &[&str]) -> Vec<u8> {
    pki().issuing_crl(revoked, Clock::system().now()).unwrap()
}

async fn slapd(crl: &[u8]) -> Option<Slapd> {
    Slapd::start(&[(NAME, Some(crl))]).await
}

/// Starts a gateway that requires CRLs, has those of the upper authorities in files, and downloads the issuing CA's.
fn lab(keys: &str) -> TestGateway {
    let crls = r#"crl = ["pki/crl/root.crl", "pki/crl/policy.crl"]"#;
    let revocation = format!("{{ mode = \"require\", {crls}, fetch = true, {keys} }}");
    let realm =
        TestConfig::default().realm.replace(r#"{ mode = "require", crl = ["pki/crl/"] }"#, &revocation);
    // Validation takes one second at most, so that a directory that hangs does not delay the test for longer.
    TestGateway::with(TestConfig {
        realm,
        limits: "validation_timeout = \"1s\"".to_owned(),
        ..TestConfig::default()
    })
}

/// Returns the result of a request with a certificate whose distribution point is `url`.
async fn verdict(lab: &TestGateway, url: &str) -> String {
    let crl_distribution_points = vec![url.to_owned()];
    let profile = CertificateProfile::of("alice", lab.clock.now());
    let card = pki().issue(&CertificateProfile { crl_distribution_points, ..profile }).unwrap();
    TestClient::new(lab).chain(&card).get(PATH).await.status_and_id()
}

/// Waits until the counters show a failed download.
async fn has_failed_to_fetch(lab: &TestGateway) {
    let failed = |line: &str| {
        line.starts_with("portcullis_crl_fetches_total") && line.contains("failed") && !line.ends_with(" 0")
    };
    wait_for("a failed fetch", || lab.metrics.encode().lines().any(failed).then_some(())).await;
}

#[tokio::test]
async fn a_certificate_passes_with_the_crl_of_a_directory_entry() {
    let Some(slapd) = slapd(&crl_revoking(&[])).await else { return };
    for attribute in [ATTRIBUTE, "certificateRevocationList"] {
        assert_eq!(verdict(&lab(LOOPBACK), &slapd.url(NAME, attribute)).await, "200 permit");
    }
}

#[tokio::test]
async fn a_crl_is_read_over_ldaps_if_the_authority_of_the_server_is_configured() {
    let entry: &[(&str, Option<&[u8]>)] = &[(NAME, Some(&crl_revoking(&[])))];
    let Some(slapd) = Slapd::start_tls(entry).await else { return };
    let url = slapd.url(NAME, ATTRIBUTE);
    assert!(url.starts_with("ldaps://"));
    let known = format!("{LOOPBACK}, ldaps_ca = \"pki/server-ca.pem\"");
    assert_eq!(verdict(&lab(&known), &url).await, "200 permit");
    let other = format!("{LOOPBACK}, ldaps_ca = \"pki/root.pem\"");
    assert_eq!(verdict(&lab(&other), &url).await, UNKNOWN);
    assert_eq!(verdict(&lab(LOOPBACK), &url).await, UNKNOWN);
}

#[tokio::test]
async fn a_certificate_that_the_crl_of_a_directory_entry_lists_is_denied() {
    let Some(slapd) = slapd(&crl_revoking(&["alice"])).await else { return };
    assert_eq!(verdict(&lab(LOOPBACK), &slapd.url(NAME, ATTRIBUTE)).await, REVOKED);
}

#[tokio::test]
async fn a_url_without_a_server_is_read_only_if_a_rewrite_adds_one() {
    let Some(slapd) = slapd(&crl_revoking(&[])).await else { return };
    let url = slapd.url(NAME, ATTRIBUTE);
    let server = &url[..url.find("/CN=").unwrap()];
    let without = url.replace(server, "ldap://");
    assert_eq!(verdict(&lab(LOOPBACK), &without).await, UNKNOWN);
    let rewrite = format!("{LOOPBACK}, rewrite = [{{ from = \"ldap:///\", to = \"{server}/\" }}]");
    assert_eq!(verdict(&lab(&rewrite), &without).await, "200 permit");
}

#[tokio::test]
async fn no_directory_is_connected_to_whose_host_or_address_is_not_allowed() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let url = format!("ldap://{}/CN=a?{ATTRIBUTE}", listener.local_addr().unwrap());
    for keys in [r#"hosts = ["pki.corp.example"], addresses = ["127.0.0.1"]"#, r#"hosts = ["127.0.0.1"]"#] {
        let lab = lab(keys);
        assert_eq!(verdict(&lab, &url).await, UNKNOWN);
        has_failed_to_fetch(&lab).await;
        assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    }
}

#[tokio::test]
async fn a_directory_that_hangs_delays_no_longer_than_the_validation_timeout() {
    let Some(slapd) = slapd(&crl_revoking(&[])).await else { return };
    slapd.hang();
    let lab = lab(&format!("{LOOPBACK}, fetch_timeout = \"1s\""));
    assert_eq!(verdict(&lab, &slapd.url(NAME, ATTRIBUTE)).await, UNKNOWN);
    has_failed_to_fetch(&lab).await;
}

#[tokio::test]
async fn with_an_entry_that_is_missing_or_has_no_crl_the_status_is_unknown() {
    let entries = [("Empty", None), ("Garbage", Some(&b"no CRL"[..]))];
    let Some(slapd) = Slapd::start(&entries).await else { return };
    for name in ["Empty", "Garbage", "Nobody"] {
        let lab = lab(LOOPBACK);
        assert_eq!(verdict(&lab, &slapd.url(name, ATTRIBUTE)).await, UNKNOWN, "{name}");
        has_failed_to_fetch(&lab).await;
    }
}

#[tokio::test]
async fn a_crl_of_a_directory_above_the_size_limit_is_rejected() {
    let crl = pki().issuing_crl(&[], Clock::system().now()).unwrap();
    let huge = [crl, vec![0; 80 * 1024]].concat();
    let Some(slapd) = slapd(&huge).await else { return };
    let lab = lab(&format!("{LOOPBACK}, max_crl = \"4KiB\""));
    assert_eq!(verdict(&lab, &slapd.url(NAME, ATTRIBUTE)).await, UNKNOWN);
    has_failed_to_fetch(&lab).await;
}

#[tokio::test]
async fn a_missing_entry_and_a_missing_value_are_different_errors() {
    let entries = [("Empty", None), ("Garbage", Some(&b"no CRL"[..]))];
    let Some(slapd) = Slapd::start(&entries).await else { return };
    let fetcher = Fetcher::new(FetchRules {
        hosts: vec!["127.0.0.1".parse().unwrap()],
        addresses: vec!["127.0.0.0/8".parse().unwrap()],
        ..FetchRules::default()
    });
    let host = "127.0.0.1".to_owned();
    let empty = fetcher.get(&slapd.url("Empty", ATTRIBUTE)).await;
    assert_eq!(empty, Err(FetchError::NoValue { host: host.clone(), attribute: ATTRIBUTE.to_owned() }));
    // The fetcher does not decode the value.
    assert_eq!(fetcher.get(&slapd.url("Garbage", ATTRIBUTE)).await, Ok("no CRL".into()));
    let missing = fetcher.get(&slapd.url("Nobody", ATTRIBUTE)).await;
    assert_eq!(missing, Err(FetchError::Directory { host, code: 32 }));
}
