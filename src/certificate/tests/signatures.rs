//! Valid and invalid signatures.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use base64::prelude::*;
use der::Encode;
use der::asn1::{BitStringRef, UintRef};
use spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};

use super::*;
use crate::certificate::signature::verify;

const SIGNED: &[u8] = b"signed by a CA";
const NULL: [u8; 2] = [5, 0];
const PKCS1: [u8; 8] = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];

/// Returns an algorithm of PKCS #1 with this last arc and these parameters.
fn pkcs1(last: u8, parameters: &[u8]) -> Vec<u8> {
    element(0x30, &[element(6, &[PKCS1.as_slice(), &[last]].concat()), parameters.to_vec()].concat())
}

/// Returns the AlgorithmIdentifier of SHA-256 (1), SHA-384 (2) or SHA-512 (3).
fn hash(last: u8) -> Vec<u8> {
    element(0x30, &[element(6, &[0x60, 0x86, 0x48, 1, 0x65, 3, 4, 2, last]), NULL.to_vec()].concat())
}

fn pss(hash_: u8, mask_hash: u8, salt: u8) -> Vec<u8> {
    let parts = [
        element(0xa0, &hash(hash_)),
        element(0xa1, &pkcs1(8, &hash(mask_hash))),
        element(0xa2, &[2, 1, salt]),
    ];
    pkcs1(10, &element(0x30, &parts.concat()))
}

struct TestRsaKey {
    key: RsaKeyPair,
    public_key: Vec<u8>,
}

impl TestRsaKey {
    fn generate() -> Self {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let public_key = key.public_key().as_der().unwrap().as_ref().to_vec();
        Self { key, public_key }
    }

    fn sign(&self, encoding: &'static dyn RsaEncoding) -> Vec<u8> {
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key.sign(encoding, &SystemRandom::new(), SIGNED, &mut signature).unwrap();
        signature
    }
}

#[test]
fn rsa_signatures_with_sha_2_are_valid_in_both_paddings() {
    let rsa = TestRsaKey::generate();
    let cases: [(Vec<u8>, &'static dyn RsaEncoding); 7] = [
        (pkcs1(11, &NULL), &RSA_PKCS1_SHA256),
        (pkcs1(11, &[]), &RSA_PKCS1_SHA256),
        (pkcs1(12, &NULL), &RSA_PKCS1_SHA384),
        (pkcs1(13, &NULL), &RSA_PKCS1_SHA512),
        (pss(1, 1, 32), &RSA_PSS_SHA256),
        (pss(2, 2, 48), &RSA_PSS_SHA384),
        (pss(3, 3, 64), &RSA_PSS_SHA512),
    ];
    for (algorithm, encoding) in cases {
        let signature = rsa.sign(encoding);
        assert_eq!(verify(&rsa.public_key, &algorithm, SIGNED, &signature), Ok(()));
        assert_eq!(verify(&rsa.public_key, &algorithm, b"other", &signature), Err(SignatureError::Wrong));
    }
}

#[test]
fn contradicting_parameters_are_refused() {
    let rsa = TestRsaKey::generate();
    let wrong = |last: u8| {
        let oid = [PKCS1.as_slice(), &[last]].concat();
        Err(SignatureError::WrongParameters { oid: ObjectIdentifier::from_contents(&oid).unwrap() })
    };
    let signature = rsa.sign(&RSA_PKCS1_SHA256);
    assert_eq!(verify(&rsa.public_key, &pkcs1(11, &[2, 1, 0]), SIGNED, &signature), wrong(11));
    let signature = rsa.sign(&RSA_PSS_SHA256);
    for algorithm in [pss(1, 2, 32), pss(2, 1, 32), pkcs1(10, &[]), pkcs1(10, &NULL)] {
        assert_eq!(verify(&rsa.public_key, &algorithm, SIGNED, &signature), wrong(10));
    }
    // An empty SEQUENCE means SHA-1 throughout (RFC 4055 3.1).
    let defaults = verify(&rsa.public_key, &pkcs1(10, &element(0x30, &[])), SIGNED, &signature);
    assert!(matches!(defaults, Err(SignatureError::WeakAlgorithm { .. })));
}

#[test]
fn weak_hashes_and_short_rsa_keys_are_refused_by_name() {
    let rsa = TestRsaKey::generate();
    for weak in [2, 4, 5] {
        let verdict = verify(&rsa.public_key, &pkcs1(weak, &NULL), SIGNED, &[0; 256]);
        assert!(matches!(verdict, Err(SignatureError::WeakAlgorithm { .. })), "{weak}");
    }
    let verdict = verify(&rsa_key(&[0xc5; 128]), &pkcs1(11, &NULL), SIGNED, &[0; 128]);
    assert_eq!(verdict, Err(SignatureError::WeakKey { bits: 1024 }));
}

#[test]
fn an_rsa_key_that_takes_too_long_to_use_is_refused() {
    let verdict = verify(&rsa_key(&[0xc5; 2048]), &pkcs1(11, &NULL), SIGNED, &[0; 2048]);
    let key = KeyAlgorithm::Rsa { bits: 16_384 };
    assert!(matches!(verdict, Err(SignatureError::Unsupported { key: found, .. }) if *found == key));
}

/// Returns the SubjectPublicKeyInfo of an RSA key with this modulus.
fn rsa_key(modulus: &[u8]) -> Vec<u8> {
    let exponent = UintRef::new(&[1, 0, 1]).unwrap();
    let key = vec![UintRef::new(modulus).unwrap(), exponent].to_der().unwrap();
    let algorithm = AlgorithmIdentifierRef { oid: rfc5912::RSA_ENCRYPTION, parameters: None };
    let subject_public_key = BitStringRef::from_bytes(&key).unwrap();
    SubjectPublicKeyInfoRef { algorithm, subject_public_key }.to_der().unwrap()
}

/// Made by OpenSSL: CAs sign with any hash under any curve, and aws-lc cannot.
#[test]
fn ecdsa_signatures_are_valid_with_every_curve_and_hash() {
    let mut count = 0;
    for line in include_str!("ecdsa.txt").lines() {
        let [curve, bits, public_key, signature] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        let decode = |text| BASE64_STANDARD.decode(text).unwrap();
        let (public_key, signature) = (decode(public_key), decode(signature));
        let last = match bits {
            "256" => 2,
            "384" => 3,
            _ => 4,
        };
        let ecdsa = [0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, last];
        let algorithm = element(0x30, &element(6, &ecdsa));
        assert_eq!(verify(&public_key, &algorithm, SIGNED, &signature), Ok(()), "{curve} {bits}");
        assert_eq!(verify(&public_key, &algorithm, b"other", &signature), Err(SignatureError::Wrong));
        let with_null = element(0x30, &[element(6, &ecdsa), NULL.to_vec()].concat());
        let verdict = verify(&public_key, &with_null, SIGNED, &signature);
        assert!(matches!(verdict, Err(SignatureError::WrongParameters { .. })));
        count += 1;
    }
    assert_eq!(count, 9);
}

#[test]
fn an_ed25519_signature_is_valid() {
    let key = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
    let certificate = CertificateParams::default().self_signed(&key).unwrap();
    let certificate = Certificate::from_der(certificate.der()).unwrap();
    assert_eq!(certificate.key_algorithm(), KeyAlgorithm::Ed25519);
    assert_eq!(certificate.verify_signature(certificate.public_key_der()), Ok(()));
}

#[test]
fn an_algorithm_of_another_kind_of_key_is_refused() {
    let rsa = TestRsaKey::generate();
    let elliptic = self_signed(|_| {});
    let ecdsa = element(0x30, &element(6, &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2]));
    for (key, algorithm) in
        [(rsa.public_key.as_slice(), ecdsa), (elliptic.public_key_der(), pkcs1(11, &NULL))]
    {
        let verdict = verify(key, &algorithm, SIGNED, &[0; 256]);
        assert!(matches!(verdict, Err(SignatureError::Unsupported { .. })));
    }
}
