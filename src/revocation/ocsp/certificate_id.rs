//! The identifier of a certificate in OCSP (CertID, RFC 6960 4.1.1).

use crate::certificate::{Certificate, ObjectIdentifier};
use crate::revocation::crl::minimal;
use aws_lc_rs::digest::{
    Algorithm, SHA1_FOR_LEGACY_USE_ONLY, SHA3_256, SHA3_384, SHA3_512, SHA224, SHA256, SHA384, SHA512,
    SHA512_256, digest,
};
use const_oid::db::{fips202, rfc5912};
use der::asn1::{AnyRef, OctetString};
use der::{Decode, Reader, Sequence, SliceReader, Tag, Tagged};
use spki::{AlgorithmIdentifier, SubjectPublicKeyInfoRef};

/// The CertID of a request.
#[derive(Clone, Debug, PartialEq, Eq, Sequence)]
pub(super) struct CertificateId<'a> {
    hash_algorithm: AlgorithmIdentifier<AnyRef<'a>>,
    issuer_name_hash: OctetString,
    issuer_key_hash: OctetString,
    serial: AnyRef<'a>,
}

impl<'a> CertificateId<'a> {
    /// Returns the CertID of `certificate`, which `issuer` has issued. The issuer's name is hashed as encoded in the
    /// certificate, which may differ from the encoding in the issuer's own (RFC 6960 4.1.1).
    ///
    /// Uses SHA-1, because responders, above all those that sign in advance, look certificates up by it and may
    /// support no other hash (RFC 5019 2.1.1). It is an index, not a proof: two issuers with equal hashes of name and
    /// key would still have two keys, and a response is accepted only under the issuer's own.
    pub(super) fn of(certificate: &'a Certificate, issuer: &Certificate) -> der::Result<Self> {
        Ok(Self {
            hash_algorithm: AlgorithmIdentifier { oid: rfc5912::ID_SHA_1, parameters: Some(AnyRef::NULL) },
            issuer_name_hash: OctetString::new(sha1(certificate.issuer().der()))?,
            issuer_key_hash: OctetString::new(key_hash(issuer))?,
            serial: AnyRef::new(Tag::Integer, certificate.serial().as_bytes())?,
        })
    }
}

/// The CertID of a response, as far as it can be decoded: an unsupported part must not hide a revocation.
#[derive(Clone, Debug)]
pub(super) struct ReceivedCertificateId<'a> {
    hash: Result<&'static Algorithm, UnknownHash>,
    issuer_name_hash: &'a [u8],
    issuer_key_hash: &'a [u8],
    /// The content of the INTEGER without padding.
    serial: &'a [u8],
}

/// An unsupported hash, with its identifier if that can be decoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct UnknownHash(pub(super) Option<ObjectIdentifier>);

impl<'a> ReceivedCertificateId<'a> {
    /// Decodes a CertID. Fails only if the serial number cannot be decoded.
    pub(super) fn read(der: AnyRef<'a>) -> der::Result<Self> {
        der.tag().assert_eq(Tag::Sequence)?;
        let mut fields = SliceReader::new(der.value())?;
        let algorithm = AnyRef::decode(&mut fields)?;
        let [name, key, serial] = [(); 3].map(|()| AnyRef::decode(&mut fields));
        let serial = serial?;
        serial.tag().assert_eq(Tag::Integer)?;
        fields.finish()?;
        Ok(Self {
            hash: read_hash(algorithm),
            issuer_name_hash: name?.value(),
            issuer_key_hash: key?.value(),
            serial: minimal(serial.value()).ok_or_else(|| serial.tag().value_error())?,
        })
    }

    /// Returns whether it identifies `certificate`, which `issuer` has issued. The responder chooses the hash (RFC 6960
    /// 4.1.1): responders that sign in advance use the one that they signed, whatever the request has (RFC 5019
    /// 2.2.1). So the issuer's hashes are computed, not compared with those of the request.
    pub(super) fn names(&self, certificate: &Certificate, issuer: &Certificate) -> bool {
        let Ok(hash) = self.hash else { return false };
        let is = |expected: &[u8], bytes: &[u8]| expected == digest(hash, bytes).as_ref();
        // One name may have two encodings. The hash of the key distinguishes issuers with one name.
        let names = [certificate.issuer().der(), issuer.subject().der()];
        self.has_serial_of(certificate)
            && is(self.issuer_key_hash, key_bits(issuer))
            && names.into_iter().any(|name| is(self.issuer_name_hash, name))
    }

    /// Returns whether it has the serial number of `certificate`, regardless of the issuer.
    pub(super) fn has_serial_of(&self, certificate: &Certificate) -> bool {
        minimal(certificate.serial().as_bytes()) == Some(self.serial)
    }

    /// Returns the hash, if it is unsupported.
    pub(super) fn unknown_hash(&self) -> Option<UnknownHash> {
        self.hash.err()
    }
}

/// Decodes a hash algorithm, whose parameters may be NULL or absent (RFC 5754 2).
fn read_hash(algorithm: AnyRef<'_>) -> Result<&'static Algorithm, UnknownHash> {
    let read = || {
        algorithm.tag().assert_eq(Tag::Sequence)?;
        let mut fields = SliceReader::new(algorithm.value())?;
        let oid = AnyRef::decode(&mut fields)?;
        oid.tag().assert_eq(Tag::ObjectIdentifier)?;
        let parameters = if fields.is_finished() { None } else { Some(AnyRef::decode(&mut fields)?) };
        let plain = fields.is_finished() && parameters.is_none_or(AnyRef::is_null);
        Ok::<_, der::Error>((ObjectIdentifier::from_contents(oid.value())?, plain))
    };
    let Ok((oid, plain)) = read() else { return Err(UnknownHash(None)) };
    let known = HASHES.iter().find_map(|(known, hash)| (oid == *known).then_some(*hash));
    known.filter(|_| plain).ok_or(UnknownHash(Some(oid)))
}

const HASHES: [(const_oid::ObjectIdentifier, &Algorithm); 9] = [
    (rfc5912::ID_SHA_1, &SHA1_FOR_LEGACY_USE_ONLY),
    (rfc5912::ID_SHA_224, &SHA224),
    (rfc5912::ID_SHA_256, &SHA256),
    (rfc5912::ID_SHA_384, &SHA384),
    (rfc5912::ID_SHA_512, &SHA512),
    (const_oid::ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.6"), &SHA512_256),
    (fips202::ID_SHA_3_256, &SHA3_256),
    (fips202::ID_SHA_3_384, &SHA3_384),
    (fips202::ID_SHA_3_512, &SHA3_512),
];

/// Returns the SHA-1 of the public key without its algorithm: KeyHash of RFC 6960 4.2.1.
pub(super) fn key_hash(certificate: &Certificate) -> [u8; 20] {
    sha1(key_bits(certificate))
}

/// Returns the public key without its algorithm, tag and length.
fn key_bits(certificate: &Certificate) -> &[u8] {
    let key = SubjectPublicKeyInfoRef::from_der(certificate.public_key_der())
        .expect("reading a certificate reads its SubjectPublicKeyInfo");
    key.subject_public_key.raw_bytes()
}

fn sha1(bytes: &[u8]) -> [u8; 20] {
    let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, bytes);
    digest.as_ref().try_into().expect("a SHA-1 digest is 20 bytes long")
}
