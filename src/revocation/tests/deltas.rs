//! Delta CRLs, combined with complete CRLs and alone.

use super::*;
use crate::revocation::test_pki::{CrlDraft, base_number, entry, issuing_point, number, reason};

const HOLD: u8 = 6;
const REMOVE: u8 = 8;

/// Returns a complete CRL with this number and the default dates: issued an hour ago, valid for another hour.
fn complete(own: u8, entries: Vec<Vec<u8>>) -> CrlDraft {
    CrlDraft { entries, extensions: vec![number(own)], ..CrlDraft::default() }
}

/// Returns a delta CRL of half an hour ago, based on the CRL with the number `base`.
fn delta(base: u8, own: u8, entries: Vec<Vec<u8>>) -> CrlDraft {
    let extensions = vec![number(own), base_number(base)];
    CrlDraft { this_update: before(NOW, HOUR / 2), entries, extensions, ..CrlDraft::default() }
}

fn on_hold() -> Vec<Vec<u8>> {
    vec![entry(SERIAL, &[reason(HOLD)])]
}

fn removed() -> Vec<Vec<u8>> {
    vec![entry(SERIAL, &[reason(REMOVE)])]
}

#[test]
fn a_delta_crl_revokes_a_certificate_that_its_complete_crl_does_not_list() {
    let (root, chain) = root_and_chain();
    let revoking = delta(1, 2, vec![entry(SERIAL, &[reason(1)])]).sign(&root);
    let found = why_revoked(check_crls(&chain, &REQUIRE, &[&complete(1, vec![]).sign(&root), &revoking]));
    assert_eq!(found.1, RevocationReason::KeyCompromise);
    let passed =
        check_crls(&chain, &REQUIRE, &[&complete(1, vec![]).sign(&root), &delta(1, 2, vec![]).sign(&root)]);
    let status = passed.unwrap().status().to_vec();
    let RevocationVerdict::NotRevoked(sources) = &status[0].verdict else { panic!("{status:?}") };
    let numbers: Vec<_> = sources.iter().map(|crl| crl.number.clone().unwrap().to_string()).collect();
    assert_eq!(numbers, ["01", "02"]);
}

#[test]
fn a_fresh_delta_crl_lifts_a_hold_only() {
    let (root, chain) = root_and_chain();
    let check_crls = |base: CrlDraft, news: CrlDraft| {
        check_crls(&chain, &REQUIRE, &[&base.sign(&root), &news.sign(&root)])
    };
    assert!(check_crls(complete(1, on_hold()), delta(1, 2, removed())).is_ok());
    assert!(check_crls(complete(1, vec![]), delta(1, 2, removed())).is_ok());
    why_revoked(check_crls(complete(1, vec![entry(SERIAL, &[reason(1)])]), delta(1, 2, removed())));
    why_revoked(check_crls(complete(1, on_hold()), delta(1, 2, vec![])));
    let stale = CrlDraft { next_update: Some(before(NOW, HOUR / 4)), ..delta(1, 2, removed()) };
    why_revoked(check_crls(complete(1, on_hold()), stale));
}

#[test]
fn the_newest_matching_delta_crl_counts() {
    let (root, chain) = root_and_chain();
    let base = complete(1, vec![]).sign(&root);
    let hold = CrlDraft { this_update: before(NOW, HOUR * 3 / 4), ..delta(1, 2, on_hold()) }.sign(&root);
    let lifted = delta(1, 3, removed()).sign(&root);
    why_revoked(check_crls(&chain, &REQUIRE, &[&base, &hold]));
    assert!(check_crls(&chain, &REQUIRE, &[&base, &hold, &lifted]).is_ok());
}

#[test]
fn a_delta_crl_of_another_base_scope_key_or_time_is_not_combined() {
    let (root, chain) = root_and_chain();
    let base = complete(3, on_hold()).sign(&root);
    let forger = TestCa::root("Root");
    let mut users = delta(1, 4, removed());
    users.extensions.push(issuing_point(&[vec![0x81, 1, 0xff]]));
    let tomorrow = CrlDraft { this_update: NOW.plus(24 * HOUR), ..delta(1, 4, removed()) };
    let others = [
        delta(4, 5, removed()).sign(&root),
        delta(1, 3, removed()).sign(&root),
        delta(1, 4, removed()).sign(&forger),
        users.sign(&root),
        tomorrow.sign(&root),
    ];
    for other in others {
        why_revoked(check_crls(&chain, &PREFER, &[&base, &other]));
    }
    assert!(check_crls(&chain, &REQUIRE, &[&base, &delta(3, 4, removed()).sign(&root)]).is_ok());
}

#[test]
fn a_delta_crl_alone_revokes_but_never_shows_good_status() {
    let (root, chain) = root_and_chain();
    assert_eq!(why_unknown(&chain, &[&delta(1, 2, vec![]).sign(&root)]), UnknownReason::DeltaWithoutBase);
    assert_eq!(why_unknown(&chain, &[&delta(1, 2, removed()).sign(&root)]), UnknownReason::DeltaWithoutBase);
    why_revoked(check_crls(&chain, &PREFER, &[&delta(1, 2, on_hold()).sign(&root)]));
    // Also beside a complete CRL that it is not based on, if it is newer.
    let unnumbered = CrlDraft::default().sign(&root);
    why_revoked(check_crls(&chain, &PREFER, &[&unnumbered, &delta(1, 2, on_hold()).sign(&root)]));
    let newer = CrlDraft { this_update: before(NOW, HOUR / 4), ..CrlDraft::default() }.sign(&root);
    assert!(check_crls(&chain, &REQUIRE, &[&newer, &delta(1, 2, on_hold()).sign(&root)]).is_ok());
}

#[test]
fn a_complete_crl_with_its_delta_crl_is_accepted_while_one_of_them_is_fresh() {
    let (root, chain) = root_and_chain();
    let due = |minutes: u32| NOW.plus(HOUR * minutes / 60);
    let check_crls_at = |base_due, delta_due, now| {
        let base = CrlDraft { next_update: Some(base_due), ..complete(1, vec![]) };
        let news = CrlDraft { next_update: Some(delta_due), ..delta(1, 2, vec![]) };
        check_crls_at(&chain, &REQUIRE, &[&base.sign(&root), &news.sign(&root)], now)
    };
    // A weekly complete CRL, a daily delta CRL: looked up again when the delta CRL expires, and accepted alone.
    assert_eq!(check_crls_at(due(60), due(10), NOW).unwrap().deadline(), due(10));
    assert_eq!(check_crls_at(due(60), due(10), due(10)).unwrap().deadline(), due(60));
    // The complete CRL has expired and the delta CRL has not.
    assert_eq!(check_crls_at(due(10), due(60), due(20)).unwrap().deadline(), due(60));
    assert!(check_crls_at(due(10), due(60), due(60)).is_err());
}
