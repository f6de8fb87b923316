//! Takes what the CRLs say of a certificate, gives what they and the responders say together.
//!
//! "Revoked" of either counts. Never lets a responder's answer count whose own certificate is on a CRL.

use crate::clock::UnixTime;
use crate::revocation::check::check_freshness;
use crate::revocation::lookup::{LookupQuery, look_up};
use crate::revocation::lookup_result::{FoundRevocation, LookupOutcome, LookupResult, UnknownReason};
use crate::revocation::ocsp::client::OcspClient;
use crate::revocation::ocsp::error::{OcspError, ResponderFault};
use crate::revocation::ocsp::response::CertStatus;
use crate::revocation::ocsp::settings::OcspScope;
use crate::revocation::ocsp::validate::ValidatedResponse;
use crate::revocation::rule::RevocationRule;
use crate::revocation::source::RevocationSource;
use crate::revocation::store::snapshot::CrlStore;
use std::sync::Arc;
use std::time::Duration;

/// What is known of the certificate of `query`, of which the CRLs say `found`. Asks a responder where the settings
/// want it.
pub(in crate::revocation) async fn complete(
    found: LookupResult,
    query: LookupQuery<'_>,
    crls: &CrlStore,
    client: &OcspClient,
    rule: &RevocationRule,
    now: UnixTime,
) -> LookupResult {
    let Some(issuer) = query.authorities.first() else { return found };
    let crls_tell = match &found.finding {
        LookupOutcome::Revoked(_) | LookupOutcome::Good(_) => return found,
        LookupOutcome::NotListed(silent) => check_freshness(silent, rule, now).map(|_| ()),
        LookupOutcome::Unknown(why) => Err(why.clone()),
    };
    if crls_tell.is_ok() && client.settings().scope == OcspScope::UnknownToCrls {
        return found;
    }
    let asked = client.ask(query.certificate, issuer, now).await;
    let told = asked.result.and_then(|answer| {
        let delegate = DelegateCheck { answer: &answer, query, crls, rule, now };
        let longest_unchecked = client.settings().max_unchecked_responder_lifetime;
        match delegate.fault(longest_unchecked) {
            Some(fault) => Err(OcspError::ResponderNotAuthorised(fault)),
            None => say(&answer),
        }
    });
    let finding = match (told, crls_tell) {
        (Ok(finding), _) => finding,
        (Err(_), Ok(())) => found.finding,
        (Err(ocsp), Err(crl)) => LookupOutcome::Unknown(UnknownReason::Ocsp { crl: Box::new(crl), ocsp }),
    };
    LookupResult { finding, until: found.until.min(asked.ask_again_at) }
}

fn say(answer: &ValidatedResponse) -> Result<LookupOutcome, OcspError> {
    let source = Arc::clone(&answer.source);
    match answer.status {
        CertStatus::Good => Ok(LookupOutcome::Good(source)),
        CertStatus::Revoked { reason, at } => {
            Ok(LookupOutcome::Revoked(FoundRevocation { reason, at, source: RevocationSource::Ocsp(source) }))
        }
        CertStatus::Unknown => Err(OcspError::Unknown),
    }
}

/// Whether the delegate that signed an answer may still do so.
struct DelegateCheck<'a> {
    answer: &'a ValidatedResponse,
    /// The one that the answer is for: the delegate has the same issuer.
    query: LookupQuery<'a>,
    crls: &'a CrlStore,
    rule: &'a RevocationRule,
    now: UnixTime,
}

impl DelegateCheck<'_> {
    /// Why not (RFC 6960 4.2.2.2.1): it is on the issuer's CRL, or nobody knows, and neither id-pkix-ocsp-nocheck nor a
    /// short life bounds what its stolen key could do. An answer that says "revoked" is believed of the latter too: it
    /// lets nobody in.
    ///
    /// Quick: the look-up of the certificate in query has verified the CRLs of this issuer already.
    fn fault(&self, longest_unchecked: Duration) -> Option<ResponderFault> {
        let delegate = self.answer.delegate.as_ref()?;
        let query = LookupQuery { certificate: delegate, ..self.query };
        let is_covered = match look_up(query, self.crls, self.now).finding {
            LookupOutcome::Revoked(_) => return Some(ResponderFault::Revoked),
            LookupOutcome::NotListed(silent) => check_freshness(&silent, self.rule, self.now).is_ok(),
            LookupOutcome::Good(_) | LookupOutcome::Unknown(_) => false,
        };
        let stands = is_covered
            || delegate.has_ocsp_no_check()
            || delegate.not_after().since(delegate.not_before()) <= longest_unchecked
            || matches!(self.answer.status, CertStatus::Revoked { .. });
        (!stands).then_some(ResponderFault::RevocationUnknown)
    }
}
