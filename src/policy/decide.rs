//! The decision itself.

use super::credential::Credential;
use super::denial::Denial;
use super::denial_id::DenialId;
use super::evidence::{Absent, Evidence, Unnamed, mapping_denial};
use super::password::{PasswordCredential, PasswordRefusal};
use super::permit::{Permit, Proof};
use super::request_facts::RequestFacts;
use super::rule::{ClientCertificate, CrossSite, PasswordRule, Rule, UnmappedCard};
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
    rule: &Arc<Rule>,
    request: &RequestFacts<'_>,
    evidence: Evidence,
    now: UnixTime,
) -> Result<Permit, Denial> {
    rule.admits(request)?;
    let looks_at_cards = rule.looks_at_card();
    let (account, proof) = match evidence {
        Evidence::Card(credential) if looks_at_cards => match by_card(rule, &credential, now)? {
            Some(account) => (account, Proof::Card(credential)),
            None => return without_name(rule, request, "the certificate maps to no account"),
        },
        Evidence::Refused(refusal) if looks_at_cards => return Err(refusal.denial()),
        Evidence::Password { outcome, unnamed } => {
            may_use_password(rule, request, &unnamed, now)?;
            (by_password(outcome, now)?, Proof::Password)
        }
        Evidence::Card(_) | Evidence::Refused(_) => {
            return without_evidence(rule, request, Absent::NotLookedAt);
        }
        Evidence::None(absent) => return without_evidence(rule, request, absent),
    };
    rule.admission.admits(&account, &proof, &rule.conditions)?;
    refuse_cross_site(rule, request)?;
    Ok(Permit::identity_of(Arc::clone(rule), account, proof))
}

/// Why no card says who the client is, where the directory is to be asked about a password instead, if one came; `None`
/// where no password could let the request pass. [`decide`] asks the same again.
pub fn awaits_password(
    rule: &Rule,
    request: &RequestFacts<'_>,
    evidence: &Evidence,
    now: UnixTime,
) -> Option<Unnamed> {
    let unnamed = match evidence {
        Evidence::None(absent) => Unnamed::NoCard(*absent),
        Evidence::Card(credential) => Unnamed::UnmappedCard(Arc::clone(credential)),
        Evidence::Refused(_) | Evidence::Password { .. } => return None,
    };
    may_use_password(rule, request, &unnamed, now).is_ok().then_some(unnamed)
}

/// The account that the card names; `None` where it names none and the rule has something else for its holder.
fn by_card(rule: &Rule, credential: &Credential, now: UnixTime) -> Result<Option<Arc<Account>>, Denial> {
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

fn takes_unmapped_cards(rule: &Rule) -> bool {
    rule.client_certificate == ClientCertificate::Accept
        && rule.password != PasswordRule::Never
        && rule.unmapped_card == UnmappedCard::MayUsePassword
}

/// Whether a password by the directory counts, with what is known of the card.
fn may_use_password(
    rule: &Rule,
    request: &RequestFacts<'_>,
    unnamed: &Unnamed,
    now: UnixTime,
) -> Result<(), Denial> {
    let refused = |why| Err(Denial::new(DenialId::CertificateRequired, why));
    match (rule.client_certificate, rule.password) {
        (ClientCertificate::Require, _) => return refused("the path takes cards only"),
        (_, PasswordRule::Never | PasswordRule::Backend) => return refused("the path takes no password"),
        (ClientCertificate::Ignore | ClientCertificate::Accept, PasswordRule::Directory) => {}
    }
    match unnamed {
        Unnamed::NoCard(absent) => on_this_connection(*absent)?,
        Unnamed::UnmappedCard(credential) => {
            if by_card(rule, credential, now)?.is_some() {
                return refused("the certificate maps to an account, which needs no password");
            }
        }
    }
    // Before the directory is asked: a page of another site is not to spend somebody's attempts.
    refuse_cross_site(rule, request)
}

fn by_password(
    outcome: Result<Arc<PasswordCredential>, Arc<PasswordRefusal>>,
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

fn refuse_cross_site(rule: &Rule, request: &RequestFacts<'_>) -> Result<(), Denial> {
    match (rule.cross_site, request.cross_site) {
        (CrossSite::Refuse, Some(mark)) => Err(Denial::new(DenialId::CrossSiteRequest, mark.to_string())),
        (CrossSite::Refuse, None) | (CrossSite::Allow, _) => Ok(()),
    }
}

/// 421 tells a client to try again on another connection (RFC 9110 15.5.20), where the card signs anew.
fn on_this_connection(absent: Absent) -> Result<(), Denial> {
    match absent {
        Absent::ProofTooOld | Absent::AskedOnlySince => {
            Err(Denial::new(DenialId::MisdirectedRequest, absent.in_words()))
        }
        Absent::NotLookedAt | Absent::NotAsked | Absent::NotPresented => Ok(()),
    }
}

fn without_evidence(rule: &Arc<Rule>, request: &RequestFacts<'_>, absent: Absent) -> Result<Permit, Denial> {
    on_this_connection(absent)?;
    without_name(rule, request, absent.in_words())
}

/// What a request gets whose client no card names: a passage as nobody, the backend's own dialogue, or the reason why it
/// needs credentials.
fn without_name(rule: &Arc<Rule>, request: &RequestFacts<'_>, why: &'static str) -> Result<Permit, Denial> {
    match (rule.client_certificate, rule.password) {
        (ClientCertificate::Require, _) => Err(Denial::new(DenialId::CertificateRequired, why)),
        (ClientCertificate::Ignore, PasswordRule::Never) => nobody(rule).map(Permit::anonymous),
        (ClientCertificate::Ignore | ClientCertificate::Accept, PasswordRule::Backend) => {
            // A browser answers NTLM and Negotiate without asking its user, as it does with a card.
            refuse_cross_site(rule, request)?;
            nobody(rule).map(Permit::own_dialogue)
        }
        (ClientCertificate::Accept, PasswordRule::Never) => {
            Err(Denial::new(DenialId::CredentialsRequired, why))
        }
        (ClientCertificate::Ignore | ClientCertificate::Accept, PasswordRule::Directory) => {
            // No browser is to ask its user for a password at another site's bidding.
            refuse_cross_site(rule, request)?;
            Err(Denial::new(DenialId::CredentialsRequired, why))
        }
    }
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
