//! The check of chains with CRLs.

use super::*;
use crate::certificate::signature::SignatureError;
use crate::revocation::test_pki::{CrlDraft, element, entry, extension, reason};
use rcgen::KeyUsagePurpose;

#[test]
fn a_certificate_that_a_fresh_crl_does_not_list_passes_until_the_next_crl_is_due() {
    let (root, chain) = root_and_chain();
    let crl = CrlDraft::revoking(&[&[9], &[0x2b, 2]]).sign(&root);
    let passed = check_crls(&chain, &REQUIRE, &[&crl]).unwrap();
    assert_eq!(passed.deadline(), NOW.plus(HOUR));
    assert_eq!(passed.paths().count(), 1);
    let [status] = passed.status() else { panic!("{passed:?}") };
    assert_eq!(status.certificate, *chain.leaf());
    let RevocationVerdict::NotRevoked(sources) = &status.verdict else { panic!("{status:?}") };
    let [source] = sources.as_slice() else { panic!("{sources:?}") };
    assert_eq!((source.this_update, source.next_update), (before(NOW, HOUR), Some(NOW.plus(HOUR))));
}

#[test]
fn a_revoked_certificate_is_rejected_with_the_reason_of_the_crl() {
    let (root, chain) = root_and_chain();
    let reasons = [
        (1, RevocationReason::KeyCompromise),
        (6, RevocationReason::CertificateHold),
        (8, RevocationReason::RemoveFromCrl),
        (7, RevocationReason::Unknown),
    ];
    for (code, expected) in reasons {
        let entries = vec![entry(&[1], &[]), entry(SERIAL, &[reason(code)]), entry(&[0x7f, 1], &[])];
        let crl = CrlDraft { entries, ..CrlDraft::default() }.sign(&root);
        for rule in [REQUIRE, PREFER] {
            let found = why_revoked(check_crls(&chain, &rule, &[&crl]));
            assert_eq!(found, ("CN=alice".to_owned(), expected));
        }
    }
}

#[test]
fn without_a_crl_require_rejects_and_prefer_passes_for_a_minute() {
    let (_, chain) = root_and_chain();
    assert_eq!(why_unknown(&chain, &[]), UnknownReason::NoCrl);
    let passed = check_crls(&chain, &PREFER, &[]).unwrap();
    assert_eq!(passed.deadline(), NOW.plus(Duration::from_secs(60)));
    assert_eq!(passed.status()[0].verdict, RevocationVerdict::Unknown(UnknownReason::NoCrl));
}

#[test]
fn mode_off_accepts_a_revoked_certificate_and_reports_no_status() {
    let (root, chain) = root_and_chain();
    let off = of_mode(RevocationMode::Off);
    let passed = check_crls(&chain, &off, &[&CrlDraft::revoking(&[SERIAL]).sign(&root)]).unwrap();
    assert_eq!((passed.deadline(), passed.status()), (chain.deadline(), &[][..]));
}

#[test]
fn the_default_rule_requires_the_status() {
    assert_eq!(RevocationRule::default(), REQUIRE);
}

#[test]
fn an_expired_crl_is_accepted_during_its_grace_and_not_a_second_longer() {
    let (root, chain) = root_and_chain();
    let due = before(NOW, HOUR);
    let draft = CrlDraft { next_update: Some(due), this_update: before(due, HOUR), ..CrlDraft::default() };
    let crl = draft.sign(&root);
    let issuer = root.certificate.subject().clone();
    let expired = UnknownReason::Expired { issuer, next_update: Some(due) };
    let which = chain.leaf().clone();
    for grace in [Duration::ZERO, HOUR] {
        let result = check_crls_at(&chain, &RevocationRule { grace, ..REQUIRE }, &[&crl], NOW);
        assert_eq!(
            result.unwrap_err(),
            RevocationError::Unknown { which: which.clone(), why: expired.clone() }
        );
    }
    let grace = HOUR + Duration::from_secs(1);
    let passed = check_crls_at(&chain, &RevocationRule { grace, ..REQUIRE }, &[&crl], NOW).unwrap();
    assert_eq!(passed.deadline(), NOW.plus(Duration::from_secs(1)));
}

#[test]
fn a_certificate_on_an_expired_crl_stays_revoked_under_prefer() {
    let (root, chain) = root_and_chain();
    let draft = CrlDraft { next_update: Some(before(NOW, HOUR / 2)), ..CrlDraft::revoking(&[SERIAL]) };
    why_revoked(check_crls(&chain, &PREFER, &[&draft.sign(&root)]));
}

#[test]
fn a_crl_without_next_update_has_expired_at_once_whatever_the_grace() {
    let (root, chain) = root_and_chain();
    let crl = CrlDraft { next_update: None, ..CrlDraft::default() }.sign(&root);
    assert!(matches!(store(&[&crl]).notes(), [CrlNote::NoNextUpdate { .. }]));
    let result = check_crls_at(&chain, &RevocationRule { grace: 99 * HOUR, ..REQUIRE }, &[&crl], NOW);
    let why = UnknownReason::Expired { issuer: root.certificate.subject().clone(), next_update: None };
    assert_eq!(result.unwrap_err(), RevocationError::Unknown { which: chain.leaf().clone(), why });
}

#[test]
fn a_crl_dated_in_the_future_revokes_but_does_not_show_good_status() {
    let (root, chain) = root_and_chain();
    let tomorrow = NOW.plus(24 * HOUR);
    let draft = |entries| CrlDraft {
        this_update: tomorrow,
        next_update: Some(tomorrow.plus(HOUR)),
        entries,
        ..CrlDraft::default()
    };
    let clean = draft(Vec::new()).sign(&root);
    assert_eq!(why_unknown(&chain, &[&clean]), UnknownReason::NotYetValid { this_update: tomorrow });
    why_revoked(check_crls(&chain, &PREFER, &[&draft(vec![entry(SERIAL, &[])]).sign(&root)]));

    let long = CrlDraft { next_update: Some(tomorrow.plus(HOUR)), ..CrlDraft::default() }.sign(&root);
    assert_eq!(check_crls(&chain, &REQUIRE, &[&clean, &long]).unwrap().deadline(), tomorrow);
}

#[test]
fn of_several_crls_the_newest_that_the_issuer_signed_counts() {
    let (root, chain) = root_and_chain();
    let forger = TestCa::root("Root");
    let old = CrlDraft { this_update: before(NOW, 2 * HOUR), ..CrlDraft::revoking(&[SERIAL]) }.sign(&root);
    let new = CrlDraft::default().sign(&root);
    let newest = before(NOW, HOUR / 2);
    let forged = CrlDraft { this_update: newest, ..CrlDraft::revoking(&[SERIAL]) }.sign(&forger);
    assert!(check_crls(&chain, &REQUIRE, &[&old, &new, &forged]).is_ok());
    why_revoked(check_crls(&chain, &REQUIRE, &[&forged, &old]));
}

#[test]
fn a_crl_that_another_key_signed_does_not_count() {
    let (root, chain) = root_and_chain();
    let mallory = TestCa::root("Mallory");
    assert_eq!(
        why_unknown(&chain, &[&CrlDraft::default().sign_as(&root, &mallory)]),
        UnknownReason::Signature(SignatureError::Wrong)
    );
    assert_eq!(why_unknown(&chain, &[&CrlDraft::default().sign(&mallory)]), UnknownReason::NoCrl);
}

#[test]
fn a_crl_of_a_ca_without_the_key_usage_crl_sign_does_not_count() {
    let root = TestCa::root_with("Root", |params| params.key_usages = vec![KeyUsagePurpose::KeyCertSign]);
    let chain = proven(&root.issue("alice", SERIAL), &[], &[&root.certificate]);
    assert_eq!(why_unknown(&chain, &[&CrlDraft::default().sign(&root)]), UnknownReason::IssuerMayNotSign);
}

#[test]
fn an_unusable_crl_revokes_the_certificates_that_it_lists_and_shows_good_status_of_none() {
    let (root, chain) = root_and_chain();
    let unknown = const_oid::ObjectIdentifier::new_unwrap("1.2.3");
    let number = const_oid::db::rfc5280::ID_CE_CRL_NUMBER;
    let numbered = extension(&[0x55, 0x1d, 20], false, &[2, 1, 1]);
    let two_kinds = extension(&[0x55, 0x1d, 28], true, &element(0x30, &[0x81, 1, 0xff, 0x82, 1, 0xff]));
    let negative = extension(&[0x55, 0x1d, 27], true, &[2, 1, 0xff]);
    let critical = extension(&[0x2a, 3], true, &[5, 0]);
    let no_issuer = extension(&[0x55, 0x1d, 29], true, &element(0x30, &[]));
    let other =
        extension(&[0x55, 0x1d, 29], true, &element(0x30, &element(0xa4, root.certificate.subject().der())));
    let undecodable = UnusableReason::UndecodableExtension;
    let cases = [
        (
            vec![two_kinds],
            vec![],
            undecodable(const_oid::db::rfc5280::ID_CE_ISSUING_DISTRIBUTION_POINT.into()),
        ),
        (vec![negative], vec![], undecodable(const_oid::db::rfc5280::ID_CE_DELTA_CRL_INDICATOR.into())),
        (vec![critical.clone()], vec![], UnusableReason::CriticalExtension(unknown.into())),
        (vec![numbered.clone(), numbered], vec![], UnusableReason::RepeatedExtension(number.into())),
        (vec![], vec![critical], UnusableReason::CriticalEntryExtension(unknown.into())),
        (vec![], vec![no_issuer], UnusableReason::EntryIssuer),
        (vec![], vec![other], UnusableReason::Indirect),
    ];
    for (extensions, of_entry, why) in cases {
        let listing = |serial: &[u8]| {
            let (extensions, entries) = (extensions.clone(), vec![entry(serial, &of_entry)]);
            CrlDraft { extensions, entries, ..CrlDraft::default() }
        };
        let crl = listing(&[9]).sign(&root);
        assert_eq!(why_unknown(&chain, &[&crl]), UnknownReason::Unusable(why));
        assert!(matches!(store(&[&crl]).notes(), [CrlNote::Unusable { why: noted, .. }] if *noted == why));
        let clean = CrlDraft::default().sign(&root);
        for crls in [vec![listing(SERIAL).sign(&root)], vec![listing(SERIAL).sign(&root), clean]] {
            let crls: Vec<&[u8]> = crls.iter().map(Vec::as_slice).collect();
            why_revoked(check_crls(&chain, &PREFER, &crls));
        }
        let forged = listing(SERIAL).sign_as(&root, &TestCa::root("Mallory"));
        assert!(check_crls(&chain, &PREFER, &[&forged]).is_ok());
    }
}

#[test]
fn a_complete_crl_counts_beside_an_unusable_one() {
    let (root, chain) = root_and_chain();
    let delta = extension(&[0x55, 0x1d, 27], true, &[2, 1, 1]);
    let newer =
        CrlDraft { this_update: before(NOW, HOUR / 2), extensions: vec![delta], ..CrlDraft::default() };
    let complete = CrlDraft::default();
    assert!(check_crls(&chain, &REQUIRE, &[&newer.sign(&root), &complete.sign(&root)]).is_ok());
}

#[test]
fn every_certificate_of_the_path_except_the_anchor_is_checked() {
    let root = TestCa::root("Root");
    let issuing = root.sub_ca("Issuing", 7);
    let chain = proven(&issuing.issue("alice", SERIAL), &[&issuing.certificate], &[&root.certificate]);
    let of_issuing = CrlDraft::default().sign(&issuing);
    let result = check_crls(&chain, &REQUIRE, &[&of_issuing]).unwrap_err();
    let which = issuing.certificate.clone();
    assert_eq!(result, RevocationError::Unknown { which, why: UnknownReason::NoCrl });
    let passed = check_crls(&chain, &REQUIRE, &[&of_issuing, &CrlDraft::default().sign(&root)]).unwrap();
    assert_eq!(passed.status().len(), 2);
    let revoked = check_crls(&chain, &PREFER, &[&of_issuing, &CrlDraft::revoking(&[&[7]]).sign(&root)]);
    assert_eq!(why_revoked(revoked).0, "CN=Issuing");
}

#[test]
fn a_path_with_a_revoked_certificate_is_removed_and_the_others_stay() {
    let (one, other) = (TestCa::root("One"), TestCa::root("Other"));
    let issuing = one.sub_ca("Issuing", 7);
    let usages = [KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let cross = other.certify(&issuing, "Issuing", 8, &usages);
    let intermediates = [&issuing.certificate, &cross];
    let anchors = [&one.certificate, &other.certificate];
    let chain = proven(&issuing.issue("alice", SERIAL), &intermediates, &anchors);
    assert_eq!(chain.paths().len(), 2);

    let of_issuing = CrlDraft::default().sign(&issuing);
    let of_other = CrlDraft::default().sign(&other);
    let revoking = CrlDraft::revoking(&[&[7]]).sign(&one);
    let passed = check_crls(&chain, &REQUIRE, &[&of_issuing, &of_other, &revoking]).unwrap();
    let kept: Vec<_> = passed.paths().map(|path| path.certificates()[1].clone()).collect();
    assert_eq!(kept, [cross]);
    // The status of the other path is unknown: the revoked certificate is reported.
    why_revoked(check_crls(&chain, &REQUIRE, &[&of_issuing, &revoking]));
}

#[test]
fn a_certificate_that_is_revoked_on_one_path_is_revoked_on_all() {
    let (one, other) = (TestCa::root("One"), TestCa::root("Other"));
    let issuing = one.sub_ca("Issuing", 7);
    let cross = other.certify(&issuing, "Issuing", 8, &[KeyUsagePurpose::KeyCertSign]);
    let leaf = issuing.issue("alice", SERIAL);
    let anchors = [&one.certificate, &other.certificate];
    let chain = proven(&leaf, &[&issuing.certificate, &cross], &anchors);
    assert_eq!(chain.paths().len(), 2);
    let revoking = CrlDraft::revoking(&[SERIAL]).sign(&issuing);
    why_revoked(check_crls(&chain, &PREFER, &[&revoking]));
    // If the issuer on the only path may not sign CRLs, the status is unknown.
    let chain = proven(&leaf, &[&cross], &[&other.certificate]);
    assert!(check_crls(&chain, &PREFER, &[&revoking]).is_ok());
}

#[test]
fn an_issuer_may_have_a_stricter_or_weaker_rule_than_the_realm() {
    let (root, other) = (TestCa::root("Root"), TestCa::root("Other"));
    let issuing = root.sub_ca("Issuing", 7);
    let chain = proven(&issuing.issue("alice", SERIAL), &[&issuing.certificate], &[&root.certificate]);
    let of_issuing = CrlDraft::default().sign(&issuing);
    let revoking = CrlDraft::revoking(&[&[7]]).sign(&root);
    let result = |mode, ca: &TestCa, demand, crls: &[&[u8]]| {
        let key = ca.certificate.key_id();
        check_crls(
            &chain,
            &RevocationRule { issuers: vec![IssuerRule { key, demand }], ..of_mode(mode) },
            crls,
        )
    };
    use RevocationDemand::{IfAvailable, Never, Required};
    use RevocationMode::{Off, Require};

    let offline = result(Require, &root, IfAvailable, &[&of_issuing]).unwrap();
    assert_eq!(offline.status().len(), 2);
    assert_eq!(offline.deadline(), NOW.plus(UNKNOWN_LIFETIME));
    why_revoked(result(Require, &root, IfAvailable, &[&of_issuing, &revoking]));
    let unchecked = result(Require, &root, Never, &[&of_issuing, &revoking]).unwrap();
    assert_eq!((unchecked.status().len(), unchecked.deadline()), (1, NOW.plus(HOUR)));

    assert_eq!(result(Off, &root, Required, &[]).unwrap_err().which(), &issuing.certificate);
    assert!(result(Off, &other, Required, &[]).is_ok());
    assert!(result(Require, &other, Never, &[&of_issuing]).is_err());
}

#[test]
fn of_two_rules_for_one_issuer_the_stricter_applies() {
    let key = TestCa::root("Root").certificate.key_id();
    let rule = |demand| IssuerRule { key, demand };
    let issuers = vec![rule(RevocationDemand::Never), rule(RevocationDemand::IfAvailable)];
    let rule = RevocationRule { issuers, ..REQUIRE };
    assert_eq!(rule.demand_of(key), RevocationDemand::IfAvailable);
}
