//! The decision itself.

use super::credential::Credential;
use super::denial::Denial;
use super::denial_id::DenialId;
use super::evidence::{AbsentReason, Evidence, PasswordFallback, mapping_denial};
use super::password::{PasswordCredential, PasswordRejection};
use super::permit::{AuthenticatedBy, Permit};
use super::request_facts::RequestFacts;
use super::rule::{AccessRule, ClientCertificateRule, CrossSiteRule, PasswordRule, UnmappedCertificateRule};
use crate::clock::UnixTime;
use crate::identity::{Account, MappingError};
use std::sync::Arc;

/// Whether the request may pass under `rule`, and as whom.
///
/// A rule that ignores certificates never looks at one, whatever was presented. Everywhere else bad evidence is refused
/// for its own reason, never treated as absent, and absent evidence for being absent. A password counts only where the
/// rule takes passwords by the directory, and never beside a card that is refused. Whoever is proven must be let in by
/// name where the path says who is.
///
/// # Errors
/// The denial, with its reason.
pub fn decide(
    rule: &Arc<AccessRule>,
    request: &RequestFacts<'_>,
    evidence: Evidence,
    now: UnixTime,
) -> Result<Permit, Denial> {
    rule.check_request(request)?;
    let uses_certificate = rule.uses_certificate();
    let (account, proof) = match evidence {
        Evidence::Certificate(credential) if uses_certificate => match by_card(rule, &credential, now)? {
            Some(account) => (account, AuthenticatedBy::Certificate(credential)),
            None => return without_name(rule, request, "the certificate maps to no account"),
        },
        Evidence::Rejected(refusal) if uses_certificate => return Err(refusal.denial()),
        Evidence::Password { outcome, unnamed } => {
            may_use_password(rule, request, &unnamed, now)?;
            (by_password(outcome, now)?, AuthenticatedBy::Password)
        }
        Evidence::Certificate(_) | Evidence::Rejected(_) => {
            return without_evidence(rule, request, AbsentReason::Ignored);
        }
        Evidence::None(absent) => return without_evidence(rule, request, absent),
    };
    rule.access.authorize(&account, &proof, &rule.conditions)?;
    refuse_cross_site(rule, request)?;
    Ok(Permit::identity_of(Arc::clone(rule), account, proof))
}

/// Why no card says who the client is, where the directory is to be asked about a password instead, if one came; `None`
/// where no password could let the request pass. [`decide`] asks the same again.
pub fn password_fallback(
    rule: &AccessRule,
    request: &RequestFacts<'_>,
    evidence: &Evidence,
    now: UnixTime,
) -> Option<PasswordFallback> {
    let unnamed = match evidence {
        Evidence::None(absent) => PasswordFallback::NoCertificate(*absent),
        Evidence::Certificate(credential) => PasswordFallback::UnmappedCertificate(Arc::clone(credential)),
        Evidence::Rejected(_) | Evidence::Password { .. } => return None,
    };
    may_use_password(rule, request, &unnamed, now).is_ok().then_some(unnamed)
}

/// The account that the card names; `None` where it names none and the rule has something else for its holder.
fn by_card(
    rule: &AccessRule,
    credential: &Credential,
    now: UnixTime,
) -> Result<Option<Arc<Account>>, Denial> {
    still_holds(credential.deadline(), now)?;
    sufficient(rule, credential)?;
    match credential.account() {
        Ok(account) => Ok(Some(Arc::clone(account))),
        // Only a card that says nothing of whom it is for: one that contradicts itself, or that is refused by name, is
        // no better than a bad one.
        Err(error) if is_unmapped(error) && takes_unmapped_cards(rule) => Ok(None),
        Err(error) => Err(Denial::because(mapping_denial(error), error.as_ref())),
    }
}

fn is_unmapped(error: &MappingError) -> bool {
    match error {
        MappingError::NotMapped { .. } => true,
        MappingError::Denied { .. }
        | MappingError::Ambiguous { .. }
        | MappingError::TooWeak { .. }
        | MappingError::OlderThanAccount { .. }
        | MappingError::Conflict { .. }
        | MappingError::AccountUnusable { .. }
        | MappingError::Directory(_) => false,
    }
}

fn takes_unmapped_cards(rule: &AccessRule) -> bool {
    rule.client_certificate == ClientCertificateRule::Accept
        && rule.password != PasswordRule::Never
        && rule.unmapped_certificate == UnmappedCertificateRule::AllowPassword
}

/// Whether a password by the directory counts, with what is known of the card.
fn may_use_password(
    rule: &AccessRule,
    request: &RequestFacts<'_>,
    unnamed: &PasswordFallback,
    now: UnixTime,
) -> Result<(), Denial> {
    let refused = |why| Err(Denial::new(DenialId::CertificateRequired, why));
    match (rule.client_certificate, rule.password) {
        (ClientCertificateRule::Require, _) => return refused("the path takes cards only"),
        (_, PasswordRule::Never | PasswordRule::Backend) => return refused("the path takes no password"),
        (ClientCertificateRule::Ignore | ClientCertificateRule::Accept, PasswordRule::Directory) => {}
    }
    match unnamed {
        PasswordFallback::NoCertificate(absent) => on_this_connection(*absent)?,
        PasswordFallback::UnmappedCertificate(credential) => {
            if by_card(rule, credential, now)?.is_some() {
                return refused("the certificate maps to an account, which needs no password");
            }
        }
    }
    // Before the directory is asked: a page of another site is not to spend somebody's attempts.
    refuse_cross_site(rule, request)
}

fn by_password(
    outcome: Result<Arc<PasswordCredential>, Arc<PasswordRejection>>,
    now: UnixTime,
) -> Result<Arc<Account>, Denial> {
    let credential = outcome.map_err(|refusal| refusal.denial())?;
    still_holds(credential.deadline(), now)?;
    Ok(Arc::clone(credential.account()))
}

fn still_holds(deadline: UnixTime, now: UnixTime) -> Result<(), Denial> {
    if deadline <= now {
        return Err(Denial::new(
            DenialId::ValidationTimeout,
            "the verdict on the credentials ended before it was used",
        ));
    }
    Ok(())
}

fn refuse_cross_site(rule: &AccessRule, request: &RequestFacts<'_>) -> Result<(), Denial> {
    match (rule.cross_site, request.cross_site) {
        (CrossSiteRule::Reject, Some(mark)) => Err(Denial::new(DenialId::CrossSiteRequest, mark.to_string())),
        (CrossSiteRule::Reject, None) | (CrossSiteRule::Allow, _) => Ok(()),
    }
}

/// 421 tells a client to try again on another connection (RFC 9110 15.5.20), where the card signs anew.
fn on_this_connection(absent: AbsentReason) -> Result<(), Denial> {
    match absent {
        AbsentReason::ProofExpired | AbsentReason::RequestedSinceReload => {
            Err(Denial::new(DenialId::MisdirectedRequest, absent.as_str()))
        }
        AbsentReason::Ignored | AbsentReason::NotRequested | AbsentReason::NotPresented => Ok(()),
    }
}

fn without_evidence(
    rule: &Arc<AccessRule>,
    request: &RequestFacts<'_>,
    absent: AbsentReason,
) -> Result<Permit, Denial> {
    on_this_connection(absent)?;
    without_name(rule, request, absent.as_str())
}

/// What a request gets whose client no card names: a passage as nobody, the backend's own dialogue, or the reason why it
/// needs credentials.
fn without_name(
    rule: &Arc<AccessRule>,
    request: &RequestFacts<'_>,
    why: &'static str,
) -> Result<Permit, Denial> {
    match (rule.client_certificate, rule.password) {
        (ClientCertificateRule::Require, _) => Err(Denial::new(DenialId::CertificateRequired, why)),
        (ClientCertificateRule::Ignore, PasswordRule::Never) => nobody(rule).map(Permit::anonymous),
        (ClientCertificateRule::Ignore | ClientCertificateRule::Accept, PasswordRule::Backend) => {
            // A browser answers NTLM and Negotiate without asking its user, as it does with a card.
            refuse_cross_site(rule, request)?;
            nobody(rule).map(Permit::passthrough)
        }
        (ClientCertificateRule::Accept, PasswordRule::Never) => {
            Err(Denial::new(DenialId::CredentialsRequired, why))
        }
        (ClientCertificateRule::Ignore | ClientCertificateRule::Accept, PasswordRule::Directory) => {
            // No browser is to ask its user for a password at another site's bidding.
            refuse_cross_site(rule, request)?;
            Err(Denial::new(DenialId::CredentialsRequired, why))
        }
    }
}

/// The rule of a passage under nobody's name, where it lets one pass.
fn nobody(rule: &Arc<AccessRule>) -> Result<Arc<AccessRule>, Denial> {
    rule.access.check_anonymous()?;
    Ok(Arc::clone(rule))
}

/// One valid path of the card must meet all conditions by itself: a policy from one path and an issuer from another
/// would be a certificate that nobody issued.
fn sufficient(rule: &AccessRule, credential: &Credential) -> Result<(), Denial> {
    let conditions = &rule.conditions;
    let short_of = |what: &str| {
        Err(Denial::new(
            DenialId::CertificateNotSufficient,
            format!("the certificate lacks {what} that the path demands"),
        ))
    };
    if !conditions.extended_key_usages.iter().all(|usage| credential.leaf().names_usage(*usage)) {
        return short_of("an extended key usage");
    }
    if credential.paths().any(|path| conditions.hold_on(path)) {
        return Ok(());
    }
    if !credential.paths().any(|path| conditions.usages_hold_on(path)) {
        return short_of("a CA that may issue for an extended key usage");
    }
    let policy_held = credential.paths().any(|path| conditions.policy_holds_on(path));
    short_of(if policy_held { "an issuer" } else { "a certificate policy" })
}

#[cfg(test)]
mod tests;
