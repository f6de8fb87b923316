//! Takes what the CRLs say of a certificate, gives what they and the responders say together.
//!
//! "Revoked" of either counts. Never lets a responder's answer count whose own certificate is on a CRL.

use crate::clock::UnixTime;
use crate::revocation::check::judge_silence;
use crate::revocation::lookup::{Question, look_up};
use crate::revocation::lookup_result::{DatedFinding, Finding, Revocation, WhyUnknown};
use crate::revocation::ocsp::client::OcspClient;
use crate::revocation::ocsp::error::{OcspError, ResponderFault};
use crate::revocation::ocsp::response::Status;
use crate::revocation::ocsp::settings::OcspScope;
use crate::revocation::ocsp::validate::OcspAnswer;
use crate::revocation::rule::RevocationRule;
use crate::revocation::source::RevocationSource;
use crate::revocation::store::snapshot::CrlStore;
use std::sync::Arc;
use std::time::Duration;

/// What is known of the certificate of `question`, of which the CRLs say `found`. Asks a responder where the settings
/// want it.
pub(in crate::revocation) async fn complete(
    found: DatedFinding,
    question: Question<'_>,
    crls: &CrlStore,
    client: &OcspClient,
    rule: &RevocationRule,
    now: UnixTime,
) -> DatedFinding {
    let Some(issuer) = question.authorities.first() else { return found };
    let crls_tell = match &found.finding {
        Finding::Revoked(_) | Finding::Good(_) => return found,
        Finding::NotListed(silent) => judge_silence(silent, rule, now).map(|_| ()),
        Finding::Unknown(why) => Err(why.clone()),
    };
    if crls_tell.is_ok() && client.settings().scope == OcspScope::UnknownToCrls {
        return found;
    }
    let asked = client.ask(question.certificate, issuer, now).await;
    let told = asked.result.and_then(|answer| {
        let delegate = DelegateQuestion { answer: &answer, question, crls, rule, now };
        let longest_unchecked = client.settings().max_unchecked_responder_lifetime;
        match delegate.fault(longest_unchecked) {
            Some(fault) => Err(OcspError::ResponderNotAuthorised(fault)),
            None => say(&answer),
        }
    });
    let finding = match (told, crls_tell) {
        (Ok(finding), _) => finding,
        (Err(_), Ok(())) => found.finding,
        (Err(ocsp), Err(crl)) => Finding::Unknown(WhyUnknown::Ocsp { crl: Box::new(crl), ocsp }),
    };
    DatedFinding { finding, until: found.until.min(asked.ask_again_at) }
}

fn say(answer: &OcspAnswer) -> Result<Finding, OcspError> {
    let source = Arc::clone(&answer.source);
    match answer.status {
        Status::Good => Ok(Finding::Good(source)),
        Status::Revoked { reason, at } => {
            Ok(Finding::Revoked(Revocation { reason, at, source: RevocationSource::Ocsp(source) }))
        }
        Status::Unknown => Err(OcspError::Unknown),
    }
}

/// Whether the delegate that signed an answer may still do so.
struct DelegateQuestion<'a> {
    answer: &'a OcspAnswer,
    /// The one that the answer is for: the delegate has the same issuer.
    question: Question<'a>,
    crls: &'a CrlStore,
    rule: &'a RevocationRule,
    now: UnixTime,
}

impl DelegateQuestion<'_> {
    /// Why not (RFC 6960 4.2.2.2.1): it is on the issuer's CRL, or nobody knows, and neither id-pkix-ocsp-nocheck nor a
    /// short life bounds what its stolen key could do. An answer that says "revoked" is believed of the latter too: it
    /// lets nobody in.
    ///
    /// Quick: the look-up of the certificate in question has verified the CRLs of this issuer already.
    fn fault(&self, longest_unchecked: Duration) -> Option<ResponderFault> {
        let delegate = self.answer.delegate.as_ref()?;
        let question = Question { certificate: delegate, ..self.question };
        let is_covered = match look_up(question, self.crls, self.now).finding {
            Finding::Revoked(_) => return Some(ResponderFault::Revoked),
            Finding::NotListed(silent) => judge_silence(&silent, self.rule, self.now).is_ok(),
            Finding::Good(_) | Finding::Unknown(_) => false,
        };
        let stands = is_covered
            || delegate.has_ocsp_no_check()
            || delegate.not_after().since(delegate.not_before()) <= longest_unchecked
            || matches!(self.answer.status, Status::Revoked { .. });
        (!stands).then_some(ResponderFault::RevocationUnknown)
    }
}
