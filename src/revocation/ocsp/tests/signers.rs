//! The authorisation of signers.

use super::draft::{TestDelegate, by_name, delegate, delegate_certificate};
use super::*;
use crate::certificate::signature::SignatureError;
use crate::revocation::test_pki::{element, extension};
use const_oid::ObjectIdentifier;
use der::asn1::OctetString;
use rcgen::{ExtendedKeyUsagePurpose, KeyUsagePurpose, date_time_ymd};

fn by_key(certificate: &Certificate) -> Vec<u8> {
    element(0xa2, &element(4, &super::super::certificate_id::key_hash(certificate)))
}

fn fault_of(fixture: &OcspFixture, delegate: &TestDelegate) -> ResponderFault {
    match fixture.error(&fixture.good().sign_by(delegate)) {
        OcspError::ResponderNotAuthorised(fault) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_issuer_may_sign_named_by_its_name_or_its_key() {
    let fixture = OcspFixture::new();
    let key = fixture.ca.issuer().key();
    for id in [by_name(&fixture.ca.certificate), by_key(&fixture.ca.certificate)] {
        let response = fixture.validate(&fixture.good().sign_as(&id, key), &OcspSettings::default()).unwrap();
        assert_eq!((response.status, response.delegate), (CertStatus::Good, None));
    }
}

#[test]
fn a_delegate_of_the_issuer_may_sign_and_is_returned() {
    let fixture = OcspFixture::new();
    let delegate = delegate(&fixture.ca, |_| {});
    let response = fixture.validate(&fixture.good().sign_by(&delegate), &OcspSettings::default()).unwrap();
    assert_eq!(response.status, CertStatus::Good);
    assert_eq!(response.source.signer.to_string(), "CN=Responder");
    assert_eq!(response.delegate, Some(delegate.certificate));
}

#[test]
fn a_delegate_without_ocsp_signing_may_not_sign() {
    let fixture = OcspFixture::new();
    let usages = [vec![], vec![ExtendedKeyUsagePurpose::ClientAuth], vec![ExtendedKeyUsagePurpose::Any]];
    for usages in usages {
        let without = delegate(&fixture.ca, |params| params.extended_key_usages = usages);
        assert_eq!(fault_of(&fixture, &without), ResponderFault::NoOcspSigning);
    }
}

#[test]
fn a_delegate_without_digital_signature_may_not_sign() {
    let fixture = OcspFixture::new();
    let without = delegate(&fixture.ca, |params| params.key_usages = vec![KeyUsagePurpose::KeyEncipherment]);
    assert_eq!(fault_of(&fixture, &without), ResponderFault::KeyUsage);
}

#[test]
fn a_delegate_of_another_ca_may_not_sign_even_under_the_same_name() {
    let fixture = OcspFixture::new();
    let stranger = delegate(&TestCa::root("Other"), |_| {});
    assert_eq!(fault_of(&fixture, &stranger), ResponderFault::OtherIssuer);
    let twin = delegate(&TestCa::root("Root"), |_| {});
    assert_eq!(fault_of(&fixture, &twin), ResponderFault::IssuerSignature(SignatureError::Wrong));
}

#[test]
fn a_delegate_below_a_sub_ca_may_not_sign_for_the_ca_above_it() {
    let fixture = OcspFixture::new();
    let below = delegate(&fixture.ca.sub_ca("Sub", 9), |_| {});
    assert_eq!(fault_of(&fixture, &below), ResponderFault::OtherIssuer);
}

#[test]
fn a_delegate_signs_only_while_its_certificate_is_valid() {
    let fixture = OcspFixture::new();
    let expired = delegate(&fixture.ca, |params| params.not_after = date_time_ymd(2026, 11, 22));
    let not_after = expired.certificate.not_after();
    let not_before = expired.certificate.not_before();
    assert_eq!(fault_of(&fixture, &expired), ResponderFault::OutsideValidity { not_before, not_after });

    let expiring = delegate(&fixture.ca, |params| params.not_after = date_time_ymd(2026, 11, 23));
    let next_update = Some(NOW.plus(100 * HOUR));
    let der =
        ResponseDraft::about(SingleResponseDraft { next_update, ..fixture.single() }).sign_by(&expiring);
    let response = fixture.validate(&der, &OcspSettings::default()).unwrap();
    assert_eq!(response.usable_until, expiring.certificate.not_after().plus(Duration::from_secs(1)));
}

#[test]
fn of_several_certificates_for_the_signers_key_an_authorised_one_counts_in_either_order() {
    let fixture = OcspFixture::new();
    let valid = delegate(&fixture.ca, |_| {});
    let expired = delegate_certificate(&fixture.ca, &valid.key, |params| {
        params.not_after = date_time_ymd(2026, 11, 1);
    });
    let unsupported = delegate_certificate(&fixture.ca, &valid.key, |params| {
        let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    });
    for other in [expired, unsupported] {
        for revoked in [false, true] {
            for certificates in [
                vec![other.clone(), valid.certificate.clone()],
                vec![valid.certificate.clone(), other.clone()],
            ] {
                let single = fixture.single();
                let single = if revoked { single.revoked(None) } else { single };
                let draft = ResponseDraft { certificates, ..ResponseDraft::about(single) };
                let der = draft.sign_as(&by_name(&valid.certificate), &valid.key);
                let response = fixture.validate(&der, &OcspSettings::default()).unwrap();
                assert_eq!(matches!(response.status, CertStatus::Revoked { .. }), revoked);
                assert_eq!(response.delegate.as_ref(), Some(&valid.certificate));
            }
        }
    }
}

#[test]
fn certificates_of_other_names_do_not_hide_the_signers_certificate() {
    let fixture = OcspFixture::new();
    let delegate = delegate(&fixture.ca, |_| {});
    let mut certificates = vec![fixture.leaf.clone(); 40];
    certificates.push(delegate.certificate.clone());
    for id in [by_name(&delegate.certificate), by_key(&delegate.certificate)] {
        let draft = ResponseDraft { certificates: certificates.clone(), ..fixture.good() };
        let response = fixture.validate(&draft.sign_as(&id, &delegate.key), &OcspSettings::default());
        assert_eq!(response.unwrap().delegate.as_ref(), Some(&delegate.certificate));
    }
}

#[test]
fn of_certificates_with_the_signers_name_sixteen_are_tried_and_more_are_an_error() {
    let fixture = OcspFixture::new();
    let (signer, namesake) = (delegate(&fixture.ca, |_| {}), delegate(&fixture.ca, |_| {}));
    let validated = |before: usize, after: usize| {
        let mut certificates = vec![namesake.certificate.clone(); before];
        certificates.push(signer.certificate.clone());
        certificates.extend(vec![namesake.certificate.clone(); after]);
        let draft = ResponseDraft { certificates, ..fixture.good() };
        let der = draft.sign_as(&by_name(&signer.certificate), &signer.key);
        fixture.validate(&der, &OcspSettings::default()).map(|response| response.status)
    };
    assert_eq!(validated(15, 30), Ok(CertStatus::Good));
    let too_many = OcspError::TooManySigners { limit: 16 };
    assert_eq!(validated(16, 0), Err(too_many.clone()));
    assert_eq!(too_many.to_string(), "the OCSP response has more than 16 certificates of its signer");
}

#[test]
fn a_delegate_with_an_unsupported_critical_extension_may_only_revoke() {
    let fixture = OcspFixture::new();
    let odd = delegate(&fixture.ca, |params| {
        let mut extension = rcgen::CustomExtension::from_oid_content(&[1, 2, 3], vec![5, 0]);
        extension.set_criticality(true);
        params.custom_extensions.push(extension);
    });
    let oid = ObjectIdentifier::new_unwrap("1.2.3");
    assert_eq!(fault_of(&fixture, &odd), ResponderFault::Extension(oid.into()));
    let revoked = ResponseDraft::about(fixture.single().revoked(None)).sign_by(&odd);
    let response = fixture.validate(&revoked, &OcspSettings::default()).unwrap();
    assert!(matches!(response.status, CertStatus::Revoked { .. }));
}

#[test]
fn a_delegate_whose_no_check_extension_is_critical_may_sign() {
    let fixture = OcspFixture::new();
    let delegate = delegate(&fixture.ca, |params| {
        params.custom_extensions.iter_mut().for_each(|one| one.set_criticality(true));
    });
    assert!(delegate.certificate.has_ocsp_no_check());
    let response = fixture.validate(&fixture.good().sign_by(&delegate), &OcspSettings::default()).unwrap();
    assert_eq!(response.status, CertStatus::Good);
}

#[test]
fn a_signer_without_an_available_certificate_may_not_sign() {
    let fixture = OcspFixture::new();
    let delegate = delegate(&fixture.ca, |_| {});
    let alone = fixture.good().sign_as(&by_name(&delegate.certificate), &delegate.key);
    let not_available = OcspError::ResponderNotAuthorised(ResponderFault::NotAvailable);
    assert_eq!(fixture.error(&alone), not_available);
    let nameless = fixture.good().sign_as(&element(0xa2, &element(4, &[0; 20])), fixture.ca.issuer().key());
    assert_eq!(fixture.error(&nameless), not_available);
}

#[test]
fn a_response_in_the_name_of_the_issuer_must_be_signed_by_its_key() {
    let fixture = OcspFixture::new();
    let thief = delegate(&fixture.ca, |_| {});
    let der = fixture.good().sign_as(&by_name(&fixture.ca.certificate), &thief.key);
    assert_eq!(fixture.error(&der), OcspError::Signature(SignatureError::Wrong));
}

#[test]
fn the_configured_responder_may_sign_by_its_own_certificate_only() {
    let fixture = OcspFixture::new();
    let elsewhere = TestCa::root("Elsewhere");
    let (configured, twin) = (delegate(&elsewhere, |_| {}), delegate(&elsewhere, |_| {}));
    let responder = ConfiguredResponder {
        url: "http://ocsp.example/".to_owned(),
        certificate: Some(configured.certificate.clone()),
    };
    let settings = OcspSettings { responder: Some(responder), ..OcspSettings::default() };
    let alone = fixture.good().sign_as(&by_name(&configured.certificate), &configured.key);
    for der in [alone, fixture.good().sign_by(&configured)] {
        let response = fixture.validate(&der, &settings).unwrap();
        assert_eq!((response.status, response.delegate), (CertStatus::Good, None));
    }
    let of_twin = fixture.validate(&fixture.good().sign_by(&twin), &settings);
    assert_eq!(of_twin, Err(OcspError::ResponderNotAuthorised(ResponderFault::OtherIssuer)));
    assert_eq!(fault_of(&fixture, &configured), ResponderFault::OtherIssuer);
}

#[test]
fn the_configured_responder_signs_only_while_its_certificate_is_valid() {
    let fixture = OcspFixture::new();
    let expired = delegate(&fixture.ca, |params| params.not_after = date_time_ymd(2020, 1, 1));
    let certificate = expired.certificate.clone();
    let responder = ConfiguredResponder { url: String::new(), certificate: Some(certificate.clone()) };
    let settings = OcspSettings { responder: Some(responder), ..OcspSettings::default() };
    let fault = ResponderFault::OutsideValidity {
        not_before: certificate.not_before(),
        not_after: certificate.not_after(),
    };
    let validated = fixture.validate(&fixture.good().sign_by(&expired), &settings);
    assert_eq!(validated, Err(OcspError::ResponderNotAuthorised(fault)));
}

#[test]
fn a_nonce_does_not_replace_a_missing_signer() {
    let fixture = OcspFixture::new();
    let sent = OcspNonce::from_bytes(&[7; 32]).unwrap();
    let stranger = delegate(&TestCa::root("Other"), |_| {});
    let nonce = OctetString::new([7; 32]).unwrap();
    let extensions = vec![extension(draft::NONCE, false, &element(4, nonce.as_bytes()))];
    let der = ResponseDraft { extensions, ..fixture.good() }.sign_by(&stranger);
    let validated = fixture.validate_at(&der, &OcspSettings::default(), Some(&sent), NOW);
    assert_eq!(validated, Err(OcspError::ResponderNotAuthorised(ResponderFault::OtherIssuer)));
}
