//! The revocation check of a validated chain by a rule. The trust anchor of a path is not checked: it is trusted
//! because the configuration names it.
//!
//! The check never fetches. An unknown status passes only if the rule accepts it, and for one minute.

use super::crl::SignerCandidates;
use super::lookup::{LookupQuery, look_up};
use super::lookup_result::{CleanCrls, FoundRevocation, LookupOutcome, LookupResult};
use super::rule::{RevocationDemand, RevocationRule, UNKNOWN_LIFETIME};
use super::status::{CertificateStatus, RevocationError, RevocationVerdict, UnknownReason};
use super::store::CrlStore;
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::validation::{TrustSet, ValidPath, ValidatedChain};
use std::sync::Arc;

/// Proof that no certificate of a validated chain is revoked, as far as the rule requires it. Only [`check`] and
/// [`super::RevocationCache`] return it.
#[derive(Clone, Debug)]
pub struct UnrevokedChain {
    chain: Arc<ValidatedChain>,
    /// Whether each path of the chain passed; at least one did.
    passed: Vec<bool>,
    status: Vec<CertificateStatus>,
    deadline: UnixTime,
}

impl UnrevokedChain {
    /// Returns the validated chain, with the paths that did not pass.
    pub fn chain(&self) -> &Arc<ValidatedChain> {
        &self.chain
    }

    /// Returns the paths that passed, at least one.
    pub fn paths(&self) -> impl Iterator<Item = &ValidPath> {
        self.chain.paths().iter().zip(&self.passed).filter_map(|(path, passed)| passed.then_some(path))
    }

    /// Returns the status of each certificate of these paths except the trust anchors. Empty if the rule requires none.
    pub fn status(&self) -> &[CertificateStatus] {
        &self.status
    }

    /// Returns the time from which on the chain must be checked again.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }
}

/// Checks all certificates of the paths of `chain` except the trust anchors. The intermediates of `trust` may be CRL
/// signers.
///
/// # Errors
/// [`RevocationError`] if no path passes. A revoked certificate is reported rather than one of unknown status.
pub fn check(
    chain: &Arc<ValidatedChain>,
    rule: &RevocationRule,
    trust: &TrustSet,
    crls: &CrlStore,
    now: UnixTime,
) -> Result<UnrevokedChain, RevocationError> {
    let look_up_path = |path| {
        let checked = |check: CertificateCheck<'_>| check.with_result(look_up(check.query, crls, now));
        checks(chain, path, trust, rule).map(checked).collect()
    };
    conclude(chain, chain.paths().iter().map(look_up_path).collect(), rule, now)
}

/// One certificate of a path whose status the rule requires.
#[derive(Clone, Copy)]
pub(super) struct CertificateCheck<'a> {
    pub(super) query: LookupQuery<'a>,
    demand: RevocationDemand,
}

/// A certificate of a path with the result of its lookup.
pub(super) struct CheckedCertificate {
    certificate: Certificate,
    demand: RevocationDemand,
    result: LookupResult,
}

/// The checked certificates of one path.
pub(super) type CheckedPath = Vec<CheckedCertificate>;

impl CertificateCheck<'_> {
    pub(super) fn with_result(self, result: LookupResult) -> CheckedCertificate {
        CheckedCertificate { certificate: self.query.certificate.clone(), demand: self.demand, result }
    }
}

/// Returns the certificates of a path whose status `rule` requires.
pub(super) fn checks<'a>(
    chain: &'a ValidatedChain,
    path: &'a ValidPath,
    trust: &'a TrustSet,
    rule: &RevocationRule,
) -> impl Iterator<Item = CertificateCheck<'a>> {
    let signers = SignerCandidates { path, additional_certificates: chain.additional_certificates(), trust };
    let mut rest = path.certificates();
    let all = std::iter::from_fn(move || {
        let (certificate, authorities) = rest.split_first()?;
        rest = authorities;
        let demand = rule.demand_of(authorities.first()?.key_id());
        Some(CertificateCheck { query: LookupQuery { certificate, authorities, signers }, demand })
    });
    all.filter(|check| check.demand != RevocationDemand::Never)
}

/// Applies the rule to the checked paths of a chain, given in their order. A validated chain has at least one path,
/// so if there is no error, a path has passed.
pub(super) fn conclude(
    chain: &Arc<ValidatedChain>,
    paths: Vec<CheckedPath>,
    rule: &RevocationRule,
    now: UnixTime,
) -> Result<UnrevokedChain, RevocationError> {
    let revoked: Vec<_> = paths.iter().flatten().filter_map(as_revoked).collect();
    let mut first_error = revoked.first().cloned();
    let mut result = UnrevokedChain {
        chain: Arc::clone(chain),
        passed: Vec::new(),
        status: Vec::new(),
        deadline: chain.deadline(),
    };
    for path in paths {
        match check_path(path, &revoked, rule, now) {
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

fn as_revoked(checked: &CheckedCertificate) -> Option<RevocationError> {
    match &checked.result.outcome {
        LookupOutcome::Revoked(revocation) => Some(revoked(&checked.certificate, revocation)),
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

/// Returns the status of each certificate of a path with the deadline of the whole, or why the path does not pass.
///
/// A certificate that is found revoked on another path is revoked on this one as well: the issuer's certificate on
/// that path may sign CRLs even if the one on this path, of the same key, may not.
fn check_path(
    path: CheckedPath,
    revoked: &[RevocationError],
    rule: &RevocationRule,
    now: UnixTime,
) -> Result<(Vec<CertificateStatus>, UnixTime), RevocationError> {
    let is_on_path =
        |error: &&RevocationError| path.iter().any(|one| error.which().has_content_of(&one.certificate));
    if let Some(error) = revoked.iter().find(is_on_path) {
        return Err(error.clone());
    }
    let mut deadline = UnixTime::END;
    let mut status = Vec::new();
    for checked in path {
        let (verdict, end) = apply(rule, &checked, now)?;
        deadline = deadline.min(end).min(checked.result.until);
        status.push(CertificateStatus { certificate: checked.certificate, verdict });
    }
    Ok((status, deadline))
}

/// Returns the verdict on one certificate with its deadline.
fn apply(
    rule: &RevocationRule,
    CheckedCertificate { certificate, demand, result }: &CheckedCertificate,
    now: UnixTime,
) -> Result<(RevocationVerdict, UnixTime), RevocationError> {
    let known = match &result.outcome {
        LookupOutcome::Revoked(revocation) => return Err(revoked(certificate, revocation)),
        LookupOutcome::NotListed(clean) => check_freshness(clean, rule, now),
        LookupOutcome::Good(source) => Ok((RevocationVerdict::Good(Arc::clone(source)), result.until)),
        LookupOutcome::Unknown(why) => Err(why.clone()),
    };
    match (known, demand) {
        (Ok(known), _) => Ok(known),
        (Err(why), RevocationDemand::IfAvailable) => {
            Ok((RevocationVerdict::Unknown(why), now.plus(UNKNOWN_LIFETIME)))
        }
        (Err(why), RevocationDemand::Required | RevocationDemand::Never) => {
            Err(RevocationError::Unknown { which: certificate.clone(), why })
        }
    }
}

/// Checks that the CRLs that do not list a certificate are fresh, and that their signers pass by the same rule. Returns
/// the verdict with its deadline.
pub(super) fn check_freshness(
    clean: &CleanCrls,
    rule: &RevocationRule,
    now: UnixTime,
) -> Result<(RevocationVerdict, UnixTime), UnknownReason> {
    let mut deadline = UnixTime::END;
    for crl in &clean.crls {
        let next_update = crl.next_update();
        let expiry = next_update.map(|due| due.plus(rule.grace)).filter(|expiry| now < *expiry);
        let expired = || UnknownReason::Expired { issuer: crl.complete.issuer.clone(), next_update };
        deadline = deadline.min(expiry.ok_or_else(expired)?);
    }
    for signer in &clean.signers {
        let demand = rule.demand_of(signer.issuer);
        if demand != RevocationDemand::Never {
            let certificate = signer.certificate.clone();
            let checked = CheckedCertificate { certificate, demand, result: signer.result.clone() };
            let (_, end) =
                apply(rule, &checked, now).map_err(|error| UnknownReason::Signer(Box::new(error)))?;
            deadline = deadline.min(end);
        }
    }
    let sources = clean.crls.iter().flat_map(|crl| [Some(&crl.complete), crl.delta.as_ref()]);
    Ok((RevocationVerdict::NotRevoked(sources.flatten().cloned().collect()), deadline))
}
