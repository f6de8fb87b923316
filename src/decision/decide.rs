//! The decision itself.

use super::credential::Credential;
use super::denial::Denial;
use super::denial_id::DenialId;
use super::evidence::{Absent, Evidence, mapping_denial};
use super::password::PasswordCredential;
use super::permit::{Permit, Proof};
use super::request_facts::RequestFacts;
use super::rule::{ClientCertificate, CrossSite, PasswordRule, Rule};
use crate::clock::UnixTime;
use crate::identity::Account;
use std::sync::Arc;

/// Whether the request may pass under `rule`, and as whom.
///
/// A rule that ignores certificates never looks at one, whatever was presented. Everywhere else bad evidence is refused
/// for its own reason, never treated as absent, and absent evidence for being absent. A password counts only where the
/// rule takes passwords by the directory. Whoever is proven must be let in by name where the path says who is.
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
    let looks_at_cards = rule.looks_at_card();
    let (account, proof) = match evidence {
        Evidence::Card(credential) if looks_at_cards => {
            (by_card(rule, &credential, now)?, Proof::Card(credential))
        }
        Evidence::Refused(refusal) if looks_at_cards => return Err(refusal.denial()),
        Evidence::Password(credential) => (by_password(rule, &credential, now)?, Proof::Password),
        Evidence::PasswordRefused(refusal) => return Err(refusal.denial()),
        Evidence::Card(_) | Evidence::Refused(_) => return without_evidence(rule, Absent::NotLookedAt),
        Evidence::None(absent) => return without_evidence(rule, absent),
    };
    rule.admission.admits(&account, &proof, &rule.conditions)?;
    if let (CrossSite::Refuse, Some(mark)) = (rule.cross_site, request.cross_site) {
        return Err(Denial::new(DenialId::CrossSite, mark.to_string()));
    }
    Ok(Permit::identity_of(Arc::clone(rule), account, proof))
}

fn by_card(rule: &Rule, credential: &Credential, now: UnixTime) -> Result<Arc<Account>, Denial> {
    still_holds(credential.deadline(), now)?;
    sufficient(rule, credential)?;
    match credential.account() {
        Ok(account) => Ok(Arc::clone(account)),
        Err(error) => Err(Denial::because(mapping_denial(error), error.as_ref())),
    }
}

fn by_password(rule: &Rule, credential: &PasswordCredential, now: UnixTime) -> Result<Arc<Account>, Denial> {
    if rule.password != PasswordRule::Directory || rule.client_certificate == ClientCertificate::Require {
        return Err(Denial::new(DenialId::CertificateRequired, "the path takes no password"));
    }
    still_holds(credential.deadline(), now)?;
    Ok(Arc::clone(credential.account()))
}

fn still_holds(deadline: UnixTime, now: UnixTime) -> Result<(), Denial> {
    if deadline <= now {
        return Err(Denial::new(
            DenialId::JudgingTimeout,
            "the verdict on the credentials ended before it was used",
        ));
    }
    Ok(())
}

/// What a request without credentials of its own gets: a passage as nobody, the backend's own dialogue, or the reason
/// why it needs some.
fn without_evidence(rule: &Arc<Rule>, absent: Absent) -> Result<Permit, Denial> {
    let id = match (absent, rule.client_certificate, rule.password) {
        // 421 tells a client to try again on another connection (RFC 9110 15.5.20), where the card signs anew.
        (Absent::ProofTooOld | Absent::AskedOnlySince, _, _) => DenialId::Misdirected,
        (_, ClientCertificate::Require, _) => DenialId::CertificateRequired,
        (_, ClientCertificate::Ignore, PasswordRule::Never) => {
            return nobody(rule).map(Permit::anonymous);
        }
        (_, ClientCertificate::Ignore | ClientCertificate::Accept, PasswordRule::Backend) => {
            return nobody(rule).map(Permit::own_dialogue);
        }
        (_, ClientCertificate::Accept, PasswordRule::Never) => DenialId::CredentialsRequired,
        (_, ClientCertificate::Ignore | ClientCertificate::Accept, PasswordRule::Directory) => {
            DenialId::CredentialsRequired
        }
    };
    Err(Denial::new(id, absent.in_words()))
}

/// The rule of a passage under nobody's name, where it lets one pass.
fn nobody(rule: &Arc<Rule>) -> Result<Arc<Rule>, Denial> {
    rule.admission.admits_nobody()?;
    Ok(Arc::clone(rule))
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
    if credential.paths().any(|path| conditions.hold_on(path)) {
        return Ok(());
    }
    let policy_held = credential.paths().any(|path| conditions.policy_holds_on(path));
    short_of(if policy_held { "an issuer" } else { "a certificate policy" })
}

#[cfg(test)]
mod tests;
