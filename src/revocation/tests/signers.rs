//! CRLs that are signed with another key than the certificates that they are about.

use super::*;
use crate::revocation::test_pki::{CrlDraft, issuing_point};
use rcgen::{CertificateParams, KeyUsagePurpose};

/// A root, and somebody of its name whose key signs its CRLs.
fn root_and_signer(edit: impl FnOnce(&mut CertificateParams)) -> (TestCa, TestCa) {
    let root = TestCa::root("Root");
    let signer = root.crl_signer("Root", 9, edit);
    (root, signer)
}

fn chain_with(root: &TestCa, signer: &TestCa) -> Arc<ValidatedChain> {
    proven(&root.issue("alice", CARD), &[&signer.certificate], &[&root.certificate])
}

/// What the root says with its own key, an hour before the others.
fn of_root(root: &TestCa, revoked: &[&[u8]]) -> Vec<u8> {
    CrlDraft { this_update: before(NOW, 2 * HOUR), ..CrlDraft::revoking(revoked) }.sign(root)
}

#[test]
fn a_crl_is_believed_whose_signer_the_ca_certified_and_did_not_revoke() {
    let (root, signer) = root_and_signer(|_| {});
    let chain = chain_with(&root, &signer);
    let crl = |serials: &[&[u8]]| CrlDraft::revoking(serials).sign(&signer);
    assert!(judge(&chain, &REQUIRE, &[&crl(&[]), &of_root(&root, &[])]).is_ok());
    assert_eq!(why_revoked(judge(&chain, &REQUIRE, &[&crl(&[CARD]), &of_root(&root, &[])])).0, "CN=alice");
}

#[test]
fn a_crl_whose_signer_is_revoked_says_revoked_but_not_good() {
    let (root, signer) = root_and_signer(|_| {});
    let chain = chain_with(&root, &signer);
    // Newer than the root's, and the signer is no CA either: its own CRL would vouch for it.
    let users = |serials: &[&[u8]]| CrlDraft {
        extensions: vec![issuing_point(&[vec![0x81, 1, 0xff]])],
        ..CrlDraft::revoking(serials)
    };
    let revoking = of_root(&root, &[&[9]]);
    let why = why_unknown(&chain, &[&users(&[]).sign(&signer), &revoking]);
    let UnknownReason::Signer(error) = why else { panic!("{why}") };
    assert_eq!(*error.which(), signer.certificate);
    assert!(matches!(*error, RevocationError::Revoked { .. }));
    why_revoked(judge(&chain, &PREFER, &[&users(&[CARD]).sign(&signer), &revoking]));
}

#[test]
fn a_signer_vouches_for_itself_only_where_nobody_else_speaks_of_it() {
    let (root, signer) = root_and_signer(|_| {});
    let crl = CrlDraft::default().sign(&signer);
    assert!(judge(&chain_with(&root, &signer), &REQUIRE, &[&crl]).is_ok());
}

#[test]
fn the_demand_for_what_the_root_issues_holds_for_the_signers_that_it_certified() {
    let root = TestCa::root("Root");
    let issuing = root.sub_ca("Issuing", 7);
    let signer = root.crl_signer("Issuing", 9, |_| {});
    let certificates = [&issuing.certificate, &signer.certificate];
    let chain = proven(&issuing.issue("alice", CARD), &certificates, &[&root.certificate]);
    let crl = CrlDraft::default().sign(&signer);
    let key = root.certificate.key_id();
    let rule = |demand| RevocationRule { issuers: vec![IssuerRule { key, demand }], ..REQUIRE };
    assert!(judge(&chain, &rule(RevocationDemand::IfAvailable), &[&crl]).is_ok());
    assert!(judge(&chain, &rule(RevocationDemand::Never), &[&crl]).is_ok());
    assert!(judge(&chain, &rule(RevocationDemand::Required), &[&crl]).is_err());
    assert!(judge(&chain, &REQUIRE, &[&crl, &of_root(&root, &[])]).is_ok());
}

#[test]
fn a_signer_must_be_certified_by_a_ca_of_the_same_path_and_be_valid() {
    let too_old = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2026, 11, 1);
    let (root, signer) = root_and_signer(too_old);
    let other = TestCa::root("Other").crl_signer("Root", 9, |_| {});
    let not_trusted = UnknownReason::SignerNotTrusted { signer: root.certificate.subject().clone() };
    let why = why_unknown(&chain_with(&root, &signer), &[&CrlDraft::default().sign(&signer)]);
    assert_eq!(why, not_trusted);
    // One that no CA of the path issued is not kept with the chain where the client sent it along.
    let chain = chain_with(&root, &other);
    assert_eq!(chain.additional_certificates(), []);
    let crls = store(&[&CrlDraft::default().sign(&other)]);
    let trust = TrustSet::new(Vec::new(), vec![other.certificate]);
    let refused = check(&chain, &REQUIRE, &trust, &crls, NOW).unwrap_err();
    assert!(matches!(refused, RevocationError::Unknown { why, .. } if why == not_trusted));
}

#[test]
fn a_certificate_that_does_not_say_that_it_signs_crls_signs_none() {
    for usages in [vec![], vec![KeyUsagePurpose::DigitalSignature]] {
        let (root, signer) = root_and_signer(|params| params.key_usages = usages);
        let why = why_unknown(&chain_with(&root, &signer), &[&CrlDraft::default().sign(&signer)]);
        assert!(matches!(why, UnknownReason::Signature(_)), "{why}");
    }
}

#[test]
fn a_configured_intermediate_may_be_the_signer() {
    let (root, signer) = root_and_signer(|_| {});
    let chain = proven(&root.issue("alice", CARD), &[], &[&root.certificate]);
    let crls = store(&[&CrlDraft::default().sign(&signer), &of_root(&root, &[])]);
    let trust = TrustSet::new(Vec::new(), vec![signer.certificate]);
    assert!(check(&chain, &REQUIRE, &trust, &crls, NOW).is_ok());
}

#[test]
fn a_verdict_ends_with_the_certificate_of_who_signed_the_crl() {
    let (root, signer) = root_and_signer(|params| params.not_after = rcgen::date_time_ymd(2026, 11, 23));
    let far = NOW.plus(99 * HOUR);
    let far = |revoked| CrlDraft { next_update: Some(far), ..CrlDraft::revoking(revoked) };
    let users = CrlDraft { extensions: vec![issuing_point(&[vec![0x81, 1, 0xff]])], ..far(&[]) };
    let of_root = CrlDraft { this_update: before(NOW, 2 * HOUR), ..far(&[]) }.sign(&root);
    let passed = judge(&chain_with(&root, &signer), &REQUIRE, &[&users.sign(&signer), &of_root]).unwrap();
    assert_eq!(passed.deadline().seconds(), signer.certificate.not_after().seconds() + 1);
}

#[test]
fn the_crl_of_a_cas_new_key_does_not_hide_that_of_its_old_key() {
    // A Windows CA that renewed its key signs a CRL with each, and lists in each what that key issued.
    let root = TestCa::root("Root");
    let (old, new) = (root.sub_ca("Issuing", 7), root.sub_ca("Issuing", 8));
    let card = old.issue("alice", CARD);
    let chain = proven(&card, &[&old.certificate, &new.certificate], &[&root.certificate]);
    let of_root = of_root(&root, &[]);
    let of_old = |serials: &[&[u8]]| CrlDraft::revoking(serials).sign(&old);
    let of_new = CrlDraft { this_update: NOW, ..CrlDraft::default() }.sign(&new);
    why_revoked(judge(&chain, &PREFER, &[&of_new, &of_old(&[CARD]), &of_root]));
    assert!(judge(&chain, &REQUIRE, &[&of_new, &of_old(&[]), &of_root]).is_ok());
}
