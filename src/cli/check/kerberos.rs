//! Online checks of a Kerberos delegation: every step from the keytab to the user's ticket, then the ticket at each server
//! of the backend.

use super::probe::ProbeError;
use super::report::{CheckResult, OnlineFinding};
use crate::backend::{KerberosDelegation, RuleRealm, check_token_accepted, server_token};
use crate::delegation::kerberos::{self, DelegationStep, FindingOutcome, KerberosNegotiation};
use crate::telemetry::display_chain;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::response::Parts;
use std::sync::Arc;

const DELEGATION: &str = "delegation";
const TICKET: &str = "ticket accepted";

/// A user in whose name tickets were obtained.
pub(super) struct DelegatedUser<'a> {
    delegation: &'a KerberosDelegation,
    /// The Kerberos principal: `alice@CORP.EXAMPLE`.
    principal: String,
}

/// Returns the finding of each step, and the user if every step passed.
pub(super) async fn check<'a>(
    component: &str,
    delegation: &'a Arc<KerberosDelegation>,
    user: Option<&str>,
) -> (Vec<OnlineFinding>, Option<DelegatedUser<'a>>) {
    let Some(user) = user else {
        let finding =
            OnlineFinding::passed(component, DELEGATION, "no user is specified to request a ticket for");
        return (vec![finding.not_tested("specify a user, as in --as alice@CORP.EXAMPLE")], None);
    };
    let principal = principal(user, delegation.realm.as_ref());
    let steps = delegation.delegator.examine(&principal, &delegation.service).await;
    let findings: Vec<_> = steps.into_iter().map(|step| step_finding(component, &principal, step)).collect();
    let failed = findings.iter().any(|finding| finding.result == CheckResult::Failed);
    (findings, (!failed).then_some(DelegatedUser { delegation, principal }))
}

/// Returns the user's Kerberos principal. A name without a domain, or with the domain of the backend's realm, belongs to
/// that realm.
fn principal(user: &str, realm: Option<&RuleRealm>) -> String {
    let (domain, name) = user.rsplit_once('\\').map_or((None, user), |(domain, name)| (Some(domain), name));
    match realm {
        Some(realm) if !user.contains('@') && domain.is_none_or(|domain| realm.is_of(domain)) => {
            format!("{name}@{}", realm.name)
        }
        Some(_) | None => user.to_owned(),
    }
}

fn step_finding(component: &str, principal: &str, finding: kerberos::DelegationFinding) -> OnlineFinding {
    let step = finding.step.to_string();
    match finding.outcome {
        FindingOutcome::Passed(detail) => OnlineFinding::passed(component, &step, detail),
        FindingOutcome::Warning { found, hint } => {
            OnlineFinding::passed(component, &step, found).warning(hint)
        }
        FindingOutcome::Failed(error) => {
            let name_fix = principal_fix(finding.step, principal);
            let fixes: Vec<_> = name_fix.into_iter().chain([error.hint()]).collect();
            OnlineFinding::passed(component, &step, display_chain(&error)).failed(&fixes)
        }
    }
}

/// Returns a fix of the user's name if the failed step depends on the name and the name has not the form of a principal.
fn principal_fix(step: DelegationStep, principal: &str) -> Option<&'static str> {
    if !matches!(step, DelegationStep::Names | DelegationStep::Impersonation) {
        return None;
    }
    match principal.rsplit_once('@') {
        None => {
            Some("write the user with a realm (alice@CORP.EXAMPLE), or set `kerberos.realm` of the backend")
        }
        Some((_, realm)) if realm.contains(|letter: char| letter.is_ascii_lowercase()) => Some(
            "write the user as sAMAccountName@REALM, with the realm in upper case (alice@CORP.EXAMPLE): a UPN is not a \
             Kerberos principal",
        ),
        Some(_) => None,
    }
}

impl DelegatedUser<'_> {
    /// Returns a new negotiation and the `Authorization` header with its token. Every server needs a token of its own: a
    /// token that one server has accepted is a replay at the next.
    pub(super) async fn begin(
        &self,
        component: &str,
    ) -> Result<(KerberosNegotiation, HeaderValue), OnlineFinding> {
        let negotiated = self.delegation.delegator.negotiate(&self.principal, &self.delegation.service).await;
        let negotiation = negotiated.map_err(|error| {
            OnlineFinding::passed(component, TICKET, display_chain(&error)).failed(&[error.hint()])
        })?;
        let header = format!("Negotiate {}", STANDARD.encode(negotiation.token()));
        let header = HeaderValue::try_from(header).expect("Base64 is visible ASCII");
        Ok((negotiation, header))
    }

    /// Returns the finding about the server's response to the token.
    pub(super) fn response_finding(
        &self,
        component: &str,
        negotiation: KerberosNegotiation,
        response: &Parts,
        over_tls: bool,
    ) -> OnlineFinding {
        let finding = |detail: String| OnlineFinding::passed(component, TICKET, detail);
        if let Err(rejected) = check_token_accepted(response.status, &response.headers, over_tls) {
            return finding(rejected.to_string()).failed(rejected.hints());
        }
        let accepted = format!("response to {}: {}", self.principal, response.status);
        match server_token(&response.headers) {
            Some(token) => match negotiation.finish(&token) {
                Ok(()) => finding(format!("{accepted}; the server authenticated itself")),
                Err(error) => finding(format!(
                    "{accepted}; mutual authentication of the server failed: {}",
                    display_chain(&error)
                ))
                .failed(&[error.hint()]),
            },
            None if self.delegation.unsafe_skip_mutual_authentication => {
                finding(format!("{accepted}; mutual authentication is off"))
            }
            None => finding(format!("{accepted}; the server did not authenticate itself")).failed(&[
                "check that the path requires Windows authentication: with anonymous access, the server ignores the \
                 ticket",
            ]),
        }
    }

    pub(super) fn error_finding(component: &str, error: &ProbeError) -> OnlineFinding {
        OnlineFinding::passed(component, TICKET, display_chain(error)).failed(&[error.fix()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_upn_and_a_name_without_a_realm_have_a_fix_if_a_step_that_depends_on_the_name_fails() {
        for (step, principal, expected) in [
            (DelegationStep::Impersonation, "alice@corp.example", Some("upper case")),
            (DelegationStep::Names, "alice", Some("kerberos.realm")),
            (DelegationStep::Login, "alice@corp.example", None),
            (DelegationStep::Impersonation, "alice@CORP.EXAMPLE", None),
        ] {
            let fix = principal_fix(step, principal);
            assert_eq!(fix.is_some(), expected.is_some(), "{step} {principal}: {fix:?}");
            let (fix, expected) = (fix.unwrap_or_default(), expected.unwrap_or_default());
            assert!(fix.contains(expected), "{step} {principal}: {fix:?}");
        }
    }

    #[test]
    fn a_user_without_a_realm_belongs_to_the_realm_of_the_backend() {
        for (user, realm, expected) in [
            ("alice@PEOPLE.EXAMPLE", Some("CORP.EXAMPLE"), "alice@PEOPLE.EXAMPLE"),
            ("CORP\\alice", Some("CORP.EXAMPLE"), "alice@CORP.EXAMPLE"),
            ("PARTNER\\alice", Some("CORP.EXAMPLE"), "PARTNER\\alice"),
            ("alice", Some("CORP.EXAMPLE"), "alice@CORP.EXAMPLE"),
            ("alice", None, "alice"),
        ] {
            let realm = realm.map(|name| RuleRealm { name: name.to_owned(), domain: None });
            assert_eq!(principal(user, realm.as_ref()), expected);
        }
    }
}
