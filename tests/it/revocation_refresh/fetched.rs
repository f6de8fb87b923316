//! CRLs that are downloaded from the distribution points of client certificates, and servers that fail.

use super::{PATH, PermittedClient, REVOKED, UNKNOWN, changed, critical, in_force, readyz};
use crate::support::{CrlServer, CrlServerBehaviour, TestClient, TestConfig, TestGateway, pki, wait_for};
use portcullis::clock::{Clock, UnixTime};
use portcullis::demo::pki::{CertificateProfile, ExtraExtension, KeyedChain, Signer};
use std::path::Path;
use std::time::Duration;

/// A gateway with the upper authorities' CRLs in files, which downloads the issuing CA's.
struct FetchingGateway {
    lab: TestGateway,
    server: CrlServer,
}

/// Keys that allow the server of the test on loopback.
const LOOPBACK: &str = r#"hosts = ["127.0.0.1"], addresses = ["127.0.0.1"]"#;

impl FetchingGateway {
    /// Starts a gateway in `mode`, with these keys for fetching.
    fn new(behaviour: CrlServerBehaviour, mode: &str, keys: &str) -> Self {
        let crls = r#"crl = ["pki/crl/root.crl", "pki/crl/policy.crl"]"#;
        let revocation = format!("{{ mode = {mode:?}, {crls}, fetch = true, {keys} }}");
        let realm =
            TestConfig::default().realm.replace(r#"{ mode = "require", crl = ["pki/crl/"] }"#, &revocation);
        // Validation takes one second at most, so that a server that hangs does not delay the test for longer.
        let limits = "validation_timeout = \"1s\"".to_owned();
        Self {
            lab: TestGateway::with(TestConfig { realm, limits, ..TestConfig::default() }),
            server: CrlServer::start(behaviour),
        }
    }

    /// Starts a gateway and a server with a current CRL that lists no certificate.
    fn with_current_crl() -> Self {
        Self::new(CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &[])), "require", LOOPBACK)
    }

    /// Issues a certificate whose distribution point is `path` of the server.
    fn card(&self, signer: Signer, path: &str) -> KeyedChain {
        let crl_distribution_points = vec![self.server.url(path)];
        let profile = CertificateProfile::of("alice", self.lab.clock.now());
        pki().issue(&CertificateProfile { signer, crl_distribution_points, ..profile }).unwrap()
    }

    fn client(&self) -> TestClient {
        TestClient::new(&self.lab).chain(&self.card(Signer::Issuing, "/issuing.crl"))
    }

    async fn status_and_id(&self) -> String {
        self.client().get(PATH).await.status_and_id()
    }
}

fn crl_of(now: UnixTime, revoked: &[&str]) -> Vec<u8> {
    pki().issuing_crl(revoked, now).unwrap()
}

#[tokio::test]
async fn the_first_request_waits_for_its_crl_and_later_ones_do_not() {
    let fetching = FetchingGateway::with_current_crl();
    assert_eq!(fetching.status_and_id().await, "200 permit");
    assert_eq!(fetching.status_and_id().await, "200 permit");
    assert_eq!(fetching.server.requested_paths(), ["/issuing.crl"]);
}

#[tokio::test]
async fn a_certificate_that_the_downloaded_crl_lists_is_denied_at_its_first_request() {
    let revoking = || CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &["alice"]));
    assert_eq!(FetchingGateway::new(revoking(), "require", LOOPBACK).status_and_id().await, REVOKED);
    assert_eq!(FetchingGateway::new(revoking(), "prefer", LOOPBACK).status_and_id().await, REVOKED);
}

#[tokio::test]
async fn a_certificate_revoked_by_a_refreshed_crl_is_denied_at_the_next_request() {
    // A CRL that expires in 100 seconds is fetched again after a minute; verdicts are cached for five.
    let now = Clock::system().now().since_epoch();
    let ending = UnixTime::from(now + Duration::from_secs(100) - Duration::from_secs(7 * 86_400));
    let fetching = FetchingGateway::new(CrlServerBehaviour::Serves(crl_of(ending, &[])), "require", LOOPBACK);
    let mut alice = PermittedClient::new(&fetching.lab, &fetching.client()).await;
    let now = fetching.lab.clock.now();
    fetching.server.set_behaviour(CrlServerBehaviour::Serves(crl_of(now, &["alice"])));
    fetching.lab.clock.advance(Duration::from_secs(60));
    in_force(&fetching.lab, now).await;
    alice.is_denied_now(REVOKED).await;
}

#[tokio::test]
async fn no_crl_is_fetched_for_a_certificate_that_is_not_validated() {
    let fetching = FetchingGateway::with_current_crl();
    let forged = TestClient::new(&fetching.lab).chain(&fetching.card(Signer::Foreign, "/forged.crl"));
    assert_eq!(forged.get(PATH).await.status_and_id(), "403 certificate-untrusted");
    assert_eq!(fetching.status_and_id().await, "200 permit");
    assert_eq!(fetching.server.requested_paths(), ["/issuing.crl"]);
}

#[tokio::test]
async fn no_crl_is_fetched_from_a_host_or_an_address_that_is_not_allowed() {
    let current = || CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &[]));
    for keys in [r#"hosts = ["pki.corp.example"], addresses = ["127.0.0.1"]"#, r#"hosts = ["127.0.0.1"]"#] {
        let fetching = FetchingGateway::new(current(), "require", keys);
        assert_eq!(fetching.status_and_id().await, UNKNOWN);
        assert!(fetching.server.requested_paths().is_empty());
    }
}

#[tokio::test]
async fn a_redirect_is_followed_only_to_allowed_hosts_and_addresses() {
    let elsewhere = CrlServer::start(CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &[])));
    let unlisted = elsewhere.url("/issuing.crl").replace("127.0.0.1", "localhost");
    for target in [unlisted, "http://169.254.169.254/latest/meta-data".to_owned()] {
        let fetching = FetchingGateway::new(CrlServerBehaviour::Redirects(target), "require", LOOPBACK);
        assert_eq!(fetching.status_and_id().await, UNKNOWN);
        assert_eq!(fetching.server.requested_paths(), ["/issuing.crl"]);
    }
    assert!(elsewhere.requested_paths().is_empty());
    let fetching =
        FetchingGateway::new(CrlServerBehaviour::Redirects(elsewhere.url("/there.crl")), "require", LOOPBACK);
    assert_eq!(fetching.status_and_id().await, "200 permit");
}

#[tokio::test]
async fn without_a_crl_from_the_server_require_denies() {
    let now = Clock::system().now();
    let month_ago = UnixTime::from(now.since_epoch() - Duration::from_secs(30 * 86_400));
    let forged = pki().crl(Signer::Foreign, &[], now).unwrap();
    for behaviour in [
        CrlServerBehaviour::Hangs,
        CrlServerBehaviour::Drips,
        CrlServerBehaviour::Resets,
        CrlServerBehaviour::Responds(404),
        CrlServerBehaviour::Responds(500),
        CrlServerBehaviour::Truncates(crl_of(now, &[])),
        CrlServerBehaviour::Serves(b"<html>no CRL</html>".to_vec()),
        CrlServerBehaviour::Serves(Vec::new()),
        CrlServerBehaviour::Serves(crl_of(month_ago, &[])),
        CrlServerBehaviour::Serves(forged),
    ] {
        let fetching = FetchingGateway::new(behaviour.clone(), "require", LOOPBACK);
        assert_eq!(fetching.status_and_id().await, UNKNOWN, "{behaviour:?}");
        assert_eq!(fetching.server.requested_paths(), ["/issuing.crl"], "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_crl_above_the_size_limit_is_rejected() {
    let huge = [crl_of(Clock::system().now(), &[]), vec![0; 4096]].concat();
    let fetching = FetchingGateway::new(
        CrlServerBehaviour::Serves(huge),
        "require",
        &format!("{LOOPBACK}, max_crl = \"4KiB\""),
    );
    assert_eq!(fetching.status_and_id().await, UNKNOWN);
}

#[tokio::test]
async fn a_server_that_hangs_denies_no_request_under_prefer() {
    let fetching = FetchingGateway::new(CrlServerBehaviour::Hangs, "prefer", LOOPBACK);
    assert_eq!(fetching.status_and_id().await, "200 permit");
}

#[tokio::test]
async fn a_server_that_works_again_is_used_again() {
    let fetching = FetchingGateway::new(CrlServerBehaviour::Responds(503), "require", LOOPBACK);
    assert_eq!(fetching.status_and_id().await, UNKNOWN);
    let now = fetching.lab.clock.now();
    fetching.server.set_behaviour(CrlServerBehaviour::Serves(crl_of(now, &[])));
    fetching.lab.clock.advance(Duration::from_secs(60));
    in_force(&fetching.lab, now).await;
    assert_eq!(fetching.status_and_id().await, "200 permit");
}

#[tokio::test]
async fn neither_a_forged_nor_an_older_crl_replaces_the_held_one() {
    let fetching = FetchingGateway::with_current_crl();
    fetching.lab.clock.advance(Duration::from_secs(10));
    let now = fetching.lab.clock.now();
    fetching.server.set_behaviour(CrlServerBehaviour::Serves(crl_of(now, &["alice"])));
    assert_eq!(fetching.status_and_id().await, REVOKED);
    let older = crl_of(UnixTime::from(now.since_epoch() - Duration::from_secs(3600)), &[]);
    let forged = pki().crl(Signer::Foreign, &[], fetching.lab.clock.now()).unwrap();
    for (times, bad) in [(2, older), (3, forged)] {
        fetching.server.set_behaviour(CrlServerBehaviour::Serves(bad));
        fetching.lab.clock.advance(Duration::from_secs(4 * 3600));
        wait_for("a fetch", || (fetching.server.requested_paths().len() == times).then_some(())).await;
        // The CRL is processed before the next request of this connection is authenticated.
        wait_for("its end", || (fetches(&fetching.lab) == times).then_some(())).await;
        assert_eq!(fetching.status_and_id().await, REVOKED);
    }
}

/// Returns the number of downloads that have ended, successfully or not.
fn fetches(lab: &TestGateway) -> usize {
    let text = lab.metrics.encode();
    let counts = text.lines().filter(|line| line.starts_with("portcullis_crl_fetches_total"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

#[tokio::test]
async fn a_downloaded_crl_survives_a_reload_and_with_cache_dir_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kept = format!("{LOOPBACK}, cache_dir = {:?}", folder.path());
    let mut fetching = FetchingGateway::new(
        CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &[])),
        "require",
        &kept,
    );
    let card = fetching.card(Signer::Issuing, "/issuing.crl");
    let verdict = async |lab: &TestGateway| TestClient::new(lab).chain(&card).get(PATH).await.status_and_id();
    assert_eq!(verdict(&fetching.lab).await, "200 permit");
    fetching.server.set_behaviour(CrlServerBehaviour::Hangs);

    fetching.lab.reload(|setup| setup.realm = setup.realm.replace(&kept, LOOPBACK));
    assert_eq!(verdict(&fetching.lab).await, "200 permit");
    assert_eq!(files_in(folder.path()), 1);

    let restarted = FetchingGateway::new(CrlServerBehaviour::Hangs, "require", &kept);
    assert_eq!(verdict(&restarted.lab).await, "200 permit");
    assert_eq!(fetching.server.requested_paths().first().map(String::as_str), Some("/issuing.crl"));
}

/// Returns a current CRL of the issuing CA, with one more critical extension.
fn crl_with(now: UnixTime, last_of_oid: u8, value: &[u8]) -> Vec<u8> {
    changed(&crl_of(now, &[]), |list| {
        let extensions = list.crl_extensions.get_or_insert_default();
        extensions.push(critical(&format!("2.5.29.{last_of_oid}"), value));
    })
}

#[tokio::test]
async fn a_crl_of_another_scope_at_the_same_url_undoes_no_revocation_even_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kept = format!("{LOOPBACK}, cache_dir = {:?}", folder.path());
    let fetching = FetchingGateway::new(
        CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &["alice"])),
        "prefer",
        &kept,
    );
    let card = fetching.card(Signer::Issuing, "/issuing.crl");
    let verdict = async |lab: &TestGateway| TestClient::new(lab).chain(&card).get(PATH).await.status_and_id();
    assert_eq!(verdict(&fetching.lab).await, REVOKED);
    let scopes: [(u8, &[u8]); 5] = [
        // For users, for CAs, indirect, for keyCompromise; and a delta CRL with the base number 0.
        (28, &[0x30, 3, 0x81, 1, 0xff]),
        (28, &[0x30, 3, 0x82, 1, 0xff]),
        (28, &[0x30, 3, 0x84, 1, 0xff]),
        (28, &[0x30, 4, 0x83, 2, 6, 0x40]),
        (27, &[2, 1, 0]),
    ];
    for (times, (oid, value)) in (2..).zip(scopes) {
        fetching.lab.clock.advance(Duration::from_secs(4 * 3600));
        fetching.server.set_behaviour(CrlServerBehaviour::Serves(crl_with(
            fetching.lab.clock.now(),
            oid,
            value,
        )));
        wait_for("its end", || (fetches(&fetching.lab) >= times).then_some(())).await;
        assert_eq!(verdict(&fetching.lab).await, REVOKED, "{oid} {value:?}");
    }
    fetching.server.set_behaviour(CrlServerBehaviour::Responds(503));
    let restarted = FetchingGateway::new(CrlServerBehaviour::Responds(503), "prefer", &kept);
    assert_eq!(verdict(&restarted.lab).await, REVOKED);
}

#[tokio::test]
async fn unsupported_parts_of_a_crl_do_not_undo_a_revocation() {
    let listing = crl_of(Clock::system().now(), &["alice"]);
    let unknown = || critical("1.2.3", &[5, 0]);
    // An issuingDistributionPoint for users and for CAs at once, a CRL number twice, a negative base.
    let lists = [
        changed(&listing, |list| list.crl_extensions.get_or_insert_default().push(unknown())),
        changed(&listing, |list| {
            let contradictory = critical("2.5.29.28", &[0x30, 6, 0x81, 1, 0xff, 0x82, 1, 0xff]);
            list.crl_extensions.get_or_insert_default().push(contradictory);
        }),
        changed(&listing, |list| {
            list.crl_extensions.get_or_insert_default().push(critical("2.5.29.27", &[2, 1, 0xff]));
        }),
        changed(&listing, |list| {
            let entries = list.revoked_certificates.as_mut().unwrap();
            entries[0].crl_entry_extensions.get_or_insert_default().push(unknown());
        }),
        changed(&listing, |list| {
            let entries = list.revoked_certificates.as_mut().unwrap();
            entries[0].crl_entry_extensions.get_or_insert_default().push(critical("2.5.29.29", &[5, 0]));
        }),
        changed(&listing, |list| list.version = x509_cert::Version::V3),
    ];
    for list in lists {
        assert_eq!(
            FetchingGateway::new(CrlServerBehaviour::Serves(list), "prefer", LOOPBACK).status_and_id().await,
            REVOKED
        );
    }
}

#[tokio::test]
async fn a_crl_is_found_by_a_relative_redirect_and_may_end_with_a_line_break() {
    let crl = [crl_of(Clock::system().now(), &["alice"]), b"\r\n".to_vec()].concat();
    let fetching = FetchingGateway::new(CrlServerBehaviour::Serves(crl.clone()), "prefer", LOOPBACK);
    assert_eq!(fetching.status_and_id().await, REVOKED);
    for location in ["new.crl", "./new.crl", "../crls/new.crl", "?v=2"] {
        let fetching = FetchingGateway::new(
            CrlServerBehaviour::RedirectsOnce(location.to_owned(), crl.clone()),
            "prefer",
            LOOPBACK,
        );
        let card = fetching.card(Signer::Issuing, "/crls/old.crl");
        assert_eq!(
            TestClient::new(&fetching.lab).chain(&card).get(PATH).await.status_and_id(),
            REVOKED,
            "{location}"
        );
        let next = if location.starts_with('?') { "/crls/old.crl?v=2" } else { "/crls/new.crl" };
        assert_eq!(fetching.server.requested_paths(), ["/crls/old.crl", next]);
    }
}

#[tokio::test]
async fn if_the_first_url_returns_no_crl_the_next_one_is_tried() {
    let good = CrlServer::start(CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &["alice"])));
    for bad in [CrlServerBehaviour::Serves(b"<html>moved</html>".to_vec()), CrlServerBehaviour::Responds(404)]
    {
        let fetching = FetchingGateway::new(bad, "prefer", LOOPBACK);
        let profile = CertificateProfile::of("alice", fetching.lab.clock.now());
        // One distribution point with two URLs for one CRL (RFC 5280 4.2.1.13).
        let urls = [fetching.server.url("/issuing.crl"), good.url("/issuing.crl")];
        let names: Vec<u8> = urls.iter().flat_map(|url| element(0x86, url.as_bytes())).collect();
        let points = element(0x30, &element(0x30, &element(0xa0, &element(0xa0, &names))));
        let identifier = const_oid::ObjectIdentifier::new_unwrap("2.5.29.31");
        let point = ExtraExtension { identifier, critical: false, value: points };
        let card = pki()
            .issue(&CertificateProfile {
                crl_distribution_points: Vec::new(),
                extra_extensions: vec![point],
                ..profile
            })
            .unwrap();
        assert_eq!(TestClient::new(&fetching.lab).chain(&card).get(PATH).await.status_and_id(), REVOKED);
    }
}

/// Returns a DER element shorter than 256 bytes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let header = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [&header, content].concat()
}

#[tokio::test]
async fn an_expired_crl_in_cache_dir_does_not_prevent_readiness() {
    let folder = tempfile::tempdir().unwrap();
    let kept = format!("{LOOPBACK}, cache_dir = {:?}", folder.path());
    let month_ago = Clock::system().now().since_epoch() - Duration::from_secs(30 * 86_400);
    let stale = || CrlServerBehaviour::Serves(crl_of(month_ago.into(), &[]));
    assert_eq!(FetchingGateway::new(stale(), "require", &kept).status_and_id().await, UNKNOWN);
    assert_eq!(files_in(folder.path()), 1);
    let restarted = FetchingGateway::new(stale(), "require", &kept);
    let response = readyz(&restarted.lab).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
}

fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}
