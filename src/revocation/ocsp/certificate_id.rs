//! Takes a certificate and its issuer, gives the name by which responders know it (CertID, RFC 6960 4.1.1).
//!
//! Never compares by less than all of it.

use crate::certificate::Certificate;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use const_oid::db::rfc5912::ID_SHA_1;
use der::asn1::{AnyRef, OctetString};
use der::{Decode, Sequence, Tag, Tagged};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfoRef};

/// A CertID, its serial number as it was encoded.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct CertificateId<'a> {
    hash_algorithm: AlgorithmIdentifier<AnyRef<'a>>,
    issuer_name_hash: OctetString,
    issuer_key_hash: OctetString,
    serial: AnyRef<'a>,
}

impl<'a> CertificateId<'a> {
    /// The name of `certificate`, which `issuer` has issued. The issuer's name is hashed as the certificate writes it,
    /// which may be another encoding of it than the issuer's own (RFC 6960 4.1.1).
    ///
    /// By SHA-1, because responders, above all those that sign ahead, look certificates up by it and know no other
    /// (RFC 5019 2.1.1). It is an index, not a proof: two issuers with equal hashes of name and key would still have
    /// two keys, and an answer counts only under the issuer's own.
    pub(super) fn of(certificate: &'a Certificate, issuer: &Certificate) -> der::Result<Self> {
        Ok(Self {
            hash_algorithm: AlgorithmIdentifier { oid: ID_SHA_1, parameters: Some(AnyRef::NULL) },
            issuer_name_hash: OctetString::new(sha1(certificate.issuer().der()))?,
            issuer_key_hash: OctetString::new(key_hash(issuer))?,
            serial: AnyRef::new(Tag::Integer, certificate.serial().as_bytes())?,
        })
    }

    /// Whether an answer under the name `other` is about this certificate. The hash's parameters may be NULL or absent
    /// (RFC 5754 2); all else must be equal.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        let no_parameters = other.hash_algorithm.parameters.is_none_or(AnyRef::is_null);
        no_parameters
            && other.hash_algorithm.oid == self.hash_algorithm.oid
            && other.issuer_name_hash == self.issuer_name_hash
            && other.issuer_key_hash == self.issuer_key_hash
            && other.serial.tag() == Tag::Integer
            && other.serial == self.serial
    }
}

/// The SHA-1 of the public key without its algorithm: KeyHash of RFC 6960 4.2.1, and issuerKeyHash of 4.1.1.
pub(super) fn key_hash(certificate: &Certificate) -> [u8; 20] {
    let key = SubjectPublicKeyInfoRef::from_der(certificate.public_key_der())
        .expect("reading a certificate reads its SubjectPublicKeyInfo");
    sha1(key.subject_public_key.raw_bytes())
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.as_ref().try_into().expect("a SHA-1 digest is 20 bytes long")
}
