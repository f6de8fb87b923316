//! Verification of signatures on certificates, CRLs and OCSP responses. SHA-1 and RSA keys below 2,048 bits are rejected
//! unless the caller passes [`WeakAlgorithms::UnsafelyAllowed`]; parameters that the standard of the algorithm does not
//! allow are always rejected.

use aws_lc_rs::digest::{self, Digest};
use aws_lc_rs::signature as algorithms;
use aws_lc_rs::signature::{RsaParameters, RsaPssSaltLength, UnparsedPublicKey, VerificationAlgorithm};
use const_oid::db::{rfc5912, rfc8410};
use der::asn1::AnyRef;
use der::{Decode, Sequence};

use super::key::{AlgorithmIdentifier, KeyAlgorithm, PublicKey};
use super::object_identifier::ObjectIdentifier;

/// Shorter RSA keys can be broken; NIST SP 800-131A disallows them since 2014.
pub(crate) const MINIMUM_RSA_BITS: u32 = 2048;
/// The minimum under [`WeakAlgorithms::UnsafelyAllowed`].
pub(crate) const UNSAFE_MINIMUM_RSA_BITS: u32 = 1024;
/// Verification with a longer key takes long enough to be an attack.
pub(crate) const MAXIMUM_RSA_BITS: u32 = 8192;

/// Whether RSA signatures that can be forged are accepted: those with SHA-1, and those by a key of 1,024 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeakAlgorithms {
    /// They are refused.
    Refused,
    /// They are accepted: for cards of the time of Windows Server 2003, until they are replaced.
    UnsafelyAllowed,
}

/// Why a signature is not valid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The key did not make this signature over these bytes.
    #[error("the signature was not made by this key")]
    Wrong,
    /// A hash that can be forged: SHA-1 or an older one.
    #[error("the signature algorithm {oid} is too weak")]
    WeakAlgorithm {
        /// The signature algorithm, or the hash inside RSASSA-PSS.
        oid: ObjectIdentifier,
    },
    /// An RSA key that is too short.
    #[error("RSA key of {bits} bits is too short")]
    WeakKey {
        /// The size of its modulus.
        bits: u32,
    },
    /// An unsupported algorithm, or combination of algorithm and key.
    #[error("the signature algorithm {oid} with a key of {key} is not supported")]
    Unsupported {
        /// The signature algorithm.
        oid: ObjectIdentifier,
        /// The key.
        key: Box<KeyAlgorithm>,
    },
    /// The algorithm has parameters that its standard forbids.
    #[error("the signature algorithm {oid} has wrong parameters")]
    WrongParameters {
        /// The signature algorithm.
        oid: ObjectIdentifier,
    },
    /// The algorithm inside the signed part differs from the one outside (RFC 5280 4.1.1.2, 5.1.1.2).
    #[error("the signed and the unsigned signature algorithm differ")]
    AlgorithmMismatch,
    /// The BIT STRING of the signature has unused bits, which no algorithm here produces.
    #[error("the signature is not a whole number of bytes")]
    UnusedBits,
    /// The key or the algorithm cannot be decoded.
    #[error("the key or the signature algorithm cannot be decoded")]
    Malformed(#[source] der::Error),
}

impl KeyAlgorithm {
    /// Returns whether signatures by keys of this kind can be verified here: the same list for handshakes,
    /// certificates and CRLs. The strength of the key is checked elsewhere.
    pub fn is_usable(self) -> bool {
        match self {
            Self::Rsa { bits } => (UNSAFE_MINIMUM_RSA_BITS..=MAXIMUM_RSA_BITS).contains(&bits),
            Self::EcP256 | Self::EcP384 | Self::EcP521 | Self::Ed25519 => true,
            Self::Other(_) => false,
        }
    }
}

/// Returns whether signatures by the key in this SubjectPublicKeyInfo can be verified: it is of a usable kind and
/// well-formed (a point on the curve, a valid modulus and exponent).
pub(super) fn is_usable_key(public_key_der: &[u8]) -> bool {
    let read = PublicKey::read(public_key_der);
    read.is_ok_and(|key| key.algorithm.is_usable() && can_verify_with(key.algorithm, key.bits))
}

/// Verifies one signature, and rejects weak algorithms. The arguments are the signer's SubjectPublicKeyInfo, the
/// AlgorithmIdentifier, the signed bytes as received, and the content of the signature's BIT STRING.
pub(crate) fn verify(
    public_key_der: &[u8],
    algorithm_der: &[u8],
    signed: &[u8],
    signature: &[u8],
) -> Result<(), SignatureError> {
    verify_with(public_key_der, algorithm_der, signed, signature, WeakAlgorithms::Refused)
}

/// Verifies as [`verify`], with weak algorithms as specified.
pub(crate) fn verify_with(
    public_key_der: &[u8],
    algorithm_der: &[u8],
    signed: &[u8],
    signature: &[u8],
    weak: WeakAlgorithms,
) -> Result<(), SignatureError> {
    let (verification, key) = chosen(public_key_der, algorithm_der, weak)?;
    let verified = match &verification {
        VerificationMethod::Of(algorithm) => algorithm.verify_sig(key, signed, signature),
        VerificationMethod::Pss(parameters) => parameters.verify_sig(key, signed, signature),
    };
    verified.map_err(|_| SignatureError::Wrong)
}

/// Verifies as [`verify`], with the digest of the signed bytes, made by the algorithm that [`hash`] returns.
pub(crate) fn verify_digest(
    public_key_der: &[u8],
    algorithm_der: &[u8],
    signed: &Digest,
    signature: &[u8],
) -> Result<(), SignatureError> {
    let (verification, key) = chosen(public_key_der, algorithm_der, WeakAlgorithms::Refused)?;
    let verified = match &verification {
        VerificationMethod::Of(algorithm) => algorithm.verify_digest_sig(key, signed, signature),
        VerificationMethod::Pss(parameters) => parameters.verify_digest_sig(key, signed, signature),
    };
    verified.map_err(|_| SignatureError::Wrong)
}

/// Returns the hash that an algorithm applies to the signed bytes. `None` if it signs no hash (Ed25519), or if none
/// of its signatures would be accepted.
pub(crate) fn hash(algorithm_der: &[u8]) -> Option<&'static digest::Algorithm> {
    use rfc5912::{ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512};
    let algorithm = AlgorithmIdentifier::from_der(algorithm_der).ok()?;
    let oid = match algorithm.oid.as_known()? {
        rfc5912::ID_RSASSA_PSS => {
            algorithm.parameters?.decode_as::<PssParameters<'_>>().ok()?.hash?.oid.as_known()?
        }
        oid => oid,
    };
    match oid {
        rfc5912::SHA_256_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_256 | rfc5912::ID_SHA_256 => {
            Some(&digest::SHA256)
        }
        rfc5912::SHA_384_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_384 | rfc5912::ID_SHA_384 => {
            Some(&digest::SHA384)
        }
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION | ECDSA_WITH_SHA_512 | rfc5912::ID_SHA_512 => {
            Some(&digest::SHA512)
        }
        _ => None,
    }
}

/// Returns the algorithm to verify with, and the bytes of the key that it needs.
fn chosen<'a>(
    public_key_der: &'a [u8],
    algorithm_der: &[u8],
    weak: WeakAlgorithms,
) -> Result<(VerificationMethod, &'a [u8]), SignatureError> {
    let key = PublicKey::read(public_key_der).map_err(SignatureError::Malformed)?;
    let algorithm = AlgorithmIdentifier::from_der(algorithm_der).map_err(SignatureError::Malformed)?;
    let verification = match key.algorithm {
        KeyAlgorithm::Rsa { bits } => rsa(bits, &algorithm, weak)?,
        KeyAlgorithm::EcP256 | KeyAlgorithm::EcP384 | KeyAlgorithm::EcP521 => {
            ecdsa(key.algorithm, &algorithm)?
        }
        KeyAlgorithm::Ed25519 if algorithm.oid == rfc8410::ID_ED_25519 => {
            without_parameters(&algorithm, VerificationMethod::Of(&algorithms::ED25519))?
        }
        KeyAlgorithm::Ed25519 | KeyAlgorithm::Other(_) => {
            return Err(unsupported(key.algorithm, algorithm.oid));
        }
    };
    Ok((verification, key.bits))
}

/// How a signature is verified.
enum VerificationMethod {
    /// By one of aws-lc's predefined algorithms.
    Of(&'static dyn VerificationAlgorithm),
    /// By RSASSA-PSS with a salt of the certificate's own length.
    Pss(RsaParameters),
}

fn rsa(
    bits: u32,
    algorithm: &AlgorithmIdentifier<'_>,
    weak: WeakAlgorithms,
) -> Result<VerificationMethod, SignatureError> {
    let unsupported = || unsupported(KeyAlgorithm::Rsa { bits }, algorithm.oid);
    let oid = algorithm.oid.as_known().ok_or_else(unsupported)?;
    let pkcs1 = |verification: &'static RsaParameters| {
        let right = has_null_or_nothing(algorithm);
        right
            .then_some(VerificationMethod::Of(verification))
            .ok_or(SignatureError::WrongParameters { oid: algorithm.oid })
    };
    if weak == WeakAlgorithms::UnsafelyAllowed
        && let Some(verification) = weak_rsa(bits, oid)
    {
        return pkcs1(verification);
    }
    if bits < MINIMUM_RSA_BITS {
        return Err(SignatureError::WeakKey { bits });
    }
    match oid {
        _ if bits > MAXIMUM_RSA_BITS => Err(unsupported()),
        rfc5912::SHA_256_WITH_RSA_ENCRYPTION => pkcs1(&algorithms::RSA_PKCS1_2048_8192_SHA256),
        rfc5912::SHA_384_WITH_RSA_ENCRYPTION => pkcs1(&algorithms::RSA_PKCS1_2048_8192_SHA384),
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION => pkcs1(&algorithms::RSA_PKCS1_2048_8192_SHA512),
        rfc5912::ID_RSASSA_PSS => pss(algorithm).map(VerificationMethod::Pss),
        _ => Err(unsupported()),
    }
}

/// Returns the parameters for signatures that are rejected otherwise. PSS is younger than keys of 1,024 bits.
fn weak_rsa(bits: u32, algorithm: const_oid::ObjectIdentifier) -> Option<&'static RsaParameters> {
    match algorithm {
        _ if !(UNSAFE_MINIMUM_RSA_BITS..=MAXIMUM_RSA_BITS).contains(&bits) => None,
        rfc5912::SHA_1_WITH_RSA_ENCRYPTION => Some(&algorithms::RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
        rfc5912::SHA_256_WITH_RSA_ENCRYPTION => {
            Some(&algorithms::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY)
        }
        rfc5912::SHA_512_WITH_RSA_ENCRYPTION => {
            Some(&algorithms::RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY)
        }
        _ => None,
    }
}

/// Returns whether the parameters are NULL or absent. By RFC 4055 sections 2.1 and 5 they are NULL, and verifiers accept
/// absent ones.
fn has_null_or_nothing(algorithm: &AlgorithmIdentifier<'_>) -> bool {
    algorithm.parameters.is_none_or(AnyRef::is_null)
}

/// RSASSA-PSS-params (RFC 4055 3.1). The defaults are SHA-1, MGF1 with SHA-1, 20 and 1.
#[derive(Sequence)]
struct PssParameters<'a> {
    #[asn1(context_specific = "0", tag_mode = "EXPLICIT", optional = "true")]
    hash: Option<AlgorithmIdentifier<'a>>,
    #[asn1(context_specific = "1", tag_mode = "EXPLICIT", optional = "true")]
    mask_generation: Option<AlgorithmIdentifier<'a>>,
    #[asn1(context_specific = "2", tag_mode = "EXPLICIT", optional = "true")]
    salt_length: Option<u16>,
    #[asn1(context_specific = "3", tag_mode = "EXPLICIT", optional = "true")]
    trailer: Option<u32>,
}

/// Returns the parameters of a PSS signature: one hash throughout, as RFC 4055 3.1 recommends and aws-lc verifies,
/// and a salt of any length: the recommended one is that of the hash, the default is 20, and OpenSSL's default is the
/// longest that fits.
fn pss(algorithm: &AlgorithmIdentifier<'_>) -> Result<RsaParameters, SignatureError> {
    let wrong = || SignatureError::WrongParameters { oid: algorithm.oid };
    let weak = |oid| SignatureError::WeakAlgorithm { oid };
    let parameters = algorithm.parameters.ok_or_else(wrong)?;
    let parameters: PssParameters<'_> = parameters.decode_as().map_err(|_| wrong())?;
    let Some(hash) = parameters.hash else { return Err(weak(rfc5912::ID_SHA_1.into())) };
    let verification = match hash.oid.as_known() {
        Some(rfc5912::ID_SHA_256) => algorithms::RSA_PSS_2048_8192_SHA256,
        Some(rfc5912::ID_SHA_384) => algorithms::RSA_PSS_2048_8192_SHA384,
        Some(rfc5912::ID_SHA_512) => algorithms::RSA_PSS_2048_8192_SHA512,
        Some(rfc5912::ID_SHA_1) => return Err(weak(hash.oid)),
        _ => return Err(wrong()),
    };
    let mask = parameters.mask_generation.ok_or_else(wrong)?;
    let mask_hash = mask.parameters.ok_or_else(wrong)?;
    let mask_hash: AlgorithmIdentifier<'_> = mask_hash.decode_as().map_err(|_| wrong())?;
    let right = has_null_or_nothing(&hash)
        && has_null_or_nothing(&mask_hash)
        && mask.oid == rfc5912::ID_MGF_1
        && mask_hash.oid == hash.oid
        && parameters.trailer.is_none_or(|trailer| trailer == 1);
    if !right {
        return Err(wrong());
    }
    let salt_length = parameters.salt_length.unwrap_or(DEFAULT_SALT_LENGTH);
    Ok(verification.with_pss_salt_length(RsaPssSaltLength::Custom(salt_length)))
}

/// RFC 4055 3.1: the default of saltLength.
const DEFAULT_SALT_LENGTH: u16 = 20;

/// Returns whether these bytes of a SubjectPublicKeyInfo are a key of this kind, by the parser that verifies with it.
fn can_verify_with(key: KeyAlgorithm, bits: &[u8]) -> bool {
    let algorithm: &'static dyn VerificationAlgorithm = match key {
        KeyAlgorithm::Rsa { .. } => &algorithms::RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
        KeyAlgorithm::EcP256 => &algorithms::ECDSA_P256_SHA256_ASN1,
        KeyAlgorithm::EcP384 => &algorithms::ECDSA_P384_SHA384_ASN1,
        KeyAlgorithm::EcP521 => &algorithms::ECDSA_P521_SHA512_ASN1,
        KeyAlgorithm::Ed25519 => &algorithms::ED25519,
        KeyAlgorithm::Other(_) => return false,
    };
    UnparsedPublicKey::new(algorithm, bits).parse().is_ok()
}

/// Returns the verification of ECDSA. Every combination of curve and hash is supported: some CAs sign SHA-256 with a
/// P-384 key.
fn ecdsa(
    key: KeyAlgorithm,
    algorithm: &AlgorithmIdentifier<'_>,
) -> Result<VerificationMethod, SignatureError> {
    use rfc5912::{ECDSA_WITH_SHA_256, ECDSA_WITH_SHA_384, ECDSA_WITH_SHA_512};
    let unsupported = || unsupported(key, algorithm.oid);
    let verification: &'static dyn VerificationAlgorithm =
        match (key, algorithm.oid.as_known().ok_or_else(unsupported)?) {
            (KeyAlgorithm::EcP256, ECDSA_WITH_SHA_256) => &algorithms::ECDSA_P256_SHA256_ASN1,
            (KeyAlgorithm::EcP256, ECDSA_WITH_SHA_384) => &algorithms::ECDSA_P256_SHA384_ASN1,
            (KeyAlgorithm::EcP256, ECDSA_WITH_SHA_512) => &algorithms::ECDSA_P256_SHA512_ASN1,
            (KeyAlgorithm::EcP384, ECDSA_WITH_SHA_256) => &algorithms::ECDSA_P384_SHA256_ASN1,
            (KeyAlgorithm::EcP384, ECDSA_WITH_SHA_384) => &algorithms::ECDSA_P384_SHA384_ASN1,
            (KeyAlgorithm::EcP384, ECDSA_WITH_SHA_512) => &algorithms::ECDSA_P384_SHA512_ASN1,
            (KeyAlgorithm::EcP521, ECDSA_WITH_SHA_256) => &algorithms::ECDSA_P521_SHA256_ASN1,
            (KeyAlgorithm::EcP521, ECDSA_WITH_SHA_384) => &algorithms::ECDSA_P521_SHA384_ASN1,
            (KeyAlgorithm::EcP521, ECDSA_WITH_SHA_512) => &algorithms::ECDSA_P521_SHA512_ASN1,
            _ => return Err(unsupported()),
        };
    without_parameters(algorithm, VerificationMethod::Of(verification))
}

/// Returns `verification` if the parameters are absent, as RFC 5758 3.2 (ECDSA) and RFC 8410 section 3 (Ed25519)
/// require.
fn without_parameters(
    algorithm: &AlgorithmIdentifier<'_>,
    verification: VerificationMethod,
) -> Result<VerificationMethod, SignatureError> {
    match algorithm.parameters {
        None => Ok(verification),
        Some(_) => Err(SignatureError::WrongParameters { oid: algorithm.oid }),
    }
}

/// Signature algorithms that are refused with any key: MD2, MD5 and SHA-1 with RSA, SHA-1 with DSA and with ECDSA.
const WEAK: [const_oid::ObjectIdentifier; 5] = [
    const_oid::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.2"),
    const_oid::ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.4"),
    rfc5912::SHA_1_WITH_RSA_ENCRYPTION,
    rfc5912::DSA_WITH_SHA_1,
    const_oid::ObjectIdentifier::new_unwrap("1.2.840.10045.4.1"),
];

fn unsupported(key: KeyAlgorithm, oid: ObjectIdentifier) -> SignatureError {
    if WEAK.iter().any(|weak| oid == *weak) {
        SignatureError::WeakAlgorithm { oid }
    } else {
        SignatureError::Unsupported { oid, key: Box::new(key) }
    }
}
