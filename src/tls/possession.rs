//! Proves that the client holds the key of the certificate it presents, and nothing more.
//!
//! rustls's own check parses the leaf with webpki inside the handshake, so that an X.509 v1 certificate or an unknown
//! critical extension would die as a TLS alert before anybody could be told why. Here the signature is checked on the
//! bare public key (RFC 8446 4.4.3, RFC 5246 7.4.8) and the chain goes on to be judged with the request.

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

/// Judges a chain inside the handshake, for a site with `on_bad_certificate = "alert"`. It takes the chain as
/// presented, leaf first, and gives the alert's reason where the chain is refused.
pub type HandshakeValidator =
    Arc<dyn Fn(&[CertificateDer<'_>]) -> Result<(), CertificateError> + Send + Sync>;

/// What all handshakes of a site share.
pub(super) struct PossessionRule {
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
    signatures: Vec<SignatureScheme>,
    judge: Option<HandshakeValidator>,
}

/// Asks the client of one connection for a certificate, insists on none, and checks possession of its key. It notes for
/// the connection's tickets what happened: rustls reports it to nothing else before the tickets are made.
#[derive(Debug)]
pub(super) struct PossessionVerifier {
    rule: Arc<PossessionRule>,
    noted: Arc<ClientAuthentication>,
}

/// What one handshake has seen of the client's certificate so far.
#[derive(Debug, Default)]
pub(super) struct ClientAuthentication {
    asked: AtomicBool,
    proven: AtomicBool,
}

impl ClientAuthentication {
    /// Whether this handshake asked for a certificate. A resumed one does not.
    pub(super) fn asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Whether the client proved in this handshake that it holds the key of a certificate.
    pub(super) fn proven(&self) -> bool {
        self.proven.load(Ordering::Relaxed)
    }

    #[cfg(test)]
    pub(super) fn of(asked: bool, proven: bool) -> Self {
        Self { asked: asked.into(), proven: proven.into() }
    }
}

impl PossessionRule {
    pub(super) fn new(
        hints: Vec<DistinguishedName>,
        algorithms: WebPkiSupportedAlgorithms,
        signatures: Vec<SignatureScheme>,
        judge: Option<HandshakeValidator>,
    ) -> Self {
        Self { hints, algorithms, signatures, judge }
    }
}

impl PossessionVerifier {
    pub(super) fn new(rule: Arc<PossessionRule>, noted: Arc<ClientAuthentication>) -> Self {
        Self { rule, noted }
    }
}

impl fmt::Debug for PossessionRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PossessionRule")
            .field("hints", &self.hints.len())
            .field("signatures", &self.signatures)
            .field("alerts", &self.judge.is_some())
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
        if let Some(judge) = &self.rule.judge {
            let chain: Vec<_> = std::iter::once(leaf).chain(intermediates).cloned().collect();
            judge(&chain)?;
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let valid = prove(leaf, message, signed, self.algorithms_of(signed.scheme)?)?;
        self.noted.proven.store(true, Ordering::Relaxed);
        Ok(valid)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        leaf: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // RFC 8446 4.2.3 forbids PKCS#1 v1.5 in CertificateVerify, and binds the curve to the scheme: it is the first
        // in rustls's list.
        if is_pkcs1(signed.scheme) {
            return Err(rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into());
        }
        let algorithms = self.algorithms_of(signed.scheme)?.get(..1).unwrap_or_default();
        let valid = prove(leaf, message, signed, algorithms)?;
        self.noted.proven.store(true, Ordering::Relaxed);
        Ok(valid)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // rustls takes the list when it writes the CertificateRequest, and at no other time.
        self.noted.asked.store(true, Ordering::Relaxed);
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
        // rustls has no algorithm for SHA-1; `prove` has.
        Ok(mapping.find(|(known, _)| *known == scheme).map_or(&[], |(_, algorithms)| *algorithms))
    }
}

/// Checks `signed` over `message` with the leaf's bare public key, by the first algorithm that fits the key.
fn prove(
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
    // A card of the RMS years may hold RSA-1024. Its possession is proven all the same, so that it is refused with
    // words (403.16) and not with an alert; validation never accepts such a key.
    let legacy = legacy_rsa(signed.scheme)
        .filter(|_| key_algorithm == rustls_pki_types::alg_id::RSA_ENCRYPTION.as_ref());
    match legacy.map(|parameters| UnparsedPublicKey::new(parameters, key).verify(message, signed.signature()))
    {
        Some(Ok(())) => Ok(HandshakeSignatureValid::assertion()),
        Some(Err(_)) | None => Err(CertificateError::BadSignature.into()),
    }
}

/// The contents of the AlgorithmIdentifier, in the form in which rustls's algorithms name theirs.
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

/// aws-lc's check of PKCS#1 v1.5 signatures by keys from 1,024 bits on, and of those with SHA-1. It has none for PSS by
/// such short keys: a client that signs so gets an alert after all, and TLS 1.3 allows nothing else.
fn legacy_rsa(scheme: SignatureScheme) -> Option<&'static RsaParameters> {
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA1 => Some(&RSA_PKCS1_1024_8192_SHA1_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA256 => Some(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA512 => Some(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        _ => None,
    }
}
