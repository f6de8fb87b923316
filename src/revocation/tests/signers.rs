//! CRLs signed with another key than the certificates that they cover.

use super::*;
use crate::revocation::test_pki::{CrlDraft, issuing_point};
use rcgen::{CertificateParams, KeyUsagePurpose};

/// Returns a root, and a CRL signer of the same name.
fn root_and_signer(edit: impl FnOnce(&mut CertificateParams)) -> (TestCa, TestCa) {
    let root = TestCa::root("Root");
    let signer = root.crl_signer("Root", 9, edit);
    (root, signer)
}

fn chain_with(root: &TestCa, signer: &TestCa) -> Arc<ValidatedChain> {
    proven(&root.issue("alice", SERIAL), &[&signer.certificate], &[&root.certificate])
}

/// Returns a CRL of the root's own key, an hour older than the others.
fn of_root(root: &TestCa, revoked: &[&[u8]]) -> Vec<u8> {
    CrlDraft { this_update: before(NOW, 2 * HOUR), ..CrlDraft::revoking(revoked) }.sign(root)
}

#[test]
fn a_crl_counts_if_the_ca_certified_its_signer_and_did_not_revoke_it() {
    let (root, signer) = root_and_signer(|_| {});
    let chain = chain_with(&root, &signer);
    let crl = |serials: &[&[u8]]| CrlDraft::revoking(serials).sign(&signer);
    assert!(check_crls(&chain, &REQUIRE, &[&crl(&[]), &of_root(&root, &[])]).is_ok());
    assert_eq!(
        why_revoked(check_crls(&chain, &REQUIRE, &[&crl(&[SERIAL]), &of_root(&root, &[])])).0,
        "CN=alice"
    );
}

#[test]
fn a_crl_of_a_revoked_signer_revokes_but_does_not_show_good_status() {
    let (root, signer) = root_and_signer(|_| {});
    let chain = chain_with(&root, &signer);
    // Newer than the root's, and the signer is not a CA: its own CRL would cover it.
    let users = |serials: &[&[u8]]| CrlDraft {
        extensions: vec![issuing_point(&[vec![0x81, 1, 0xff]])],
        ..CrlDraft::revoking(serials)
    };
    let revoking = of_root(&root, &[&[9]]);
    let why = why_unknown(&chain, &[&users(&[]).sign(&signer), &revoking]);
    let UnknownReason::Signer(error) = why else { panic!("{why}") };
    assert_eq!(*error.which(), signer.certificate);
    assert!(matches!(*error, RevocationError::Revoked { .. }));
    why_revoked(check_crls(&chain, &PREFER, &[&users(&[SERIAL]).sign(&signer), &revoking]));
}

#[test]
fn the_crl_of_a_signer_covers_its_own_certificate_only_if_no_other_does() {
    let (root, signer) = root_and_signer(|_| {});
    let crl = CrlDraft::default().sign(&signer);
    assert!(check_crls(&chain_with(&root, &signer), &REQUIRE, &[&crl]).is_ok());
}

#[test]
fn the_rule_for_an_issuer_applies_to_the_crl_signers_that_it_certified() {
    let root = TestCa::root("Root");
    let issuing = root.sub_ca("Issuing", 7);
    let signer = root.crl_signer("Issuing", 9, |_| {});
    let certificates = [&issuing.certificate, &signer.certificate];
    let chain = proven(&issuing.issue("alice", SERIAL), &certificates, &[&root.certificate]);
    let crl = CrlDraft::default().sign(&signer);
    let key = root.certificate.key_id();
    let rule = |demand| RevocationRule { issuers: vec![IssuerRule { key, demand }], ..REQUIRE };
    assert!(check_crls(&chain, &rule(RevocationDemand::IfAvailable), &[&crl]).is_ok());
    assert!(check_crls(&chain, &rule(RevocationDemand::Never), &[&crl]).is_ok());
    assert!(check_crls(&chain, &rule(RevocationDemand::Required), &[&crl]).is_err());
    assert!(check_crls(&chain, &REQUIRE, &[&crl, &of_root(&root, &[])]).is_ok());
}

#[test]
fn a_signer_must_be_certified_by_a_ca_of_the_same_path_and_be_valid() {
    let too_old = |params: &mut CertificateParams| params.not_after = rcgen::date_time_ymd(2026, 11, 1);
    let (root, signer) = root_and_signer(too_old);
    let other = TestCa::root("Other").crl_signer("Root", 9, |_| {});
    let not_trusted = UnknownReason::SignerNotTrusted { signer: root.certificate.subject().clone() };
    let why = why_unknown(&chain_with(&root, &signer), &[&CrlDraft::default().sign(&signer)]);
    assert_eq!(why, not_trusted);
    // One that no CA of the path issued is not kept with the chain if the client sent it.
    let chain = chain_with(&root, &other);
    assert_eq!(chain.additional_certificates(), []);
    let crls = store(&[&CrlDraft::default().sign(&other)]);
    let trust = TrustSet::new(Vec::new(), vec![other.certificate]);
    let rejected = check(&chain, &REQUIRE, &trust, &crls, NOW).unwrap_err();
    assert!(matches!(rejected, RevocationError::Unknown { why, .. } if why == not_trusted));
}

#[test]
fn a_certificate_without_the_key_usage_crl_sign_is_not_a_crl_signer() {
    for usages in [vec![], vec![KeyUsagePurpose::DigitalSignature]] {
        let (root, signer) = root_and_signer(|params| params.key_usages = usages);
        let why = why_unknown(&chain_with(&root, &signer), &[&CrlDraft::default().sign(&signer)]);
        assert!(matches!(why, UnknownReason::Signature(_)), "{why}");
    }
}

#[test]
fn a_configured_intermediate_may_be_the_signer() {
    let (root, signer) = root_and_signer(|_| {});
    let chain = proven(&root.issue("alice", SERIAL), &[], &[&root.certificate]);
    let crls = store(&[&CrlDraft::default().sign(&signer), &of_root(&root, &[])]);
    let trust = TrustSet::new(Vec::new(), vec![signer.certificate]);
    assert!(check(&chain, &REQUIRE, &trust, &crls, NOW).is_ok());
}

#[test]
fn a_verdict_expires_with_the_certificate_of_the_crl_signer() {
    let (root, signer) = root_and_signer(|params| params.not_after = rcgen::date_time_ymd(2026, 11, 23));
    let far = NOW.plus(99 * HOUR);
    let far = |revoked| CrlDraft { next_update: Some(far), ..CrlDraft::revoking(revoked) };
    let users = CrlDraft { extensions: vec![issuing_point(&[vec![0x81, 1, 0xff]])], ..far(&[]) };
    let of_root = CrlDraft { this_update: before(NOW, 2 * HOUR), ..far(&[]) }.sign(&root);
    let passed =
        check_crls(&chain_with(&root, &signer), &REQUIRE, &[&users.sign(&signer), &of_root]).unwrap();
    assert_eq!(passed.deadline().seconds(), signer.certificate.not_after().seconds() + 1);
}

#[test]
fn the_crl_of_a_cas_new_key_does_not_hide_that_of_its_old_key() {
    // A Windows CA that renewed its key signs a CRL with each key, for the certificates of that key.
    let root = TestCa::root("Root");
    let (old, new) = (root.sub_ca("Issuing", 7), root.sub_ca("Issuing", 8));
    let leaf = old.issue("alice", SERIAL);
    let chain = proven(&leaf, &[&old.certificate, &new.certificate], &[&root.certificate]);
    let of_root = of_root(&root, &[]);
    let of_old = |serials: &[&[u8]]| CrlDraft::revoking(serials).sign(&old);
    let of_new = CrlDraft { this_update: NOW, ..CrlDraft::default() }.sign(&new);
    why_revoked(check_crls(&chain, &PREFER, &[&of_new, &of_old(&[SERIAL]), &of_root]));
    assert!(check_crls(&chain, &REQUIRE, &[&of_new, &of_old(&[]), &of_root]).is_ok());
}
