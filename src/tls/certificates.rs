//! Server certificates, and the choice among those of a site by the ClientHello.
//!
//! Windows 7 to 8.1 share only ECDHE_ECDSA suites with rustls, and older middleware only RSA ones, so a site may have
//! both an ECDSA and an RSA certificate. The first one in the order of preference that the client can use is chosen.

use super::client_signatures::signs_under_tls13;
use super::version::TlsVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::sign::any_supported_type;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{CipherSuite, InconsistentKeys, SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::sync::Arc;

/// A server certificate chain with its private key.
#[derive(Clone, Debug)]
pub struct ServerKeyPair(Arc<CertifiedKey>);

/// Why a certificate and a key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyPairError {
    /// The private key belongs to another certificate.
    #[error("the private key does not match the certificate")]
    Mismatch,
    /// rustls cannot use the key.
    #[error("the private key cannot be used for TLS")]
    Unusable(#[source] rustls::Error),
}

impl ServerKeyPair {
    /// Combines a chain (leaf first) and its key.
    ///
    /// # Errors
    /// rustls does not support the kind of key, or the key belongs to another certificate.
    pub fn new(chain: Vec<CertificateDer<'static>>, key: &PrivateKeyDer<'_>) -> Result<Self, KeyPairError> {
        // `CertifiedKey::from_der` would take the key's bytes and drop them without zeroing them.
        let certified = CertifiedKey::new(chain, any_supported_type(key).map_err(KeyPairError::Unusable)?);
        match certified.keys_match() {
            Ok(()) | Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => {
                Ok(Self(Arc::new(certified)))
            }
            Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
                Err(KeyPairError::Mismatch)
            }
            Err(other) => Err(KeyPairError::Unusable(other)),
        }
    }

    /// Returns the bytes of the chain in the handshake.
    pub fn chain_length(&self) -> usize {
        self.0.cert.iter().map(|certificate| certificate.len() + 3).sum()
    }

    /// Returns the server's own certificate.
    pub fn leaf(&self) -> Option<&CertificateDer<'static>> {
        self.0.cert.first()
    }

    /// Returns whether a TLS 1.2 handshake can use the key: the suite determines the key's algorithm.
    fn serves_tls12(&self, schemes: &[SignatureScheme], suites: &[CipherSuite]) -> bool {
        suites.iter().any(|suite| suite_signature(*suite) == Some(self.0.key.algorithm()))
            && self.0.key.choose_scheme(schemes).is_some()
    }

    /// Returns whether a TLS 1.3 handshake can use the key: the suite does not matter, and PKCS#1 v1.5 is forbidden
    /// (RFC 8446 4.2.3).
    fn serves_tls13(&self, schemes: &[SignatureScheme], suites: &[CipherSuite]) -> bool {
        let schemes: Vec<_> = schemes.iter().copied().filter(|scheme| signs_under_tls13(*scheme)).collect();
        suites.iter().copied().any(is_tls13) && self.0.key.choose_scheme(&schemes).is_some()
    }
}

/// Chooses among the key pairs of one site.
#[derive(Debug)]
pub(crate) struct ServerCertificateResolver {
    pairs: Vec<ServerKeyPair>,
    tls12: bool,
    tls13: bool,
}

impl ServerCertificateResolver {
    /// Returns a resolver of `pairs` in the order of preference, for a site with these versions.
    pub(crate) fn new(pairs: Vec<ServerKeyPair>, min: TlsVersion, max: TlsVersion) -> Self {
        Self { pairs, tls12: min == TlsVersion::Tls12, tls13: max == TlsVersion::Tls13 }
    }
}

impl ResolvesServerCert for ServerCertificateResolver {
    /// Chooses a pair. rustls does not expose the version that it will negotiate, and a TLS 1.2 client may list TLS 1.3
    /// suites; a pair that works with both versions is therefore preferred to one that works with one.
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let (schemes, suites) = (hello.signature_schemes(), hello.cipher_suites());
        let tls12 = |pair: &&ServerKeyPair| self.tls12 && pair.serves_tls12(schemes, suites);
        let tls13 = |pair: &&ServerKeyPair| self.tls13 && pair.serves_tls13(schemes, suites);
        let both = |pair: &&ServerKeyPair| tls12(pair) && tls13(pair);
        let pairs = || self.pairs.iter();
        let found = pairs().find(both).or_else(|| pairs().find(tls13)).or_else(|| pairs().find(tls12));
        // Without a match the handshake continues with the first pair and fails with the right alert.
        found.or(self.pairs.first()).map(|pair| Arc::clone(&pair.0))
    }
}

/// Returns whether this is a TLS 1.3 suite that the provider supports.
fn is_tls13(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS13_AES_256_GCM_SHA384
            | CipherSuite::TLS13_CHACHA20_POLY1305_SHA256
    )
}

/// Returns the signature algorithm that a TLS 1.2 suite requires of the server's key.
fn suite_signature(suite: CipherSuite) -> Option<SignatureAlgorithm> {
    Some(match suite {
        CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256 => SignatureAlgorithm::ECDSA,
        CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384
        | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => SignatureAlgorithm::RSA,
        _ => return None,
    })
}

/// Returns the cryptography of all TLS connections of clients. AES-128 is first, whatever the client's order: its suites use
/// SHA-256, which processors compute in hardware, and a handshake hashes more than it encrypts.
pub(super) fn provider() -> Arc<CryptoProvider> {
    let mut provider = rustls::crypto::aws_lc_rs::default_provider();
    provider.cipher_suites.sort_by_key(|suite| !is_aes_128(suite.suite()));
    Arc::new(provider)
}

fn is_aes_128(suite: CipherSuite) -> bool {
    matches!(
        suite,
        CipherSuite::TLS13_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256
            | CipherSuite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256
    )
}
