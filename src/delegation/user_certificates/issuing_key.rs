//! The private key of the subordinate CA, with its X.509 signature algorithm.

use const_oid::ObjectIdentifier;
use const_oid::db::rfc5912;
use der::Encode;
use der::asn1::{Any, Null};
use rustls::SignatureScheme;
use rustls::sign::SigningKey;
use spki::AlgorithmIdentifierOwned;
use std::sync::Arc;

use super::authority_error::{IssuanceError, SubordinateCaError};
use crate::certificate::KeyAlgorithm;
use crate::certificate::signature::MINIMUM_RSA_BITS;

/// The key, and the only algorithm with which it signs.
#[derive(Debug)]
pub(super) struct IssuingKey {
    key: Arc<dyn SigningKey>,
    scheme: SignatureScheme,
    algorithm: AlgorithmIdentifierOwned,
}

impl IssuingKey {
    /// Selects the algorithm that Windows has verified since 2008: RSA with PKCS #1 v1.5 and SHA-256 instead of RSA-PSS, and
    /// for ECDSA the hash of the curve's size (RFC 5758 3.2). Ed25519 is rejected, because Schannel does not support it.
    ///
    /// # Errors
    /// The key is of another kind, or too short.
    pub(super) fn new(key: Arc<dyn SigningKey>, kind: KeyAlgorithm) -> Result<Self, SubordinateCaError> {
        let (scheme, oid) = match kind {
            KeyAlgorithm::Rsa { bits } if bits >= MINIMUM_RSA_BITS => {
                (SignatureScheme::RSA_PKCS1_SHA256, rfc5912::SHA_256_WITH_RSA_ENCRYPTION)
            }
            KeyAlgorithm::EcP256 => (SignatureScheme::ECDSA_NISTP256_SHA256, rfc5912::ECDSA_WITH_SHA_256),
            KeyAlgorithm::EcP384 => (SignatureScheme::ECDSA_NISTP384_SHA384, rfc5912::ECDSA_WITH_SHA_384),
            KeyAlgorithm::EcP521 => (SignatureScheme::ECDSA_NISTP521_SHA512, rfc5912::ECDSA_WITH_SHA_512),
            KeyAlgorithm::Rsa { .. } | KeyAlgorithm::Ed25519 | KeyAlgorithm::Other(_) => {
                return Err(SubordinateCaError::UnsuitableKey(kind));
            }
        };
        Ok(Self { key, scheme, algorithm: AlgorithmIdentifierOwned { oid, parameters: parameters(oid) } })
    }

    /// Returns the AlgorithmIdentifier of [`IssuingKey::sign`], which a certificate contains twice.
    pub(super) fn algorithm_der(&self) -> der::Result<Vec<u8>> {
        self.algorithm.to_der()
    }

    /// Signs `message`. Returns the content of the BIT STRING.
    pub(super) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, IssuanceError> {
        let refused = || rustls::Error::General(format!("the key does not support {:?}", self.scheme));
        let signer = self.key.choose_scheme(&[self.scheme]);
        let signer = signer.ok_or_else(|| IssuanceError::Signing(refused()))?;
        signer.sign(message).map_err(IssuanceError::Signing)
    }
}

/// Returns the parameters of an algorithm: NULL for RSA (RFC 4055 section 5), none for ECDSA (RFC 5758 3.2).
fn parameters(algorithm: ObjectIdentifier) -> Option<Any> {
    (algorithm == rfc5912::SHA_256_WITH_RSA_ENCRYPTION).then(|| Any::from(Null))
}
