//! Takes a SubjectPublicKeyInfo, gives the kind of key and the bytes that a verifier wants. Never judges its strength.

use std::fmt;

use const_oid::ObjectIdentifier;
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::UintRef;
use der::{Decode, Sequence, Tag};
use spki::SubjectPublicKeyInfoRef;

use super::layout::bit_length;

/// What kind of public key a certificate holds.
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
    /// A key that nothing here can use: its algorithm, or its curve where the algorithm is elliptic.
    Other(ObjectIdentifier),
}

/// As people write it: `RSA 2048`, `P-256`, `Ed25519`, or the object identifier.
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

/// A SubjectPublicKeyInfo (RFC 5280 4.1.2.7) taken apart.
pub(super) struct PublicKey<'a> {
    pub(super) algorithm: KeyAlgorithm,
    /// The content of the BIT STRING: an RSAPublicKey, a point, or 32 bytes.
    pub(super) bits: &'a [u8],
}

impl<'a> PublicKey<'a> {
    pub(super) fn read(public_key_der: &'a [u8]) -> der::Result<Self> {
        let info = SubjectPublicKeyInfoRef::from_der(public_key_der)?;
        let bits = info.subject_public_key.as_bytes().ok_or_else(|| Tag::BitString.value_error())?;
        let algorithm = match info.algorithm.oid {
            rfc5912::RSA_ENCRYPTION => {
                KeyAlgorithm::Rsa { bits: bit_length(RsaPublicKey::from_der(bits)?.modulus) }
            }
            rfc5912::ID_EC_PUBLIC_KEY => match info.algorithm.parameters_oid() {
                Ok(rfc5912::SECP_256_R_1) => KeyAlgorithm::EcP256,
                Ok(rfc5912::SECP_384_R_1) => KeyAlgorithm::EcP384,
                Ok(rfc5912::SECP_521_R_1) => KeyAlgorithm::EcP521,
                Ok(curve) => KeyAlgorithm::Other(curve),
                // A curve written out (specifiedCurve), which RFC 5480 2.1.1 forbids: CVE-2020-0601.
                Err(_) => KeyAlgorithm::Other(rfc5912::ID_EC_PUBLIC_KEY),
            },
            rfc8410::ID_ED_25519 => KeyAlgorithm::Ed25519,
            other => KeyAlgorithm::Other(other),
        };
        Ok(Self { algorithm, bits })
    }
}

/// RFC 8017 A.1.1.
#[derive(Sequence)]
struct RsaPublicKey<'a> {
    modulus: UintRef<'a>,
    exponent: UintRef<'a>,
}
