//! Tests with subordinate CAs, whose certificates are decoded by this crate and by rustls.

mod authorities;
mod caching;
mod certificates;
mod handshakes;

use std::time::Duration;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, DnValue, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SignatureAlgorithm,
};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use time::OffsetDateTime;

use super::{IssuanceSettings, SubordinateCa, UserCertificateSubject};
use crate::clock::UnixTime;

const NOW: UnixTime = UnixTime::from_seconds(1_795_339_800);
const DAY: Duration = Duration::from_secs(86_400);
const SID: &str = "S-1-5-21-1004336348-1177238915-682003330-1103";

/// A CA's certificate, the root above it, and its key.
struct TestSubordinateCa {
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

impl TestSubordinateCa {
    fn load(&self) -> SubordinateCa {
        SubordinateCa::new(&self.chain, &self.key, IssuanceSettings::default(), NOW).unwrap()
    }
}

/// Returns a valid subordinate CA with a P-256 key.
fn authority() -> TestSubordinateCa {
    changed_authority(|_| {})
}

/// Returns a subordinate CA with a P-256 key, changed by `change`.
fn changed_authority(change: impl FnOnce(&mut CertificateParams)) -> TestSubordinateCa {
    authority_with(&rcgen::PKCS_ECDSA_P256_SHA256, |_| {}, change)
}

fn authority_with(
    algorithm: &'static SignatureAlgorithm,
    change_root: impl FnOnce(&mut CertificateParams),
    change: impl FnOnce(&mut CertificateParams),
) -> TestSubordinateCa {
    let root_key = KeyPair::generate().unwrap();
    let mut root = authority_parameters("Backend Root CA");
    change_root(&mut root);
    let root_certificate = root.self_signed(&root_key).unwrap();
    let key = KeyPair::generate_for(algorithm).unwrap();
    let mut parameters = authority_parameters("Gateway CA");
    change(&mut parameters);
    let certificate = parameters.signed_by(&key, &Issuer::new(root, root_key)).unwrap();
    TestSubordinateCa {
        chain: vec![certificate.into(), root_certificate.into()],
        key: PrivateKeyDer::Pkcs8(key.serialize_der().into()),
    }
}

fn authority_parameters(name: &str) -> CertificateParams {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = named(DnValue::PrintableString(name.try_into().unwrap()));
    parameters.not_before = date(before(NOW, DAY));
    parameters.not_after = date(NOW.plus(DAY));
    parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    parameters.use_authority_key_identifier_extension = true;
    parameters
}

fn named(common_name: DnValue) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn before(time: UnixTime, span: Duration) -> UnixTime {
    UnixTime::from(time.since_epoch() - span)
}

fn date(time: UnixTime) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp(time.seconds().try_into().unwrap()).unwrap()
}

fn alice() -> UserCertificateSubject {
    UserCertificateSubject::new(r"CORP\alice", Some("alice@corp.example"), Some(SID)).unwrap()
}

fn bob() -> UserCertificateSubject {
    UserCertificateSubject::new(r"CORP\bob", Some("bob@corp.example"), None).unwrap()
}
