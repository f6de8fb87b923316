//! Tries a delegation step by step and reports the result of each step to an administrator. Blocks.

use super::account::{DelegatedTicket, GatewayAccount, GatewaySession, ImpersonationTicket};
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

/// The result of one step.
#[derive(Clone, Debug)]
pub struct DelegationFinding {
    /// The step.
    pub step: DelegationStep,
    /// Its result.
    pub outcome: FindingOutcome,
}

/// The result of a step.
#[derive(Clone, Debug)]
pub enum FindingOutcome {
    /// The step succeeded, with this result.
    Passed(String),
    /// The step succeeded, but its result will cause failures.
    Warning {
        /// The result.
        found: String,
        /// The setting to check.
        hint: &'static str,
    },
    /// The step failed, and the following ones were not tried. [`DelegationError::hint`] names the setting to change.
    Failed(DelegationError),
}

/// The steps of a delegation, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DelegationStep {
    /// The names of the account and the service are read.
    Names,
    /// The requests are started.
    Requests,
    /// The keytab is read.
    Keytab,
    /// The gateway logs in.
    Login,
    /// S4U2Self: a ticket to the gateway in the name of the user.
    Impersonation,
    /// S4U2Proxy: a ticket to the service in the name of the user.
    Delegation,
    /// The encryption types are accepted.
    Encryption,
    /// The token is created.
    Token,
}

impl fmt::Display for DelegationStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Names => "names",
            Self::Requests => "requests",
            Self::Keytab => "keytab",
            Self::Login => "login",
            Self::Impersonation => "ticket to the gateway in the user's name (S4U2Self)",
            Self::Delegation => "ticket to the service in the user's name (S4U2Proxy)",
            Self::Encryption => "encryption",
            Self::Token => "token",
        })
    }
}

impl DelegationFinding {
    pub(super) fn failed(step: DelegationStep, error: DelegationError) -> Self {
        Self { step, outcome: FindingOutcome::Failed(error) }
    }
}

/// Tries a delegation up to the first step that fails.
pub(super) fn examine(
    account: &mut GatewayAccount,
    user: &UserPrincipal,
    service: &ServiceName,
    accepted: AcceptedEncryption,
) -> Vec<DelegationFinding> {
    let mut findings = DelegationFindings(Vec::new());
    findings.try_all(account, user, service, accepted);
    findings.0
}

struct DelegationFindings(Vec<DelegationFinding>);

impl DelegationFindings {
    fn try_all(
        &mut self,
        account: &mut GatewayAccount,
        user: &UserPrincipal,
        service: &ServiceName,
        accepted: AcceptedEncryption,
    ) -> Option<()> {
        self.take(DelegationStep::Keytab, account.read_keytab(), of_keytab)?;
        let session =
            self.take(DelegationStep::Login, account.session(Instant::now()), |session| of_session(session))?;
        let of_user = |impersonated: &_| of_impersonation(session, user, impersonated);
        let impersonated = self.take(DelegationStep::Impersonation, session.impersonate(user), of_user)?;
        let of_service = |delegation: &_| of_delegation(service, delegation);
        let delegation =
            self.take(DelegationStep::Delegation, session.delegate(&impersonated, service), of_service)?;
        let checked = delegation.encryption.check(accepted).map_err(DelegationError::EncryptionType);
        self.take(DelegationStep::Encryption, checked, |found| {
            FindingOutcome::Passed(format!("ticket: {}, session key: {}", found.ticket, found.session))
        })?;
        self.take(DelegationStep::Token, Negotiation::begin(&delegation, accepted), of_token)?;
        Some(())
    }

    fn take<T>(
        &mut self,
        step: DelegationStep,
        result: Result<T, DelegationError>,
        outcome: impl FnOnce(&T) -> FindingOutcome,
    ) -> Option<T> {
        match result {
            Ok(value) => {
                self.0.push(DelegationFinding { step, outcome: outcome(&value) });
                Some(value)
            }
            Err(error) => {
                self.0.push(DelegationFinding::failed(step, error));
                None
            }
        }
    }
}

fn of_keytab(keytab: &Keytab) -> FindingOutcome {
    let keys = keytab.entries().iter();
    let keys = keys.map(|key| format!("{} (version {}, {})", key.principal, key.version, key.encryption));
    FindingOutcome::Passed(format!("keys: {}", keys.collect::<Vec<_>>().join(", ")))
}

fn of_session(session: &GatewaySession) -> FindingOutcome {
    FindingOutcome::Passed(format!(
        "as {}, valid for {}",
        session.principal(),
        format_lifetime(session.lifetime())
    ))
}

fn of_impersonation(
    session: &GatewaySession,
    user: &UserPrincipal,
    impersonated: &ImpersonationTicket,
) -> FindingOutcome {
    match session.can_be_forwarded(impersonated) {
        Ok(true) => FindingOutcome::Passed(format!("for {user}, forwardable")),
        Ok(false) => FindingOutcome::Warning {
            found: format!("for {user}, not forwardable"),
            hint: "Only a service that lists the gateway account \
                   (msDS-AllowedToActOnBehalfOfOtherIdentity) accepts such a ticket.",
        },
        Err(status) => FindingOutcome::Passed(format!("for {user}; cannot read its flags: {status}")),
    }
}

fn of_delegation(service: &ServiceName, delegation: &DelegatedTicket) -> FindingOutcome {
    FindingOutcome::Passed(format!("for {service}, valid for {}", format_lifetime(delegation.lifetime)))
}

fn of_token(negotiation: &Negotiation) -> FindingOutcome {
    token_outcome(negotiation.token().len())
}

fn token_outcome(bytes: usize) -> FindingOutcome {
    let length = bytes.div_ceil(3) * 4;
    let found = format!("{length} bytes in base64");
    if length <= LONG_TOKEN {
        return FindingOutcome::Passed(found);
    }
    FindingOutcome::Warning {
        found,
        hint: "The user is in many groups: raise MaxFieldLength and MaxRequestBytes of http.sys on the server.",
    }
}

/// Rounds to minutes: the seconds that pass between issue and report would show a lifetime of `10h` as `9h 59m 59s`.
fn format_lifetime(lifetime: Duration) -> String {
    let minutes = (lifetime.as_secs() + 30) / 60;
    humantime::format_duration(Duration::from_secs(minutes * 60)).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lifetime_is_rounded_to_minutes() {
        let shown =
            [35_999, 36_000, 36_029, 36_030, 29].map(|seconds| format_lifetime(Duration::from_secs(seconds)));
        assert_eq!(shown, ["10h", "10h", "10h", "10h 1m", "0s"]);
    }

    #[test]
    fn a_token_beyond_the_default_limit_of_http_sys_is_a_warning() {
        assert!(
            matches!(token_outcome(9 * 1024), FindingOutcome::Passed(found) if found == "12288 bytes in base64")
        );
        assert!(matches!(token_outcome(9 * 1024 + 1), FindingOutcome::Warning { .. }));
    }
}
