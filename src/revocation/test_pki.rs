//! CAs, certificates and CRLs for tests, including invalid ones: the CRLs are encoded byte by byte.

use super::{CrlStore, RevocationRule, UnrevokedChain, check};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::validation::{PresentedChain, TrustSet, ValidatedChain, ValidationRule, validate};
use der::Encode;
use der::asn1::UtcTime;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, KeyUsagePurpose, SigningKey,
};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// 2026-11-22T09:30:00Z.
pub(crate) const NOW: UnixTime = UnixTime::from_seconds(1_795_339_800);
pub(crate) const HOUR: Duration = Duration::from_secs(3600);

pub(crate) fn before(time: UnixTime, by: Duration) -> UnixTime {
    UnixTime::from(time.since_epoch() - by)
}

/// A CA with its key.
pub(crate) struct TestCa {
    pub(crate) certificate: Certificate,
    issuer: Issuer<'static, KeyPair>,
}

impl TestCa {
    pub(crate) fn root(name: &str) -> Self {
        Self::root_with(name, |_| {})
    }

    pub(crate) fn root_with(name: &str, edit: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut params = ca_params(name);
        edit(&mut params);
        Self::self_signed(params, KeyPair::generate().unwrap())
    }

    /// Returns a root with this key.
    pub(crate) fn root_of(name: &str, key: KeyPair) -> Self {
        Self::self_signed(ca_params(name), key)
    }

    fn self_signed(params: CertificateParams, key: KeyPair) -> Self {
        let certificate = params.self_signed(&key).unwrap();
        Self {
            certificate: Certificate::from_der(certificate.der()).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    pub(crate) fn sub_ca(&self, name: &str, serial: u8) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = ca_params(name);
        params.serial_number = Some(vec![serial].into());
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            certificate: Certificate::from_der(certificate.der()).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns another certificate for the key and name of `other`.
    pub(crate) fn certify(
        &self,
        other: &Self,
        name: &str,
        serial: u8,
        key_usages: &[KeyUsagePurpose],
    ) -> Certificate {
        let mut params = ca_params(name);
        params.serial_number = Some(vec![serial].into());
        params.key_usages = key_usages.to_vec();
        let certificate = params.signed_by(other.issuer.key(), &self.issuer).unwrap();
        Certificate::from_der(certificate.der()).unwrap()
    }

    pub(crate) fn issue(&self, name: &str, serial: &[u8]) -> Certificate {
        self.issue_with(serial, |params| params.distinguished_name.push(DnType::CommonName, name))
    }

    pub(crate) fn issue_with(&self, serial: &[u8], edit: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.serial_number = Some(serial.to_vec().into());
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ClientAuth];
        edit(&mut params);
        let certificate = params.signed_by(&KeyPair::generate().unwrap(), &self.issuer).unwrap();
        Certificate::from_der(certificate.der()).unwrap()
    }

    /// Returns a certificate that may only sign CRLs, with its key.
    pub(crate) fn crl_signer(
        &self,
        name: &str,
        serial: u8,
        edit: impl FnOnce(&mut CertificateParams),
    ) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = ca_params(name);
        params.is_ca = IsCa::NoCa;
        params.key_usages = vec![KeyUsagePurpose::CrlSign];
        params.serial_number = Some(vec![serial].into());
        edit(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Self {
            certificate: Certificate::from_der(certificate.der()).unwrap(),
            issuer: Issuer::new(params, key),
        }
    }

    /// Returns a CRL with this TBSCertList.
    pub(crate) fn sign_list(&self, tbs: &[u8]) -> Vec<u8> {
        let signature = self.issuer.key().sign(tbs).unwrap();
        let signature = element(0x03, &[&[0], signature.as_slice()].concat());
        element(0x30, &[tbs, &ecdsa_with_sha256(), &signature].concat())
    }

    pub(crate) fn issuer(&self) -> &Issuer<'static, KeyPair> {
        &self.issuer
    }
}

fn ca_params(name: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    params
}

/// The content of a CRL that [`CrlDraft::sign`] encodes.
pub(crate) struct CrlDraft {
    pub(crate) this_update: UnixTime,
    pub(crate) next_update: Option<UnixTime>,
    pub(crate) entries: Vec<Vec<u8>>,
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) inner_algorithm: Vec<u8>,
}

/// Fresh, complete and empty.
impl Default for CrlDraft {
    fn default() -> Self {
        Self {
            this_update: before(NOW, HOUR),
            next_update: Some(NOW.plus(HOUR)),
            entries: Vec::new(),
            extensions: Vec::new(),
            inner_algorithm: ecdsa_with_sha256(),
        }
    }
}

impl CrlDraft {
    pub(crate) fn revoking(serials: &[&[u8]]) -> Self {
        let entries = serials.iter().map(|serial| entry(serial, &[])).collect();
        Self { entries, ..Self::default() }
    }

    /// Returns the CRL in DER, in the name of `ca` and signed by its key.
    pub(crate) fn sign(&self, ca: &TestCa) -> Vec<u8> {
        self.sign_as(ca, ca)
    }

    /// Returns the DER in the name of `named`, signed by the key of `signer`.
    pub(crate) fn sign_as(&self, named: &TestCa, signer: &TestCa) -> Vec<u8> {
        let mut parts = vec![
            element(0x02, &[1]),
            self.inner_algorithm.clone(),
            named.certificate.subject().der().to_vec(),
            time(self.this_update),
        ];
        parts.extend(self.next_update.map(time));
        if !self.entries.is_empty() {
            parts.push(element(0x30, &self.entries.concat()));
        }
        if !self.extensions.is_empty() {
            parts.push(element(0xa0, &element(0x30, &self.extensions.concat())));
        }
        signer.sign_list(&element(0x30, &parts.concat()))
    }
}

/// Returns a revoked serial with these entry extensions.
pub(crate) fn entry(serial: &[u8], extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut parts = vec![element(0x02, serial), time(before(NOW, 2 * HOUR))];
    if !extensions.is_empty() {
        parts.push(element(0x30, &extensions.concat()));
    }
    element(0x30, &parts.concat())
}

/// Returns an extension; `oid` is the content of its OBJECT IDENTIFIER.
pub(crate) fn extension(oid: &[u8], critical: bool, value: &[u8]) -> Vec<u8> {
    let critical = if critical { element(0x01, &[0xff]) } else { Vec::new() };
    element(0x30, &[element(0x06, oid), critical, element(0x04, value)].concat())
}

pub(crate) fn reason(code: u8) -> Vec<u8> {
    extension(&[0x55, 0x1d, 21], false, &[0x0a, 1, code])
}

/// Returns CRLNumber (RFC 5280 5.2.3).
pub(crate) fn number(number: u8) -> Vec<u8> {
    extension(&[0x55, 0x1d, 20], false, &[2, 1, number])
}

/// Returns deltaCRLIndicator (RFC 5280 5.2.4).
pub(crate) fn base_number(number: u8) -> Vec<u8> {
    extension(&[0x55, 0x1d, 27], true, &[2, 1, number])
}

/// Returns issuingDistributionPoint (RFC 5280 5.2.5) of these fields.
pub(crate) fn issuing_point(fields: &[Vec<u8>]) -> Vec<u8> {
    extension(&[0x55, 0x1d, 28], true, &element(0x30, &fields.concat()))
}

/// Returns the distributionPoint field, with one URI.
pub(crate) fn at_uri(uri: &str) -> Vec<u8> {
    element(0xa0, &element(0xa0, &element(0x86, uri.as_bytes())))
}

/// Returns cRLDistributionPoints (RFC 5280 4.2.1.13) for a certificate, each of these fields.
pub(crate) fn distribution_points(points: &[&[Vec<u8>]]) -> rcgen::CustomExtension {
    let points: Vec<_> = points.iter().map(|fields| element(0x30, &fields.concat())).collect();
    rcgen::CustomExtension::from_oid_content(&[2, 5, 29, 31], element(0x30, &points.concat()))
}

/// Returns a distinguished name as a GeneralName.
pub(crate) fn directory_name(ca: &TestCa) -> Vec<u8> {
    element(0xa4, ca.certificate.subject().der())
}

fn time(time: UnixTime) -> Vec<u8> {
    UtcTime::from_unix_duration(time.since_epoch()).unwrap().to_der().unwrap()
}

pub(crate) fn ecdsa_with_sha256() -> Vec<u8> {
    element(0x30, &[0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2])
}

pub(crate) fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap().to_be_bytes();
    let header = match content.len() {
        0..=0x7f => vec![tag, length[3]],
        0x80..=0xff => vec![tag, 0x81, length[3]],
        0x100..=0xffff => vec![tag, 0x82, length[2], length[3]],
        _ => vec![tag, 0x83, length[1], length[2], length[3]],
    };
    [header.as_slice(), content].concat()
}

/// Returns a store of CRLs, loaded from files.
pub(crate) fn store(crls: &[&[u8]]) -> Arc<CrlStore> {
    let folder = tempfile::tempdir().unwrap();
    for (index, crl) in crls.iter().enumerate() {
        std::fs::write(folder.path().join(format!("{index}.crl")), crl).unwrap();
    }
    Arc::new(CrlStore::load(&[PathBuf::from(folder.path())]).unwrap())
}

/// Returns the validated chain of `leaf` and `intermediates` to `anchors`.
pub(crate) fn proven(
    leaf: &Certificate,
    intermediates: &[&Certificate],
    anchors: &[&Certificate],
) -> Arc<ValidatedChain> {
    let owned = |list: &[&Certificate]| list.iter().map(|one| (*one).clone()).collect();
    let ders: Vec<_> =
        [leaf].iter().chain(intermediates).map(|certificate| certificate.der().into()).collect();
    let presented = PresentedChain::parse(&ders).unwrap();
    let trust = TrustSet::new(owned(anchors), Vec::new());
    Arc::new(validate(&Arc::new(presented), &trust, &ValidationRule::default(), NOW).unwrap())
}

/// Returns the chain of [`proven`], without a revocation check, for tests of later stages.
pub(crate) fn unrevoked(leaf: &Certificate, anchors: &[&Certificate]) -> UnrevokedChain {
    let off = RevocationRule { mode: super::RevocationMode::Off, ..RevocationRule::default() };
    check(&proven(leaf, &[], anchors), &off, &TrustSet::default(), &CrlStore::empty(), NOW).unwrap()
}
