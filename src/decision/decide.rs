//! The decision itself.

use super::credential::Credential;
use super::denial::Denial;
use super::denial_id::DenialId;
use super::evidence::{Absent, Evidence};
use super::permit::Permit;
use super::request_facts::RequestFacts;
use super::rule::{ClientCertificate, CrossSite, Rule};
use crate::clock::UnixTime;
use std::sync::Arc;

/// Whether the request may pass under `rule`, and as whom.
///
/// A rule that ignores certificates gives a permit without an identity, whatever was presented. Everywhere else bad
/// evidence is refused for its own reason, and absent evidence for being absent.
///
/// # Errors
/// The denial, with its reason.
pub fn decide(
    rule: &Arc<Rule>,
    request: &RequestFacts<'_>,
    evidence: Evidence,
    now: UnixTime,
) -> Result<Permit, Denial> {
    rule.admits(request)?;
    if rule.client_certificate == ClientCertificate::Ignore {
        return Ok(Permit::anonymous(Arc::clone(rule)));
    }
    let credential = match evidence {
        Evidence::Card(credential) => credential,
        Evidence::Refused(refusal) => return Err(refusal.denial()),
        Evidence::None(absent) => return Err(without_card(rule, absent)),
    };
    if credential.deadline() <= now {
        return Err(Denial::new(
            DenialId::JudgingTimeout,
            "the verdict on the card ended before it was used",
        ));
    }
    sufficient(rule, &credential)?;
    if let (CrossSite::Refuse, Some(mark)) = (rule.cross_site, request.cross_site) {
        return Err(Denial::new(DenialId::CrossSite, mark.to_string()));
    }
    match credential.account() {
        Ok(account) => {
            let account = Arc::clone(account);
            Ok(Permit::card(Arc::clone(rule), credential, account))
        }
        Err(error) => Err(Denial::because(super::evidence::mapping_denial(error), error.as_ref())),
    }
}

fn without_card(rule: &Rule, absent: Absent) -> Denial {
    let id = match (absent, rule.client_certificate) {
        // 421 tells a client to try again on another connection (RFC 9110 15.5.20), where the card signs anew.
        (Absent::ProofTooOld | Absent::AskedOnlySince, _) => DenialId::Misdirected,
        (_, ClientCertificate::Require) => DenialId::CertificateRequired,
        (_, ClientCertificate::Accept | ClientCertificate::Ignore) => DenialId::CredentialsRequired,
    };
    Denial::new(id, absent.in_words())
}

/// One valid path of the card must meet all conditions by itself: a policy from one path and an issuer from another
/// would be a certificate that nobody issued.
fn sufficient(rule: &Rule, credential: &Credential) -> Result<(), Denial> {
    let conditions = &rule.conditions;
    let short_of = |what: &str| {
        Err(Denial::new(
            DenialId::CertificateNotSufficient,
            format!("the certificate lacks {what} that the path demands"),
        ))
    };
    let usages = credential.leaf().extended_key_usages().unwrap_or_default();
    if !conditions.extended_key_usages.iter().all(|usage| usages.contains(usage)) {
        return short_of("an extended key usage");
    }
    let policy = |path: &crate::validation::ValidPath| {
        conditions.certificate_policies.is_empty()
            || conditions.certificate_policies.iter().any(|policy| path.admits_policy(*policy))
    };
    let issuer = |path: &crate::validation::ValidPath| {
        conditions.issuers.is_empty() || conditions.issuers.iter().any(|key| path.issuers().contains(key))
    };
    let mut paths = credential.paths();
    if paths.any(|path| policy(path) && issuer(path)) {
        return Ok(());
    }
    short_of(if credential.paths().any(policy) { "an issuer" } else { "a certificate policy" })
}
