//! What is taken of what was fetched, when it is fetched again, and what outlives a restart.

use super::super::crl::Crl;
use super::super::fetch::FetchRules;
use super::super::refresh::{DownloadError, DownloadSettings, PointUrls, decode};
use super::super::refresh_disk::{Disk, Kept};
use super::super::refresh_place::{Place, Standing};
use super::super::store_live::LiveCrls;
use super::super::test_pki::CrlDraft;
use super::*;
use crate::certificate::Certificate;
use crate::clock::UnixTime;

const MINUTE: Duration = Duration::from_secs(60);

/// A place that the certificates of `ca` name.
fn place_of(ca: &Ca) -> Place {
    let mut place = Place::new(NOW);
    assert!(place.add_issuer(&ca.certificate));
    place
}

fn decoded(der: &[u8]) -> Arc<Crl> {
    decode(der, &urls("http://pki.example/root.crl")).unwrap()
}

/// The dates of the CRLs that a place holds.
fn dates(place: &Place) -> Vec<UnixTime> {
    place.crls().map(|crl| crl.source().this_update).collect()
}

fn dated(this_update: UnixTime) -> CrlDraft {
    CrlDraft { this_update, ..CrlDraft::default() }
}

#[test]
fn a_proven_list_replaces_all_before_it() {
    let root = Ca::root("Root");
    let mut place = place_of(&root);
    for age in [3 * HOUR, 2 * HOUR, HOUR] {
        let crl = decoded(&dated(before(NOW, age)).sign(&root));
        place.take(crl, 100, Standing::Proven, NOW).unwrap();
    }
    assert_eq!((dates(&place), place.bytes()), (vec![before(NOW, HOUR)], 100));
}

#[test]
fn an_older_list_does_not_replace_a_newer_one() {
    let root = Ca::root("Root");
    let mut place = place_of(&root);
    let (held, fetched) = (before(NOW, HOUR), before(NOW, 2 * HOUR));
    place.take(decoded(&dated(held).sign(&root)), 1, Standing::Proven, NOW).unwrap();
    let older = place.take(decoded(&dated(fetched).sign(&root)), 1, Standing::Proven, NOW);
    assert!(matches!(older, Err(DownloadError::Older { fetched: f, held: h }) if (f, h) == (fetched, held)));
    assert_eq!(dates(&place), [held]);
}

#[test]
fn a_list_dated_in_the_future_does_not_lock_out_a_sound_one() {
    let root = Ca::root("Root");
    let mut place = place_of(&root);
    place.take(decoded(&dated(NOW.plus(HOUR)).sign(&root)), 1, Standing::Proven, NOW).unwrap();
    place.take(decoded(&dated(NOW).sign(&root)), 1, Standing::Proven, NOW).unwrap();
    assert_eq!(dates(&place), [NOW]);
}

#[test]
fn a_list_of_unknown_signature_stands_beside_the_proven_one_and_replaces_only_its_like() {
    let (root, forger) = (Ca::root("Root"), Ca::root("Root"));
    let mut place = place_of(&root);
    place.take(decoded(&dated(before(NOW, HOUR)).sign(&root)), 1, Standing::Proven, NOW).unwrap();
    for age in [2 * MINUTE, MINUTE] {
        let forged = decoded(&dated(before(NOW, age)).sign(&forger));
        place.take(forged, 1, Standing::NotProven, NOW).unwrap();
    }
    assert_eq!(dates(&place), [before(NOW, HOUR), before(NOW, MINUTE)]);
}

#[test]
fn a_list_from_disk_counts_as_proven_once_its_issuer_is_known() {
    let (root, forger) = (Ca::root("Root"), Ca::root("Root"));
    let mut place = Place::kept(decoded(&dated(before(NOW, HOUR)).sign(&root)), 1, NOW);
    place.add_issuer(&root.certificate);
    let forged = decoded(&dated(NOW).sign(&forger));
    place.take(forged, 1, Standing::NotProven, NOW).unwrap();
    assert_eq!(dates(&place), [before(NOW, HOUR), NOW]);
}

/// When a place is due again, to the second.
fn next_due(place: &mut Place) -> Duration {
    let mut after = Duration::ZERO;
    while !place.is_due(NOW.plus(after)) {
        after += Duration::from_secs(1);
    }
    after
}

#[test]
fn a_list_is_fetched_again_after_half_of_its_life_at_most_four_hours() {
    let root = Ca::root("Root");
    for (life, least, most) in [
        (20 * MINUTE, 9 * MINUTE, 10 * MINUTE),
        (MINUTE, Duration::from_secs(54), MINUTE),
        (24 * 365 * HOUR, 3 * HOUR + 36 * MINUTE, 4 * HOUR),
    ] {
        let mut place = place_of(&root);
        let draft = CrlDraft { next_update: Some(NOW.plus(life)), ..CrlDraft::default() };
        place.take(decoded(&draft.sign(&root)), 1, Standing::Proven, NOW).unwrap();
        place.succeeded(NOW);
        let due = next_due(&mut place);
        assert!(least <= due && due <= most, "{life:?}: {due:?}");
    }
}

#[test]
fn failures_are_tried_again_ever_more_slowly_but_never_given_up() {
    let mut place = place_of(&Ca::root("Root"));
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
    let root = Ca::root("Root");
    let mut place = Place::kept(decoded(&CrlDraft::default().sign(&root)), 1, NOW);
    assert!(!place.is_due(UnixTime::END) && place.first_fetch().is_none());
    place.add_issuer(&root.certificate);
    assert!(place.is_due(NOW));
}

#[test]
fn a_stale_list_from_disk_is_waited_for_like_none() {
    let root = Ca::root("Root");
    let stale = CrlDraft { next_update: Some(NOW), ..CrlDraft::default() };
    let place = Place::kept(decoded(&stale.sign(&root)), 1, NOW);
    assert!(place.first_fetch().is_some());
    place.announce();
    assert!(place.first_fetch().is_none());
}

fn urls(url: &str) -> PointUrls {
    [url.to_owned()].into()
}

#[test]
fn what_is_kept_is_read_again_by_the_same_realm_only() {
    let folder = tempfile::tempdir().unwrap();
    let disk = |realm: &str| Disk::new(folder.path().to_owned(), &realm.into());
    disk("staff").keep(&urls("http://a/1"), b"first").unwrap();
    disk("staff").keep(&urls("http://a/1"), b"second\nline").unwrap();
    let kept = Kept { urls: urls("http://a/1"), bytes: b"second\nline".to_vec() };
    assert_eq!(disk("staff").read(10, 1000), [kept]);
    assert_eq!(disk("guests").read(10, 1000), []);
}

#[test]
fn what_is_read_from_disk_is_bounded_and_what_is_broken_passed_over() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new(folder.path().to_owned(), &"staff".into());
    for name in ["http://a/1", "http://a/2", "http://a/3"] {
        disk.keep(&urls(name), &[0; 500]).unwrap();
    }
    assert_eq!(disk.read(2, 10_000).len(), 2);
    assert_eq!(disk.read(10, 1200).len(), 2);
    let file = std::fs::read_dir(folder.path()).unwrap().next().unwrap().unwrap().path();
    std::fs::write(file, "no heading").unwrap();
    assert_eq!(disk.read(10, 10_000).len(), 2);
}

#[test]
fn tidying_removes_what_belongs_to_no_place_of_the_realm() {
    let folder = tempfile::tempdir().unwrap();
    let disk = |realm: &str| Disk::new(folder.path().to_owned(), &realm.into());
    disk("staff").keep(&urls("http://a/1"), b"x").unwrap();
    disk("staff").keep(&urls("http://a/2"), b"x").unwrap();
    disk("guests").keep(&urls("http://a/1"), b"x").unwrap();
    std::fs::write(folder.path().join("a note"), "").unwrap();
    disk("staff").tidy(&[urls("http://a/2")]);
    assert_eq!(disk("staff").read(10, 1000).len(), 1);
    assert_eq!(disk("guests").read(10, 1000).len(), 1);
    assert!(folder.path().join("a note").exists());
}

/// A realm that fetches, and nothing fetched yet.
fn fetching() -> LiveCrls {
    let settings =
        DownloadSettings { realm: "staff".into(), rules: FetchRules::default(), cache_folder: None };
    LiveCrls::load(Vec::new(), Some(settings), None, NOW).unwrap()
}

fn card_with_points(ca: &Ca, urls: &[&str]) -> Certificate {
    ca.issue_with(CARD, |params| {
        params.crl_distribution_points =
            urls.iter().map(|url| rcgen::CrlDistributionPoint { uris: vec![(*url).to_owned()] }).collect();
    })
}

#[test]
fn the_points_of_a_proven_card_become_due_once() {
    let root = Ca::root("Root");
    let card = card_with_points(&root, &["http://a.example/1.crl", "http://a.example/2.crl"]);
    let chain = proven(&card, &[], &[&root.certificate]);
    let crls = fetching();
    assert!(crls.due(8, NOW).is_empty());
    assert!(!crls.want(&chain, &REQUIRE, NOW).is_empty());
    assert_eq!(crls.due(1, NOW).len(), 1);
    assert_eq!(crls.due(8, NOW).len(), 1);
    crls.want(&chain, &REQUIRE, NOW);
    assert!(crls.due(8, NOW).is_empty());
}

#[test]
fn nothing_is_wanted_where_the_rule_asks_nothing() {
    let root = Ca::root("Root");
    let chain = proven(&card_with_points(&root, &["http://a.example/1.crl"]), &[], &[&root.certificate]);
    let crls = fetching();
    assert!(crls.want(&chain, &of_mode(RevocationMode::Off), NOW).is_empty());
    let never = IssuerRule { key: root.certificate.key_id(), demand: RevocationDemand::Never };
    assert!(crls.want(&chain, &RevocationRule { issuers: vec![never], ..REQUIRE }, NOW).is_empty());
    assert!(crls.due(8, NOW).is_empty());
}

#[tokio::test]
async fn a_place_that_may_not_be_fetched_from_is_tried_once_and_no_longer_waited_for() {
    let root = Ca::root("Root");
    let chain = proven(&card_with_points(&root, &["http://a.example/1.crl"]), &[], &[&root.certificate]);
    let crls = Arc::new(fetching());
    let first = crls.want(&chain, &REQUIRE, NOW);
    let urls = crls.due(8, NOW).remove(0);
    let failed = Arc::clone(&crls).fetch(urls, NOW).await;
    assert!(matches!(failed, Err(DownloadError::Fetch(_))), "{failed:?}");
    first.done().await;
    assert!(crls.want(&chain, &REQUIRE, NOW).is_empty());
    assert!(crls.due(8, NOW.plus(24 * HOUR)).is_empty());
}

#[test]
fn a_realm_knows_so_many_places_and_no_more() {
    let root = Ca::root("Root");
    let crls = fetching();
    let urls: Vec<String> = (0..1030).map(|number| format!("http://a.example/{number}.crl")).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    for urls in urls.chunks(400) {
        let chain = proven(&card_with_points(&root, urls), &[], &[&root.certificate]);
        crls.want(&chain, &REQUIRE, NOW);
    }
    assert_eq!((crls.due(2000, NOW).len(), crls.refused_places()), (1024, 6));
}
