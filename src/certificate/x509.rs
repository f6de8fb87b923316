//! One X.509 certificate: its fields and extensions, typed, and the verification of its signature.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use const_oid::db::{rfc5280, rfc5912};
use der::Decode;
use x509_cert::ext::pkix::KeyUsage;

use super::alternative_names::AlternativeNames;
use super::distribution_point::CrlDistributionPoint;
use super::extensions::{self, AuthorityInformationAccess, BasicConstraints, CertificateExtensions};
use super::identifiers::SerialNumber;
use super::identifiers::{Fingerprint, KeyId, TbsFingerprint};
use super::key::{self, AlgorithmIdentifier, KeyAlgorithm, PublicKey};
use super::layout::{CertificateHead, CertificateLayout};
use super::malleability;
use super::name::DistinguishedName;
use super::name_constraints::NameConstraints;
use super::object_identifier::ObjectIdentifier;
use super::policy::{PolicyConstraints, PolicyMapping};
use super::signature::{self, SignatureError, WeakAlgorithms};
use super::validity;
use crate::clock::UnixTime;

/// One X.509 certificate (RFC 5280 4.1). Clones share their contents; two are equal if their DER is.
#[derive(Clone)]
pub struct Certificate {
    facts: Arc<CertificateFields>,
}

/// The bytes are not a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {part} of the certificate cannot be decoded")]
pub struct MalformedCertificate {
    /// The part that could not be decoded.
    pub part: &'static str,
    /// The reason.
    #[source]
    pub cause: der::Error,
}

/// The slices share one allocation with `der`.
struct CertificateFields {
    der: Bytes,
    tbs: Bytes,
    public_key: Bytes,
    inner_algorithm: Bytes,
    outer_algorithm: Bytes,
    signature: Bytes,
    signature_has_unused_bits: bool,
    fingerprint: Fingerprint,
    key_id: KeyId,
    version: u8,
    serial: SerialNumber,
    issuer: DistinguishedName,
    subject: DistinguishedName,
    not_before: UnixTime,
    not_after: UnixTime,
    key_algorithm: KeyAlgorithm,
    signature_algorithm: ObjectIdentifier,
    extensions: CertificateExtensions,
}

/// Returns the SubjectPublicKeyInfo of any certificate, also of one that [`Certificate::from_der`] cannot read:
/// nothing after the key is decoded. It serves to prove possession of the key before validation, so the key's
/// algorithm is encoded as in its standard, even if the certificate omits a NULL.
pub(crate) fn public_key_of(certificate_der: &[u8]) -> Result<Cow<'_, [u8]>, MalformedCertificate> {
    let public_key = CertificateHead::of_certificate(certificate_der).map_err(in_part("outline"))?.public_key;
    Ok(key::canonical(public_key))
}

impl Certificate {
    /// Reads one certificate in DER. An invalid extension is recorded in the certificate and is not an error.
    ///
    /// # Errors
    /// The bytes do not have the outline of a certificate in DER.
    pub fn from_der(der: &[u8]) -> Result<Self, MalformedCertificate> {
        let der = Bytes::copy_from_slice(der);
        let layout = CertificateLayout::read(&der).map_err(in_part("outline"))?;
        let head = &layout.head;
        let (not_before, not_after) = validity::read(head.validity).map_err(in_part("validity"))?;
        let key = PublicKey::read(head.public_key).map_err(in_part("public key"))?;
        let signature_algorithm = AlgorithmIdentifier::from_der(layout.outer_algorithm)
            .map_err(in_part("signature algorithm"))?
            .oid;
        let signature_bytes = layout.signature.raw_bytes();
        let facts = CertificateFields {
            tbs: der.slice_ref(layout.tbs),
            public_key: der.slice_ref(head.public_key),
            inner_algorithm: der.slice_ref(head.inner_algorithm),
            outer_algorithm: der.slice_ref(layout.outer_algorithm),
            signature: der.slice_ref(signature_bytes),
            signature_has_unused_bits: layout.signature.unused_bits() != 0,
            fingerprint: Fingerprint::of(&der),
            key_id: KeyId::of(head.public_key),
            version: head.version.saturating_add(1),
            serial: SerialNumber::from_bytes(head.serial),
            issuer: DistinguishedName::from_der(head.issuer),
            subject: DistinguishedName::from_der(head.subject),
            not_before,
            not_after,
            key_algorithm: key.algorithm,
            signature_algorithm,
            extensions: CertificateExtensions::read(&layout.extensions),
            der: der.clone(),
        };
        Ok(Self { facts: Arc::new(facts) })
    }

    /// Returns the fingerprint of the signed content, independent of the signature.
    pub fn tbs_fingerprint(&self) -> TbsFingerprint {
        TbsFingerprint::of(&self.facts.tbs)
    }

    /// Returns the other fingerprints that the certificate has if a client replaces an ECDSA signature by its twin.
    pub fn twin_fingerprints(&self) -> Vec<Fingerprint> {
        malleability::twin_fingerprints(&self.facts.tbs, &self.facts.outer_algorithm, &self.facts.signature)
    }

    /// Returns whether the issuer signed the same content. The signatures may differ.
    pub fn has_content_of(&self, other: &Self) -> bool {
        self.facts.tbs == other.facts.tbs
    }

    /// Returns the DER as presented.
    pub fn der(&self) -> &[u8] {
        &self.facts.der
    }

    /// Returns how many bytes of memory it takes up, estimated high: each name is kept as encoded, decoded and ready
    /// to be compared.
    pub fn weight(&self) -> usize {
        const FACTS: usize = 1024;
        FACTS + 6 * self.facts.der.len()
    }

    /// Returns the signed bytes, as presented.
    pub fn tbs_der(&self) -> &[u8] {
        &self.facts.tbs
    }

    /// Returns the whole SubjectPublicKeyInfo, as presented.
    pub fn public_key_der(&self) -> &[u8] {
        &self.facts.public_key
    }

    /// Returns the SHA-256 of the DER.
    pub fn fingerprint(&self) -> Fingerprint {
        self.facts.fingerprint
    }

    /// Returns the SHA-256 of the SubjectPublicKeyInfo.
    pub fn key_id(&self) -> KeyId {
        self.facts.key_id
    }

    /// Returns the version, 1, 2 or 3; greater only if the certificate has a version that does not exist.
    pub fn version(&self) -> u8 {
        self.facts.version
    }

    /// Returns the serial number.
    pub fn serial(&self) -> &SerialNumber {
        &self.facts.serial
    }

    /// Returns the issuer name.
    pub fn issuer(&self) -> &DistinguishedName {
        &self.facts.issuer
    }

    /// Returns the subject name.
    pub fn subject(&self) -> &DistinguishedName {
        &self.facts.subject
    }

    /// Returns whether issuer and subject are the same name, as in a root or a CA's certificate for its own next key.
    pub fn is_self_issued(&self) -> bool {
        self.facts.issuer == self.facts.subject
    }

    /// Returns the first second in which it is valid.
    pub fn not_before(&self) -> UnixTime {
        self.facts.not_before
    }

    /// Returns the last second in which it is valid (RFC 5280 4.1.2.5: inclusive).
    pub fn not_after(&self) -> UnixTime {
        self.facts.not_after
    }

    /// Returns the kind of key.
    pub fn key_algorithm(&self) -> KeyAlgorithm {
        self.facts.key_algorithm
    }

    /// Returns whether signatures by its key can be verified, in a handshake and on a certificate: the key is of a
    /// supported kind and well-formed.
    pub fn has_usable_key(&self) -> bool {
        signature::is_usable_key(&self.facts.public_key)
    }

    /// Returns the signature algorithm.
    pub fn signature_algorithm(&self) -> ObjectIdentifier {
        self.facts.signature_algorithm
    }

    /// Returns basicConstraints (RFC 5280 4.2.1.9).
    pub fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.facts.extensions.basic_constraints
    }

    /// Returns keyUsage (RFC 5280 4.2.1.3).
    pub fn key_usage(&self) -> Option<KeyUsage> {
        self.facts.extensions.key_usage
    }

    /// Returns whether its keyUsage has cRLSign.
    pub fn may_sign_crls(&self) -> bool {
        self.key_usage().is_some_and(|usage| usage.crl_sign())
    }

    /// Returns extendedKeyUsage (RFC 5280 4.2.1.12); `None` if the extension is absent, which differs from an empty
    /// one.
    pub fn extended_key_usages(&self) -> Option<&[ObjectIdentifier]> {
        self.facts.extensions.extended_key_usages.as_deref()
    }

    /// Returns the Application Policies of AD CS ([MS-WCCE] 2.2.2.7.7.3); `None` if the extension is absent.
    pub fn application_policies(&self) -> Option<&[ObjectIdentifier]> {
        self.facts.extensions.application_policies.as_deref()
    }

    /// Returns whether it names this usage: in extendedKeyUsage or in Application Policies, and in both if it has both.
    /// anyExtendedKeyUsage names no usage.
    pub fn names_usage(&self, usage: ObjectIdentifier) -> bool {
        let mut lists = self.usage_lists().peekable();
        lists.peek().is_some() && lists.all(|usages| usages.contains(&usage))
    }

    /// Returns whether it allows this usage for the certificates below it: as [`Certificate::names_usage`], but an
    /// absent list and one with any usage are no limit.
    pub fn allows_usage(&self, usage: ObjectIdentifier) -> bool {
        let is_any = |named: &ObjectIdentifier| {
            *named == rfc5280::ANY_EXTENDED_KEY_USAGE || *named == extensions::ANY_APPLICATION_POLICY
        };
        self.usage_lists().all(|usages| usages.contains(&usage) || usages.iter().any(is_any))
    }

    fn usage_lists(&self) -> impl Iterator<Item = &[ObjectIdentifier]> {
        self.extended_key_usages().into_iter().chain(self.application_policies())
    }

    /// Returns subjectAltName (RFC 5280 4.2.1.6).
    pub fn subject_alternative_names(&self) -> &AlternativeNames {
        &self.facts.extensions.alternative_names
    }

    /// Returns the identifiers of certificatePolicies (RFC 5280 4.2.1.4) of this certificate, whether or not its
    /// issuers were allowed to assert them.
    pub fn policies(&self) -> &[ObjectIdentifier] {
        &self.facts.extensions.policies
    }

    /// Returns subjectKeyIdentifier (RFC 5280 4.2.1.2).
    pub fn subject_key_identifier(&self) -> Option<&[u8]> {
        self.facts.extensions.subject_key_identifier.as_deref()
    }

    /// Returns the keyIdentifier of authorityKeyIdentifier (RFC 5280 4.2.1.1).
    pub fn authority_key_identifier(&self) -> Option<&[u8]> {
        self.facts.extensions.authority_key_identifier.as_deref()
    }

    /// Returns cRLDistributionPoints (RFC 5280 4.2.1.13).
    pub fn crl_distribution_points(&self) -> &[CrlDistributionPoint] {
        &self.facts.extensions.crl_distribution_points
    }

    /// Returns freshestCRL (RFC 5280 4.2.1.15): the distribution points of delta CRLs.
    pub fn freshest_crls(&self) -> &[CrlDistributionPoint] {
        &self.facts.extensions.freshest_crls
    }

    /// Returns authorityInfoAccess (RFC 5280 4.2.2.1).
    pub fn authority_information_access(&self) -> &AuthorityInformationAccess {
        &self.facts.extensions.authority_information_access
    }

    /// Returns the SID that an enterprise CA took from the directory ([MS-WCCE] 2.2.2.7.7.4), as `S-1-5-21-…`.
    pub fn sid(&self) -> Option<&str> {
        self.facts.extensions.sid.as_deref()
    }

    /// Returns whether this OCSP responder's certificate needs no revocation check during its whole validity
    /// (id-pkix-ocsp-nocheck, RFC 6960 4.2.2.2.1).
    pub fn has_ocsp_no_check(&self) -> bool {
        self.facts.extensions.ocsp_no_check
    }

    /// Returns which of nameConstraints, policyMappings, policyConstraints and inhibitAnyPolicy it holds, critical or
    /// not.
    pub fn path_constraints(&self) -> Vec<ObjectIdentifier> {
        let facts = &self.facts.extensions;
        let held = [
            (facts.name_constraints.is_some(), rfc5280::ID_CE_NAME_CONSTRAINTS),
            (!facts.policy_mappings.is_empty(), rfc5280::ID_CE_POLICY_MAPPINGS),
            (facts.policy_constraints != PolicyConstraints::default(), rfc5280::ID_CE_POLICY_CONSTRAINTS),
            (facts.inhibit_any_policy.is_some(), rfc5280::ID_CE_INHIBIT_ANY_POLICY),
        ];
        held.into_iter().filter_map(|(is_held, extension)| is_held.then_some(extension.into())).collect()
    }

    /// Returns nameConstraints (RFC 5280 4.2.1.10).
    pub fn name_constraints(&self) -> Option<&NameConstraints> {
        self.facts.extensions.name_constraints.as_ref()
    }

    /// Returns policyMappings (RFC 5280 4.2.1.5), in the order of the certificate.
    pub fn policy_mappings(&self) -> &[PolicyMapping] {
        &self.facts.extensions.policy_mappings
    }

    /// Returns policyConstraints (RFC 5280 4.2.1.11); without the extension both are absent.
    pub fn policy_constraints(&self) -> PolicyConstraints {
        self.facts.extensions.policy_constraints
    }

    /// Returns inhibitAnyPolicy (RFC 5280 4.2.1.14): after how many certificates anyPolicy matches no policy.
    pub fn inhibit_any_policy(&self) -> Option<u32> {
        self.facts.extensions.inhibit_any_policy
    }

    /// Returns the critical extensions that are not understood.
    pub fn unknown_critical_extensions(&self) -> &[ObjectIdentifier] {
        &self.facts.extensions.unknown_critical
    }

    /// Returns the extensions that occur more than once, which RFC 5280 4.2 forbids. The first one of each was read.
    pub fn duplicate_extensions(&self) -> &[ObjectIdentifier] {
        &self.facts.extensions.duplicate
    }

    /// Returns the known extensions that could not be decoded; they are treated as absent.
    pub fn undecodable_extensions(&self) -> &[ObjectIdentifier] {
        &self.facts.extensions.undecodable
    }

    /// Returns whether its signature is as long as one by an RSA key above 4,096 bits or a P-521 key, so that its
    /// verification takes long.
    pub fn is_signed_by_long_key(&self) -> bool {
        const RSA_4096: usize = 512;
        // Two integers of 48 bytes and their headers; those of P-521 have 66.
        const ECDSA_P384: usize = 104;
        let length = self.facts.signature.len();
        let is_ecdsa = rfc5912::ECDSA_WITH_SHA_256.parent()
            == self.facts.signature_algorithm.as_known().and_then(|oid| oid.parent());
        length > RSA_4096 || is_ecdsa && length > ECDSA_P384
    }

    /// Verifies that the key with this SubjectPublicKeyInfo signed it. The algorithm inside the signed part must equal
    /// the one outside byte for byte (RFC 5280 4.1.1.2). Weak algorithms are rejected.
    pub fn verify_signature(&self, issuer_public_key_der: &[u8]) -> Result<(), SignatureError> {
        self.verify_signature_with(issuer_public_key_der, WeakAlgorithms::Refused)
    }

    /// Verifies as [`Certificate::verify_signature`], with weak algorithms as specified.
    pub fn verify_signature_with(
        &self,
        issuer_public_key_der: &[u8],
        weak: WeakAlgorithms,
    ) -> Result<(), SignatureError> {
        let facts = &self.facts;
        if facts.inner_algorithm != facts.outer_algorithm {
            return Err(SignatureError::AlgorithmMismatch);
        }
        if facts.signature_has_unused_bits {
            return Err(SignatureError::UnusedBits);
        }
        signature::verify_with(
            issuer_public_key_der,
            &facts.outer_algorithm,
            &facts.tbs,
            &facts.signature,
            weak,
        )
    }
}

impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        self.facts.der == other.facts.der
    }
}

impl Eq for Certificate {}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({}, {})", self.facts.subject, self.facts.fingerprint)
    }
}

fn in_part(part: &'static str) -> impl Fn(der::Error) -> MalformedCertificate {
    move |cause| MalformedCertificate { part, cause }
}
