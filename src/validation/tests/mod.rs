//! Authorities and client certificates for the tests of this folder.

mod caching;
mod der;
mod names;
mod paths;
mod policies;
mod refusals;

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::CertificateDer;

use super::*;
use crate::certificate::Certificate;
use crate::clock::UnixTime;

/// 2026-11-22T09:30:00Z.
const NOW: UnixTime = UnixTime::from_seconds(1_795_339_800);

/// A CA: its certificate, and the key that it issues with.
struct ValidationTestCa {
    certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl ValidationTestCa {
    fn root(name: &str) -> Self {
        Self::root_with(name, |_| {})
    }

    fn root_with(name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = authority_params(name);
        edit(&mut params);
        let certificate = read(&params.self_signed(&key).unwrap());
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Returns a CA below this one.
    fn authority(&self, name: &str) -> Self {
        self.authority_with(name, |_| {})
    }

    fn authority_with(&self, name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        self.authority_of_key(name, KeyPair::generate().unwrap(), edit)
    }

    fn authority_of_key(&self, name: &str, key: KeyPair, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = authority_params(name);
        edit(&mut params);
        let certificate = read(&params.signed_by(&key, &self.issuer).unwrap());
        Self { certificate, issuer: Issuer::new(params, key) }
    }

    /// Returns a certificate of this CA for the name and key of another one.
    fn cross_sign(&self, other: &Self, name: &str) -> Certificate {
        read(&authority_params(name).signed_by(other.issuer.key(), &self.issuer).unwrap())
    }

    /// Returns Alice's client certificate.
    fn leaf(&self) -> Certificate {
        self.leaf_with(|_| {})
    }

    fn leaf_with(&self, edit: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = named("Alice");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        edit(&mut params);
        read(&params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap())
    }
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2040, 1, 1);
    params.use_authority_key_identifier_extension = true;
    params
}

fn authority_params(name: &str) -> CertificateParams {
    let mut params = named(name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

fn extension(oid: &[u64], critical: bool, content: &[u8]) -> CustomExtension {
    let mut extension = CustomExtension::from_oid_content(oid, content.to_vec());
    extension.set_criticality(critical);
    extension
}

fn read(made: &rcgen::Certificate) -> Certificate {
    Certificate::from_der(made.der()).unwrap()
}

fn presented(certificates: &[&Certificate]) -> Arc<PresentedChain> {
    let ders: Vec<_> =
        certificates.iter().map(|certificate| CertificateDer::from(certificate.der())).collect();
    Arc::new(PresentedChain::parse(&ders).unwrap())
}

fn anchored(authority: &ValidationTestCa) -> TrustSet {
    TrustSet::new(vec![authority.certificate.clone()], Vec::new())
}

/// Returns the verdict under the default rule, now.
fn validated(certificates: &[&Certificate], trust: &TrustSet) -> Result<ValidatedChain, ChainError> {
    validate(&presented(certificates), trust, &ValidationRule::default(), NOW)
}

/// Returns the position and the violation of a refusal.
fn refused(certificates: &[&Certificate], trust: &TrustSet) -> (usize, PathViolation) {
    let error = validated(certificates, trust).unwrap_err();
    (error.index, error.violation)
}
