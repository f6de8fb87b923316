//! CRL files that are replaced, added and damaged.

use super::{PATH, PermittedClient, REVOKED, changed, for_users_only, in_force, readyz, without_number};
use crate::support::{TestClient, TestConfig, TestGateway, pki, wait_for};
use portcullis::demo::pki::Signer;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

/// Returns a CRL of the issuing CA that is two seconds newer than the one that the gateway started with.
fn crl_revoking(lab: &TestGateway, revoked: &[&str]) -> (Vec<u8>, portcullis::clock::UnixTime) {
    lab.clock.advance(Duration::from_secs(2));
    let now = lab.clock.now();
    (pki().issuing_crl(revoked, now).unwrap(), now)
}

#[tokio::test]
async fn a_certificate_revoked_by_an_atomically_replaced_file_is_denied_at_the_next_request() {
    let lab = TestGateway::start();
    let mut alice = PermittedClient::new(&lab, &TestClient::new(&lab).certificate("alice")).await;
    let (crl, now) = crl_revoking(&lab, &["alice"]);
    let aside = lab.folder().join("aside.crl");
    std::fs::write(&aside, crl).unwrap();
    std::fs::rename(aside, lab.pki_files.crl.join("issuing.crl")).unwrap();
    in_force(&lab, now).await;
    alice.is_denied_now(REVOKED).await;
}

#[tokio::test]
async fn a_certificate_revoked_by_an_added_file_of_the_same_date_is_denied_at_the_next_request() {
    type Change = fn(&mut x509_cert::crl::TbsCertList);
    let changes: [(Change, Change); 3] =
        [(without_number, without_number), (|_| {}, |_| {}), (without_number, for_users_only)];
    for (of_silent, of_listing) in changes {
        let lab = TestGateway::start();
        let (silent, now) = crl_revoking(&lab, &[]);
        std::fs::write(lab.pki_files.crl.join("issuing.crl"), changed(&silent, of_silent)).unwrap();
        in_force(&lab, now).await;
        let client = TestClient::new(&lab).certificate("alice");
        let mut alice = PermittedClient::new(&lab, &client).await;
        let listing = changed(&pki().issuing_crl(&["alice"], now).unwrap(), of_listing);
        std::fs::write(lab.pki_files.crl.join("second.crl"), listing).unwrap();
        let end = std::time::Instant::now() + crate::support::TEST_TIMEOUT;
        while client.get(PATH).await.status_and_id() != REVOKED {
            assert!(std::time::Instant::now() < end, "{:?}", lab.records());
        }
        alice.is_denied_now(REVOKED).await;
    }
}

/// Writes a folder as a Kubernetes volume has it: symbolic links to `..data`, which links to the folder of one version.
fn write_version(folder: &Path, version: &str, files: &[(&str, Vec<u8>)]) {
    let inside = folder.join(version);
    std::fs::create_dir_all(&inside).unwrap();
    for (name, bytes) in files {
        std::fs::write(inside.join(name), bytes).unwrap();
    }
    symlink(version, folder.join("..data_tmp")).unwrap();
    std::fs::rename(folder.join("..data_tmp"), folder.join("..data")).unwrap();
}

fn all_crls(issuing: Vec<u8>, now: portcullis::clock::UnixTime) -> [(&'static str, Vec<u8>); 3] {
    let crl = |signer| pki().crl(signer, &[], now).unwrap();
    [("root.crl", crl(Signer::Root)), ("policy.crl", crl(Signer::Policy)), ("issuing.crl", issuing)]
}

#[tokio::test]
async fn a_certificate_revoked_by_an_updated_volume_is_denied_at_the_next_request() {
    let realm = TestConfig::default().realm.replace("pki/crl/", "mounted/");
    let started = portcullis::clock::Clock::system().now();
    let lab = TestGateway::prepared(TestConfig { realm, ..TestConfig::default() }, |folder| {
        let mounted = folder.join("mounted");
        let issuing = pki().issuing_crl(&[], started).unwrap();
        write_version(&mounted, "..2026_11_22_1", &all_crls(issuing, started));
        for name in ["root.crl", "policy.crl", "issuing.crl"] {
            symlink(Path::new("..data").join(name), mounted.join(name)).unwrap();
        }
    });
    let mut alice = PermittedClient::new(&lab, &TestClient::new(&lab).certificate("alice")).await;
    let (crl, now) = crl_revoking(&lab, &["alice"]);
    write_version(&lab.folder().join("mounted"), "..2026_11_22_2", &all_crls(crl, now));
    in_force(&lab, now).await;
    alice.is_denied_now(REVOKED).await;
}

/// Returns the number of failed reloads of the folder; `None` until the gateway watches it.
fn reload_failures(lab: &TestGateway) -> Option<u64> {
    let text = lab.metrics.encode();
    let name = r#"portcullis_crl_reload_failures_total{realm="staff"} "#;
    text.lines().find_map(|line| line.strip_prefix(name)).map(|count| count.parse().unwrap())
}

#[tokio::test]
async fn a_file_that_can_no_longer_be_decoded_keeps_its_crl_and_counts_as_a_failure() {
    let lab = TestGateway::start();
    std::fs::write(lab.pki_files.crl.join("issuing.crl"), "half a CR").unwrap();
    wait_for("a failure", || (reload_failures(&lab)? > 0).then_some(())).await;
    let client = TestClient::new(&lab);
    assert_eq!(client.clone().certificate("bob").get(PATH).await.status_and_id(), REVOKED);
    assert_eq!(client.certificate("alice").get(PATH).await.status_and_id(), "200 permit");
}

#[tokio::test]
async fn a_reload_of_the_configuration_does_not_end_the_watch() {
    let mut lab = TestGateway::start();
    lab.reload(|setup| setup.top = "workers = 2 # again".to_owned());
    let mut alice = PermittedClient::new(&lab, &TestClient::new(&lab).certificate("alice")).await;
    let (crl, now) = crl_revoking(&lab, &["alice"]);
    std::fs::write(lab.pki_files.crl.join("issuing.crl"), crl).unwrap();
    in_force(&lab, now).await;
    alice.is_denied_now(REVOKED).await;
}

#[tokio::test]
async fn a_gateway_whose_required_crl_has_expired_at_startup_is_not_ready_until_there_is_a_fresh_one() {
    let long_ago = portcullis::clock::Clock::system().now().since_epoch() - Duration::from_secs(30 * 86_400);
    let stale = pki().issuing_crl(&[], long_ago.into()).unwrap();
    let lab = TestGateway::prepared(TestConfig::default(), |folder| {
        std::fs::write(folder.join("pki/crl/issuing.crl"), &stale).unwrap();
    });
    let response = readyz(&lab).await;
    assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
    assert!(response.contains("realm staff: the CRL of CN=Demo Issuing CA 1,"), "{response}");
    let (crl, now) = crl_revoking(&lab, &[]);
    std::fs::write(lab.pki_files.crl.join("issuing.crl"), crl).unwrap();
    in_force(&lab, now).await;
    let end = std::time::Instant::now() + crate::support::TEST_TIMEOUT;
    while !readyz(&lab).await.starts_with("HTTP/1.1 200 ") {
        assert!(std::time::Instant::now() < end, "{}", readyz(&lab).await);
    }
}
