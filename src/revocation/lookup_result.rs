//! What CRLs and responders say of a certificate, before a rule is applied to it: the same finding serves every rule, so it can be
//! cached for all of them.

use crate::certificate::signature::SignatureError;
use crate::certificate::{Certificate, DistinguishedName, KeyId, ReasonFlags};
use crate::clock::UnixTime;
use crate::revocation::check::RevocationError;
use crate::revocation::crl::entry::RevocationReason;
use crate::revocation::crl::list::CrlSource;
use crate::revocation::crl::unusable::UnusableReason;
use crate::revocation::ocsp::{OcspError, OcspSource};
use crate::revocation::source::RevocationSource;
use crate::telemetry::display_chain;
use std::sync::Arc;
use thiserror::Error;

/// Why nobody knows whether a certificate is revoked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum UnknownReason {
    /// No CRL bears the issuer's name.
    #[error("there is no CRL of its issuer")]
    NoCrl,
    /// The newest CRL is past its nextUpdate and the rule's grace, or names no nextUpdate.
    #[error("the CRL of {} is stale", issuer.shown())]
    Expired {
        /// Who issued the CRL.
        issuer: DistinguishedName,
        /// When the next one was due, where the CRL says so.
        next_update: Option<UnixTime>,
    },
    /// The only CRL is dated in the future.
    #[error("the CRL of its issuer is not valid before {this_update}")]
    NotYetValid {
        /// Its date.
        this_update: UnixTime,
    },
    /// There are CRLs that bear its issuer's name, and its issuer's key signed none of them: they are another CA's of
    /// the same name, or forged.
    #[error("no CRL under the name of its issuer is signed by its issuer's key")]
    Signature(#[source] SignatureError),
    /// The issuer's certificate has a keyUsage without cRLSign (RFC 5280 6.3.3 (f)).
    #[error("its issuer's certificate does not admit signing CRLs")]
    IssuerMayNotSign,
    /// No certificate at hand holds the key that signed the CRL.
    #[error("there is no certificate of {} to verify its CRL with", issuer.shown())]
    NoSigner {
        /// Who issued the CRL.
        issuer: DistinguishedName,
    },
    /// The certificate of who signed the CRL is not valid, or no CA of the certificate's own path issued it.
    #[error("the certificate of {}, who signed the CRL, does not lead to the same anchor", signer.shown())]
    SignerNotTrusted {
        /// Who signed the CRL.
        signer: DistinguishedName,
    },
    /// The certificate of who signed the CRL is revoked itself, or nobody knows.
    #[error("the certificate of who signed the CRL does not pass itself")]
    Signer(#[source] Box<RevocationError>),
    /// The CRLs at hand are for other certificates: their issuing distribution point is not one of the certificate's, or
    /// they cover another kind of certificate (RFC 5280 6.3.3 (b)).
    #[error("the CRLs at hand do not cover it")]
    Scope,
    /// The CRLs at hand cover some reasons for revocation only (RFC 5280 5.2.5).
    #[error("the CRLs at hand do not cover all reasons for revocation")]
    SomeReasons {
        /// The reasons that none of them covers.
        missing: ReasonFlags,
    },
    /// There is a delta CRL, but no complete one that it tells the changes of (RFC 5280 5.2.4).
    #[error("there is a delta CRL of its issuer, but not the complete one that it belongs to")]
    DeltaWithoutBase,
    /// The only CRL is set aside, and does not list it.
    #[error("the CRL of its issuer cannot judge it: {0}")]
    Unusable(UnusableReason),
    /// No CRL tells, and no OCSP responder either.
    #[error("{crl}, and OCSP does not tell")]
    Ocsp {
        /// Why no CRL tells.
        crl: Box<UnknownReason>,
        /// Why no responder tells.
        #[source]
        ocsp: OcspError,
    },
    /// The look-up was broken off. Never remembered.
    #[error("the look-up was broken off")]
    Interrupted,
}

/// What is known of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revocation) enum LookupOutcome {
    /// CRLs that cover it for all reasons do not list it. Whether they are fresh enough is the rule's to say.
    NotListed(CleanCrls),
    /// A CRL that covers it lists it, or a responder says so. However old that is: revocation does not grow stale.
    Revoked(FoundRevocation),
    /// The answer of a responder says that it is not revoked, and counts as long as the finding does.
    Good(Arc<OcspSource>),
    /// Nobody says anything.
    Unknown(UnknownReason),
}

impl LookupResult {
    /// How many bytes it takes up, estimated high, beside the CRLs that it names.
    pub(in crate::revocation) fn weight(&self) -> usize {
        const FACTS: usize = 256;
        const SOURCE: usize = 64;
        let more = match &self.finding {
            LookupOutcome::NotListed(silent) => {
                let signer = |signer: &SignerStatus| signer.certificate.weight() + signer.found.weight();
                silent.by.len() * SOURCE + silent.signers.iter().map(signer).sum::<usize>()
            }
            LookupOutcome::Unknown(why) => 2 * display_chain(why).len(),
            LookupOutcome::Revoked(_) | LookupOutcome::Good(_) => SOURCE,
        };
        FACTS + more
    }
}

/// By what a certificate is not listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::revocation) struct CleanCrls {
    pub(in crate::revocation) by: Vec<CleanCrl>,
    /// Who signed these CRLs, where that is nobody of the certificate's own path.
    pub(in crate::revocation) signers: Vec<SignerStatus>,
}

/// A CRL that does not list a certificate, together with its delta CRL, where there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revocation) struct CleanCrl {
    pub(in crate::revocation) complete: Arc<CrlSource>,
    pub(in crate::revocation) delta: Option<Arc<CrlSource>>,
}

impl CleanCrl {
    /// When news is due: a complete CRL that is stale serves as long as its delta CRL is fresh (RFC 5280 6.3.3 (a)), and
    /// one that is fresh serves alone when its delta CRL is stale.
    pub(in crate::revocation) fn due(&self) -> Option<UnixTime> {
        self.complete.next_update.max(self.delta.as_ref().and_then(|delta| delta.next_update))
    }
}

/// What was found about the certificate of who signed a CRL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revocation) struct SignerStatus {
    pub(in crate::revocation) certificate: Certificate,
    /// The key that issued it: a rule may demand something else of what that one issues.
    pub(in crate::revocation) issuer: KeyId,
    pub(in crate::revocation) found: LookupResult,
}

/// How a certificate is revoked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revocation) struct FoundRevocation {
    pub(in crate::revocation) reason: RevocationReason,
    pub(in crate::revocation) at: UnixTime,
    pub(in crate::revocation) source: RevocationSource,
}

/// A finding, and the time at which it must be looked for anew though the CRLs are the same: a CRL that is dated in the
/// future or a newer answer may change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revocation) struct LookupResult {
    pub(in crate::revocation) finding: LookupOutcome,
    pub(in crate::revocation) until: UnixTime,
}
