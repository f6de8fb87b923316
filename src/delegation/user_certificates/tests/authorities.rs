//! Which certificates and keys may be the gate's CA.

use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose};
use std::time::Duration;

use super::{Authority, DAY, NOW, alice, authority, authority_with, before, changed_authority, date};
use crate::certificate::signature::SignatureError;
use crate::certificate::{Certificate, KeyAlgorithm};
use crate::clock::UnixTime;
use crate::delegation::user_certificates::{
    IssuanceError, IssuanceSettings, SubordinateCa, SubordinateCaError,
};

fn refusal(authority: &Authority) -> SubordinateCaError {
    SubordinateCa::new(&authority.chain, &authority.key, IssuanceSettings::default(), NOW).unwrap_err()
}

fn refused_with(settings: IssuanceSettings) -> SubordinateCaError {
    let authority = authority();
    SubordinateCa::new(&authority.chain, &authority.key, settings, NOW).unwrap_err()
}

#[test]
fn a_ca_signs_with_each_kind_of_key_that_windows_knows() {
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
fn a_ca_with_a_key_that_windows_does_not_know_is_refused() {
    let authority = authority_with(&rcgen::PKCS_ED25519, |_| {}, |_| {});
    assert!(matches!(refusal(&authority), SubordinateCaError::UnsuitableKey(KeyAlgorithm::Ed25519)));
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let (one, other) = (authority(), authority());
    let mixed = Authority { chain: one.chain, key: other.key };
    assert!(matches!(refusal(&mixed), SubordinateCaError::KeyMismatch));
}

#[test]
fn a_chain_without_a_readable_certificate_is_refused() {
    let Authority { chain, key } = authority();
    let none = Authority { chain: Vec::new(), key: key.clone_key() };
    assert!(matches!(refusal(&none), SubordinateCaError::NoCertificate));
    let garbage = Authority { chain: vec![chain[0].clone(), vec![0x30, 0].into()], key };
    assert!(matches!(refusal(&garbage), SubordinateCaError::Malformed { number: 2, .. }));
}

#[test]
fn a_certificate_that_is_no_cas_is_refused() {
    let leaf = changed_authority(|parameters| parameters.is_ca = IsCa::ExplicitNoCa);
    assert!(matches!(refusal(&leaf), SubordinateCaError::NotAuthority { number: 1 }));
    let without = changed_authority(|parameters| parameters.is_ca = IsCa::NoCa);
    assert!(matches!(refusal(&without), SubordinateCaError::NotAuthority { number: 1 }));
}

#[test]
fn a_ca_that_may_not_sign_certificates_is_refused() {
    for usages in [vec![], vec![KeyUsagePurpose::CrlSign, KeyUsagePurpose::DigitalSignature]] {
        let authority = changed_authority(|parameters| parameters.key_usages = usages);
        assert!(matches!(refusal(&authority), SubordinateCaError::MayNotSign { number: 1 }));
    }
}

#[test]
fn a_ca_for_servers_only_is_refused() {
    let limited = |usage| {
        changed_authority(|parameters: &mut CertificateParams| parameters.extended_key_usages = vec![usage])
    };
    let refused = refusal(&limited(ExtendedKeyUsagePurpose::ServerAuth));
    assert!(matches!(refused, SubordinateCaError::NotForClients { number: 1 }));
    limited(ExtendedKeyUsagePurpose::ClientAuth).load();
    limited(ExtendedKeyUsagePurpose::Any).load();
}

#[test]
fn a_ca_below_which_only_leaves_may_be_is_right_and_one_above_it_with_that_limit_is_not() {
    let only_leaves = |parameters: &mut CertificateParams| {
        parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    };
    changed_authority(only_leaves).load();
    let authority = authority_with(&rcgen::PKCS_ECDSA_P256_SHA256, only_leaves, |_| {});
    assert!(matches!(refusal(&authority), SubordinateCaError::PathTooLong { number: 2, limit: 0 }));
}

#[test]
fn a_chain_whose_certificates_do_not_belong_together_is_refused() {
    let (one, other) = (authority(), authority());
    let mixed = Authority { chain: vec![one.chain[0].clone(), other.chain[1].clone()], key: one.key };
    let refused = refusal(&mixed);
    let SubordinateCaError::NotIssuedByNext { number: 1, cause } = refused else { panic!("{refused:?}") };
    assert_eq!(cause, Some(SignatureError::Wrong));

    let named = authority_with(
        &rcgen::PKCS_ECDSA_P256_SHA256,
        |root| root.distinguished_name = super::named("Another Root CA".into()),
        |_| {},
    );
    let mixed = Authority { chain: vec![mixed.chain[0].clone(), named.chain[1].clone()], key: mixed.key };
    assert!(matches!(refusal(&mixed), SubordinateCaError::NotIssuedByNext { number: 1, cause: None }));
}

#[test]
fn a_ca_that_does_not_count_yet_or_any_more_is_refused() {
    let later = NOW.plus(Duration::from_secs(1));
    let young = changed_authority(|parameters| parameters.not_before = date(later));
    let refused = refusal(&young);
    let SubordinateCaError::Time(IssuanceError::AuthorityNotYetValid { not_before, .. }) = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(not_before, later);
    let old =
        changed_authority(|parameters| parameters.not_after = date(before(NOW, Duration::from_secs(1))));
    assert!(matches!(refusal(&old), SubordinateCaError::Time(IssuanceError::AuthorityEnds { .. })));
}

#[test]
fn nothing_is_issued_that_would_outlive_the_ca_or_one_above_it() {
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
fn a_lifetime_of_seconds_or_of_days_is_refused() {
    for seconds in [0, 59, 3601] {
        let lifetime = Duration::from_secs(seconds);
        let refused = refused_with(IssuanceSettings { lifetime, ..IssuanceSettings::default() });
        assert!(matches!(refused, SubordinateCaError::Lifetime { given, .. } if given == lifetime));
    }
    let refused = refused_with(IssuanceSettings { backdate: DAY, ..IssuanceSettings::default() });
    assert!(matches!(refused, SubordinateCaError::Backdate { given: DAY, .. }));
}
