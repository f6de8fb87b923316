//! The signer of an OCSP response, and its authorisation (RFC 6960 4.2.2.2).
//!
//! A delegate is certified by the issuer itself, so no path is built. Whether the delegate's certificate is revoked
//! is checked each time the response is used.

use super::certificate_id::key_hash;
use super::error::{OcspError, ResponderFault};
use super::response::{BasicResponse, ResponderId};
use super::settings::OcspSettings;
use crate::certificate::{Certificate, signature};
use crate::clock::UnixTime;
use const_oid::db::rfc5280::ID_KP_OCSP_SIGNING;

/// The maximum number of certificates with the name or key of the signer that are tried, each by verifying the signature.
/// Responders have one, and two while they change it. Certificates of others, such as a chain, are not counted: an attacker
/// on the path can add them, but they take no cryptography.
const MAXIMUM_SIGNERS: usize = 16;

/// The signer of a response.
pub(super) enum OcspSigner {
    /// The issuer of the certificate.
    Issuer(Certificate),
    /// The configured responder.
    Configured(Certificate),
    /// A responder that the issuer has certified for OCSP.
    Delegate(Certificate),
}

impl OcspSigner {
    pub(super) fn certificate(&self) -> &Certificate {
        match self {
            Self::Issuer(certificate) | Self::Configured(certificate) | Self::Delegate(certificate) => {
                certificate
            }
        }
    }

    fn doubt(&self) -> Option<ResponderFault> {
        let Self::Delegate(delegate) = self else { return None };
        let unsupported = [
            delegate.unknown_critical_extensions(),
            delegate.duplicate_extensions(),
            delegate.undecodable_extensions(),
        ];
        unsupported.into_iter().flatten().next().map(|oid| ResponderFault::Extension(*oid))
    }
}

/// The signer of a response, and why only "revoked" is accepted from it, if so.
pub(super) struct VerifiedSigner {
    pub(super) signer: OcspSigner,
    /// An unsupported extension of a delegate's certificate. It may restrict the delegate, but does not undo a
    /// revocation that the issuer's own delegate reports.
    pub(super) doubt: Option<ResponderFault>,
}

/// Finds the signer of `response`: of the candidates that it names, the first whose key made the signature and that
/// is authorised without a doubt, otherwise the first with a doubt. A responder may have several certificates for one
/// key, and their order in the response must have no effect.
pub(super) fn find(
    response: &BasicResponse<'_>,
    issuer: &Certificate,
    settings: &OcspSettings,
    now: UnixTime,
) -> Result<VerifiedSigner, OcspError> {
    let (mut fault, mut signature_error, mut doubtful) = (None, None, None);
    let named = candidates(response, issuer, settings);
    let mut named = named.filter(|signer| response.responder.names(signer.certificate()));
    for signer in named.by_ref().take(MAXIMUM_SIGNERS) {
        let certificate = signer.certificate();
        let key = certificate.public_key_der();
        if let Err(cause) = signature::verify(key, response.algorithm, response.tbs, response.signature) {
            signature_error = Some(OcspError::Signature(cause));
            continue;
        }
        match (authorise(&signer, issuer, now), signer.doubt()) {
            (Err(found), _) => _ = fault.get_or_insert(found),
            (Ok(()), None) => return Ok(VerifiedSigner { signer, doubt: None }),
            (Ok(()), doubt) => _ = doubtful.get_or_insert(VerifiedSigner { signer, doubt }),
        }
    }
    let too_many = named.next().map(|_| OcspError::TooManySigners { limit: MAXIMUM_SIGNERS });
    let fault = too_many.or(fault.map(OcspError::ResponderNotAuthorised)).or(signature_error);
    doubtful.ok_or_else(|| fault.unwrap_or(OcspError::ResponderNotAuthorised(ResponderFault::NotAvailable)))
}

/// Returns the possible signers. Directly trusted ones come first, so that a copy of their certificate in the
/// response changes nothing.
fn candidates(
    response: &BasicResponse<'_>,
    issuer: &Certificate,
    settings: &OcspSettings,
) -> impl Iterator<Item = OcspSigner> {
    let configured = settings.responder.as_ref().and_then(|responder| responder.certificate.clone());
    let trusted = configured.map(OcspSigner::Configured).into_iter();
    // A certificate that cannot be decoded cannot be the signer's.
    let sent = response.certificates.iter().filter_map(|der| Certificate::from_der(der).ok());
    trusted.chain([OcspSigner::Issuer(issuer.clone())]).chain(sent.map(OcspSigner::Delegate))
}

impl ResponderId {
    fn names(&self, certificate: &Certificate) -> bool {
        match self {
            Self::Name(name) => name == certificate.subject(),
            Self::KeyHash(hash) => hash.as_bytes() == key_hash(certificate),
            Self::Undecodable => true,
        }
    }
}

fn authorise(signer: &OcspSigner, issuer: &Certificate, now: UnixTime) -> Result<(), ResponderFault> {
    match signer {
        // Its path was validated before the query.
        OcspSigner::Issuer(_) => Ok(()),
        OcspSigner::Configured(certificate) => is_valid_now(certificate, now),
        OcspSigner::Delegate(certificate) => authorise_delegate(certificate, issuer, now),
    }
}

fn authorise_delegate(
    delegate: &Certificate,
    issuer: &Certificate,
    now: UnixTime,
) -> Result<(), ResponderFault> {
    if delegate.issuer() != issuer.subject() {
        return Err(ResponderFault::OtherIssuer);
    }
    delegate.verify_signature(issuer.public_key_der()).map_err(ResponderFault::IssuerSignature)?;
    let usages = delegate.extended_key_usages().unwrap_or_default();
    if !usages.iter().any(|usage| *usage == ID_KP_OCSP_SIGNING) {
        return Err(ResponderFault::NoOcspSigning);
    }
    if delegate.key_usage().is_some_and(|usage| !usage.digital_signature() && !usage.non_repudiation()) {
        return Err(ResponderFault::KeyUsage);
    }
    is_valid_now(delegate, now)
}

fn is_valid_now(certificate: &Certificate, now: UnixTime) -> Result<(), ResponderFault> {
    let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
    let valid = not_before <= now && now.seconds() <= not_after.seconds();
    valid.then_some(()).ok_or(ResponderFault::OutsideValidity { not_before, not_after })
}
