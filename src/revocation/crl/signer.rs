//! The signer of a CRL: a CA on the certificate's path, or a CRL signer that such a CA has certified (RFC 5280 6.3.3
//! (f), (g)).
//!
//! Whether the signer's certificate is revoked is not checked here.

use super::list::Crl;
use crate::certificate::{Certificate, DistinguishedName};
use crate::clock::UnixTime;
use crate::revocation::status::UnknownReason;
use crate::validation::{TrustSet, ValidPath, validate_authority};

/// The certificates that may belong to the signer of a CRL.
#[derive(Clone, Copy)]
pub(in crate::revocation) struct SignerCandidates<'a> {
    /// The validated path of the certificate that is looked up.
    pub(in crate::revocation) path: &'a ValidPath,
    /// The other certificates that the client sent and that belong to a path.
    pub(in crate::revocation) additional_certificates: &'a [Certificate],
    /// The trust set of the realm: its intermediates may sign CRLs too.
    pub(in crate::revocation) trust: &'a TrustSet,
}

/// The certificate whose key signed a CRL.
pub(in crate::revocation) struct CrlSigner<'a> {
    pub(in crate::revocation) certificate: &'a Certificate,
    /// The CA that issued it and the authorities above, if it is not a certificate of the path itself.
    pub(in crate::revocation) issued_below: Option<&'a [Certificate]>,
}

/// The maximum number of certificates outside of the path that are tried for one CRL.
const MAXIMUM_CANDIDATES: usize = 16;

/// Finds the signer of `crl` for a certificate that the first of `authorities` issued.
pub(in crate::revocation) fn find_signer<'a>(
    crl: &'a Crl,
    authorities: &'a [Certificate],
    candidates: SignerCandidates<'a>,
    now: UnixTime,
) -> Result<CrlSigner<'a>, UnknownReason> {
    let issuer = &crl.source().issuer;
    let mut reason = None;
    for certificate in authorities.iter().filter(|authority| authority.subject() == issuer) {
        if certificate.key_usage().is_some_and(|usage| !usage.crl_sign()) {
            reason.get_or_insert(UnknownReason::IssuerMayNotSign);
            continue;
        }
        match crl.verify(certificate) {
            Ok(()) => {
                crl.accept(certificate);
                return Ok(CrlSigner { certificate, issued_below: None });
            }
            Err(cause) => reason.get_or_insert(UnknownReason::Signature(cause)),
        };
    }
    for certificate in crl_signers(issuer, candidates) {
        if crl.verify(certificate).is_ok() {
            if let Some(above) = validate_authority(certificate, candidates.path, now) {
                crl.accept(certificate);
                return Ok(CrlSigner { certificate, issued_below: Some(above) });
            }
            reason = Some(UnknownReason::SignerNotTrusted { signer: issuer.clone() });
        }
    }
    Err(reason.unwrap_or_else(|| UnknownReason::NoSigner { issuer: issuer.clone() }))
}

/// Returns the candidates outside of the path that bear the name of a CRL's issuer and have the key usage cRLSign.
/// For a CA on the path an absent keyUsage is enough (RFC 5280 6.3.3 (f)); for others it would allow every client
/// certificate to sign CRLs.
fn crl_signers<'a>(
    issuer: &'a DistinguishedName,
    candidates: SignerCandidates<'a>,
) -> impl Iterator<Item = &'a Certificate> {
    let all = candidates.additional_certificates.iter().chain(candidates.trust.intermediates());
    let may_sign =
        move |certificate: &&Certificate| certificate.subject() == issuer && certificate.may_sign_crls();
    all.filter(may_sign).take(MAXIMUM_CANDIDATES)
}
