//! CRLs that are fetched from where a proven card says, and servers that do not give them.

use super::{LetIn, PATH, REVOKED, UNKNOWN, changed, critical, in_force, readyz};
use crate::support::{Client, CrlServer, CrlServerBehaviour, TestConfig, TestGateway, pki, wait_for};
use portcullis::clock::{Clock, UnixTime};
use portcullis::demo::pki::{Card, CardProfile, ExtraExtension, Signer};
use std::path::Path;
use std::time::Duration;

/// A lab that has the upper authorities' CRLs in files and fetches the issuing one's.
struct Fetching {
    lab: TestGateway,
    server: CrlServer,
}

/// Loopback, where the tests' server is.
const LOOPBACK: &str = r#"hosts = ["127.0.0.1"], addresses = ["127.0.0.1"]"#;

impl Fetching {
    /// In `mode`, with these keys about where to fetch from.
    fn new(behaviour: CrlServerBehaviour, mode: &str, keys: &str) -> Self {
        let crls = r#"crl = ["pki/crl/root.crl", "pki/crl/policy.crl"]"#;
        let revocation = format!("{{ mode = {mode:?}, {crls}, fetch = true, {keys} }}");
        let realm =
            TestConfig::default().realm.replace(r#"{ mode = "require", crl = ["pki/crl/"] }"#, &revocation);
        // A whole judgement takes one second at most, so that a server that hangs costs a test no more.
        let limits = "validation_timeout = \"1s\"".to_owned();
        Self {
            lab: TestGateway::with(TestConfig { realm, limits, ..TestConfig::default() }),
            server: CrlServer::start(behaviour),
        }
    }

    /// With a server that gives a fresh CRL that lists nobody.
    fn well() -> Self {
        Self::new(CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &[])), "require", LOOPBACK)
    }

    /// A card that says its CRL is at `path`.
    fn card(&self, signer: Signer, path: &str) -> Card {
        let crl_distribution_points = vec![self.server.url(path)];
        let profile = CardProfile::of("alice", self.lab.clock.now());
        pki().issue(&CardProfile { signer, crl_distribution_points, ..profile }).unwrap()
    }

    fn client(&self) -> Client {
        Client::new(&self.lab).chain(&self.card(Signer::Issuing, "/issuing.crl"))
    }

    async fn status_and_id(&self) -> String {
        self.client().get(PATH).await.status_and_id()
    }
}

fn crl_of(now: UnixTime, revoked: &[&str]) -> Vec<u8> {
    pki().issuing_crl(revoked, now).unwrap()
}

#[tokio::test]
async fn the_first_card_waits_for_its_crl_and_later_ones_find_it() {
    let gate = Fetching::well();
    assert_eq!(gate.status_and_id().await, "200 permit");
    assert_eq!(gate.status_and_id().await, "200 permit");
    assert_eq!(gate.server.requested_paths(), ["/issuing.crl"]);
}

#[tokio::test]
async fn a_card_that_the_fetched_crl_lists_is_refused_at_its_first_request() {
    let revoking = || CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &["alice"]));
    assert_eq!(Fetching::new(revoking(), "require", LOOPBACK).status_and_id().await, REVOKED);
    assert_eq!(Fetching::new(revoking(), "prefer", LOOPBACK).status_and_id().await, REVOKED);
}

#[tokio::test]
async fn a_card_revoked_by_a_refreshed_crl_is_refused_at_the_next_request() {
    // A list of a week that ends in 100 seconds is looked for again after a minute; verdicts live for five.
    let now = Clock::system().now().since_epoch();
    let ending = UnixTime::from(now + Duration::from_secs(100) - Duration::from_secs(7 * 86_400));
    let gate = Fetching::new(CrlServerBehaviour::Serves(crl_of(ending, &[])), "require", LOOPBACK);
    let mut alice = LetIn::new(&gate.lab, &gate.client()).await;
    let now = gate.lab.clock.now();
    gate.server.set_behaviour(CrlServerBehaviour::Serves(crl_of(now, &["alice"])));
    gate.lab.clock.advance(Duration::from_secs(60));
    in_force(&gate.lab, now).await;
    alice.is_refused_now(REVOKED).await;
}

#[tokio::test]
async fn nothing_is_fetched_for_a_card_that_is_not_proven() {
    let gate = Fetching::well();
    let forged = Client::new(&gate.lab).chain(&gate.card(Signer::Foreign, "/forged.crl"));
    assert_eq!(forged.get(PATH).await.status_and_id(), "403 certificate-untrusted");
    assert_eq!(gate.status_and_id().await, "200 permit");
    assert_eq!(gate.server.requested_paths(), ["/issuing.crl"]);
}

#[tokio::test]
async fn nothing_is_fetched_from_a_host_that_is_not_listed_nor_from_an_address_that_is_refused() {
    let well = || CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &[]));
    for keys in [r#"hosts = ["pki.corp.example"], addresses = ["127.0.0.1"]"#, r#"hosts = ["127.0.0.1"]"#] {
        let gate = Fetching::new(well(), "require", keys);
        assert_eq!(gate.status_and_id().await, UNKNOWN);
        assert!(gate.server.requested_paths().is_empty());
    }
}

#[tokio::test]
async fn a_redirect_leads_nowhere_that_the_card_could_not_have_named() {
    let elsewhere = CrlServer::start(CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &[])));
    let unlisted = elsewhere.url("/issuing.crl").replace("127.0.0.1", "localhost");
    for target in [unlisted, "http://169.254.169.254/latest/meta-data".to_owned()] {
        let gate = Fetching::new(CrlServerBehaviour::Redirects(target), "require", LOOPBACK);
        assert_eq!(gate.status_and_id().await, UNKNOWN);
        assert_eq!(gate.server.requested_paths(), ["/issuing.crl"]);
    }
    assert!(elsewhere.requested_paths().is_empty());
    let gate = Fetching::new(CrlServerBehaviour::Redirects(elsewhere.url("/there.crl")), "require", LOOPBACK);
    assert_eq!(gate.status_and_id().await, "200 permit");
}

#[tokio::test]
async fn a_server_that_gives_no_crl_lets_nobody_in_where_one_is_required() {
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
        let gate = Fetching::new(behaviour.clone(), "require", LOOPBACK);
        assert_eq!(gate.status_and_id().await, UNKNOWN, "{behaviour:?}");
        assert_eq!(gate.server.requested_paths(), ["/issuing.crl"], "{behaviour:?}");
    }
}

#[tokio::test]
async fn a_crl_above_the_limit_is_not_taken() {
    let huge = [crl_of(Clock::system().now(), &[]), vec![0; 4096]].concat();
    let gate = Fetching::new(
        CrlServerBehaviour::Serves(huge),
        "require",
        &format!("{LOOPBACK}, max_crl = \"4KiB\""),
    );
    assert_eq!(gate.status_and_id().await, UNKNOWN);
}

#[tokio::test]
async fn a_server_that_hangs_keeps_nobody_out_where_crls_are_preferred() {
    let gate = Fetching::new(CrlServerBehaviour::Hangs, "prefer", LOOPBACK);
    assert_eq!(gate.status_and_id().await, "200 permit");
}

#[tokio::test]
async fn a_server_that_works_again_is_found_again() {
    let gate = Fetching::new(CrlServerBehaviour::Responds(503), "require", LOOPBACK);
    assert_eq!(gate.status_and_id().await, UNKNOWN);
    let now = gate.lab.clock.now();
    gate.server.set_behaviour(CrlServerBehaviour::Serves(crl_of(now, &[])));
    gate.lab.clock.advance(Duration::from_secs(60));
    in_force(&gate.lab, now).await;
    assert_eq!(gate.status_and_id().await, "200 permit");
}

#[tokio::test]
async fn neither_a_forged_nor_an_older_list_pushes_out_the_one_at_hand() {
    let gate = Fetching::well();
    gate.lab.clock.advance(Duration::from_secs(10));
    let now = gate.lab.clock.now();
    gate.server.set_behaviour(CrlServerBehaviour::Serves(crl_of(now, &["alice"])));
    assert_eq!(gate.status_and_id().await, REVOKED);
    let older = crl_of(UnixTime::from(now.since_epoch() - Duration::from_secs(3600)), &[]);
    let forged = pki().crl(Signer::Foreign, &[], gate.lab.clock.now()).unwrap();
    for (times, bad) in [(2, older), (3, forged)] {
        gate.server.set_behaviour(CrlServerBehaviour::Serves(bad));
        gate.lab.clock.advance(Duration::from_secs(4 * 3600));
        wait_for("a fetch", || (gate.server.requested_paths().len() == times).then_some(())).await;
        // The answer is taken before the next request of this connection is judged.
        wait_for("its end", || (fetches(&gate.lab) == times).then_some(())).await;
        assert_eq!(gate.status_and_id().await, REVOKED);
    }
}

/// How many fetches have ended, one way or the other.
fn fetches(lab: &TestGateway) -> usize {
    let text = lab.metrics.encode();
    let counts = text.lines().filter(|line| line.starts_with("portcullis_crl_fetches_total"));
    counts.map(|line| line.rsplit(' ').next().unwrap().parse::<usize>().unwrap()).sum()
}

#[tokio::test]
async fn what_was_fetched_survives_a_reload_and_what_was_kept_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kept = format!("{LOOPBACK}, cache_dir = {:?}", folder.path());
    let mut gate =
        Fetching::new(CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &[])), "require", &kept);
    let card = gate.card(Signer::Issuing, "/issuing.crl");
    let verdict = async |lab: &TestGateway| Client::new(lab).chain(&card).get(PATH).await.status_and_id();
    assert_eq!(verdict(&gate.lab).await, "200 permit");
    gate.server.set_behaviour(CrlServerBehaviour::Hangs);

    gate.lab.reload(|setup| setup.realm = setup.realm.replace(&kept, LOOPBACK));
    assert_eq!(verdict(&gate.lab).await, "200 permit");
    assert_eq!(files_in(folder.path()), 1);

    let restarted = Fetching::new(CrlServerBehaviour::Hangs, "require", &kept);
    assert_eq!(verdict(&restarted.lab).await, "200 permit");
    assert_eq!(gate.server.requested_paths().first().map(String::as_str), Some("/issuing.crl"));
}

/// The issuing authority's CRL of now, with one more critical extension.
fn crl_with(now: UnixTime, last_of_oid: u8, value: &[u8]) -> Vec<u8> {
    changed(&crl_of(now, &[]), |list| {
        let extensions = list.crl_extensions.get_or_insert_default();
        extensions.push(critical(&format!("2.5.29.{last_of_oid}"), value));
    })
}

#[tokio::test]
async fn a_list_of_another_scope_at_the_same_url_clears_no_card_also_not_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let kept = format!("{LOOPBACK}, cache_dir = {:?}", folder.path());
    let gate =
        Fetching::new(CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &["alice"])), "prefer", &kept);
    let card = gate.card(Signer::Issuing, "/issuing.crl");
    let verdict = async |lab: &TestGateway| Client::new(lab).chain(&card).get(PATH).await.status_and_id();
    assert_eq!(verdict(&gate.lab).await, REVOKED);
    let scopes: [(u8, &[u8]); 5] = [
        // For users, for CAs, of other issuers too, for keyCompromise; and a delta CRL of the number 0.
        (28, &[0x30, 3, 0x81, 1, 0xff]),
        (28, &[0x30, 3, 0x82, 1, 0xff]),
        (28, &[0x30, 3, 0x84, 1, 0xff]),
        (28, &[0x30, 4, 0x83, 2, 6, 0x40]),
        (27, &[2, 1, 0]),
    ];
    for (times, (oid, value)) in (2..).zip(scopes) {
        gate.lab.clock.advance(Duration::from_secs(4 * 3600));
        gate.server.set_behaviour(CrlServerBehaviour::Serves(crl_with(gate.lab.clock.now(), oid, value)));
        wait_for("its end", || (fetches(&gate.lab) >= times).then_some(())).await;
        assert_eq!(verdict(&gate.lab).await, REVOKED, "{oid} {value:?}");
    }
    gate.server.set_behaviour(CrlServerBehaviour::Responds(503));
    let restarted = Fetching::new(CrlServerBehaviour::Responds(503), "prefer", &kept);
    assert_eq!(verdict(&restarted.lab).await, REVOKED);
}

#[tokio::test]
async fn what_is_not_understood_in_a_list_does_not_take_a_revocation_away() {
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
            Fetching::new(CrlServerBehaviour::Serves(list), "prefer", LOOPBACK).status_and_id().await,
            REVOKED
        );
    }
}

#[tokio::test]
async fn a_list_is_found_by_a_relative_redirect_and_may_end_in_a_line_end() {
    let crl = [crl_of(Clock::system().now(), &["alice"]), b"\r\n".to_vec()].concat();
    let gate = Fetching::new(CrlServerBehaviour::Serves(crl.clone()), "prefer", LOOPBACK);
    assert_eq!(gate.status_and_id().await, REVOKED);
    for location in ["new.crl", "./new.crl", "../crls/new.crl", "?v=2"] {
        let gate = Fetching::new(
            CrlServerBehaviour::RedirectsOnce(location.to_owned(), crl.clone()),
            "prefer",
            LOOPBACK,
        );
        let card = gate.card(Signer::Issuing, "/crls/old.crl");
        assert_eq!(
            Client::new(&gate.lab).chain(&card).get(PATH).await.status_and_id(),
            REVOKED,
            "{location}"
        );
        let next = if location.starts_with('?') { "/crls/old.crl?v=2" } else { "/crls/new.crl" };
        assert_eq!(gate.server.requested_paths(), ["/crls/old.crl", next]);
    }
}

#[tokio::test]
async fn where_the_first_url_gives_no_list_the_next_one_is_asked() {
    let good = CrlServer::start(CrlServerBehaviour::Serves(crl_of(Clock::system().now(), &["alice"])));
    for bad in [CrlServerBehaviour::Serves(b"<html>moved</html>".to_vec()), CrlServerBehaviour::Responds(404)]
    {
        let gate = Fetching::new(bad, "prefer", LOOPBACK);
        let profile = CardProfile::of("alice", gate.lab.clock.now());
        // One distribution point with two names for one CRL (RFC 5280 4.2.1.13).
        let urls = [gate.server.url("/issuing.crl"), good.url("/issuing.crl")];
        let names: Vec<u8> = urls.iter().flat_map(|url| element(0x86, url.as_bytes())).collect();
        let points = element(0x30, &element(0x30, &element(0xa0, &element(0xa0, &names))));
        let identifier = const_oid::ObjectIdentifier::new_unwrap("2.5.29.31");
        let point = ExtraExtension { identifier, critical: false, value: points };
        let card = pki()
            .issue(&CardProfile {
                crl_distribution_points: Vec::new(),
                extra_extensions: vec![point],
                ..profile
            })
            .unwrap();
        assert_eq!(Client::new(&gate.lab).chain(&card).get(PATH).await.status_and_id(), REVOKED);
    }
}

/// One DER element shorter than 256 bytes.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u8::try_from(content.len()).unwrap();
    let header = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
    [&header, content].concat()
}

#[tokio::test]
async fn a_stale_list_that_was_kept_does_not_keep_the_gate_from_being_ready() {
    let folder = tempfile::tempdir().unwrap();
    let kept = format!("{LOOPBACK}, cache_dir = {:?}", folder.path());
    let month_ago = Clock::system().now().since_epoch() - Duration::from_secs(30 * 86_400);
    let stale = || CrlServerBehaviour::Serves(crl_of(month_ago.into(), &[]));
    assert_eq!(Fetching::new(stale(), "require", &kept).status_and_id().await, UNKNOWN);
    assert_eq!(files_in(folder.path()), 1);
    let restarted = Fetching::new(stale(), "require", &kept);
    let answer = readyz(&restarted.lab).await;
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

fn files_in(folder: &Path) -> usize {
    std::fs::read_dir(folder).unwrap().count()
}
