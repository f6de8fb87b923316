//! The encoding of requests, byte by byte.

use super::draft::nonce;
use super::*;
use crate::revocation::test_pki::element;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

fn sha1(bytes: &[u8]) -> Vec<u8> {
    digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes).as_ref().to_vec()
}

/// Returns the CertID of RFC 6960 4.1.1, encoded by hand.
fn certificate_id(fixture: &OcspFixture) -> Vec<u8> {
    let issuer = &fixture.ca.certificate;
    // An uncompressed P-256 point is the last 65 bytes of its SubjectPublicKeyInfo.
    let key = issuer.public_key_der();
    let parts = [
        element(0x30, &[0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0]),
        element(4, &sha1(issuer.subject().der())),
        element(4, &sha1(&key[key.len() - 65..])),
        element(2, SERIAL),
    ];
    element(0x30, &parts.concat())
}

fn encode(fixture: &OcspFixture, nonce: Option<&OcspNonce>) -> Vec<u8> {
    let id = CertificateId::of(&fixture.leaf, &fixture.ca.certificate).unwrap();
    request::encode(&id, nonce).unwrap()
}

#[test]
fn a_request_has_the_bytes_of_rfc_6960() {
    let fixture = OcspFixture::new();
    let requests = element(0x30, &element(0x30, &certificate_id(&fixture)));
    let plain = element(0x30, &element(0x30, &requests));
    assert_eq!(encode(&fixture, None), plain);
    let extensions = element(0xa2, &element(0x30, &nonce(&[7; 32])));
    let with_nonce = element(0x30, &element(0x30, &[requests, extensions].concat()));
    assert_eq!(encode(&fixture, Some(&OcspNonce::from_bytes(&[7; 32]).unwrap())), with_nonce);
}

#[test]
fn the_issuers_name_is_hashed_as_encoded_in_the_certificate() {
    let OcspFixture { ca, leaf } = OcspFixture::new();
    let mut params = rcgen::CertificateParams::default();
    let printable = "Root".try_into().map(rcgen::DnValue::PrintableString).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(rcgen::DnType::CommonName, printable);
    let other = params.signed_by(ca.issuer().key(), ca.issuer()).unwrap();
    let other = Certificate::from_der(other.der()).unwrap();
    assert_ne!(other.subject().der(), ca.certificate.subject().der());
    assert_eq!(CertificateId::of(&leaf, &other), CertificateId::of(&leaf, &ca.certificate));
}

#[test]
fn every_nonce_is_different() {
    assert_ne!(OcspNonce::random().unwrap(), OcspNonce::random().unwrap());
}

#[test]
fn a_hash_without_parameters_identifies_the_certificate_and_one_with_others_does_not() {
    let fixture = OcspFixture::new();
    let null = [0x30, 9, 0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0];
    let id = certificate_id(&fixture);
    let rest = id.strip_prefix(&[0x30, u8::try_from(id.len() - 2).unwrap()]).unwrap();
    let rest = rest.strip_prefix(&null).unwrap();
    let with = |algorithm: &[u8]| {
        let single =
            SingleResponseDraft { id: element(0x30, &[algorithm, rest].concat()), ..fixture.single() };
        let der = ResponseDraft::about(single).sign(&fixture.ca);
        fixture.validate(&der, &OcspSettings::default()).map(|response| response.status)
    };
    assert_eq!(with(&[0x30, 7, 0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a]), Ok(CertStatus::Good));
    let odd = with(&[0x30, 10, 0x06, 5, 0x2b, 0x0e, 3, 2, 0x1a, 2, 1, 0]);
    assert!(matches!(odd, Err(OcspError::UnknownHash(_))), "{odd:?}");
    let sha256 = [0x30, 11, 0x06, 9, 0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, 1];
    assert_eq!(with(&sha256), Err(OcspError::WrongCertificate));
}

#[test]
fn a_short_request_is_sent_in_the_url_with_all_but_letters_and_digits_escaped() {
    let request = [0xfb, 0xff, 0xbf, 0x3e];
    let expected = "http://ocsp.example/a/%2B%2F%2B%2FPg%3D%3D";
    assert_eq!(STANDARD.encode(request), "+/+/Pg==");
    for responder in ["http://ocsp.example/a", "http://ocsp.example/a/"] {
        assert_eq!(request::in_url(responder, &request).as_deref(), Some(expected));
    }
}

#[test]
fn a_request_that_is_too_long_for_a_url_or_whose_url_has_a_query_is_a_post() {
    let longest = [0; 189];
    assert!(request::in_url("http://ocsp.example", &longest).is_some_and(|url| url.ends_with("AAAA")));
    assert_eq!(request::in_url("http://ocsp.example", &[0; 192]), None);
    assert_eq!(request::in_url("http://ocsp.example/?ca=1", &[0; 3]), None);
}
