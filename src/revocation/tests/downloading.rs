//! What is taken of what was fetched, when it is fetched again, and what outlives a restart.

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

/// A place that the certificates of `ca` name.
fn place_of(ca: &TestCa) -> DistributionPoint {
    let mut place = DistributionPoint::new(NOW);
    assert!(place.add_issuer(&ca.certificate));
    place
}

/// A place that had this CRL on disk.
fn kept_place(der: &[u8]) -> DistributionPoint {
    let mut place = DistributionPoint::new(NOW);
    place.restore(fetched(der), NOW);
    place
}

fn fetched(der: &[u8]) -> FetchedCrl {
    FetchedCrl::decode(der, &urls(HERE)).unwrap()
}

fn decoded(der: &[u8]) -> Arc<Crl> {
    fetched(der).crl
}

/// Takes a CRL as the gate does: its signer is one of those that the place knows of.
fn take_at(place: &mut DistributionPoint, der: &[u8], now: UnixTime) -> Result<CrlPlacement, DownloadError> {
    let fetched = FetchedCrl { bytes: 100, ..fetched(der) };
    let signers = place.signers();
    let signer = signers.iter().find(|signer| fetched.crl.is_signed_by(signer));
    place.add(fetched, signer.map(Certificate::key_id), now)
}

fn take(place: &mut DistributionPoint, der: &[u8]) -> Result<CrlPlacement, DownloadError> {
    take_at(place, der, NOW)
}

/// The dates of the CRLs that a place holds.
fn dates(place: &DistributionPoint) -> Vec<UnixTime> {
    place.crls().map(|crl| crl.source().this_update).collect()
}

fn dated(this_update: UnixTime) -> CrlDraft {
    CrlDraft { this_update, ..CrlDraft::default() }
}

/// What the CRLs of a place say of a card under "prefer".
fn judged(
    place: &DistributionPoint,
    chain: &Arc<ValidatedChain>,
    now: UnixTime,
) -> Result<UnrevokedChain, RevocationError> {
    let crls = CrlStore::of(place.crls().collect(), Vec::new());
    check(chain, &PREFER, &TrustSet::default(), &crls, now)
}

#[test]
fn a_newer_list_replaces_all_of_its_scope() {
    let root = TestCa::root("Root");
    let mut place = place_of(&root);
    for age in [3 * HOUR, 2 * HOUR, HOUR] {
        assert_eq!(take(&mut place, &dated(before(NOW, age)).sign(&root)).unwrap(), CrlPlacement::Replaced);
    }
    assert_eq!((dates(&place), place.bytes()), (vec![before(NOW, HOUR)], 100));
}

#[test]
fn an_older_list_does_not_replace_a_newer_one() {
    let root = TestCa::root("Root");
    let mut place = place_of(&root);
    let (held, fetched) = (before(NOW, HOUR), before(NOW, 2 * HOUR));
    take(&mut place, &dated(held).sign(&root)).unwrap();
    let older = take(&mut place, &dated(fetched).sign(&root));
    assert!(matches!(older, Err(DownloadError::Older { fetched: f, held: h }) if (f, h) == (fetched, held)));
    assert_eq!(dates(&place), [held]);
}

#[test]
fn a_newer_crl_of_a_lower_number_counts_beside_the_held_one_until_that_is_stale() {
    let (root, chain) = root_and_card();
    let numbered = |own: u8, draft: CrlDraft| CrlDraft { extensions: vec![number(own)], ..draft };
    let long = |draft| CrlDraft { this_update: NOW, next_update: Some(NOW.plus(9 * HOUR)), ..draft };
    let held = |serials: &[&[u8]]| {
        let mut place = place_of(&root);
        take(&mut place, &numbered(9, CrlDraft::revoking(serials)).sign(&root)).unwrap();
        place
    };
    let silent = numbered(1, long(CrlDraft::default())).sign(&root);
    let mut place = held(&[CARD]);
    assert_eq!(take(&mut place, &silent).unwrap(), CrlPlacement::Beside);
    why_revoked(judged(&place, &chain, NOW));
    assert_eq!(take_at(&mut place, &silent, NOW.plus(HOUR)).unwrap(), CrlPlacement::Replaced);
    assert_eq!(dates(&place), [NOW]);

    let mut place = held(&[]);
    let revoking = numbered(1, long(CrlDraft::revoking(&[CARD]))).sign(&root);
    assert_eq!(take(&mut place, &revoking).unwrap(), CrlPlacement::Beside);
    why_revoked(judged(&place, &chain, NOW));
}

#[test]
fn of_two_crls_of_one_date_only_the_higher_number_replaces_the_other() {
    let (root, chain) = root_and_card();
    let list = |own: Option<u8>, serials: &[&[u8]]| {
        CrlDraft { extensions: own.map(number).into_iter().collect(), ..CrlDraft::revoking(serials) }
            .sign(&root)
    };
    for (own, its) in [(None, None), (Some(3), Some(3)), (None, Some(3)), (Some(3), None)] {
        for (first, second) in [(list(own, &[]), list(its, &[CARD])), (list(own, &[CARD]), list(its, &[]))] {
            let mut place = place_of(&root);
            take(&mut place, &first).unwrap();
            assert_eq!(take(&mut place, &second).unwrap(), CrlPlacement::Beside, "{own:?} {its:?}");
            why_revoked(judged(&place, &chain, NOW));
        }
    }
    let mut place = place_of(&root);
    take(&mut place, &list(Some(3), &[])).unwrap();
    let refused = take(&mut place, &list(Some(2), &[CARD])).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "the fetched CRL has the number 02, which is lower than 03 of the held one"
    );
    assert_eq!(take(&mut place, &list(Some(4), &[CARD])).unwrap(), CrlPlacement::Replaced);
    why_revoked(judged(&place, &chain, NOW));
}

#[test]
fn a_list_dated_in_the_future_does_not_lock_out_a_sound_one() {
    let (root, chain) = root_and_card();
    let tomorrow = CrlDraft { this_update: NOW.plus(24 * HOUR), ..CrlDraft::revoking(&[CARD]) };
    let mut place = place_of(&root);
    take(&mut place, &tomorrow.sign(&root)).unwrap();
    take(&mut place, &dated(NOW).sign(&root)).unwrap();
    assert_eq!(dates(&place), [NOW.plus(24 * HOUR), NOW]);
    // Which of the two is newer is not certain, unless their numbers show it.
    why_revoked(judged(&place, &chain, NOW));
    let numbered = |own: u8, draft: CrlDraft| CrlDraft { extensions: vec![number(own)], ..draft };
    let mut place = place_of(&root);
    take(&mut place, &numbered(7, tomorrow).sign(&root)).unwrap();
    take(&mut place, &numbered(6, dated(before(NOW, HOUR))).sign(&root)).unwrap();
    why_revoked(judged(&place, &chain, NOW));
    take(&mut place, &numbered(8, dated(NOW)).sign(&root)).unwrap();
    assert_eq!(dates(&place), [NOW]);
}

#[test]
fn nothing_that_a_server_gives_instead_of_a_list_makes_the_gate_forget_it() {
    let root = TestCa::root("Root");
    let card = root.issue_with(CARD, |params| {
        params.custom_extensions.push(distribution_points(&[&[at_uri(HERE)]]));
    });
    let chain = proven(&card, &[], &[&root.certificate]);
    let forger = TestCa::root("Root");
    let full = CrlDraft { extensions: vec![number(5)], ..CrlDraft::revoking(&[CARD]) }.sign(&root);
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
    let mut all = place_of(&root);
    take(&mut all, &full).unwrap();
    for (what, other) in &others {
        let mut place = place_of(&root);
        take(&mut place, &full).unwrap();
        drop(take(&mut place, other));
        drop(take(&mut all, other));
        for (place, now) in
            [(&place, NOW), (&all, NOW), (&place, NOW.plus(2 * HOUR)), (&all, NOW.plus(2 * HOUR))]
        {
            let verdict = judged(place, &chain, now);
            assert!(matches!(verdict, Err(RevocationError::Revoked { .. })), "{what} at {now}: {verdict:?}");
        }
        // Nor does it the other way round: what comes later is heard.
        let mut place = place_of(&root);
        drop(take(&mut place, other));
        drop(take(&mut place, &full));
        let verdict = judged(&place, &chain, NOW);
        assert!(
            matches!(verdict, Err(RevocationError::Revoked { .. })),
            "{what}, then the full one: {verdict:?}"
        );
    }
    // The right one replaces the first and all that a wider one covers.
    let newest = CrlDraft { extensions: vec![number(10)], ..dated(NOW) }.sign(&root);
    take(&mut all, &newest).unwrap();
    assert!(all.crls().all(|crl| crl.digest() != decoded(&full).digest()));
}

#[test]
fn a_list_that_is_set_aside_is_taken_however_many_came_before_it() {
    let (root, chain) = root_and_card();
    let mut place = place_of(&root);
    let critical = extension(&[0x2a, 3], true, &[5, 0]);
    take(&mut place, &CrlDraft::default().sign(&root)).unwrap();
    for hour in (0..40).rev() {
        let serials: &[&[u8]] = if hour == 0 { &[CARD] } else { &[] };
        let this_update = before(NOW, hour * MINUTE);
        let extensions = vec![critical.clone()];
        let list = CrlDraft { this_update, extensions, ..CrlDraft::revoking(serials) }.sign(&root);
        take(&mut place, &list).unwrap();
        assert_eq!(place.crls().count(), 2, "the complete one and the newest of those that are set aside");
    }
    why_revoked(judged(&place, &chain, NOW));
}

#[test]
fn a_list_without_a_date_that_can_be_decoded_is_taken() {
    let (root, chain) = root_and_card();
    let mut place = place_of(&root);
    take(&mut place, &CrlDraft::default().sign(&root)).unwrap();
    let name = root.certificate.subject().der().to_vec();
    let entries = element(0x30, &entry(CARD, &[]));
    let parts = [element(2, &[1]), ecdsa_with_sha256(), name, element(0x17, b"now"), entries];
    take(&mut place, &root.sign_list(&element(0x30, &parts.concat()))).unwrap();
    why_revoked(judged(&place, &chain, NOW));
}

#[test]
fn a_delta_crl_is_kept_until_one_of_the_same_base_or_a_complete_one_replaces_it() {
    let (root, chain) = root_and_card();
    let mut place = place_of(&root);
    let draft = |own: u8, base: Option<u8>, age: Duration, serials: &[&[u8]]| {
        let extensions = [Some(number(own)), base.map(base_number)].into_iter().flatten().collect();
        CrlDraft { this_update: before(NOW, age), extensions, ..CrlDraft::revoking(serials) }.sign(&root)
    };
    take(&mut place, &draft(10, None, 5 * HOUR, &[])).unwrap();
    take(&mut place, &draft(12, Some(10), 4 * HOUR, &[CARD])).unwrap();
    // The card is in the complete CRL 13, which this place has not given, so the new delta CRL does not list it.
    take(&mut place, &draft(14, Some(13), 3 * HOUR, &[])).unwrap();
    why_revoked(judged(&place, &chain, NOW));
    take(&mut place, &draft(15, Some(10), 2 * HOUR, &[CARD])).unwrap();
    assert_eq!(dates(&place).len(), 2, "of base 10 or an older one, all that the others tell");
    take(&mut place, &draft(16, None, HOUR, &[CARD])).unwrap();
    assert_eq!(dates(&place), [before(NOW, HOUR)]);
}

#[test]
fn lists_of_unknown_signature_stand_beside_the_proven_one_and_are_few() {
    let (root, forger) = (TestCa::root("Root"), TestCa::root("Root"));
    let mut place = place_of(&root);
    take(&mut place, &dated(before(NOW, HOUR)).sign(&root)).unwrap();
    for age in (1..10).rev() {
        take(&mut place, &dated(before(NOW, age * MINUTE)).sign(&forger)).unwrap();
    }
    let forged = [9 * MINUTE, 8 * MINUTE, MINUTE].map(|age| before(NOW, age));
    assert_eq!(dates(&place), [&[before(NOW, HOUR)], forged.as_slice()].concat());
}

#[test]
fn forgeries_do_not_push_out_an_indirect_list_whose_signer_was_found() {
    let root = TestCa::root("Root");
    let lists = root.crl_signer("Lists", 9, |_| {});
    let named = distribution_points(&[&[at_uri(HERE), element(0xa2, &directory_name(&lists))]]);
    let card = root.issue_with(CARD, |params| params.custom_extensions.push(named));
    let chain = proven(&card, &[&lists.certificate], &[&root.certificate]);
    let of_root = extension(&[0x55, 0x1d, 29], true, &element(0x30, &directory_name(&root)));
    let indirect = |this_update, entries| CrlDraft {
        entries,
        extensions: vec![issuing_point(&[at_uri(HERE), vec![0x84, 1, 0xff]])],
        ..dated(this_update)
    };
    let mut place = place_of(&root);
    take(&mut place, &indirect(before(NOW, HOUR), vec![entry(CARD, &[of_root])]).sign(&lists)).unwrap();
    why_revoked(judged(&place, &chain, NOW));
    for age in (0..10).rev() {
        let forger = TestCa::root("Lists");
        take(&mut place, &indirect(before(NOW, age * MINUTE), vec![]).sign(&forger)).unwrap();
    }
    why_revoked(judged(&place, &chain, NOW));
    // An older one of the true signer is refused as well, and a newer one replaces it.
    let older = take(&mut place, &indirect(before(NOW, 2 * HOUR), vec![]).sign(&lists));
    assert!(matches!(older, Err(DownloadError::Older { .. })), "{older:?}");
    take(&mut place, &indirect(NOW, vec![]).sign(&lists)).unwrap();
    assert!(judged(&place, &chain, NOW).is_ok());
}

#[test]
fn a_list_from_disk_counts_as_proven_once_its_issuer_is_known() {
    let (root, forger) = (TestCa::root("Root"), TestCa::root("Root"));
    let mut place = kept_place(&dated(before(NOW, HOUR)).sign(&root));
    place.add_issuer(&root.certificate);
    take(&mut place, &dated(NOW).sign(&forger)).unwrap();
    assert_eq!(dates(&place), [before(NOW, HOUR), NOW]);
    let older = take(&mut place, &dated(before(NOW, 2 * HOUR)).sign(&root));
    assert!(matches!(older, Err(DownloadError::Older { .. })), "{older:?}");
}

#[test]
fn a_place_that_gives_ever_new_scopes_is_not_listened_to_for_ever() {
    let root = TestCa::root("Root");
    let mut place = place_of(&root);
    let partition = |part: usize, age| CrlDraft {
        extensions: vec![issuing_point(&[at_uri(&format!("http://pki.example/{part}.crl"))])],
        ..dated(before(NOW, age))
    };
    for part in 0..16 {
        take(&mut place, &partition(part, HOUR).sign(&root)).unwrap();
    }
    let refused = take(&mut place, &partition(16, HOUR).sign(&root));
    assert!(matches!(refused, Err(DownloadError::TooManyScopes { .. })), "{refused:?}");
    // News of those that it holds is taken all the same.
    take(&mut place, &partition(3, MINUTE).sign(&root)).unwrap();
    assert_eq!(dates(&place).len(), 16);
}

/// When a place is due again, to the second.
fn next_due(place: &mut DistributionPoint) -> Duration {
    let mut after = Duration::ZERO;
    while !place.is_due(NOW.plus(after)) {
        after += Duration::from_secs(1);
    }
    after
}

#[test]
fn a_list_is_fetched_again_after_half_of_its_life_at_most_four_hours() {
    let root = TestCa::root("Root");
    for (life, least, most) in [
        (20 * MINUTE, 9 * MINUTE, 10 * MINUTE),
        (MINUTE, Duration::from_secs(54), MINUTE),
        (24 * 365 * HOUR, 3 * HOUR + 36 * MINUTE, 4 * HOUR),
    ] {
        let mut place = place_of(&root);
        let draft = CrlDraft { next_update: Some(NOW.plus(life)), ..CrlDraft::default() };
        take(&mut place, &draft.sign(&root)).unwrap();
        place.succeeded(NOW);
        let due = next_due(&mut place);
        assert!(least <= due && due <= most, "{life:?}: {due:?}");
    }
}

#[test]
fn failures_are_tried_again_ever_more_slowly_but_never_given_up() {
    let mut place = place_of(&TestCa::root("Root"));
    for minutes in [1, 2, 4, 8, 16, 16] {
        place.begin();
        assert!(!place.is_due(UnixTime::END));
        place.failed(NOW);
        let due = next_due(&mut place);
        assert!(minutes * MINUTE * 9 / 10 <= due && due <= minutes * MINUTE, "{minutes}: {due:?}");
    }
}

#[test]
fn what_is_on_disk_is_not_fetched_before_a_certificate_names_it() {
    let root = TestCa::root("Root");
    let mut place = kept_place(&CrlDraft::default().sign(&root));
    assert!(!place.is_due(UnixTime::END) && place.initial_fetch().is_none());
    place.add_issuer(&root.certificate);
    assert!(place.is_due(NOW));
}

#[test]
fn a_stale_list_from_disk_is_waited_for_like_none() {
    let root = TestCa::root("Root");
    let stale = CrlDraft { next_update: Some(NOW), ..CrlDraft::default() };
    let place = kept_place(&stale.sign(&root));
    assert!(place.initial_fetch().is_some());
    place.announce();
    assert!(place.initial_fetch().is_none());
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

/// Keeps, with nothing that was there before.
fn keep(disk: &DiskCache, url: &str, bytes: &[u8], held: &[FileDigest]) {
    disk.write(&urls(url), bytes, held).unwrap();
}

#[test]
fn what_is_kept_is_read_again_by_the_same_realm_only() {
    let folder = tempfile::tempdir().unwrap();
    keep(&disk(&folder, "staff"), "http://a/1", b"first", &[]);
    keep(&disk(&folder, "staff"), "http://a/1", b"second\nline", &[]);
    assert_eq!(disk(&folder, "staff").read(10, 1000), [kept("http://a/1", b"second\nline")]);
    assert_eq!(disk(&folder, "guests").read(10, 1000), []);
}

#[test]
fn all_that_a_place_holds_is_kept_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    let disk = disk(&folder, "staff");
    keep(&disk, "http://a/1", b"full", &[]);
    keep(&disk, "http://a/2", b"of another place", &[]);
    keep(&disk, "http://a/1", b"for CAs", &[file_digest(b"full"), file_digest(b"for CAs")]);
    let all = || {
        let mut all: Vec<_> = disk.read(10, 1000).into_iter().map(|kept| kept.bytes).collect();
        all.sort();
        all
    };
    assert_eq!(all(), [&b"for CAs"[..], b"full", b"of another place"]);
    keep(&disk, "http://a/1", b"newer", &[file_digest(b"newer")]);
    assert_eq!(all(), [&b"newer"[..], b"of another place"]);
}

#[test]
fn what_is_read_from_disk_is_bounded_and_what_is_broken_or_changed_is_left_out() {
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
fn tidying_removes_what_belongs_to_no_place_of_the_realm() {
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

/// A realm that fetches, and nothing fetched yet.
fn fetching() -> LiveCrls {
    let settings =
        DownloadSettings { realm: "staff".into(), rules: FetchRules::default(), cache_folder: None };
    LiveCrls::load(Vec::new(), Some(settings), None, NOW).unwrap()
}

fn card_with_points(ca: &TestCa, urls: &[&str]) -> Certificate {
    ca.issue_with(CARD, |params| {
        params.crl_distribution_points =
            urls.iter().map(|url| rcgen::CrlDistributionPoint { uris: vec![(*url).to_owned()] }).collect();
    })
}

#[test]
fn the_points_of_a_proven_card_become_due_once() {
    let root = TestCa::root("Root");
    let card = card_with_points(&root, &["http://a.example/1.crl", "http://a.example/2.crl"]);
    let chain = proven(&card, &[], &[&root.certificate]);
    let crls = fetching();
    assert!(crls.due(8, NOW).is_empty());
    assert!(!crls.register(&chain, &REQUIRE, NOW).is_empty());
    assert_eq!(crls.due(1, NOW).len(), 1);
    assert_eq!(crls.due(8, NOW).len(), 1);
    crls.register(&chain, &REQUIRE, NOW);
    assert!(crls.due(8, NOW).is_empty());
}

#[test]
fn nothing_is_wanted_where_the_rule_asks_nothing() {
    let root = TestCa::root("Root");
    let chain = proven(&card_with_points(&root, &["http://a.example/1.crl"]), &[], &[&root.certificate]);
    let crls = fetching();
    assert!(crls.register(&chain, &of_mode(RevocationMode::Off), NOW).is_empty());
    let never = IssuerRule { key: root.certificate.key_id(), demand: RevocationDemand::Never };
    assert!(crls.register(&chain, &RevocationRule { issuers: vec![never], ..REQUIRE }, NOW).is_empty());
    assert!(crls.due(8, NOW).is_empty());
}

#[tokio::test]
async fn a_place_that_may_not_be_fetched_from_is_tried_once_and_no_longer_waited_for() {
    let root = TestCa::root("Root");
    let chain = proven(&card_with_points(&root, &["http://a.example/1.crl"]), &[], &[&root.certificate]);
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
fn a_realm_knows_so_many_places_and_no_more() {
    let root = TestCa::root("Root");
    let crls = fetching();
    let urls: Vec<String> = (0..1030).map(|number| format!("http://a.example/{number}.crl")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    for urls in urls.chunks(400) {
        let chain = proven(&card_with_points(&root, urls), &[], &[&root.certificate]);
        crls.register(&chain, &REQUIRE, NOW);
    }
    assert_eq!((crls.due(2000, NOW).len(), crls.rejected_distribution_points()), (1024, 6));
}
