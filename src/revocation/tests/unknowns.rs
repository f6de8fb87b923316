//! The reasons for an unknown status, and how rules treat them over time.

use super::*;
use crate::revocation::test_pki::{CrlDraft, at_uri, base_number, extension, issuing_point};
use std::error::Error;

fn message(why: &UnknownReason) -> String {
    why.source().map_or(why.to_string(), |cause| format!("{why}: {cause}"))
}

#[test]
fn each_reason_for_an_unknown_status_has_its_own_message() {
    let (root, chain) = root_and_chain();
    let mallory = TestCa::root("Mallory");
    let delegate = root.crl_signer("Root", 9, |params| {
        params.not_after = rcgen::date_time_ymd(2026, 11, 1);
    });
    let signed = |extensions| CrlDraft { extensions, ..CrlDraft::default() }.sign(&root);
    let tomorrow = CrlDraft { this_update: NOW.plus(24 * HOUR), ..CrlDraft::default() };
    let stale = CrlDraft { next_update: Some(before(NOW, HOUR / 2)), ..CrlDraft::default() };
    let cases: [(Vec<u8>, &str); 8] = [
        (CrlDraft::default().sign(&mallory), "no CRL of its issuer"),
        (stale.sign(&root), "the CRL of CN=Root has expired"),
        (tomorrow.sign(&root), "the CRL of its issuer is not valid before 2026-11-23T09:30:00.000Z"),
        (
            CrlDraft::default().sign_as(&root, &mallory),
            "no CRL with the name of its issuer is signed by its issuer's key: the signature was not made by this key",
        ),
        (
            signed(vec![issuing_point(&[at_uri("http://elsewhere.example/")])]),
            "the available CRLs do not cover it",
        ),
        (
            signed(vec![issuing_point(&[vec![0x83, 1, 0]])]),
            "the available CRLs do not cover all revocation reasons",
        ),
        (
            signed(vec![base_number(1)]),
            "a delta CRL of its issuer is available, but not the complete CRL that it is based on",
        ),
        (
            signed(vec![extension(&[0x2a, 3], true, &[5, 0])]),
            "the CRL of its issuer cannot show that it is not revoked: it has the unsupported critical extension 1.2.3",
        ),
    ];
    for (crl, expected_message) in cases {
        assert_eq!(message(&why_unknown(&chain, &[&crl])), expected_message);
        let passed = check_crls(&chain, &PREFER, &[&crl]).unwrap();
        assert_eq!(passed.deadline(), NOW.plus(UNKNOWN_LIFETIME));
    }
    // IssuerMayNotSign, NoSigner and Signer need other chains: they are in the tests of verdicts and signers.
    let chain = proven(&root.issue("alice", SERIAL), &[&delegate.certificate], &[&root.certificate]);
    let by_delegate = CrlDraft::default().sign(&delegate);
    assert_eq!(
        message(&why_unknown(&chain, &[&by_delegate])),
        "the CRL signer CN=Root has no valid path to the same trust anchor"
    );
}

#[test]
fn after_its_grace_a_crl_is_expired_and_only_prefer_passes() {
    let (root, chain) = root_and_chain();
    let crl = CrlDraft::default().sign(&root);
    let revoking = CrlDraft::revoking(&[SERIAL]).sign(&root);
    let due = NOW.plus(HOUR);
    let second = Duration::from_secs(1);
    // Until nextUpdate, during the grace of an hour, and not afterwards.
    let table = [
        (NOW, Some(due.plus(HOUR))),
        (before(due, second), Some(due.plus(HOUR))),
        (due, Some(due.plus(HOUR))),
        (before(due.plus(HOUR), second), Some(due.plus(HOUR))),
        (due.plus(HOUR), None),
        (due.plus(99 * HOUR), None),
    ];
    for (now, good_until) in table {
        let rule = |mode| RevocationRule { grace: HOUR, ..of_mode(mode) };
        let required = check_crls_at(&chain, &rule(RevocationMode::Require), &[&crl], now);
        assert_eq!(required.as_ref().ok().map(UnrevokedChain::deadline), good_until, "{now}");
        if let Err(error) = required {
            let issuer = root.certificate.subject().clone();
            let why = UnknownReason::Expired { issuer, next_update: Some(due) };
            assert_eq!(error, RevocationError::Unknown { which: chain.leaf().clone(), why });
        }
        let preferred = check_crls_at(&chain, &rule(RevocationMode::Prefer), &[&crl], now).unwrap();
        assert_eq!(preferred.deadline(), good_until.unwrap_or(now.plus(UNKNOWN_LIFETIME)));
        for mode in [RevocationMode::Require, RevocationMode::Prefer] {
            why_revoked(check_crls_at(&chain, &rule(mode), &[&revoking], now));
        }
    }
}

#[test]
fn of_two_crls_of_one_issuer_name_the_reason_of_the_closest_is_reported() {
    let (root, chain) = root_and_chain();
    let namesake = TestCa::root("Root");
    let newest = CrlDraft { this_update: NOW, ..CrlDraft::default() }.sign(&namesake);
    let expected = [
        (CrlDraft { next_update: Some(NOW), ..CrlDraft::default() }, "the CRL of CN=Root has expired"),
        (
            CrlDraft { this_update: NOW.plus(24 * HOUR), ..CrlDraft::default() },
            "the CRL of its issuer is not valid before 2026-11-23T09:30:00.000Z",
        ),
        (
            CrlDraft { extensions: vec![extension(&[0x2a, 3], true, &[5, 0])], ..CrlDraft::default() },
            "the CRL of its issuer cannot show that it is not revoked: it has the unsupported critical extension 1.2.3",
        ),
    ];
    for (own, expected_message) in expected {
        assert_eq!(message(&why_unknown(&chain, &[&newest, &own.sign(&root)])), expected_message);
    }
    // If another key signed both, that is the reason.
    let expected_message = message(&why_unknown(&chain, &[&newest]));
    assert!(
        expected_message.starts_with("no CRL with the name of its issuer is signed by its issuer's key"),
        "{expected_message}"
    );
}
