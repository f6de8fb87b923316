//! Takes a CRL and the path of a certificate, finds the certificate of the key that signed the CRL: of a CA of the path,
//! or of somebody whom a CA of the path has certified to sign CRLs (RFC 5280 6.3.3 (f), (g)).
//!
//! Never looks at whether that certificate is revoked itself.

use crate::certificate::{Certificate, DistinguishedName};
use crate::clock::UnixTime;
use crate::revocation::crl::list::Crl;
use crate::revocation::lookup_result::UnknownReason;
use crate::validation::{TrustSet, ValidPath, validate_authority};

/// What is known of the path of a certificate whose CRLs are judged.
#[derive(Clone, Copy)]
pub(in crate::revocation) struct SignerCandidates<'a> {
    /// A proven path.
    pub(in crate::revocation) path: &'a ValidPath,
    /// What the client sent beside its own certificate, as far as it has to do with a path.
    pub(in crate::revocation) additional_certificates: &'a [Certificate],
    /// What the realm knows: its intermediates may sign CRLs as well as what was presented.
    pub(in crate::revocation) trust: &'a TrustSet,
}

/// Whose key signed a CRL.
pub(in crate::revocation) struct CrlSigner<'a> {
    pub(in crate::revocation) certificate: &'a Certificate,
    /// The CA that issued it and what is above that one, where it is not a certificate of the path itself.
    pub(in crate::revocation) issued_below: Option<&'a [Certificate]>,
}

/// CertificateKind beside the path that are tried for one CRL.
const MAXIMUM_CANDIDATES: usize = 16;

/// Who signed `crl`, for a certificate that the first of `authorities` issued.
pub(in crate::revocation) fn signer<'a>(
    crl: &'a Crl,
    authorities: &'a [Certificate],
    surroundings: SignerCandidates<'a>,
    now: UnixTime,
) -> Result<CrlSigner<'a>, UnknownReason> {
    let issuer = &crl.source().issuer;
    let mut flaw = None;
    for certificate in authorities.iter().filter(|authority| authority.subject() == issuer) {
        if certificate.key_usage().is_some_and(|usage| !usage.crl_sign()) {
            flaw.get_or_insert(UnknownReason::IssuerMayNotSign);
            continue;
        }
        match crl.verify(certificate) {
            Ok(()) => {
                crl.accept(certificate);
                return Ok(CrlSigner { certificate, issued_below: None });
            }
            Err(cause) => flaw.get_or_insert(UnknownReason::Signature(cause)),
        };
    }
    for certificate in delegates(issuer, surroundings) {
        if crl.verify(certificate).is_ok() {
            if let Some(above) = validate_authority(certificate, surroundings.path, now) {
                crl.accept(certificate);
                return Ok(CrlSigner { certificate, issued_below: Some(above) });
            }
            flaw = Some(UnknownReason::SignerNotTrusted { signer: issuer.clone() });
        }
    }
    Err(flaw.unwrap_or_else(|| UnknownReason::NoSigner { issuer: issuer.clone() }))
}

/// The certificates at hand that bear the name of a CRL's issuer and say that their key signs CRLs. Of a CA on the path
/// an absent keyUsage will do (RFC 5280 6.3.3 (f)); of anybody else it would let every card sign CRLs.
fn delegates<'a>(
    issuer: &'a DistinguishedName,
    surroundings: SignerCandidates<'a>,
) -> impl Iterator<Item = &'a Certificate> {
    let all = surroundings.additional_certificates.iter().chain(surroundings.trust.intermediates());
    let may_sign =
        move |certificate: &&Certificate| certificate.subject() == issuer && certificate.may_sign_crls();
    all.filter(may_sign).take(MAXIMUM_CANDIDATES)
}
