//! Keys that sign assertions, with their public keys as JWKs. Keys that are too short to be secure, or too long to sign
//! every request, are rejected.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, RsaKeyPair};
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::{Any, AnyRef, BitStringRef, OctetStringRef, SetOfVec, UintRef};
use der::{Decode, Sequence, SliceReader};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey};
use rustls_pki_types::PrivateKeyDer;
use spki::AlgorithmIdentifierRef;

/// The minimum length of an RSA key (NIST SP 800-131A; RFC 7518 3.3).
const MINIMUM_RSA_BITS: usize = 2048;
/// The maximum length of an RSA key: with 4096 bits each signature takes milliseconds.
const MAXIMUM_RSA_BITS: usize = 4096;

/// The reason for which a private key cannot sign assertions.
#[derive(Debug, thiserror::Error)]
pub enum AssertionKeyError {
    /// The key is not in PKCS #8, the only format for all types of keys.
    #[error("private key is not in PKCS #8: convert it with openssl pkcs8 -topk8 -nocrypt")]
    NotPkcs8,
    /// The key cannot be decoded.
    #[error("malformed private key")]
    Malformed(#[source] der::Error),
    /// The key is not a P-256, Ed25519 or RSA key.
    #[error("unsupported key type {algorithm} for assertions: use P-256, Ed25519 or RSA")]
    Unsupported {
        /// Its curve, or its algorithm if it has none.
        algorithm: ObjectIdentifier,
    },
    /// The public key does not match, or a number is out of range.
    #[error("inconsistent private key")]
    Inconsistent,
    /// An RSA key is too short or too long.
    #[error("RSA key for assertions has {bits} bits: use one of {least} to {most} bits")]
    RsaLength {
        /// The length of its modulus.
        bits: usize,
        /// The minimum.
        least: usize,
        /// The maximum.
        most: usize,
    },
    /// The public key cannot be encoded as a JWK.
    #[error("cannot encode the public key as a JWK")]
    Unpublishable(#[source] jsonwebtoken::errors::Error),
}

/// A key with its algorithm.
#[derive(Clone, Debug)]
pub(super) struct AssertionKey {
    pub(super) algorithm: Algorithm,
    pub(super) signing: EncodingKey,
    /// The public key, with `kid`, `alg` and `use`.
    pub(super) published: Jwk,
    /// The JWK thumbprint with SHA-256 (RFC 7638): it depends on the key only, not on the order of the files.
    pub(super) id: String,
}

/// Pkcs8KeyInfo and OneAsymmetricKey (RFC 5958 section 2).
#[derive(Sequence)]
struct Pkcs8KeyInfo<'a> {
    _version: u8,
    algorithm: AlgorithmIdentifierRef<'a>,
    private_key: &'a OctetStringRef,
    #[asn1(context_specific = "0", tag_mode = "IMPLICIT", constructed = "true", optional = "true")]
    _attributes: Option<SetOfVec<Any>>,
    #[asn1(context_specific = "1", tag_mode = "IMPLICIT", optional = "true")]
    _public_key: Option<BitStringRef<'a>>,
}

impl AssertionKey {
    /// Decodes a key. P-256 signs with ES256, Ed25519 with EdDSA (RFC 8037), RSA with RS256.
    pub(super) fn new(key: &PrivateKeyDer<'_>) -> Result<Self, AssertionKeyError> {
        let PrivateKeyDer::Pkcs8(pkcs8) = key else { return Err(AssertionKeyError::NotPkcs8) };
        let pkcs8 = pkcs8.secret_pkcs8_der();
        let info = Pkcs8KeyInfo::from_der(pkcs8).map_err(AssertionKeyError::Malformed)?;
        match info.algorithm.oid {
            rfc5912::ID_EC_PUBLIC_KEY => ecdsa(pkcs8, &info.algorithm),
            rfc8410::ID_ED_25519 => ed25519(pkcs8),
            rfc5912::RSA_ENCRYPTION => rsa(info.private_key.as_bytes()),
            algorithm => Err(AssertionKeyError::Unsupported { algorithm }),
        }
    }

    fn published(algorithm: Algorithm, signing: EncodingKey) -> Result<Self, AssertionKeyError> {
        let mut published =
            Jwk::from_encoding_key(&signing, algorithm).map_err(AssertionKeyError::Unpublishable)?;
        let id = published.thumbprint(ThumbprintHash::SHA256).map_err(AssertionKeyError::Unpublishable)?;
        published.common.key_id = Some(id.clone());
        published.common.public_key_use = Some(PublicKeyUse::Signature);
        Ok(Self { algorithm, signing, published, id })
    }
}

fn ecdsa(pkcs8: &[u8], algorithm: &AlgorithmIdentifierRef<'_>) -> Result<AssertionKey, AssertionKeyError> {
    let curve = algorithm.parameters_oid().unwrap_or(algorithm.oid);
    if curve != rfc5912::SECP_256_R_1 {
        return Err(AssertionKeyError::Unsupported { algorithm: curve });
    }
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8)
        .map_err(|_| AssertionKeyError::Inconsistent)?;
    AssertionKey::published(Algorithm::ES256, EncodingKey::from_ec_der(pkcs8))
}

/// Converts the key to version 1 of PKCS #8, the only one that the JWT library accepts. It has no public key, and
/// OpenSSL writes it; other tools write version 2.
fn ed25519(pkcs8: &[u8]) -> Result<AssertionKey, AssertionKeyError> {
    let pair =
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(pkcs8).map_err(|_| AssertionKeyError::Inconsistent)?;
    let version_one = pair.to_pkcs8v1().map_err(|_| AssertionKeyError::Inconsistent)?;
    AssertionKey::published(Algorithm::EdDSA, EncodingKey::from_ed_der(version_one.as_ref()))
}

fn rsa(pkcs1: &[u8]) -> Result<AssertionKey, AssertionKeyError> {
    let bits = modulus_bits(pkcs1).map_err(AssertionKeyError::Malformed)?;
    if !(MINIMUM_RSA_BITS..=MAXIMUM_RSA_BITS).contains(&bits) {
        return Err(AssertionKeyError::RsaLength { bits, least: MINIMUM_RSA_BITS, most: MAXIMUM_RSA_BITS });
    }
    RsaKeyPair::from_der(pkcs1).map_err(|_| AssertionKeyError::Inconsistent)?;
    AssertionKey::published(Algorithm::RS256, EncodingKey::from_rsa_der(pkcs1))
}

/// Returns the length of the modulus, the second number of an RSAPrivateKey (RFC 8017 A.1.2). It is decoded here
/// because aws-lc rejects a key of another length without a reason.
fn modulus_bits(pkcs1: &[u8]) -> der::Result<usize> {
    let numbers = AnyRef::from_der(pkcs1)?;
    let mut reader = SliceReader::new(numbers.value())?;
    let _version = u8::decode(&mut reader)?;
    let modulus = UintRef::decode(&mut reader)?;
    let leading_zeros = modulus.as_bytes().first().map_or(0, |first| first.leading_zeros());
    Ok((modulus.as_bytes().len() * 8).saturating_sub(leading_zeros as usize))
}
