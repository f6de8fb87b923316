//! Tries a delegation step by step, and says in an administrator's words what each step found. Blocks.

use super::account::{Delegation, GateAccount, Impersonated, Session};
use super::encryption_type::AcceptedEncryption;
use super::error::DelegationError;
use super::keytab::Keytab;
use super::negotiation::Negotiation;
use super::principal::{ServiceName, UserPrincipal};
use std::fmt;
use std::time::{Duration, Instant};

/// The longest token, in base64, that leaves room for other headers within the 16 KB that http.sys reads at most unless
/// its MaxFieldLength and MaxRequestBytes say otherwise.
const LONG_TOKEN: usize = 12 * 1024;

/// What one step found.
#[derive(Clone, Debug)]
pub struct Finding {
    /// The step.
    pub step: Step,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a step.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It went well; what it found.
    Good(String),
    /// It went well, and will lead to trouble.
    Doubtful {
        /// What it found.
        found: String,
        /// The setting to look at.
        hint: &'static str,
    },
    /// It failed, and no other was tried. [`DelegationError::hint`] names the setting to change.
    Bad(DelegationError),
}

/// The steps of a delegation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    /// The names of the account and the service are read.
    Names,
    /// Somebody is found to ask.
    Questions,
    /// The keytab is read.
    Keytab,
    /// The gate logs in.
    LogIn,
    /// The gate gets a ticket to itself in the user's name.
    Impersonation,
    /// It gets the user's ticket to the service with that.
    Delegation,
    /// It is encrypted in a way that is taken.
    Encryption,
    /// A token is made.
    Token,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Names => "names",
            Self::Questions => "asking",
            Self::Keytab => "keytab",
            Self::LogIn => "logging in",
            Self::Impersonation => "ticket to the gate in the user's name (S4U2Self)",
            Self::Delegation => "the user's ticket to the service (S4U2Proxy)",
            Self::Encryption => "encryption",
            Self::Token => "token",
        })
    }
}

impl Finding {
    pub(super) fn bad(step: Step, error: DelegationError) -> Self {
        Self { step, outcome: Outcome::Bad(error) }
    }
}

/// Tries a delegation up to the first step that fails.
pub(super) fn examine(
    account: &mut GateAccount,
    user: &UserPrincipal,
    service: &ServiceName,
    accepted: AcceptedEncryption,
) -> Vec<Finding> {
    let mut findings = Findings(Vec::new());
    findings.try_all(account, user, service, accepted);
    findings.0
}

struct Findings(Vec<Finding>);

impl Findings {
    fn try_all(
        &mut self,
        account: &mut GateAccount,
        user: &UserPrincipal,
        service: &ServiceName,
        accepted: AcceptedEncryption,
    ) -> Option<()> {
        self.take(Step::Keytab, account.read_keytab(), of_keytab)?;
        let session =
            self.take(Step::LogIn, account.session(Instant::now()), |session| of_session(session))?;
        let of_user = |impersonated: &_| of_impersonation(session, user, impersonated);
        let impersonated = self.take(Step::Impersonation, session.impersonate(user), of_user)?;
        let of_service = |delegation: &_| of_delegation(service, delegation);
        let delegation = self.take(Step::Delegation, session.delegate(&impersonated, service), of_service)?;
        let checked = delegation.encryption.check(accepted).map_err(DelegationError::EncryptionType);
        self.take(Step::Encryption, checked, |found| {
            Outcome::Good(format!("the ticket with {}, the session key {}", found.ticket, found.session))
        })?;
        self.take(Step::Token, Negotiation::begin(&delegation, accepted), of_token)?;
        Some(())
    }

    fn take<T>(
        &mut self,
        step: Step,
        result: Result<T, DelegationError>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                self.0.push(Finding { step, outcome: outcome(&value) });
                Some(value)
            }
            Err(error) => {
                self.0.push(Finding::bad(step, error));
                None
            }
        }
    }
}

fn of_keytab(keytab: &Keytab) -> Outcome {
    let keys = keytab.entries().iter();
    let keys = keys.map(|key| format!("{} (version {}, {})", key.principal, key.version, key.encryption));
    Outcome::Good(format!("keys of {}", keys.collect::<Vec<_>>().join(", ")))
}

fn of_session(session: &Session) -> Outcome {
    Outcome::Good(format!("as {}, for {}", session.principal(), words(session.lifetime())))
}

fn of_impersonation(session: &Session, user: &UserPrincipal, impersonated: &Impersonated) -> Outcome {
    match session.can_be_forwarded(impersonated) {
        Ok(true) => Outcome::Good(format!("one for {user}, forwardable")),
        Ok(false) => Outcome::Doubtful {
            found: format!("one for {user}, not forwardable"),
            hint: "Only a service that itself lists the gate's account \
                   (msDS-AllowedToActOnBehalfOfOtherIdentity) takes such a ticket.",
        },
        Err(status) => Outcome::Good(format!("one for {user}; its flags cannot be read: {status}")),
    }
}

fn of_delegation(service: &ServiceName, delegation: &Delegation) -> Outcome {
    Outcome::Good(format!("one for {service}, for {}", words(delegation.lifetime)))
}

fn of_token(negotiation: &Negotiation) -> Outcome {
    token_outcome(negotiation.token().len())
}

fn token_outcome(bytes: usize) -> Outcome {
    let length = bytes.div_ceil(3) * 4;
    let found = format!("{length} bytes in base64");
    if length <= LONG_TOKEN {
        return Outcome::Good(found);
    }
    Outcome::Doubtful {
        found,
        hint: "The user is in many groups: raise MaxFieldLength and MaxRequestBytes of http.sys on the server.",
    }
}

fn words(duration: Duration) -> String {
    humantime::format_duration(duration).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_that_a_server_may_not_read_is_doubtful() {
        assert!(matches!(token_outcome(9 * 1024), Outcome::Good(found) if found == "12288 bytes in base64"));
        assert!(matches!(token_outcome(9 * 1024 + 1), Outcome::Doubtful { .. }));
    }
}
