//! The cost of validation: ordinary chains, and the most expensive chains that the limits allow.

use const_oid::ObjectIdentifier;
use divan::counter::ItemsCount;
use divan::{Bencher, black_box};
use portcullis::certificate::Certificate;
use portcullis::clock::UnixTime;
use portcullis::validation::{
    ChainError, PresentedChain, TrustSet, ValidatedChain, ValidationRule, validate,
};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, PublicKeyData, SignatureAlgorithm, SigningKey,
};
use rustls_pki_types::CertificateDer;
use std::sync::Arc;

fn main() {
    divan::main();
}

/// 2026-11-22T09:30:00Z.
const NOW: UnixTime = UnixTime::from_seconds(1_795_339_800);

/// A presented chain and the trust set.
struct ValidationCase {
    presented: Vec<CertificateDer<'static>>,
    trust: TrustSet,
}

impl ValidationCase {
    fn new(presented: Vec<rcgen::Certificate>, anchor: &rcgen::Certificate) -> Self {
        Self::with_intermediates(presented, anchor, &[])
    }

    fn with_intermediates(
        presented: Vec<rcgen::Certificate>,
        anchor: &rcgen::Certificate,
        others: &[rcgen::Certificate],
    ) -> Self {
        let read = |made: &rcgen::Certificate| Certificate::from_der(made.der()).expect("it was just made");
        let trust = TrustSet::new(vec![read(anchor)], others.iter().map(read).collect());
        Self { presented: presented.into_iter().map(Into::into).collect(), trust }
    }

    /// Parses and validates the bytes of the handshake.
    fn validate(&self) -> Result<ValidatedChain, ChainError> {
        let chain = PresentedChain::parse(black_box(&self.presented)).expect("it is within the limits");
        validate(&Arc::new(chain), &self.trust, &ValidationRule::default(), NOW)
    }

    fn bench(&self, bencher: Bencher<'_, '_>, is_valid: bool) {
        assert_eq!(self.validate().is_ok(), is_valid, "{:?}", self.validate().err());
        bencher.counter(ItemsCount::new(1_u32)).bench(|| self.validate());
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    params
}

fn authority(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

fn card() -> CertificateParams {
    let mut params = named("Alice");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn key(algorithm: &'static SignatureAlgorithm) -> KeyPair {
    KeyPair::generate_for(algorithm).expect("a key can be made")
}

fn signed(
    params: &CertificateParams,
    key: &impl PublicKeyData,
    issuer: &Issuer<'_, impl SigningKey>,
) -> rcgen::Certificate {
    params.signed_by(key, issuer).expect("it can be signed")
}

/// A chain of a leaf, an issuing CA and a root.
fn three(
    algorithm: &'static SignatureAlgorithm,
    ca: impl FnOnce(&mut CertificateParams),
    leaf: impl FnOnce(&mut CertificateParams),
) -> ValidationCase {
    let (root_key, ca_key, card_key) = (key(algorithm), key(algorithm), key(algorithm));
    let root = authority("Root").self_signed(&root_key).expect("it can be signed");
    let mut ca_params = authority("Issuing");
    ca(&mut ca_params);
    let issuing = signed(&ca_params, &ca_key, &Issuer::new(authority("Root"), root_key));
    let mut card_params = card();
    leaf(&mut card_params);
    let card = signed(&card_params, &card_key, &Issuer::new(ca_params, ca_key));
    ValidationCase::new(vec![card, issuing], &root)
}

#[divan::bench]
fn three_certificates_p256(bencher: Bencher<'_, '_>) {
    three(&rcgen::PKCS_ECDSA_P256_SHA256, |_| {}, |_| {}).bench(bencher, true);
}

#[divan::bench]
fn three_certificates_rsa_2048(bencher: Bencher<'_, '_>) {
    three(&rcgen::PKCS_RSA_SHA256, |_| {}, |_| {}).bench(bencher, true);
}

/// A hundred CAs with one name that sign each other in a ring, without key identifiers.
#[divan::bench]
fn a_hundred_cross_signed_cas_p256(bencher: Bencher<'_, '_>) {
    let root = authority("Root").self_signed(&key(&rcgen::PKCS_ECDSA_P256_SHA256)).expect("it can be signed");
    let issuers: Vec<_> =
        (0..100).map(|_| Issuer::new(authority("Bridge"), key(&rcgen::PKCS_ECDSA_P256_SHA256))).collect();
    let ring = issuers.iter().zip(issuers.iter().cycle().skip(1));
    let crossed: Vec<_> =
        ring.map(|(signer, subject)| signed(&authority("Bridge"), subject.key(), signer)).collect();
    let leaf =
        signed(&card(), &key(&rcgen::PKCS_ECDSA_P256_SHA256), issuers.last().expect("there are a hundred"));
    ValidationCase::with_intermediates(vec![leaf], &root, &crossed).bench(bencher, false);
}

/// An RSA key of any length with random signatures. To reject one costs as much as to verify a valid one.
struct NoisyRsa {
    bytes: usize,
    public_key: Vec<u8>,
}

impl NoisyRsa {
    fn new(bytes: usize, number: u8) -> Self {
        let modulus = [vec![0xc5; bytes - 2], vec![number, 0xc5]].concat();
        let integer = element(2, &[vec![0], modulus].concat());
        Self { bytes, public_key: element(0x30, &[integer, element(2, &[1, 0, 1])].concat()) }
    }
}

impl PublicKeyData for NoisyRsa {
    fn der_bytes(&self) -> &[u8] {
        &self.public_key
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &rcgen::PKCS_RSA_SHA256
    }
}

impl SigningKey for NoisyRsa {
    fn sign(&self, _: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        Ok(vec![0x5c; self.bytes])
    }
}

/// Sixty-four of a hundred possible issuers are tried, each with a key of the maximum length.
#[divan::bench]
fn a_hundred_possible_issuers_rsa_8192(bencher: Bencher<'_, '_>) {
    noisy(1024).bench(bencher, false);
}

#[divan::bench]
fn a_hundred_possible_issuers_rsa_16384(bencher: Bencher<'_, '_>) {
    noisy(2048).bench(bencher, false);
}

fn noisy(bytes: usize) -> ValidationCase {
    let root_key = key(&rcgen::PKCS_ECDSA_P256_SHA256);
    let root = authority("Root").self_signed(&root_key).expect("it can be signed");
    let root_issuer = Issuer::new(authority("Root"), root_key);
    let keys: Vec<_> = (0..100).map(|number| NoisyRsa::new(bytes, number)).collect();
    let crossed: Vec<_> = keys.iter().map(|key| signed(&authority("Bridge"), key, &root_issuer)).collect();
    let issuer = Issuer::new(authority("Bridge"), NoisyRsa::new(bytes, 100));
    let leaf = signed(&card(), &key(&rcgen::PKCS_ECDSA_P256_SHA256), &issuer);
    ValidationCase::with_intermediates(vec![leaf], &root, &crossed)
}

/// Ten thousand policy mappings in one configured CA, each to the next policy.
#[divan::bench]
fn ten_thousand_mappings(bencher: Bencher<'_, '_>) {
    let pairs = (0..10_000).map(|from| sequence(&[policy(from), policy(from + 1)]));
    let mappings = extension(33, &sequence(&pairs.collect::<Vec<_>>()));
    let root_key = key(&rcgen::PKCS_ECDSA_P256_SHA256);
    let root = authority("Root").self_signed(&root_key).expect("it can be signed");
    let mut params = authority("Issuing");
    params.custom_extensions = vec![extension(32, &sequence(&[sequence(&[oid("2.5.29.32.0")])])), mappings];
    let ca_key = key(&rcgen::PKCS_ECDSA_P256_SHA256);
    let issuing = signed(&params, &ca_key, &Issuer::new(authority("Root"), root_key));
    let leaf = signed(&card(), &key(&rcgen::PKCS_ECDSA_P256_SHA256), &Issuer::new(params, ca_key));
    ValidationCase::with_intermediates(vec![leaf], &root, &[issuing]).bench(bencher, false);
}

/// 60 KB of policies below anyPolicy, all of them processed.
#[divan::bench]
fn sixty_kilobytes_of_policies(bencher: Bencher<'_, '_>) {
    let policies = |of: Vec<Vec<u8>>| {
        let content = sequence(&of.into_iter().map(|policy| sequence(&[policy])).collect::<Vec<_>>());
        move |params: &mut CertificateParams| params.custom_extensions = vec![extension(32, &content)]
    };
    let many = (0..4_200).map(policy).collect();
    let any = vec![oid("2.5.29.32.0")];
    three(&rcgen::PKCS_ECDSA_P256_SHA256, policies(any), policies(many)).bench(bencher, true);
}

/// 30 KB of names below 30 KB of name constraints, above the limit of comparisons.
#[divan::bench]
fn thirty_kilobytes_of_names_and_of_name_constraints(bencher: Bencher<'_, '_>) {
    let names = |end: &str| {
        (0..1_500).map(|number| element(0x82, format!("{number}.{end}").as_bytes())).collect::<Vec<_>>()
    };
    let subtrees: Vec<_> = names("excluded").into_iter().map(|base| sequence(&[base])).collect();
    let constraints = sequence(&[element(0xa1, &subtrees.concat())]);
    let leaf = sequence(&names("example"));
    let with = |id, content: Vec<u8>| {
        move |params: &mut CertificateParams| params.custom_extensions = vec![extension(id, &content)]
    };
    three(&rcgen::PKCS_ECDSA_P256_SHA256, with(30, constraints), with(17, leaf)).bench(bencher, false);
}

fn policy(number: u32) -> Vec<u8> {
    oid(&format!("1.3.6.1.4.1.32473.{number}"))
}

fn extension(id: u64, content: &[u8]) -> CustomExtension {
    CustomExtension::from_oid_content(&[2, 5, 29, id], content.to_vec())
}

fn oid(text: &str) -> Vec<u8> {
    element(6, text.parse::<ObjectIdentifier>().expect("it is an object identifier").as_bytes())
}

fn sequence(parts: &[Vec<u8>]) -> Vec<u8> {
    element(0x30, &parts.concat())
}

fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("it is short").to_be_bytes();
    let head = match content.len() {
        0..128 => vec![tag, length[3]],
        128..256 => vec![tag, 0x81, length[3]],
        256..65_536 => vec![tag, 0x82, length[2], length[3]],
        _ => vec![tag, 0x83, length[1], length[2], length[3]],
    };
    [head.as_slice(), content].concat()
}
