//! The decision whether one request is forwarded, and under which identity.

use super::credential::{AuthenticatedBy, Credential, PasswordCredential};
use super::denial::{Denial, DenialId};
use super::evidence::{AbsentReason, Evidence, PasswordFallback};
use super::permit::Permit;
use super::rejection::{PasswordRejection, mapping_denial};
use super::rule::{
    AccessRule, ClientCertificateRule, CrossSiteRule, PasswordRule, RequestFacts, UnmappedCertificateRule,
};
use crate::clock::UnixTime;
use crate::identity::{Account, MappingError};
use std::sync::Arc;

/// Decides whether one request is forwarded, and under which identity.
///
/// If the rule ignores certificates, a presented one has no effect. Otherwise a rejected certificate denies the request for
/// the reason of its rejection: it is never treated as absent, so that a client cannot avoid a revocation check by sending
/// a broken chain. A password is used only if the rule accepts passwords of the directory, and never beside a rejected
/// certificate. An authenticated account must match the access list of the path rule.
///
/// # Errors
/// The denial, with its detail.
pub(crate) fn decide(
    rule: &Arc<AccessRule>,
    request: &RequestFacts<'_>,
    evidence: Evidence,
    now: UnixTime,
) -> Result<Permit, Denial> {
    rule.check_request(request)?;
    let uses_certificate = rule.uses_certificate();
    let (account, authenticated_by) = match evidence {
        Evidence::Certificate(credential) if uses_certificate => {
            match certificate_account(rule, &credential, now)? {
                Some(account) => (account, AuthenticatedBy::Certificate(credential)),
                None => return without_identity(rule, request, "the certificate maps to no account"),
            }
        }
        Evidence::Rejected(rejection) if uses_certificate => return Err(rejection.denial()),
        Evidence::Password { outcome, fallback } => {
            check_password_allowed(rule, request, &fallback, now)?;
            (password_account(outcome, now)?, AuthenticatedBy::Password)
        }
        Evidence::Certificate(_) | Evidence::Rejected(_) => {
            return without_evidence(rule, request, AbsentReason::Ignored);
        }
        Evidence::None(absent) => return without_evidence(rule, request, absent),
    };
    rule.access.authorize(&account, &authenticated_by, &rule.conditions)?;
    reject_cross_site(rule, request)?;
    Ok(Permit::for_account(Arc::clone(rule), account, authenticated_by))
}

/// Returns the reason for which the directory has to check the password of the request, or `None` if no password could
/// permit the request. [`decide`] checks the same conditions again.
pub(crate) fn password_fallback(
    rule: &AccessRule,
    request: &RequestFacts<'_>,
    evidence: &Evidence,
    now: UnixTime,
) -> Option<PasswordFallback> {
    let fallback = match evidence {
        Evidence::None(absent) => PasswordFallback::NoCertificate(*absent),
        Evidence::Certificate(credential) => PasswordFallback::UnmappedCertificate(Arc::clone(credential)),
        Evidence::Rejected(_) | Evidence::Password { .. } => return None,
    };
    check_password_allowed(rule, request, &fallback, now).is_ok().then_some(fallback)
}

/// Returns the account of the certificate, or `None` if it maps to no account and the rule accepts other credentials from
/// such clients.
fn certificate_account(
    rule: &AccessRule,
    credential: &Credential,
    now: UnixTime,
) -> Result<Option<Arc<Account>>, Denial> {
    check_not_expired(credential.deadline(), now)?;
    rule.conditions.check(credential)?;
    match credential.account() {
        Ok(account) => Ok(Some(Arc::clone(account))),
        // Only a certificate that names no account allows other credentials. One that contradicts itself, or that a mapping
        // rule denies, is rejected like an invalid one.
        Err(error) if is_unmapped(error) && accepts_unmapped_certificates(rule) => Ok(None),
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

fn accepts_unmapped_certificates(rule: &AccessRule) -> bool {
    rule.client_certificate == ClientCertificateRule::Accept
        && rule.password != PasswordRule::Never
        && rule.unmapped_certificate == UnmappedCertificateRule::AllowPassword
}

/// Checks that a password of the directory is accepted in place of a certificate.
///
/// # Errors
/// The denial of a request with a right password.
fn check_password_allowed(
    rule: &AccessRule,
    request: &RequestFacts<'_>,
    fallback: &PasswordFallback,
    now: UnixTime,
) -> Result<(), Denial> {
    let certificate_required = |why| Err(Denial::new(DenialId::CertificateRequired, why));
    match (rule.client_certificate, rule.password) {
        (ClientCertificateRule::Require, _) => {
            return certificate_required("the path requires a client certificate");
        }
        (_, PasswordRule::Never | PasswordRule::Backend) => {
            return certificate_required("the path does not accept passwords of the directory");
        }
        (ClientCertificateRule::Ignore | ClientCertificateRule::Accept, PasswordRule::Directory) => {}
    }
    match fallback {
        PasswordFallback::NoCertificate(absent) => check_connection(*absent)?,
        PasswordFallback::UnmappedCertificate(credential) => {
            if certificate_account(rule, credential, now)?.is_some() {
                return certificate_required("the certificate maps to an account, so no password is needed");
            }
        }
    }
    // Before the directory checks a password: a page of another site must not be able to lock the account by failed logins.
    reject_cross_site(rule, request)
}

fn password_account(
    outcome: Result<Arc<PasswordCredential>, Arc<PasswordRejection>>,
    now: UnixTime,
) -> Result<Arc<Account>, Denial> {
    let credential = outcome.map_err(|rejection| rejection.denial())?;
    check_not_expired(credential.deadline(), now)?;
    Ok(Arc::clone(credential.account()))
}

fn check_not_expired(deadline: UnixTime, now: UnixTime) -> Result<(), Denial> {
    if deadline <= now {
        return Err(Denial::new(
            DenialId::ValidationTimeout,
            "the verdict on the credentials expired before the decision",
        ));
    }
    Ok(())
}

fn reject_cross_site(rule: &AccessRule, request: &RequestFacts<'_>) -> Result<(), Denial> {
    match (rule.cross_site, request.cross_site) {
        (CrossSiteRule::Reject, Some(mark)) => Err(Denial::new(DenialId::CrossSiteRequest, mark.to_string())),
        (CrossSiteRule::Reject, None) | (CrossSiteRule::Allow, _) => Ok(()),
    }
}

/// Rejects a request whose client can present a certificate on a new connection only. The status 421 causes the client to
/// retry on one (RFC 9110 section 15.5.20), whose handshake proves possession again.
fn check_connection(absent: AbsentReason) -> Result<(), Denial> {
    match absent.needs_new_handshake() {
        true => Err(Denial::new(DenialId::MisdirectedRequest, absent.detail())),
        false => Ok(()),
    }
}

fn without_evidence(
    rule: &Arc<AccessRule>,
    request: &RequestFacts<'_>,
    absent: AbsentReason,
) -> Result<Permit, Denial> {
    check_connection(absent)?;
    without_identity(rule, request, absent.detail())
}

/// Decides on a request without an identity: anonymous, passed through, or denied because it needs credentials.
fn without_identity(
    rule: &Arc<AccessRule>,
    request: &RequestFacts<'_>,
    why: &'static str,
) -> Result<Permit, Denial> {
    match (rule.client_certificate, rule.password) {
        (ClientCertificateRule::Require, _) => Err(Denial::new(DenialId::CertificateRequired, why)),
        (ClientCertificateRule::Ignore, PasswordRule::Never) => {
            rule.access.check_anonymous()?;
            Ok(Permit::anonymous(Arc::clone(rule)))
        }
        (ClientCertificateRule::Ignore | ClientCertificateRule::Accept, PasswordRule::Backend) => {
            // Browsers respond to NTLM and Negotiate challenges without a prompt, as they present certificates.
            reject_cross_site(rule, request)?;
            rule.access.check_anonymous()?;
            Ok(Permit::passthrough(Arc::clone(rule)))
        }
        (ClientCertificateRule::Accept, PasswordRule::Never) => {
            Err(Denial::new(DenialId::CredentialsRequired, why))
        }
        (ClientCertificateRule::Ignore | ClientCertificateRule::Accept, PasswordRule::Directory) => {
            // A cross-site request must never cause a Basic prompt.
            reject_cross_site(rule, request)?;
            Err(Denial::new(DenialId::CredentialsRequired, why))
        }
    }
}

#[cfg(test)]
mod tests;
