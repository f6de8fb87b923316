//! Tries a Kerberos delegation for one user, step by step, and the ticket at each server.

use super::probe::NoAnswer;
use super::report::{Finding, Verdict};
use crate::backend::{Delegation, RuleRealm, server_token, took_token};
use crate::delegation::kerberos::{self, Negotiation, Outcome, Step};
use crate::telemetry::display_chain;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::response::Parts;
use std::sync::Arc;

const DELEGATION: &str = "delegation";
const TICKET: &str = "takes a ticket";

/// One user, in whose name tickets are to be had.
pub(super) struct Speaker<'a> {
    delegation: &'a Delegation,
    /// `alice@CORP.EXAMPLE`
    principal: String,
}

/// What each step found, and the user in whose name the servers can be asked where all of them went well.
pub(super) async fn examine<'a>(
    about: &str,
    delegation: &'a Arc<Delegation>,
    user: Option<&str>,
) -> (Vec<Finding>, Option<Speaker<'a>>) {
    let Some(user) = user else {
        let finding = Finding::works(about, DELEGATION, "a delegation is tried for a named user only");
        return (vec![finding.but(Verdict::Untested, "name one with --as, as alice@CORP.EXAMPLE")], None);
    };
    let principal = principal(user, delegation.realm.as_ref());
    let steps = delegation.delegator.examine(&principal, &delegation.service).await;
    let findings: Vec<_> = steps.into_iter().map(|step| of_step(about, &principal, step)).collect();
    let failed = findings.iter().any(|finding| finding.verdict == Verdict::Fails);
    (findings, (!failed).then_some(Speaker { delegation, principal }))
}

/// The user's name in Kerberos: a name without a domain, or of the domain of the backend's realm, is one of that realm.
fn principal(user: &str, realm: Option<&RuleRealm>) -> String {
    let (domain, name) = user.rsplit_once('\\').map_or((None, user), |(domain, name)| (Some(domain), name));
    match realm {
        Some(realm) if !user.contains('@') && domain.is_none_or(|domain| realm.is_of(domain)) => {
            format!("{name}@{}", realm.name)
        }
        Some(_) | None => user.to_owned(),
    }
}

fn of_step(about: &str, principal: &str, finding: kerberos::Finding) -> Finding {
    let what = finding.step.to_string();
    match finding.outcome {
        Outcome::Good(found) => Finding::works(about, &what, found),
        Outcome::Doubtful { found, hint } => Finding::works(about, &what, found).but(Verdict::Doubtful, hint),
        Outcome::Bad(error) => {
            let mends: Vec<_> = misnamed(finding.step, principal).into_iter().chain([error.hint()]).collect();
            Finding::works(about, &what, display_chain(&error)).fails(&mends)
        }
    }
}

/// How the user should have been named, where a step that goes by her name fails.
fn misnamed(step: Step, principal: &str) -> Option<&'static str> {
    if !matches!(step, Step::Names | Step::Impersonation) {
        return None;
    }
    match principal.rsplit_once('@') {
        None => {
            Some("Name the user with her realm, as alice@CORP.EXAMPLE, or set the backend's kerberos.realm.")
        }
        Some((_, realm)) if realm.contains(|letter: char| letter.is_ascii_lowercase()) => Some(
            "Name the user by her sAMAccountName at the realm, in capitals, as alice@CORP.EXAMPLE: a UPN is no name in \
             Kerberos.",
        ),
        Some(_) => None,
    }
}

impl Speaker<'_> {
    /// A fresh token, and the line that carries it. A token that a server has read would be a replay at the next.
    pub(super) async fn begin(&self, about: &str) -> Result<(Negotiation, HeaderValue), Finding> {
        let begun = self.delegation.delegator.negotiate(&self.principal, &self.delegation.service).await;
        let negotiation = begun
            .map_err(|error| Finding::works(about, TICKET, display_chain(&error)).fails(&[error.hint()]))?;
        let line = format!("Negotiate {}", STANDARD.encode(negotiation.token()));
        let line = HeaderValue::try_from(line).expect("Base64 and a word are visible ASCII");
        Ok((negotiation, line))
    }

    /// What the server's answer to the token says.
    pub(super) fn judge(
        &self,
        about: &str,
        negotiation: Negotiation,
        answer: &Parts,
        over_tls: bool,
    ) -> Finding {
        let finding = |found: String| Finding::works(about, TICKET, found);
        if let Err(refused) = took_token(answer.status, &answer.headers, over_tls) {
            return finding(refused.to_string()).fails(refused.hints());
        }
        let taken = format!("it answers {} with {}", self.principal, answer.status);
        match server_token(&answer.headers) {
            Some(token) => match negotiation.finish(&token) {
                Ok(()) => finding(format!("{taken}, and proves itself")),
                Err(error) => {
                    finding(format!("{taken}, and does not prove itself: {}", display_chain(&error)))
                        .fails(&[error.hint()])
                }
            },
            None if self.delegation.unsafe_skip_mutual_authentication => {
                finding(format!("{taken}, and need not prove itself"))
            }
            None => finding(format!("{taken}, and does not prove itself")).fails(&[
                "see that the path asks for Windows authentication: one that anonymous users may see takes no ticket",
            ]),
        }
    }

    /// There was no answer.
    pub(super) fn unheard(&self, about: &str, error: &NoAnswer) -> Finding {
        Finding::works(about, TICKET, display_chain(error)).fails(&[error.mend()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_upn_and_a_name_without_a_realm_are_told_where_a_step_that_goes_by_the_name_fails() {
        for (step, principal, told) in [
            (Step::Impersonation, "alice@corp.example", Some("capitals")),
            (Step::Names, "alice", Some("kerberos.realm")),
            (Step::LogIn, "alice@corp.example", None),
            (Step::Impersonation, "alice@CORP.EXAMPLE", None),
        ] {
            let mend = misnamed(step, principal);
            assert_eq!(mend.is_some(), told.is_some(), "{step} {principal}: {mend:?}");
            assert!(
                mend.unwrap_or_default().contains(told.unwrap_or_default()),
                "{step} {principal}: {mend:?}"
            );
        }
    }

    #[test]
    fn a_user_without_a_realm_is_of_the_backends() {
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
