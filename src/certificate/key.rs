//! A SubjectPublicKeyInfo: the kind of key, and the bytes that a verifier needs. Its strength is checked elsewhere.

use std::borrow::Cow;
use std::fmt;

use const_oid::db::{rfc5912, rfc8410};
use der::asn1::{AnyRef, BitStringRef, UintRef};
use der::{Decode, Encode, Sequence, Tag};

use super::layout::bit_length;
use super::object_identifier::ObjectIdentifier;

/// The kind of a public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyAlgorithm {
    /// RSA with a modulus of this many bits.
    Rsa {
        /// The bits of the modulus.
        bits: u32,
    },
    /// ECDSA on NIST P-256.
    EcP256,
    /// ECDSA on NIST P-384.
    EcP384,
    /// ECDSA on NIST P-521.
    EcP521,
    /// Ed25519.
    Ed25519,
    /// An unsupported key: its algorithm, or its curve if the algorithm is elliptic.
    Other(ObjectIdentifier),
}

/// In the usual notation: `RSA 2048`, `P-256`, `Ed25519`, or the object identifier.
impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rsa { bits } => write!(f, "RSA {bits}"),
            Self::EcP256 => f.write_str("P-256"),
            Self::EcP384 => f.write_str("P-384"),
            Self::EcP521 => f.write_str("P-521"),
            Self::Ed25519 => f.write_str("Ed25519"),
            Self::Other(oid) => fmt::Display::fmt(oid, f),
        }
    }
}

/// A parsed SubjectPublicKeyInfo (RFC 5280 4.1.2.7).
pub(super) struct PublicKey<'a> {
    pub(super) algorithm: KeyAlgorithm,
    /// The content of the BIT STRING: an RSAPublicKey, a point, or 32 bytes.
    pub(super) bits: &'a [u8],
}

/// An AlgorithmIdentifier (RFC 5280 4.1.1.2) with any algorithm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Sequence)]
pub(super) struct AlgorithmIdentifier<'a> {
    pub(super) oid: ObjectIdentifier,
    #[asn1(optional = "true")]
    pub(super) parameters: Option<AnyRef<'a>>,
}

/// RFC 5280 4.1.2.7.
#[derive(Sequence)]
struct PublicKeyInfo<'a> {
    algorithm: AlgorithmIdentifier<'a>,
    bits: BitStringRef<'a>,
}

impl<'a> PublicKey<'a> {
    pub(super) fn read(public_key_der: &'a [u8]) -> der::Result<Self> {
        let info = PublicKeyInfo::from_der(public_key_der)?;
        let bits = info.bits.as_bytes().ok_or_else(|| Tag::BitString.value_error())?;
        Ok(Self { algorithm: KeyAlgorithm::read(&info.algorithm, bits)?, bits })
    }
}

impl KeyAlgorithm {
    /// Returns the kind of a key. A key with other parameters than those of its algorithm's standard is not of that
    /// kind.
    fn read(algorithm: &AlgorithmIdentifier<'_>, bits: &[u8]) -> der::Result<Self> {
        let other = Self::Other(algorithm.oid);
        Ok(match algorithm.oid.as_known() {
            // RFC 3279 2.3.1 requires NULL. Some CAs omit it; it has no meaning.
            Some(rfc5912::RSA_ENCRYPTION) if algorithm.parameters.is_none_or(AnyRef::is_null) => {
                Self::Rsa { bits: bit_length(RsaKeyFields::from_der(bits)?.modulus) }
            }
            // A curve with explicit parameters (specifiedCurve), which RFC 5480 2.1.1 forbids, is not an object identifier
            // (CVE-2020-0601).
            Some(rfc5912::ID_EC_PUBLIC_KEY) => {
                let curve = algorithm.parameters.and_then(|parameters| parameters.decode_as().ok());
                curve.map_or(other, Self::of_curve)
            }
            Some(rfc8410::ID_ED_25519) if algorithm.parameters.is_none() => Self::Ed25519,
            Some(_) | None => other,
        })
    }

    fn of_curve(curve: ObjectIdentifier) -> Self {
        match curve.as_known() {
            Some(rfc5912::SECP_256_R_1) => Self::EcP256,
            Some(rfc5912::SECP_384_R_1) => Self::EcP384,
            Some(rfc5912::SECP_521_R_1) => Self::EcP521,
            Some(_) | None => Self::Other(curve),
        }
    }
}

/// Returns a SubjectPublicKeyInfo with the NULL of RFC 3279 2.3.1, if only this is missing.
pub(super) fn canonical(public_key_der: &[u8]) -> Cow<'_, [u8]> {
    let with_null = || {
        let PublicKeyInfo { algorithm, bits } = PublicKeyInfo::from_der(public_key_der).ok()?;
        if algorithm.oid != rfc5912::RSA_ENCRYPTION || algorithm.parameters.is_some() {
            return None;
        }
        let algorithm = AlgorithmIdentifier { parameters: Some(AnyRef::NULL), ..algorithm };
        PublicKeyInfo { algorithm, bits }.to_der().ok()
    };
    with_null().map_or(Cow::Borrowed(public_key_der), Cow::Owned)
}

/// RFC 8017 A.1.1.
#[derive(Sequence)]
struct RsaKeyFields<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}
