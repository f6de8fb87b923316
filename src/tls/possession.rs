//! Proof of possession: checks that the client holds the private key of the certificate it presents, and nothing more.
//!
//! rustls's own verifier parses the leaf with webpki inside the handshake, so that an X.509 v1 certificate or an unknown
//! critical extension would end in a TLS alert without an explanation. Here the signature is verified with the bare
//! public key (RFC 8446 4.4.3, RFC 5246 7.4.8), and the chain is validated with the request.

use super::client_signatures::is_pkcs1;
use crate::certificate::public_key_of;
use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY,
    RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY, RsaParameters, UnparsedPublicKey,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use spki::SubjectPublicKeyInfoRef;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Validates a chain inside the handshake, for a site with `on_bad_certificate = "alert"`. The argument is the chain as
/// presented, leaf first; an error is the reason for the alert.
pub(crate) type HandshakeValidator =
    Arc<dyn Fn(&[CertificateDer<'_>]) -> Result<(), CertificateError> + Send + Sync>;

/// The settings that all handshakes of a site share.
pub(super) struct PossessionRule {
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
    signatures: Vec<SignatureScheme>,
    validator: Option<HandshakeValidator>,
}

/// Requests a certificate on one connection, accepts clients without one, and checks possession of the key. It records
/// the result for the connection's tickets: rustls exposes it nowhere else before the tickets are made.
#[derive(Debug)]
pub(super) struct PossessionVerifier {
    rule: Arc<PossessionRule>,
    authentication: Arc<ClientAuthentication>,
}

/// The progress of client authentication in one handshake.
#[derive(Debug, Default)]
pub(super) struct ClientAuthentication {
    requested: AtomicBool,
    proven: AtomicBool,
}

impl ClientAuthentication {
    /// Returns whether this handshake requested a certificate. A resumed one does not.
    pub(super) fn requested(&self) -> bool {
        self.requested.load(Ordering::Relaxed)
    }

    /// Returns whether the client proved possession of a certificate's key in this handshake.
    pub(super) fn proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn of(requested: bool, proven: bool) -> Self {
        Self { requested: requested.into(), proven: proven.into() }
    }
}

impl PossessionRule {
    pub(super) fn new(
        hints: Vec<DistinguishedName>,
        algorithms: WebPkiSupportedAlgorithms,
        signatures: Vec<SignatureScheme>,
        validator: Option<HandshakeValidator>,
    ) -> Self {
        Self { hints, algorithms, signatures, validator }
    }
}

impl PossessionVerifier {
    pub(super) fn new(rule: Arc<PossessionRule>, authentication: Arc<ClientAuthentication>) -> Self {
        Self { rule, authentication }
    }
}

impl fmt::Debug for PossessionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PossessionRule")
            .field("hints", &self.hints.len())
            .field("signatures", &self.signatures)
            .field("alerts", &self.validator.is_some())
            .finish_non_exhaustive()
    }
}

impl ClientCertVerifier for PossessionVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.rule.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(validate) = &self.rule.validator {
            let chain: Vec<_> = std::iter::once(leaf).chain(intermediates).cloned().collect();
            validate(&chain)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let valid = verify_possession(leaf, message, signed, self.algorithms_of(signed.scheme)?)?;
        self.authentication.proven.store(true, Ordering::Relaxed);
        Ok(valid)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // RFC 8446 4.2.3 forbids PKCS#1 v1.5 in CertificateVerify, and binds the curve to the scheme: the first algorithm in
        // rustls's list has that curve.
        if is_pkcs1(signed.scheme) {
            return Err(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let algorithms = self.algorithms_of(signed.scheme)?.get(..1).unwrap_or_default();
        let valid = verify_possession(leaf, message, signed, algorithms)?;
        self.authentication.proven.store(true, Ordering::Relaxed);
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // rustls calls this when it writes the CertificateRequest, and at no other time.
        self.authentication.requested.store(true, Ordering::Relaxed);
        self.rule.signatures.clone()
    }
}

impl PossessionVerifier {
    fn algorithms_of(
        &self,
        scheme: SignatureScheme,
    ) -> Result<&'static [&'static dyn SignatureVerificationAlgorithm], Error> {
        if !self.rule.signatures.contains(&scheme) {
            return Err(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let mut mapping = self.rule.algorithms.mapping.iter();
        // rustls has no algorithm for SHA-1; `verify_possession` has one.
        Ok(mapping.find(|(known, _)| *known == scheme).map_or(&[], |(_, algorithms)| *algorithms))
    }
}

/// Verifies `signed` over `message` with the leaf's bare public key, by the first algorithm that fits the key.
fn verify_possession(
    leaf: &CertificateDer<'_>,
    message: &[u8],
    signed: &DigitallySignedStruct,
    algorithms: &[&dyn SignatureVerificationAlgorithm],
) -> Result<HandshakeSignatureValid, Error> {
    let spki_der = public_key_of(leaf).map_err(|_| CertificateError::BadEncoding)?;
    let spki =
        SubjectPublicKeyInfoRef::try_from(spki_der.as_ref()).map_err(|_| CertificateError::BadEncoding)?;
    let key = spki.subject_public_key.as_bytes().ok_or(CertificateError::BadEncoding)?;
    let key_algorithm = algorithm_identifier_value(&spki)?;
    for algorithm in algorithms.iter().filter(|a| a.public_key_alg_id().as_ref() == key_algorithm) {
        if algorithm.verify_signature(key, message, signed.signature()).is_ok() {
            return Ok(HandshakeSignatureValid::assertion());
        }
    }
    // Cards of the time of RMS v1 may have RSA-1024 keys. Possession is accepted, so that the user gets a page (403.16)
    // instead of an alert; validation rejects such a key unless the realm has `unsafe_allow_sha1_and_rsa_1024`.
    let legacy = legacy_rsa(signed.scheme)
        .filter(|_| key_algorithm == rustls_pki_types::alg_id::RSA_ENCRYPTION.as_ref());
    match legacy.map(|parameters| UnparsedPublicKey::new(parameters, key).verify(message, signed.signature()))
    {
        Some(Ok(())) => Ok(HandshakeSignatureValid::assertion()),
        Some(Err(_)) | None => Err(CertificateError::BadSignature.into()),
    }
}

/// Returns the contents of the AlgorithmIdentifier, in the form that rustls's algorithms use.
fn algorithm_identifier_value(spki: &SubjectPublicKeyInfoRef<'_>) -> Result<Vec<u8>, Error> {
    use der::{Encode, SliceReader};
    let encoded = spki.algorithm.to_der().map_err(|_| CertificateError::BadEncoding)?;
    let mut reader = SliceReader::new(&encoded).map_err(|_| CertificateError::BadEncoding)?;
    let header =
        <der::Header as der::Decode>::decode(&mut reader).map_err(|_| CertificateError::BadEncoding)?;
    let contents =
        der::Reader::read_slice(&mut reader, header.length()).map_err(|_| CertificateError::BadEncoding)?;
    Ok(contents.to_vec())
}

/// Returns aws-lc's verification of PKCS#1 v1.5 signatures by keys from 1,024 bits on, and of those with SHA-1. It
/// has none for PSS with such short keys: such a client gets an alert, and TLS 1.3 allows no other scheme.
fn legacy_rsa(scheme: SignatureScheme) -> Option<&'static RsaParameters> {
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA1 => Some(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA256 => Some(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA512 => Some(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        _ => None,
    }
}
