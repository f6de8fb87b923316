//! The revocation status of a certificate: the CRL or OCSP response that shows it, or why it is unknown.

use super::crl::{CrlSource, RevocationReason, UnusableReason};
use super::ocsp::{OcspError, OcspSource};
use crate::certificate::signature::SignatureError;
use crate::certificate::{Certificate, DistinguishedName, ReasonFlags};
use crate::clock::UnixTime;
use std::sync::Arc;
use thiserror::Error;

/// The status of one certificate of a chain that passed the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// The certificate.
    pub certificate: Certificate,
    /// Why it passed.
    pub verdict: RevocationVerdict,
}

/// Why a certificate passed the check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationVerdict {
    /// Fresh CRLs that cover it do not list it.
    NotRevoked(Vec<Arc<CrlSource>>),
    /// An OCSP response has the status "good".
    Good(Arc<OcspSource>),
    /// The status is unknown, and the rule accepts that.
    Unknown(UnknownReason),
}

/// The CRL or OCSP response that a status comes from, for `explain` and audit records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationSource {
    /// A CRL.
    Crl(Arc<CrlSource>),
    /// An OCSP response.
    Ocsp(Arc<OcspSource>),
}

/// Why the revocation check rejects a chain.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RevocationError {
    /// A certificate is revoked, and no other path passed.
    #[error("certificate {} of {} is revoked ({reason}) since {at}", which.serial(), which.subject().shown())]
    Revoked {
        /// The revoked certificate.
        which: Certificate,
        /// The reason for its revocation.
        reason: RevocationReason,
        /// The date of its revocation.
        at: UnixTime,
        /// The CRL or response that lists it.
        found_in: RevocationSource,
    },
    /// The status of a certificate is unknown although the rule requires it, and no other path passed.
    #[error("revocation status of certificate {} of {} is unknown", which.serial(), which.subject().shown())]
    Unknown {
        /// The certificate whose status is unknown.
        which: Certificate,
        /// Why it is unknown.
        #[source]
        why: UnknownReason,
    },
}

impl RevocationError {
    /// Returns the certificate that is revoked or whose status is unknown.
    pub fn which(&self) -> &Certificate {
        match self {
            Self::Revoked { which, .. } | Self::Unknown { which, .. } => which,
        }
    }
}

/// Why the revocation status of a certificate is unknown.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnknownReason {
    /// No CRL bears the issuer's name.
    #[error("no CRL of its issuer")]
    NoCrl,
    /// The newest CRL is past its nextUpdate and the rule's grace, or has no nextUpdate.
    #[error("the CRL of {} has expired", issuer.shown())]
    Expired {
        /// The issuer of the CRL.
        issuer: DistinguishedName,
        /// The nextUpdate of the CRL.
        next_update: Option<UnixTime>,
    },
    /// The only CRL is dated in the future.
    #[error("the CRL of its issuer is not valid before {this_update}")]
    NotYetValid {
        /// The thisUpdate of the CRL.
        this_update: UnixTime,
    },
    /// CRLs bear the issuer's name, but its key signed none of them: they belong to another CA of that name, or are
    /// forged.
    #[error("no CRL with the name of its issuer is signed by its issuer's key")]
    Signature(#[source] SignatureError),
    /// The issuer's certificate has a keyUsage without cRLSign (RFC 5280 6.3.3 (f)).
    #[error("its issuer's certificate lacks the key usage cRLSign")]
    IssuerMayNotSign,
    /// No available certificate has the key that signed the CRL.
    #[error("no available certificate of {} has the key that signed its CRL", issuer.shown())]
    NoSigner {
        /// The issuer of the CRL.
        issuer: DistinguishedName,
    },
    /// The certificate of the CRL signer is not valid, or was not issued by a CA of the certificate's own path.
    #[error("the CRL signer {} has no valid path to the same trust anchor", signer.shown())]
    SignerNotTrusted {
        /// The signer of the CRL.
        signer: DistinguishedName,
    },
    /// The certificate of the CRL signer is revoked, or its status is unknown.
    #[error("the CRL signer's own certificate failed the revocation check")]
    Signer(#[source] Box<RevocationError>),
    /// The available CRLs are for other certificates: their issuing distribution point is not one of the
    /// certificate's, or they cover another kind of certificate (RFC 5280 6.3.3 (b)).
    #[error("the available CRLs do not cover it")]
    Scope,
    /// The available CRLs cover some reasons for revocation only (RFC 5280 5.2.5).
    #[error("the available CRLs do not cover all revocation reasons")]
    SomeReasons {
        /// The reasons that none of them covers.
        missing: ReasonFlags,
    },
    /// A delta CRL is available, but not the complete CRL that it is based on (RFC 5280 5.2.4).
    #[error("a delta CRL of its issuer is available, but not the complete CRL that it is based on")]
    DeltaWithoutBase,
    /// The only CRL does not list it, but may be incomplete.
    #[error("the CRL of its issuer cannot show that it is not revoked: {0}")]
    Unusable(UnusableReason),
    /// Neither CRLs nor OCSP responders show the status.
    #[error("{crl}, and OCSP returned no status")]
    Ocsp {
        /// Why no CRL shows it.
        crl: Box<UnknownReason>,
        /// Why no responder shows it.
        #[source]
        ocsp: OcspError,
    },
    /// The lookup ended without a result. Never cached.
    #[error("the lookup was interrupted")]
    Interrupted,
}
