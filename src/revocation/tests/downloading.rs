//! Downloads: the CRLs that are held, the schedule of fetches, and the disk cache.

use super::super::fetch::FetchRules;
use super::super::test_pki::{
    CrlDraft, at_uri, base_number, directory_name, distribution_points, ecdsa_with_sha256, element, entry,
    extension, issuing_point, number,
};
use super::*;
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::revocation::crl::Crl;
use crate::revocation::store::{
    CachedFile, CrlPlacement, DiskCache, DistributionPoint, FetchedCrl, FileDigest, file_digest,
};

const MINUTE: Duration = Duration::from_secs(60);
const HERE: &str = "http://pki.example/root.crl";

/// Returns a distribution point that the certificates of `ca` name.
fn point_of(ca: &TestCa) -> DistributionPoint {
    let mut point = DistributionPoint::new(NOW);
    assert!(point.add_issuer(&ca.certificate));
    point
}

/// Returns a distribution point that had this CRL in the disk cache.
fn cached_point(der: &[u8]) -> DistributionPoint {
    let mut point = DistributionPoint::new(NOW);
    point.restore(fetched(der), NOW);
    point
}

fn fetched(der: &[u8]) -> FetchedCrl {
    FetchedCrl::decode(der, &urls(HERE)).unwrap()
}

fn decoded(der: &[u8]) -> Arc<Crl> {
    fetched(der).crl
}

/// Adds a CRL as the downloads do: its signer is one of those that the distribution point knows.
fn add_at(point: &mut DistributionPoint, der: &[u8], now: UnixTime) -> Result<CrlPlacement, DownloadError> {
    let fetched = FetchedCrl { bytes: 100, ..fetched(der) };
    let signers = point.signers();
    let signer = signers.iter().find(|signer| fetched.crl.is_signed_by(signer));
    point.add(fetched, signer.map(Certificate::key_id), now)
}

fn add(point: &mut DistributionPoint, der: &[u8]) -> Result<CrlPlacement, DownloadError> {
    add_at(point, der, NOW)
}

/// Returns the dates of the held CRLs.
fn dates(point: &DistributionPoint) -> Vec<UnixTime> {
    point.crls().map(|crl| crl.source().this_update).collect()
}

fn dated(this_update: UnixTime) -> CrlDraft {
    CrlDraft { this_update, ..CrlDraft::default() }
}

/// Returns the result of the check under `prefer` with the CRLs of a distribution point.
fn checked(
    point: &DistributionPoint,
    chain: &Arc<ValidatedChain>,
    now: UnixTime,
) -> Result<UnrevokedChain, RevocationError> {
    let crls = CrlStore::of(point.crls().collect(), Vec::new());
    check(chain, &PREFER, &TrustSet::default(), &crls, now)
}

#[test]
fn a_newer_crl_replaces_all_of_its_scope() {
    let root = TestCa::root("Root");
    let mut point = point_of(&root);
    for age in [3 * HOUR, 2 * HOUR, HOUR] {
        assert_eq!(add(&mut point, &dated(before(NOW, age)).sign(&root)).unwrap(), CrlPlacement::Replaced);
    }
    assert_eq!((dates(&point), point.bytes()), (vec![before(NOW, HOUR)], 100));
}

#[test]
fn an_older_crl_does_not_replace_a_newer_one() {
    let root = TestCa::root("Root");
    let mut point = point_of(&root);
    let (held, fetched) = (before(NOW, HOUR), before(NOW, 2 * HOUR));
    add(&mut point, &dated(held).sign(&root)).unwrap();
    let older = add(&mut point, &dated(fetched).sign(&root));
    assert!(matches!(older, Err(DownloadError::Older { fetched: f, held: h }) if (f, h) == (fetched, held)));
    assert_eq!(dates(&point), [held]);
}

#[test]
fn a_newer_crl_of_a_lower_number_counts_beside_the_held_one_until_that_is_stale() {
    let (root, chain) = root_and_chain();
    let numbered = |own: u8, draft: CrlDraft| CrlDraft { extensions: vec![number(own)], ..draft };
    let long = |draft| CrlDraft { this_update: NOW, next_update: Some(NOW.plus(9 * HOUR)), ..draft };
    let held = |serials: &[&[u8]]| {
        let mut point = point_of(&root);
        add(&mut point, &numbered(9, CrlDraft::revoking(serials)).sign(&root)).unwrap();
        point
    };
    let clean = numbered(1, long(CrlDraft::default())).sign(&root);
    let mut point = held(&[SERIAL]);
    assert_eq!(add(&mut point, &clean).unwrap(), CrlPlacement::Beside);
    why_revoked(checked(&point, &chain, NOW));
    assert_eq!(add_at(&mut point, &clean, NOW.plus(HOUR)).unwrap(), CrlPlacement::Replaced);
    assert_eq!(dates(&point), [NOW]);

    let mut point = held(&[]);
    let revoking = numbered(1, long(CrlDraft::revoking(&[SERIAL]))).sign(&root);
    assert_eq!(add(&mut point, &revoking).unwrap(), CrlPlacement::Beside);
    why_revoked(checked(&point, &chain, NOW));
}

#[test]
fn of_two_crls_of_one_date_only_the_higher_number_replaces_the_other() {
    let (root, chain) = root_and_chain();
    let list = |own: Option<u8>, serials: &[&[u8]]| {
        CrlDraft { extensions: own.map(number).into_iter().collect(), ..CrlDraft::revoking(serials) }
            .sign(&root)
    };
    for (own, its) in [(None, None), (Some(3), Some(3)), (None, Some(3)), (Some(3), None)] {
        for (first, second) in
            [(list(own, &[]), list(its, &[SERIAL])), (list(own, &[SERIAL]), list(its, &[]))]
        {
            let mut point = point_of(&root);
            add(&mut point, &first).unwrap();
            assert_eq!(add(&mut point, &second).unwrap(), CrlPlacement::Beside, "{own:?} {its:?}");
            why_revoked(checked(&point, &chain, NOW));
        }
    }
    let mut point = point_of(&root);
    add(&mut point, &list(Some(3), &[])).unwrap();
    let rejected = add(&mut point, &list(Some(2), &[SERIAL])).unwrap_err();
    assert_eq!(rejected.to_string(), "the fetched CRL has the number 02, lower than 03 of the held one");
    assert_eq!(add(&mut point, &list(Some(4), &[SERIAL])).unwrap(), CrlPlacement::Replaced);
    why_revoked(checked(&point, &chain, NOW));
}

#[test]
fn a_crl_dated_in_the_future_does_not_exclude_a_current_one() {
    let (root, chain) = root_and_chain();
    let tomorrow = CrlDraft { this_update: NOW.plus(24 * HOUR), ..CrlDraft::revoking(&[SERIAL]) };
    let mut point = point_of(&root);
    add(&mut point, &tomorrow.sign(&root)).unwrap();
    add(&mut point, &dated(NOW).sign(&root)).unwrap();
    assert_eq!(dates(&point), [NOW.plus(24 * HOUR), NOW]);
    // Which of the two is newer is not certain, unless their numbers show it.
    why_revoked(checked(&point, &chain, NOW));
    let numbered = |own: u8, draft: CrlDraft| CrlDraft { extensions: vec![number(own)], ..draft };
    let mut point = point_of(&root);
    add(&mut point, &numbered(7, tomorrow).sign(&root)).unwrap();
    add(&mut point, &numbered(6, dated(before(NOW, HOUR))).sign(&root)).unwrap();
    why_revoked(checked(&point, &chain, NOW));
    add(&mut point, &numbered(8, dated(NOW)).sign(&root)).unwrap();
    assert_eq!(dates(&point), [NOW]);
}

#[test]
fn another_response_of_a_server_never_removes_a_held_crl() {
    let root = TestCa::root("Root");
    let leaf = root.issue_with(SERIAL, |params| {
        params.custom_extensions.push(distribution_points(&[&[at_uri(HERE)]]));
    });
    let chain = proven(&leaf, &[], &[&root.certificate]);
    let forger = TestCa::root("Root");
    let full = CrlDraft { extensions: vec![number(5)], ..CrlDraft::revoking(&[SERIAL]) }.sign(&root);
    let with = |extensions: Vec<Vec<u8>>| CrlDraft { extensions, ..dated(NOW) };
    let scoped = |fields: &[u8]| with(vec![number(6), issuing_point(&[fields.to_vec()])]);
    let others = [
        ("for users only", scoped(&[0x81, 1, 0xff]).sign(&root)),
        ("for CAs only", scoped(&[0x82, 1, 0xff]).sign(&root)),
        ("for attribute certificates only", scoped(&[0x85, 1, 0xff]).sign(&root)),
        ("indirect", scoped(&[0x84, 1, 0xff]).sign(&root)),
        ("for some reasons", scoped(&[0x83, 2, 5, 0b0110_0000]).sign(&root)),
        ("of this partition", scoped(&at_uri(HERE)).sign(&root)),
        ("of another partition", scoped(&at_uri("http://pki.example/other.crl")).sign(&root)),
        ("a delta CRL", with(vec![number(6), base_number(5)]).sign(&root)),
        ("a delta CRL of another base", with(vec![number(9), base_number(8)]).sign(&root)),
        ("set aside", with(vec![number(6), extension(&[0x2a, 3], true, &[5, 0])]).sign(&root)),
        ("from the future", dated(NOW.plus(24 * HOUR)).sign(&root)),
        ("older", dated(before(NOW, 2 * HOUR)).sign(&root)),
        ("of a lower number", with(vec![number(4)]).sign(&root)),
        ("forged", dated(NOW).sign(&forger)),
    ];
    let mut all = point_of(&root);
    add(&mut all, &full).unwrap();
    for (what, other) in &others {
        let mut point = point_of(&root);
        add(&mut point, &full).unwrap();
        drop(add(&mut point, other));
        drop(add(&mut all, other));
        for (point, now) in
            [(&point, NOW), (&all, NOW), (&point, NOW.plus(2 * HOUR)), (&all, NOW.plus(2 * HOUR))]
        {
            let verdict = checked(point, &chain, now);
            assert!(matches!(verdict, Err(RevocationError::Revoked { .. })), "{what} at {now}: {verdict:?}");
        }
        // Nor in the other order: a later CRL is consulted.
        let mut point = point_of(&root);
        drop(add(&mut point, other));
        drop(add(&mut point, &full));
        let verdict = checked(&point, &chain, NOW);
        assert!(
            matches!(verdict, Err(RevocationError::Revoked { .. })),
            "{what}, then the full one: {verdict:?}"
        );
    }
    // A newer complete CRL replaces the first one and all that it covers.
    let newest = CrlDraft { extensions: vec![number(10)], ..dated(NOW) }.sign(&root);
    add(&mut all, &newest).unwrap();
    assert!(all.crls().all(|crl| crl.digest() != decoded(&full).digest()));
}

#[test]
fn an_unusable_crl_is_held_however_many_came_before_it() {
    let (root, chain) = root_and_chain();
    let mut point = point_of(&root);
    let critical = extension(&[0x2a, 3], true, &[5, 0]);
    add(&mut point, &CrlDraft::default().sign(&root)).unwrap();
    for hour in (0..40).rev() {
        let serials: &[&[u8]] = if hour == 0 { &[SERIAL] } else { &[] };
        let this_update = before(NOW, hour * MINUTE);
        let extensions = vec![critical.clone()];
        let list = CrlDraft { this_update, extensions, ..CrlDraft::revoking(serials) }.sign(&root);
        add(&mut point, &list).unwrap();
        assert_eq!(point.crls().count(), 2, "the complete one and the newest of the unusable ones");
    }
    why_revoked(checked(&point, &chain, NOW));
}

#[test]
fn a_crl_whose_date_cannot_be_decoded_is_held() {
    let (root, chain) = root_and_chain();
    let mut point = point_of(&root);
    add(&mut point, &CrlDraft::default().sign(&root)).unwrap();
    let name = root.certificate.subject().der().to_vec();
    let entries = element(0x30, &entry(SERIAL, &[]));
    let parts = [element(2, &[1]), ecdsa_with_sha256(), name, element(0x17, b"now"), entries];
    add(&mut point, &root.sign_list(&element(0x30, &parts.concat()))).unwrap();
    why_revoked(checked(&point, &chain, NOW));
}

#[test]
fn a_delta_crl_is_held_until_one_of_the_same_base_or_a_complete_one_replaces_it() {
    let (root, chain) = root_and_chain();
    let mut point = point_of(&root);
    let draft = |own: u8, base: Option<u8>, age: Duration, serials: &[&[u8]]| {
        let extensions = [Some(number(own)), base.map(base_number)].into_iter().flatten().collect();
        CrlDraft { this_update: before(NOW, age), extensions, ..CrlDraft::revoking(serials) }.sign(&root)
    };
    add(&mut point, &draft(10, None, 5 * HOUR, &[])).unwrap();
    add(&mut point, &draft(12, Some(10), 4 * HOUR, &[SERIAL])).unwrap();
    // The complete CRL 13, which was not served here, lists the certificate, so the new delta CRL does not.
    add(&mut point, &draft(14, Some(13), 3 * HOUR, &[])).unwrap();
    why_revoked(checked(&point, &chain, NOW));
    add(&mut point, &draft(15, Some(10), 2 * HOUR, &[SERIAL])).unwrap();
    assert_eq!(dates(&point).len(), 2, "with base 10 or an older one, all that the others contain");
    add(&mut point, &draft(16, None, HOUR, &[SERIAL])).unwrap();
    assert_eq!(dates(&point), [before(NOW, HOUR)]);
}

#[test]
fn crls_of_unknown_signature_are_held_beside_the_verified_one_and_are_few() {
    let (root, forger) = (TestCa::root("Root"), TestCa::root("Root"));
    let mut point = point_of(&root);
    add(&mut point, &dated(before(NOW, HOUR)).sign(&root)).unwrap();
    for age in (1..10).rev() {
        add(&mut point, &dated(before(NOW, age * MINUTE)).sign(&forger)).unwrap();
    }
    let forged = [9 * MINUTE, 8 * MINUTE, MINUTE].map(|age| before(NOW, age));
    assert_eq!(dates(&point), [&[before(NOW, HOUR)], forged.as_slice()].concat());
}

#[test]
fn forgeries_do_not_evict_an_indirect_crl_whose_signer_was_found() {
    let root = TestCa::root("Root");
    let lists = root.crl_signer("Lists", 9, |_| {});
    let named = distribution_points(&[&[at_uri(HERE), element(0xa2, &directory_name(&lists))]]);
    let leaf = root.issue_with(SERIAL, |params| params.custom_extensions.push(named));
    let chain = proven(&leaf, &[&lists.certificate], &[&root.certificate]);
    let of_root = extension(&[0x55, 0x1d, 29], true, &element(0x30, &directory_name(&root)));
    let indirect = |this_update, entries| CrlDraft {
        entries,
        extensions: vec![issuing_point(&[at_uri(HERE), vec![0x84, 1, 0xff]])],
        ..dated(this_update)
    };
    let mut point = point_of(&root);
    add(&mut point, &indirect(before(NOW, HOUR), vec![entry(SERIAL, &[of_root])]).sign(&lists)).unwrap();
    why_revoked(checked(&point, &chain, NOW));
    for age in (0..10).rev() {
        let forger = TestCa::root("Lists");
        add(&mut point, &indirect(before(NOW, age * MINUTE), vec![]).sign(&forger)).unwrap();
    }
    why_revoked(checked(&point, &chain, NOW));
    // An older one of the authorised signer is rejected as well, and a newer one replaces it.
    let older = add(&mut point, &indirect(before(NOW, 2 * HOUR), vec![]).sign(&lists));
    assert!(matches!(older, Err(DownloadError::Older { .. })), "{older:?}");
    add(&mut point, &indirect(NOW, vec![]).sign(&lists)).unwrap();
    assert!(checked(&point, &chain, NOW).is_ok());
}

#[test]
fn a_crl_of_the_disk_cache_is_verified_when_its_issuer_is_known() {
    let (root, forger) = (TestCa::root("Root"), TestCa::root("Root"));
    let mut point = cached_point(&dated(before(NOW, HOUR)).sign(&root));
    point.add_issuer(&root.certificate);
    add(&mut point, &dated(NOW).sign(&forger)).unwrap();
    assert_eq!(dates(&point), [before(NOW, HOUR), NOW]);
    let older = add(&mut point, &dated(before(NOW, 2 * HOUR)).sign(&root));
    assert!(matches!(older, Err(DownloadError::Older { .. })), "{older:?}");
}

#[test]
fn a_distribution_point_that_keeps_serving_new_scopes_is_bounded() {
    let root = TestCa::root("Root");
    let mut point = point_of(&root);
    let partition = |part: usize, age| CrlDraft {
        extensions: vec![issuing_point(&[at_uri(&format!("http://pki.example/{part}.crl"))])],
        ..dated(before(NOW, age))
    };
    for part in 0..16 {
        add(&mut point, &partition(part, HOUR).sign(&root)).unwrap();
    }
    let rejected = add(&mut point, &partition(16, HOUR).sign(&root));
    assert!(matches!(rejected, Err(DownloadError::TooManyScopes { .. })), "{rejected:?}");
    // Newer CRLs of the held scopes are still accepted.
    add(&mut point, &partition(3, MINUTE).sign(&root)).unwrap();
    assert_eq!(dates(&point).len(), 16);
}

/// Returns the time until a distribution point is due again, in whole seconds.
fn next_due(point: &mut DistributionPoint) -> Duration {
    let mut after = Duration::ZERO;
    while !point.is_due(NOW.plus(after)) {
        after += Duration::from_secs(1);
    }
    after
}

#[test]
fn a_crl_is_fetched_again_after_half_of_its_lifetime_at_most_four_hours() {
    let root = TestCa::root("Root");
    for (life, least, most) in [
        (20 * MINUTE, 9 * MINUTE, 10 * MINUTE),
        (MINUTE, Duration::from_secs(54), MINUTE),
        (24 * 365 * HOUR, 3 * HOUR + 36 * MINUTE, 4 * HOUR),
    ] {
        let mut point = point_of(&root);
        let draft = CrlDraft { next_update: Some(NOW.plus(life)), ..CrlDraft::default() };
        add(&mut point, &draft.sign(&root)).unwrap();
        point.succeeded(NOW);
        let due = next_due(&mut point);
        assert!(least <= due && due <= most, "{life:?}: {due:?}");
    }
}

#[test]
fn failed_fetches_are_retried_forever_with_backoff() {
    let mut point = point_of(&TestCa::root("Root"));
    for minutes in [1, 2, 4, 8, 16, 16] {
        point.begin();
        assert!(!point.is_due(UnixTime::END));
        point.failed(NOW);
        let due = next_due(&mut point);
        assert!(minutes * MINUTE * 9 / 10 <= due && due <= minutes * MINUTE, "{minutes}: {due:?}");
    }
}

#[test]
fn a_cached_distribution_point_is_not_fetched_before_a_certificate_names_it() {
    let root = TestCa::root("Root");
    let mut point = cached_point(&CrlDraft::default().sign(&root));
    assert!(!point.is_due(UnixTime::END) && point.initial_fetch().is_none());
    point.add_issuer(&root.certificate);
    assert!(point.is_due(NOW));
}

#[test]
fn an_expired_crl_of_the_disk_cache_does_not_end_the_wait_for_the_first_fetch() {
    let root = TestCa::root("Root");
    let stale = CrlDraft { next_update: Some(NOW), ..CrlDraft::default() };
    let point = cached_point(&stale.sign(&root));
    assert!(point.initial_fetch().is_some());
    point.announce();
    assert!(point.initial_fetch().is_none());
}

fn urls(url: &str) -> PointUrls {
    [url.to_owned()].into()
}

fn disk(folder: &tempfile::TempDir, realm: &str) -> DiskCache {
    DiskCache::new(folder.path().to_owned(), &realm.into())
}

fn kept(url: &str, bytes: &[u8]) -> CachedFile {
    CachedFile { urls: urls(url), bytes: bytes.to_vec() }
}

/// Writes a file, and keeps only those of `held` beside it.
fn keep(disk: &DiskCache, url: &str, bytes: &[u8], held: &[FileDigest]) {
    disk.write(&urls(url), bytes, held).unwrap();
}

#[test]
fn cached_files_are_read_by_their_realm_only() {
    let folder = tempfile::tempdir().unwrap();
    keep(&disk(&folder, "staff"), "http://a/1", b"first", &[]);
    keep(&disk(&folder, "staff"), "http://a/1", b"second\nline", &[]);
    assert_eq!(disk(&folder, "staff").read(10, 1000), [kept("http://a/1", b"second\nline")]);
    assert_eq!(disk(&folder, "guests").read(10, 1000), []);
}

#[test]
fn the_files_of_all_held_crls_are_kept_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(&folder, "staff");
    keep(&disk, "http://a/1", b"full", &[]);
    keep(&disk, "http://a/2", b"of another point", &[]);
    keep(&disk, "http://a/1", b"for CAs", &[file_digest(b"full"), file_digest(b"for CAs")]);
    let all = || {
        let mut all: Vec<_> = disk.read(10, 1000).into_iter().map(|kept| kept.bytes).collect();
        all.sort();
        all
    };
    assert_eq!(all(), [&b"for CAs"[..], b"full", b"of another point"]);
    keep(&disk, "http://a/1", b"newer", &[file_digest(b"newer")]);
    assert_eq!(all(), [&b"newer"[..], b"of another point"]);
}

#[test]
fn reading_the_disk_cache_is_bounded_and_skips_damaged_and_changed_files() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(&folder, "staff");
    for name in ["http://a/1", "http://a/2", "http://a/3"] {
        keep(&disk, name, &[0; 500], &[]);
    }
    assert_eq!(disk.read(2, 10_000).len(), 2);
    assert_eq!(disk.read(10, 1200).len(), 2);
    let files = || std::fs::read_dir(folder.path()).unwrap().map(|file| file.unwrap().path());
    std::fs::write(files().next().unwrap(), "no heading").unwrap();
    assert_eq!(disk.read(10, 10_000).len(), 2);
    for file in files() {
        let mut bytes = std::fs::read(&file).unwrap();
        bytes.push(0);
        std::fs::write(file, bytes).unwrap();
    }
    assert_eq!(disk.read(10, 10_000), []);
}

#[test]
fn unused_files_of_the_realm_are_removed() {
    let folder = tempfile::tempdir().unwrap();
    keep(&disk(&folder, "staff"), "http://a/1", b"x", &[]);
    keep(&disk(&folder, "staff"), "http://a/2", b"x", &[]);
    keep(&disk(&folder, "guests"), "http://a/1", b"x", &[]);
    std::fs::write(folder.path().join("a note"), "").unwrap();
    disk(&folder, "staff").remove_unused_files(&[urls("http://a/2")]);
    assert_eq!(disk(&folder, "staff").read(10, 1000), [kept("http://a/2", b"x")]);
    assert_eq!(disk(&folder, "guests").read(10, 1000).len(), 1);
    assert!(folder.path().join("a note").exists());
}

/// Returns a realm that downloads CRLs, without any yet.
fn fetching() -> LiveCrls {
    let settings =
        DownloadSettings { realm: "staff".into(), rules: FetchRules::default(), cache_folder: None };
    LiveCrls::load(Vec::new(), Some(settings), None, NOW).unwrap()
}

fn certificate_with_points(ca: &TestCa, urls: &[&str]) -> Certificate {
    ca.issue_with(SERIAL, |params| {
        params.crl_distribution_points =
            urls.iter().map(|url| rcgen::CrlDistributionPoint { uris: vec![(*url).to_owned()] }).collect();
    })
}

#[test]
fn the_distribution_points_of_a_validated_certificate_become_due_once() {
    let root = TestCa::root("Root");
    let leaf = certificate_with_points(&root, &["http://a.example/1.crl", "http://a.example/2.crl"]);
    let chain = proven(&leaf, &[], &[&root.certificate]);
    let crls = fetching();
    assert!(crls.due(8, NOW).is_empty());
    assert!(!crls.register(&chain, &REQUIRE, NOW).is_empty());
    assert_eq!(crls.due(1, NOW).len(), 1);
    assert_eq!(crls.due(8, NOW).len(), 1);
    crls.register(&chain, &REQUIRE, NOW);
    assert!(crls.due(8, NOW).is_empty());
}

#[test]
fn no_distribution_point_is_registered_if_the_rule_requires_no_check() {
    let root = TestCa::root("Root");
    let chain =
        proven(&certificate_with_points(&root, &["http://a.example/1.crl"]), &[], &[&root.certificate]);
    let crls = fetching();
    assert!(crls.register(&chain, &of_mode(RevocationMode::Off), NOW).is_empty());
    let never = IssuerRule { key: root.certificate.key_id(), demand: RevocationDemand::Never };
    assert!(crls.register(&chain, &RevocationRule { issuers: vec![never], ..REQUIRE }, NOW).is_empty());
    assert!(crls.due(8, NOW).is_empty());
}

#[tokio::test]
async fn a_distribution_point_that_is_not_allowed_is_tried_once_and_delays_no_request() {
    let root = TestCa::root("Root");
    let chain =
        proven(&certificate_with_points(&root, &["http://a.example/1.crl"]), &[], &[&root.certificate]);
    let crls = Arc::new(fetching());
    let first = crls.register(&chain, &REQUIRE, NOW);
    let urls = crls.due(8, NOW).remove(0);
    let failed = Arc::clone(&crls).fetch(urls, NOW).await;
    assert!(matches!(failed, Err(DownloadError::Fetch(_))), "{failed:?}");
    first.done().await;
    assert!(crls.register(&chain, &REQUIRE, NOW).is_empty());
    assert!(crls.due(8, NOW.plus(24 * HOUR)).is_empty());
}

#[test]
fn a_realm_has_a_bounded_number_of_distribution_points() {
    let root = TestCa::root("Root");
    let crls = fetching();
    let urls: Vec<String> = (0..1030).map(|number| format!("http://a.example/{number}.crl")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    for urls in urls.chunks(400) {
        let chain = proven(&certificate_with_points(&root, urls), &[], &[&root.certificate]);
        crls.register(&chain, &REQUIRE, NOW);
    }
    assert_eq!((crls.due(2000, NOW).len(), crls.rejected_distribution_points()), (1024, 6));
}
