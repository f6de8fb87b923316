//! The result of a lookup of one certificate in CRLs and by OCSP, before a rule is applied: one result serves every
//! rule, so it can be cached for all of them.

use super::crl::{CrlSource, RevocationReason};
use super::ocsp::OcspSource;
use super::status::{RevocationSource, UnknownReason};
use crate::certificate::{Certificate, KeyId};
use crate::clock::UnixTime;
use crate::telemetry::display_chain;
use std::sync::Arc;

/// An outcome, and the time at which the lookup must be repeated even if the CRLs are the same: a CRL that is dated in
/// the future, a delta CRL that expires or a newer OCSP response may change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LookupResult {
    pub(super) outcome: LookupOutcome,
    pub(super) until: UnixTime,
}

/// The known status of one certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LookupOutcome {
    /// CRLs that cover it for all reasons do not list it. Whether they are fresh enough depends on the rule.
    NotListed(CleanCrls),
    /// A CRL that covers it lists it, or an OCSP response has the status "revoked", however old: revocation does not
    /// expire.
    Revoked(FoundRevocation),
    /// An OCSP response has the status "good", and is valid as long as this result.
    Good(Arc<OcspSource>),
    Unknown(UnknownReason),
}

/// The CRLs that cover a certificate and do not list it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CleanCrls {
    pub(super) crls: Vec<CleanCrl>,
    /// The signers of these CRLs that are not on the certificate's own path.
    pub(super) signers: Vec<SignerStatus>,
}

/// A complete CRL that does not list a certificate, with the delta CRL that was combined with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CleanCrl {
    pub(super) complete: Arc<CrlSource>,
    pub(super) delta: Option<Arc<CrlSource>>,
}

impl CleanCrl {
    /// Returns when a newer CRL is due. An expired complete CRL is accepted as long as its delta CRL is fresh (RFC
    /// 5280 6.3.3 (a)), and a fresh one is accepted alone after its delta CRL expired.
    pub(super) fn next_update(&self) -> Option<UnixTime> {
        self.complete.next_update.max(self.delta.as_ref().and_then(|delta| delta.next_update))
    }
}

/// The status of the certificate of a CRL signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct SignerStatus {
    pub(super) certificate: Certificate,
    /// The key that issued it: the rule may have another mode for the certificates of that issuer.
    pub(super) issuer: KeyId,
    pub(super) result: LookupResult,
}

/// A revocation, and the CRL or OCSP response that shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FoundRevocation {
    pub(super) reason: RevocationReason,
    pub(super) at: UnixTime,
    pub(super) source: RevocationSource,
}

impl LookupResult {
    /// Returns its size in bytes, estimated high, without the CRLs that it shares.
    pub(super) fn weight(&self) -> usize {
        const FIXED: usize = 256;
        const SOURCE: usize = 64;
        let variable = match &self.outcome {
            LookupOutcome::NotListed(clean) => {
                let signer = |signer: &SignerStatus| signer.certificate.weight() + signer.result.weight();
                clean.crls.len() * SOURCE + clean.signers.iter().map(signer).sum::<usize>()
            }
            LookupOutcome::Unknown(why) => 2 * display_chain(why).len(),
            LookupOutcome::Revoked(_) | LookupOutcome::Good(_) => SOURCE,
        };
        FIXED + variable
    }
}
