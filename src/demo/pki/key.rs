//! Key pairs of the test PKI, and certificate chains with their keys.

use std::sync::{Mutex, PoisonError};

use der::pem::{LineEnding, encode_string};
use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PKCS_ECDSA_P384_SHA384, PKCS_ECDSA_P521_SHA512, PKCS_ED25519};
use rcgen::{PKCS_RSA_SHA256, SignatureAlgorithm};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use super::error::PkiError;

/// The kinds of keys of clients and servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyKind {
    /// ECDSA on the curve P-256.
    EcdsaP256,
    /// ECDSA on the curve P-384.
    EcdsaP384,
    /// ECDSA on the curve P-521.
    EcdsaP521,
    /// Ed25519.
    Ed25519,
    /// RSA with 2,048 bits. All RSA certificates of one process have the same key.
    Rsa2048,
}

/// A certificate with the intermediates above it and its private key.
#[derive(Debug)]
pub struct KeyedChain {
    /// The name of the files, without the suffix.
    pub name: String,
    /// Leaf first, without the trust anchor.
    pub chain: Vec<CertificateDer<'static>>,
    /// The leaf's private key as PKCS#8.
    pub key: PrivatePkcs8KeyDer<'static>,
}

impl KeyedChain {
    pub(super) fn assemble(
        name: &str,
        leaf: CertificateDer<'static>,
        issuers: Vec<CertificateDer<'static>>,
        key: PrivatePkcs8KeyDer<'static>,
    ) -> Self {
        Self { name: name.to_owned(), chain: std::iter::once(leaf).chain(issuers).collect(), key }
    }

    /// Returns the leaf in DER; empty if the chain is empty.
    pub fn certificate_der(&self) -> &[u8] {
        self.chain.first().map_or(&[], |leaf| leaf.as_ref())
    }

    /// Returns the private key in the type that rustls takes.
    pub fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::Pkcs8(self.key.clone_key())
    }

    /// Returns the chain as PEM, leaf first.
    pub fn chain_pem(&self) -> Result<String, PkiError> {
        self.chain.iter().map(|certificate| certificate_pem(certificate)).collect()
    }

    /// Returns the private key as PEM (PKCS#8).
    pub fn key_pem(&self) -> Result<String, PkiError> {
        pem("PRIVATE KEY", self.key.secret_pkcs8_der())
    }

    /// Returns the chain and the private key as one PEM text, as for `curl --cert`.
    pub fn bundle_pem(&self) -> Result<String, PkiError> {
        Ok(self.chain_pem()? + &self.key_pem()?)
    }
}

/// Returns a certificate as PEM.
pub(super) fn certificate_pem(der: &[u8]) -> Result<String, PkiError> {
    pem("CERTIFICATE", der)
}

/// Generates a key pair; errors name `owner`.
pub(super) fn generate(kind: KeyKind, owner: &str) -> Result<KeyPair, PkiError> {
    let new = |algorithm| KeyPair::generate_for(algorithm).map_err(|source| PkiError::signing(owner, source));
    match kind {
        KeyKind::EcdsaP256 => new(&PKCS_ECDSA_P256_SHA256),
        KeyKind::EcdsaP384 => new(&PKCS_ECDSA_P384_SHA384),
        KeyKind::EcdsaP521 => new(&PKCS_ECDSA_P521_SHA512),
        KeyKind::Ed25519 => ed25519(owner),
        KeyKind::Rsa2048 => shared_rsa(owner),
    }
}

/// Generates an Ed25519 key as PKCS#8 version 1: OpenSSL cannot read version 2, which contains the public key.
fn ed25519(owner: &str) -> Result<KeyPair, PkiError> {
    let random = aws_lc_rs::rand::SystemRandom::new();
    let document = aws_lc_rs::signature::Ed25519KeyPair::generate_pkcs8v1(&random)
        .map_err(|_| PkiError::Key { what: owner.to_owned() })?;
    load(document.as_ref(), &PKCS_ED25519, owner)
}

/// Returns the RSA key of the process. Generating one takes about as long as the rest of the PKI, and each test creates a
/// PKI.
fn shared_rsa(owner: &str) -> Result<KeyPair, PkiError> {
    static SHARED: Mutex<Option<Vec<u8>>> = Mutex::new(None);
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pkcs8) = shared.as_deref() {
        return load(pkcs8, &PKCS_RSA_SHA256, owner);
    }
    let pair = KeyPair::generate_for(&PKCS_RSA_SHA256).map_err(|source| PkiError::signing(owner, source))?;
    *shared = Some(pair.serialize_der());
    Ok(pair)
}

fn load(pkcs8: &[u8], algorithm: &'static SignatureAlgorithm, owner: &str) -> Result<KeyPair, PkiError> {
    KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(pkcs8), algorithm)
        .map_err(|source| PkiError::signing(owner, source))
}

fn pem(label: &str, der: &[u8]) -> Result<String, PkiError> {
    encode_string(label, LineEnding::LF, der).map_err(|error| PkiError::Encoding(error.into()))
}
