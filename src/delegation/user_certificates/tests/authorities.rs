//! The chains and keys that a subordinate CA accepts and rejects.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use std::time::Duration;

use super::{DAY, NOW, TestSubordinateCa, alice, authority, authority_with, before, changed_authority, date};
use crate::certificate::signature::SignatureError;
use crate::certificate::{Certificate, KeyAlgorithm};
use crate::clock::UnixTime;
use crate::delegation::user_certificates::{
    IssuanceError, IssuanceSettings, SubordinateCa, SubordinateCaError,
};

fn rejection(authority: &TestSubordinateCa) -> SubordinateCaError {
    SubordinateCa::new(&authority.chain, &authority.key, IssuanceSettings::default(), NOW).unwrap_err()
}

fn rejection_with(settings: IssuanceSettings) -> SubordinateCaError {
    let authority = authority();
    SubordinateCa::new(&authority.chain, &authority.key, settings, NOW).unwrap_err()
}

#[test]
fn a_ca_signs_with_each_kind_of_key_that_windows_supports() {
    for algorithm in [
        &rcgen::PKCS_ECDSA_P256_SHA256,
        &rcgen::PKCS_ECDSA_P384_SHA384,
        &rcgen::PKCS_ECDSA_P521_SHA512,
        &rcgen::PKCS_RSA_SHA256,
    ] {
        let authority = authority_with(algorithm, |_| {}, |_| {});
        let issuer = Certificate::from_der(&authority.chain[0]).unwrap();
        let issued = authority.load().issue(&alice(), NOW).unwrap();
        let leaf = Certificate::from_der(&issued.key.cert[0]).unwrap();
        assert_eq!(leaf.verify_signature(issuer.public_key_der()), Ok(()), "{algorithm:?}");
    }
}

#[test]
fn a_ca_key_that_windows_does_not_support_is_rejected() {
    let authority = authority_with(&rcgen::PKCS_ED25519, |_| {}, |_| {});
    assert!(matches!(rejection(&authority), SubordinateCaError::UnsuitableKey(KeyAlgorithm::Ed25519)));
}

#[test]
fn a_key_of_another_certificate_is_rejected() {
    let (one, other) = (authority(), authority());
    let mixed = TestSubordinateCa { chain: one.chain, key: other.key };
    assert!(matches!(rejection(&mixed), SubordinateCaError::KeyMismatch));
}

#[test]
fn an_empty_or_malformed_chain_is_rejected() {
    let TestSubordinateCa { chain, key } = authority();
    let none = TestSubordinateCa { chain: Vec::new(), key: key.clone_key() };
    assert!(matches!(rejection(&none), SubordinateCaError::NoCertificate));
    let garbage = TestSubordinateCa { chain: vec![chain[0].clone(), vec![0x30, 0].into()], key };
    assert!(matches!(rejection(&garbage), SubordinateCaError::Malformed { number: 2, .. }));
}

#[test]
fn a_certificate_that_is_not_of_a_ca_is_rejected() {
    let leaf = changed_authority(|parameters| parameters.is_ca = IsCa::ExplicitNoCa);
    assert!(matches!(rejection(&leaf), SubordinateCaError::NotAuthority { number: 1 }));
    let without = changed_authority(|parameters| parameters.is_ca = IsCa::NoCa);
    assert!(matches!(rejection(&without), SubordinateCaError::NotAuthority { number: 1 }));
}

#[test]
fn a_ca_without_key_cert_sign_is_rejected() {
    for usages in [vec![], vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature]] {
        let authority = changed_authority(|parameters| parameters.key_usages = usages);
        assert!(matches!(rejection(&authority), SubordinateCaError::MayNotSign { number: 1 }));
    }
}

#[test]
fn a_ca_for_server_certificates_only_is_rejected() {
    let limited = |usage| {
        changed_authority(|parameters: &mut CertificateParams| parameters.extended_key_usages = vec![usage])
    };
    let refused = rejection(&limited(ExtendedKeyUsagePurpose::ServerAuth));
    assert!(matches!(refused, SubordinateCaError::NotForClients { number: 1 }));
    limited(ExtendedKeyUsagePurpose::ClientAuth).load();
    limited(ExtendedKeyUsagePurpose::Any).load();
}

#[test]
fn a_path_length_of_zero_is_accepted_in_the_ca_and_rejected_above_it() {
    let only_leaves = |parameters: &mut CertificateParams| {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    };
    changed_authority(only_leaves).load();
    let authority = authority_with(&rcgen::PKCS_ECDSA_P256_SHA256, only_leaves, |_| {});
    assert!(matches!(rejection(&authority), SubordinateCaError::PathTooLong { number: 2, limit: 0 }));
}

#[test]
fn a_chain_of_unrelated_certificates_is_rejected() {
    let (one, other) = (authority(), authority());
    let mixed = TestSubordinateCa { chain: vec![one.chain[0].clone(), other.chain[1].clone()], key: one.key };
    let refused = rejection(&mixed);
    let SubordinateCaError::NotIssuedByNext { number: 1, cause } = refused else { panic!("{refused:?}") };
    assert_eq!(cause, Some(SignatureError::Wrong));

    let named = authority_with(
        &rcgen::PKCS_ECDSA_P256_SHA256,
        |root| root.distinguished_name = super::named("Another Root CA".into()),
        |_| {},
    );
    let mixed =
        TestSubordinateCa { chain: vec![mixed.chain[0].clone(), named.chain[1].clone()], key: mixed.key };
    assert!(matches!(rejection(&mixed), SubordinateCaError::NotIssuedByNext { number: 1, cause: None }));
}

#[test]
fn a_ca_that_is_not_yet_valid_or_expired_is_rejected() {
    let later = NOW.plus(Duration::from_secs(1));
    let young = changed_authority(|parameters| parameters.not_before = date(later));
    let refused = rejection(&young);
    let SubordinateCaError::Time(IssuanceError::AuthorityNotYetValid { not_before, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(not_before, later);
    let old =
        changed_authority(|parameters| parameters.not_after = date(before(NOW, Duration::from_secs(1))));
    assert!(matches!(rejection(&old), SubordinateCaError::Time(IssuanceError::AuthorityEnds { .. })));
}

#[test]
fn no_certificate_outlives_the_chain() {
    let end = NOW.plus(Duration::from_secs(600));
    let ends = |parameters: &mut CertificateParams| parameters.not_after = date(end);
    let subordinate = changed_authority(ends);
    let above = authority_with(&rcgen::PKCS_ECDSA_P256_SHA256, ends, |_| {});
    for authority in [subordinate, above] {
        let authority = authority.load();
        let last: UnixTime = before(end, authority.lifetime());
        assert_eq!(authority.issue(&alice(), last).unwrap().not_after, end);
        let refused = authority.issue(&alice(), last.plus(Duration::from_secs(1))).unwrap_err();
        let IssuanceError::AuthorityEnds { not_after, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(not_after, end);
    }
}

#[test]
fn a_lifetime_of_seconds_or_days_is_rejected() {
    for seconds in [0, 59, 3601] {
        let lifetime = Duration::from_secs(seconds);
        let refused = rejection_with(IssuanceSettings { lifetime, ..IssuanceSettings::default() });
        assert!(matches!(refused, SubordinateCaError::Lifetime { given, .. } if given == lifetime));
    }
    let refused = rejection_with(IssuanceSettings { backdate: DAY, ..IssuanceSettings::default() });
    assert!(matches!(refused, SubordinateCaError::Backdate { given: DAY, .. }));
}
