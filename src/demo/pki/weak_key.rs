//! RSA keys below 2,048 bits, as on old smartcards. aws-lc does not load such keys; a certificate for one needs its public
//! key only.

use der::asn1::{Any, OctetString};
use der::{Decode, Encode, Sequence};
use rcgen::{PKCS_RSA_SHA256, PublicKeyData, SignatureAlgorithm};
use rustls_pki_types::PrivatePkcs8KeyDer;

use super::error::PkiError;

/// PrivateKeyInfo without attributes (RFC 5208 5).
#[derive(Sequence)]
struct PrivateKeyInfo {
    version: Any,
    algorithm: Any,
    private_key: OctetString,
}

/// RSAPrivateKey of two primes (RFC 8017 A.1.2).
#[derive(Sequence)]
struct RsaPrivateKey {
    version: Any,
    modulus: Any,
    public_exponent: Any,
    private_exponent: Any,
    prime_1: Any,
    prime_2: Any,
    exponent_1: Any,
    exponent_2: Any,
    coefficient: Any,
}

/// RSAPublicKey (RFC 8017 A.1.1).
#[derive(Sequence)]
struct RsaPublicKeyFields {
    modulus: Any,
    public_exponent: Any,
}

/// The public key of an RSA key pair of any length.
pub(super) struct RsaPublicKey(Vec<u8>);

impl RsaPublicKey {
    pub(super) fn of(key: &PrivatePkcs8KeyDer<'_>) -> Result<Self, PkiError> {
        let info = PrivateKeyInfo::from_der(key.secret_pkcs8_der())?;
        let key = RsaPrivateKey::from_der(info.private_key.as_bytes())?;
        let fields = RsaPublicKeyFields { modulus: key.modulus, public_exponent: key.public_exponent };
        Ok(Self(fields.to_der()?))
    }
}

impl PublicKeyData for RsaPublicKey {
    fn der_bytes(&self) -> &[u8] {
        &self.0
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_RSA_SHA256
    }
}
