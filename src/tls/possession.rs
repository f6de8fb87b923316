//! Proves that the client holds the key of the certificate it presents, and nothing more.
//!
//! rustls's own check parses the leaf with webpki inside the handshake, so that an X.509 v1 certificate or an unknown
//! critical extension would die as a TLS alert before anybody could be told why. Here the signature is checked on the
//! bare public key (RFC 8446 4.4.3, RFC 5246 7.4.8) and the chain goes on to be judged with the request.

use crate::certificate::public_key_of;
use aws_lc_rs::signature::{
    RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY, RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY,
    RsaParameters, UnparsedPublicKey,
};
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, UnixTime};
use spki::SubjectPublicKeyInfoRef;
use std::fmt;
use std::sync::Arc;

/// Judges a chain inside the handshake, for a site with `on_bad_certificate = "alert"`. It takes the chain as
/// presented, leaf first, and gives the alert's reason where the chain is refused.
pub type HandshakeJudge = Arc<dyn Fn(&[CertificateDer<'_>]) -> Result<(), CertificateError> + Send + Sync>;

/// The schemes that cards sign with, the most wanted first. ML-DSA is left out: no card makes it, and old
/// middleware stumbles over schemes that it does not know.
const SCHEMES: [SignatureScheme; 10] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ECDSA_NISTP521_SHA512,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

/// Asks every client for a certificate, insists on none, and checks possession of its key.
pub(super) struct PossessionVerifier {
    hints: Vec<DistinguishedName>,
    algorithms: WebPkiSupportedAlgorithms,
    judge: Option<HandshakeJudge>,
}

impl PossessionVerifier {
    pub(super) fn new(
        hints: Vec<DistinguishedName>,
        algorithms: WebPkiSupportedAlgorithms,
        judge: Option<HandshakeJudge>,
    ) -> Self {
        Self { hints, algorithms, judge }
    }
}

impl fmt::Debug for PossessionVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PossessionVerifier")
            .field("hints", &self.hints.len())
            .field("alerts", &self.judge.is_some())
            .finish_non_exhaustive()
    }
}

impl ClientCertVerifier for PossessionVerifier {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.hints
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(judge) = &self.judge {
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
        prove(leaf, message, signed, self.algorithms_of(signed.scheme)?)
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
        prove(leaf, message, signed, self.algorithms_of(signed.scheme)?.get(..1).unwrap_or_default())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

impl PossessionVerifier {
    fn algorithms_of(
        &self,
        scheme: SignatureScheme,
    ) -> Result<&'static [&'static dyn SignatureVerificationAlgorithm], Error> {
        let offered = SCHEMES.contains(&scheme);
        let found = self.algorithms.mapping.iter().find(|(known, _)| offered && *known == scheme);
        found
            .map(|(_, algorithms)| *algorithms)
            .ok_or_else(|| rustls::PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme.into())
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
    let spki = SubjectPublicKeyInfoRef::try_from(spki_der).map_err(|_| CertificateError::BadEncoding)?;
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

fn is_pkcs1(scheme: SignatureScheme) -> bool {
    matches!(
        scheme,
        SignatureScheme::RSA_PKCS1_SHA256
            | SignatureScheme::RSA_PKCS1_SHA384
            | SignatureScheme::RSA_PKCS1_SHA512
    )
}

/// aws-lc's check of PKCS#1 v1.5 signatures by keys from 1,024 bits on. It has none for PSS: a client that signs PSS with
/// such a key, which no card of that age can, gets an alert after all.
fn legacy_rsa(scheme: SignatureScheme) -> Option<&'static RsaParameters> {
    match scheme {
        SignatureScheme::RSA_PKCS1_SHA256 => Some(&RSA_PKCS1_1024_8192_SHA256_FOR_LEGACY_USE_ONLY),
        SignatureScheme::RSA_PKCS1_SHA512 => Some(&RSA_PKCS1_1024_8192_SHA512_FOR_LEGACY_USE_ONLY),
        _ => None,
    }
}
