//! Combines the result of the CRL lookup with OCSP. A certificate is revoked if either of them reports it.

use super::client::OcspClient;
use super::error::{OcspError, ResponderFault};
use super::response::CertStatus;
use super::settings::OcspScope;
use super::validate::ValidatedResponse;
use crate::clock::UnixTime;
use crate::revocation::check::check_freshness;
use crate::revocation::lookup::{LookupQuery, look_up};
use crate::revocation::lookup_result::{FoundRevocation, LookupOutcome, LookupResult};
use crate::revocation::rule::RevocationRule;
use crate::revocation::status::{RevocationSource, UnknownReason};
use crate::revocation::store::CrlStore;
use std::sync::Arc;
use std::time::Duration;

/// Returns the combined result for the certificate of `query`, for which the CRLs have the result `crl_result`.
/// Queries a responder if the settings require it.
pub(in crate::revocation) async fn query(
    crl_result: LookupResult,
    query: LookupQuery<'_>,
    crls: &CrlStore,
    client: &OcspClient,
    rule: &RevocationRule,
    now: UnixTime,
) -> LookupResult {
    let Some(issuer) = query.authorities.first() else { return crl_result };
    let crl_status = match &crl_result.outcome {
        LookupOutcome::Revoked(_) | LookupOutcome::Good(_) => return crl_result,
        LookupOutcome::NotListed(clean) => check_freshness(clean, rule, now).map(|_| ()),
        LookupOutcome::Unknown(why) => Err(why.clone()),
    };
    if crl_status.is_ok() && client.settings().scope == OcspScope::UnknownToCrls {
        return crl_result;
    }
    let queried = client.query(query.certificate, issuer, now).await;
    let ocsp_outcome = queried.response.and_then(|response| {
        let delegate = DelegateCheck { response: &response, query, crls, rule, now };
        let longest_unchecked = client.settings().max_unchecked_responder_lifetime;
        match delegate.fault(longest_unchecked) {
            Some(fault) => Err(OcspError::ResponderNotAuthorised(fault)),
            None => outcome_of(&response),
        }
    });
    let outcome = match (ocsp_outcome, crl_status) {
        (Ok(outcome), _) => outcome,
        (Err(_), Ok(())) => crl_result.outcome,
        (Err(ocsp), Err(crl)) => LookupOutcome::Unknown(UnknownReason::Ocsp { crl: Box::new(crl), ocsp }),
    };
    LookupResult { outcome, until: crl_result.until.min(queried.query_again_at) }
}

fn outcome_of(response: &ValidatedResponse) -> Result<LookupOutcome, OcspError> {
    let source = Arc::clone(&response.source);
    match response.status {
        CertStatus::Good => Ok(LookupOutcome::Good(source)),
        CertStatus::Revoked { reason, at } => {
            let source = RevocationSource::Ocsp(source);
            Ok(LookupOutcome::Revoked(FoundRevocation { reason, at, source }))
        }
        CertStatus::Unknown => Err(OcspError::Unknown),
    }
}

/// The check whether the certificate of the delegate that signed a response is revoked.
struct DelegateCheck<'a> {
    response: &'a ValidatedResponse,
    /// The query for the certificate of the response: the delegate has the same issuer.
    query: LookupQuery<'a>,
    crls: &'a CrlStore,
    rule: &'a RevocationRule,
    now: UnixTime,
}

impl DelegateCheck<'_> {
    /// Returns why the delegate is not accepted (RFC 6960 4.2.2.2.1): its certificate is revoked, or its status is
    /// unknown, and neither id-pkix-ocsp-nocheck nor a short lifetime limits the use of a compromised key. A response
    /// with the status "revoked" is accepted from a delegate of unknown status: it permits nothing.
    ///
    /// Fast: the lookup of the certificate of the response has verified the CRLs of this issuer already.
    fn fault(&self, longest_unchecked: Duration) -> Option<ResponderFault> {
        let delegate = self.response.delegate.as_ref()?;
        let query = LookupQuery { certificate: delegate, ..self.query };
        let is_covered = match look_up(query, self.crls, self.now).outcome {
            LookupOutcome::Revoked(_) => return Some(ResponderFault::Revoked),
            LookupOutcome::NotListed(clean) => check_freshness(&clean, self.rule, self.now).is_ok(),
            LookupOutcome::Good(_) | LookupOutcome::Unknown(_) => false,
        };
        let is_accepted = is_covered
            || delegate.has_ocsp_no_check()
            || delegate.not_after().since(delegate.not_before()) <= longest_unchecked
            || matches!(self.response.status, CertStatus::Revoked { .. });
        (!is_accepted).then_some(ResponderFault::RevocationUnknown)
    }
}
