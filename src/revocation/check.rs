//! Takes a proven chain, a rule and CRLs, gives the chain with the paths on which nothing is revoked, or the reason to
//! refuse it. The anchor of a path is not looked up: it is trusted because the configuration says so.
//!
//! Never fetches anything, and never takes "not known" for "good": only a rule that prefers lets it pass, for a minute.

use super::lookup::{LookupQuery, look_up};
use super::ocsp::OcspSource;
use super::rule::{RevocationDemand, RevocationRule, UNKNOWN_LIFETIME};
use super::source::RevocationSource;
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::revocation::crl::entry::RevocationReason;
use crate::revocation::crl::list::CrlSource;
use crate::revocation::crl::signer::SignerCandidates;
use crate::revocation::lookup_result::{
    CleanCrls, FoundRevocation, LookupOutcome, LookupResult, UnknownReason,
};
use crate::revocation::store::snapshot::CrlStore;
use crate::validation::{TrustSet, ValidPath, ValidatedChain};
use std::sync::Arc;
use thiserror::Error;

/// Why a chain is refused for revocation.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RevocationError {
    /// A CRL or a responder says that a certificate is revoked, and no other path passed.
    #[error("the certificate {} of {} is revoked ({reason}) since {at}", which.serial(), which.subject().shown())]
    Revoked {
        /// The revoked certificate.
        which: Certificate,
        /// Why it was revoked.
        reason: RevocationReason,
        /// Since when.
        at: UnixTime,
        /// Who says so.
        found_in: RevocationSource,
    },
    /// The rule requires to know, nobody knows, and no other path passed.
    #[error("whether the certificate {} of {} is revoked is not known", which.serial(), which.subject().shown())]
    Unknown {
        /// The certificate that nothing is known of.
        which: Certificate,
        /// Why not.
        #[source]
        why: UnknownReason,
    },
}

impl RevocationError {
    /// The certificate that is revoked or that nothing is known of.
    pub fn which(&self) -> &Certificate {
        match self {
            Self::Revoked { which, .. } | Self::Unknown { which, .. } => which,
        }
    }
}

/// What is known of one certificate of a chain that passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateStatus {
    /// The certificate.
    pub certificate: Certificate,
    /// What is known.
    pub verdict: RevocationVerdict,
}

/// Why a certificate passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationVerdict {
    /// Fresh CRLs that cover it do not list it.
    NotRevoked(Vec<Arc<CrlSource>>),
    /// A responder calls it good.
    Good(Arc<OcspSource>),
    /// Nobody knows, and the rule lets that pass.
    Unknown(UnknownReason),
}

/// A proven chain of which nothing is revoked, as far as its rule asks. Made by this stage only.
#[derive(Clone, Debug)]
pub struct UnrevokedChain {
    chain: Arc<ValidatedChain>,
    /// For each path of the chain whether it passed; at least one did.
    passed: Vec<bool>,
    status: Vec<CertificateStatus>,
    deadline: UnixTime,
}

impl UnrevokedChain {
    /// The proven chain, with the paths that did not pass too.
    pub fn chain(&self) -> &Arc<ValidatedChain> {
        &self.chain
    }

    /// The paths that passed, at least one.
    pub fn paths(&self) -> impl Iterator<Item = &ValidPath> {
        self.chain.paths().iter().zip(&self.passed).filter_map(|(path, passed)| passed.then_some(path))
    }

    /// What is known of each certificate of these paths but their anchors. Empty where the rule asks nothing.
    pub fn status(&self) -> &[CertificateStatus] {
        &self.status
    }

    /// From when on this must be judged anew.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }
}

/// Judges all certificates of the paths of `chain` but the anchors. At least one path must pass whole; where none does,
/// the error is a revoked certificate rather than an unknown one. The intermediates of `trust` may be those of who signed
/// a CRL.
pub fn check(
    chain: &Arc<ValidatedChain>,
    rule: &RevocationRule,
    trust: &TrustSet,
    crls: &CrlStore,
    now: UnixTime,
) -> Result<UnrevokedChain, RevocationError> {
    let look_up_path = |path| {
        let found = |step: CertificateCheck<'_>| step.found(look_up(step.query, crls, now));
        steps(chain, path, trust, rule).map(found).collect()
    };
    conclude(chain, chain.paths().iter().map(look_up_path).collect(), rule, now)
}

/// One certificate of a path that the rule asks about.
#[derive(Clone, Copy)]
pub(super) struct CertificateCheck<'a> {
    pub(super) query: LookupQuery<'a>,
    demand: RevocationDemand,
}

/// What was found about one certificate of a path, and what had to be.
pub(super) struct CheckedCertificate {
    certificate: Certificate,
    demand: RevocationDemand,
    finding: LookupResult,
}

impl CertificateCheck<'_> {
    pub(super) fn found(self, finding: LookupResult) -> CheckedCertificate {
        CheckedCertificate { certificate: self.query.certificate.clone(), demand: self.demand, finding }
    }
}

/// The certificates of a path that `rule` asks about.
pub(super) fn steps<'a>(
    chain: &'a ValidatedChain,
    path: &'a ValidPath,
    trust: &'a TrustSet,
    rule: &RevocationRule,
) -> impl Iterator<Item = CertificateCheck<'a>> {
    let surroundings =
        SignerCandidates { path, additional_certificates: chain.additional_certificates(), trust };
    let mut rest = path.certificates();
    let all = std::iter::from_fn(move || {
        let (certificate, authorities) = rest.split_first()?;
        rest = authorities;
        let demand = rule.demand_of(authorities.first()?.key_id());
        Some(CertificateCheck { query: LookupQuery { certificate, authorities, surroundings }, demand })
    });
    all.filter(|step| step.demand != RevocationDemand::Never)
}

/// What was found about the certificates of one path.
pub(super) type CheckedPath = Vec<CheckedCertificate>;

/// Judges a chain by what was found about its paths, given in their order. A validated chain has at least one path, so
/// one without an error has passed.
pub(super) fn conclude(
    chain: &Arc<ValidatedChain>,
    findings: Vec<CheckedPath>,
    rule: &RevocationRule,
    now: UnixTime,
) -> Result<UnrevokedChain, RevocationError> {
    let revoked: Vec<_> = findings.iter().flatten().filter_map(as_revoked).collect();
    let mut first_error = revoked.first().cloned();
    let mut result = UnrevokedChain {
        chain: Arc::clone(chain),
        passed: Vec::new(),
        status: Vec::new(),
        deadline: chain.deadline(),
    };
    for path in findings {
        match judge_path(path, &revoked, rule, now) {
            Ok((status, deadline)) => {
                let new: Vec<_> = status.into_iter().filter(|one| !result.status.contains(one)).collect();
                result.status.extend(new);
                result.deadline = result.deadline.min(deadline);
                result.passed.push(true);
            }
            Err(error) => {
                first_error.get_or_insert(error);
                result.passed.push(false);
            }
        }
    }
    first_error.filter(|_| !result.passed.contains(&true)).map_or(Ok(result), Err)
}

fn as_revoked(found: &CheckedCertificate) -> Option<RevocationError> {
    match &found.finding.finding {
        LookupOutcome::Revoked(revocation) => Some(revoked(&found.certificate, revocation)),
        LookupOutcome::NotListed(_) | LookupOutcome::Good(_) | LookupOutcome::Unknown(_) => None,
    }
}

fn revoked(certificate: &Certificate, revocation: &FoundRevocation) -> RevocationError {
    let FoundRevocation { reason, at, source } = revocation;
    RevocationError::Revoked {
        which: certificate.clone(),
        reason: *reason,
        at: *at,
        found_in: source.clone(),
    }
}

/// What is known of the certificates of a path and until when, or why it does not pass.
///
/// A certificate that is revoked by what was found on another path is revoked here too: the issuer's certificate on
/// that path may sign CRLs where the one on this path, of the same key, may not.
fn judge_path(
    path: CheckedPath,
    revoked: &[RevocationError],
    rule: &RevocationRule,
    now: UnixTime,
) -> Result<(Vec<CertificateStatus>, UnixTime), RevocationError> {
    let is_on_path =
        |error: &&RevocationError| path.iter().any(|found| error.which().has_content_of(&found.certificate));
    if let Some(error) = revoked.iter().find(is_on_path) {
        return Err(error.clone());
    }
    let mut deadline = UnixTime::END;
    let mut status = Vec::new();
    for found in path {
        let (verdict, ends) = judge(&found, rule, now)?;
        deadline = deadline.min(ends).min(found.finding.until);
        status.push(CertificateStatus { certificate: found.certificate, verdict });
    }
    Ok((status, deadline))
}

fn judge(
    CheckedCertificate { certificate, demand, finding }: &CheckedCertificate,
    rule: &RevocationRule,
    now: UnixTime,
) -> Result<(RevocationVerdict, UnixTime), RevocationError> {
    let passed = match &finding.finding {
        LookupOutcome::Revoked(revocation) => return Err(revoked(certificate, revocation)),
        LookupOutcome::NotListed(silent) => check_freshness(silent, rule, now),
        LookupOutcome::Good(source) => Ok((RevocationVerdict::Good(Arc::clone(source)), finding.until)),
        LookupOutcome::Unknown(why) => Err(why.clone()),
    };
    match (passed, demand) {
        (Ok(passed), _) => Ok(passed),
        (Err(why), RevocationDemand::IfAvailable) => {
            Ok((RevocationVerdict::Unknown(why), now.plus(UNKNOWN_LIFETIME)))
        }
        (Err(why), RevocationDemand::Required | RevocationDemand::Never) => {
            Err(RevocationError::Unknown { which: certificate.clone(), why })
        }
    }
}

/// Whether the CRLs that do not list a certificate are fresh, and those who signed them pass by the same rule.
pub(super) fn check_freshness(
    silent: &CleanCrls,
    rule: &RevocationRule,
    now: UnixTime,
) -> Result<(RevocationVerdict, UnixTime), UnknownReason> {
    let mut deadline = UnixTime::END;
    for crl in &silent.by {
        let stale_at = crl.due().map(|due| due.plus(rule.grace)).filter(|stale_at| now < *stale_at);
        let expired =
            || UnknownReason::Expired { issuer: crl.complete.issuer.clone(), next_update: crl.due() };
        deadline = deadline.min(stale_at.ok_or_else(expired)?);
    }
    for signer in &silent.signers {
        let demand = rule.demand_of(signer.issuer);
        if demand != RevocationDemand::Never {
            let found = CheckedCertificate {
                certificate: signer.certificate.clone(),
                demand,
                finding: signer.found.clone(),
            };
            let (_, ends) =
                judge(&found, rule, now).map_err(|error| UnknownReason::Signer(Box::new(error)))?;
            deadline = deadline.min(ends);
        }
    }
    let sources = silent.by.iter().flat_map(|crl| [Some(&crl.complete), crl.delta.as_ref()]);
    Ok((RevocationVerdict::NotRevoked(sources.flatten().cloned().collect()), deadline))
}
