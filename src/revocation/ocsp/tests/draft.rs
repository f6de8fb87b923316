//! Responses in DER, including invalid ones.

use super::{CertificateId, HOUR, NOW, before};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::revocation::test_pki::{TestCa, ecdsa_with_sha256, element, extension};
use aws_lc_rs::digest::{Algorithm, digest};
use der::asn1::GeneralizedTime;
use der::{Decode, Encode};
use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose, SigningKey};
use spki::SubjectPublicKeyInfoRef;

/// The content of id-pkix-ocsp-basic and of id-pkix-ocsp-nonce.
pub(super) const BASIC: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 1];
pub(super) const NONCE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 0x30, 1, 2];
pub(super) const NO_CHECK: [u64; 10] = [1, 3, 6, 1, 5, 5, 7, 48, 1, 5];

/// A response.
pub(super) struct ResponseDraft {
    pub(super) status: u8,
    pub(super) response_type: &'static [u8],
    pub(super) version: Option<u8>,
    pub(super) produced_at: UnixTime,
    pub(super) singles: Vec<SingleResponseDraft>,
    pub(super) extensions: Vec<Vec<u8>>,
    pub(super) certificates: Vec<Certificate>,
    /// Changes the fields of the ResponseData before it is signed.
    pub(super) edit: FieldEdit,
}

/// A change of the encoded fields of a SEQUENCE.
pub(super) type FieldEdit = fn(&mut Vec<Vec<u8>>);

/// The part for one certificate.
pub(super) struct SingleResponseDraft {
    pub(super) id: Vec<u8>,
    pub(super) status: Vec<u8>,
    pub(super) this_update: UnixTime,
    pub(super) next_update: Option<UnixTime>,
    pub(super) extensions: Vec<Vec<u8>>,
    pub(super) edit: FieldEdit,
}

impl ResponseDraft {
    pub(super) fn about(single: SingleResponseDraft) -> Self {
        Self {
            status: 0,
            response_type: BASIC,
            version: None,
            produced_at: before(NOW, HOUR),
            singles: vec![single],
            extensions: Vec::new(),
            certificates: Vec::new(),
            edit: |_| {},
        }
    }

    /// Returns the DER signed by the CA, named by its subject.
    pub(super) fn sign(&self, ca: &TestCa) -> Vec<u8> {
        self.sign_as(&by_name(&ca.certificate), ca.issuer().key())
    }

    /// Returns the DER signed by a delegate, named by its subject, its certificate with it.
    pub(super) fn sign_by(mut self, delegate: &TestDelegate) -> Vec<u8> {
        self.certificates.push(delegate.certificate.clone());
        self.sign_as(&by_name(&delegate.certificate), &delegate.key)
    }

    /// Returns the DER named by `responder`, signed by `key`.
    pub(super) fn sign_as(&self, responder: &[u8], key: &KeyPair) -> Vec<u8> {
        let mut data = Vec::new();
        data.extend(self.version.map(|version| element(0xa0, &element(2, &[version]))));
        data.push(responder.to_vec());
        data.push(time(self.produced_at));
        let singles: Vec<_> = self.singles.iter().map(SingleResponseDraft::der).collect();
        data.push(element(0x30, &singles.concat()));
        data.extend(extensions(&self.extensions));
        (self.edit)(&mut data);
        let tbs = element(0x30, &data.concat());
        let signature = element(3, &[&[0], key.sign(&tbs).unwrap().as_slice()].concat());
        let mut basic = vec![tbs, ecdsa_with_sha256(), signature];
        if !self.certificates.is_empty() {
            let certificates: Vec<_> = self.certificates.iter().map(Certificate::der).collect();
            basic.push(element(0xa0, &element(0x30, &certificates.concat())));
        }
        let basic = element(4, &element(0x30, &basic.concat()));
        let content = element(0x30, &[element(6, self.response_type), basic].concat());
        element(0x30, &[element(0x0a, &[self.status]), element(0xa0, &content)].concat())
    }
}

impl SingleResponseDraft {
    pub(super) fn good(certificate: &Certificate, issuer: &TestCa) -> Self {
        let id = CertificateId::of(certificate, &issuer.certificate).unwrap();
        Self {
            id: id.to_der().unwrap(),
            status: vec![0x80, 0],
            this_update: before(NOW, HOUR),
            next_update: Some(NOW.plus(HOUR)),
            extensions: Vec::new(),
            edit: |_| {},
        }
    }

    /// Names the certificate by this hash of the issuer's name and key.
    pub(super) fn named_by(
        self,
        hash: &[u8],
        algorithm: &'static Algorithm,
        certificate: &Certificate,
        issuer: &TestCa,
    ) -> Self {
        let spki = SubjectPublicKeyInfoRef::from_der(issuer.certificate.public_key_der()).unwrap();
        let hashed = |bytes: &[u8]| element(4, digest(algorithm, bytes).as_ref());
        let parts = [
            element(0x30, &element(6, hash)),
            hashed(issuer.certificate.subject().der()),
            hashed(spki.subject_public_key.raw_bytes()),
            element(2, certificate.serial().as_bytes()),
        ];
        Self { id: element(0x30, &parts.concat()), ..self }
    }

    pub(super) fn unknown(self) -> Self {
        Self { status: vec![0x82, 0], ..self }
    }

    /// Sets the status to revoked two hours ago; `reason` is the code of RFC 5280 5.3.1.
    pub(super) fn revoked(self, reason: Option<u8>) -> Self {
        let reason = reason.map(|code| element(0xa0, &[0x0a, 1, code])).unwrap_or_default();
        Self { status: element(0xa1, &[time(before(NOW, 2 * HOUR)), reason].concat()), ..self }
    }

    fn der(&self) -> Vec<u8> {
        let mut parts = vec![self.id.clone(), self.status.clone(), time(self.this_update)];
        parts.extend(self.next_update.map(|next_update| element(0xa0, &time(next_update))));
        parts.extend(extensions(&self.extensions));
        (self.edit)(&mut parts);
        element(0x30, &parts.concat())
    }
}

/// A responder's certificate with its key.
pub(super) struct TestDelegate {
    pub(super) certificate: Certificate,
    pub(super) key: KeyPair,
}

/// Returns a delegate that meets RFC 6960 4.2.2.2, with id-pkix-ocsp-nocheck, changed by `edit`.
pub(super) fn delegate(ca: &TestCa, edit: impl FnOnce(&mut CertificateParams)) -> TestDelegate {
    let key = KeyPair::generate().unwrap();
    TestDelegate { certificate: delegate_certificate(ca, &key, edit), key }
}

/// Returns a delegate's certificate for this key.
pub(super) fn delegate_certificate(
    ca: &TestCa,
    key: &KeyPair,
    edit: impl FnOnce(&mut CertificateParams),
) -> Certificate {
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Responder");
    params.serial_number = Some(vec![0x52].into());
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
    params.custom_extensions = vec![rcgen::CustomExtension::from_oid_content(&NO_CHECK, vec![5, 0])];
    edit(&mut params);
    Certificate::from_der(params.signed_by(key, ca.issuer()).unwrap().der()).unwrap()
}

/// Returns ResponderID byName.
pub(super) fn by_name(certificate: &Certificate) -> Vec<u8> {
    element(0xa1, certificate.subject().der())
}

/// Returns a nonce extension with these random bytes.
pub(super) fn nonce(bytes: &[u8]) -> Vec<u8> {
    extension(NONCE, false, &element(4, bytes))
}

fn extensions(extensions: &[Vec<u8>]) -> Option<Vec<u8>> {
    (!extensions.is_empty()).then(|| element(0xa1, &element(0x30, &extensions.concat())))
}

fn time(time: UnixTime) -> Vec<u8> {
    GeneralizedTime::from_unix_duration(time.since_epoch()).unwrap().to_der().unwrap()
}
