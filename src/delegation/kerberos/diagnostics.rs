//! Diagnostics of delegation for `check --online`: a delegation is tried step by step. All calls block.

use super::account::{DelegatedTicket, GatewayAccount, GatewaySession, ImpersonationTicket};
use super::encryption_type::AcceptedEncryption;
use super::error::DelegationError;
use super::keytab::Keytab;
use super::negotiation::KerberosNegotiation;
use super::principal::{ServiceName, UserPrincipal};
use std::fmt;
use std::time::{Duration, Instant};

/// The maximum length of a token, in base64, that leaves room for other headers in the 16 KB that http.sys accepts by
/// default (MaxFieldLength, MaxRequestBytes).
const LONG_TOKEN: usize = 12 * 1024;

/// The result of one step of a delegation.
#[derive(Clone, Debug)]
pub struct DelegationFinding {
    /// The step.
    pub step: DelegationStep,
    /// Its result.
    pub outcome: FindingOutcome,
}

/// The outcome of a step.
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
    /// The step failed, and the following ones were not tried. [`DelegationError::hint`] returns the setting to change.
    Failed(DelegationError),
}

/// The steps of a delegation, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum DelegationStep {
    /// The names of the account and the service are parsed.
    Names,
    /// The requests are started.
    Requests,
    /// The keytab is read.
    Keytab,
    /// The gateway logs in.
    Login,
    /// S4U2Self: a ticket to the gateway is obtained in the name of the user.
    Impersonation,
    /// S4U2Proxy: a ticket to the service is obtained in the name of the user.
    Delegation,
    /// The encryption types are checked.
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
        self.take(DelegationStep::Keytab, account.read_keytab(), keytab_outcome)?;
        let session = self
            .take(DelegationStep::Login, account.session(Instant::now()), |session| login_outcome(session))?;
        let of_user = |impersonated: &_| impersonation_outcome(session, user, impersonated);
        let impersonated = self.take(DelegationStep::Impersonation, session.impersonate(user), of_user)?;
        let of_service = |delegation: &_| delegation_outcome(service, delegation);
        let delegation =
            self.take(DelegationStep::Delegation, session.delegate(&impersonated, service), of_service)?;
        let checked = delegation.encryption.check(accepted).map_err(DelegationError::EncryptionType);
        self.take(DelegationStep::Encryption, checked, |found| {
            FindingOutcome::Passed(format!("ticket: {}, session key: {}", found.ticket, found.session))
        })?;
        self.take(
            DelegationStep::Token,
            KerberosNegotiation::begin(&delegation, accepted),
            created_token_outcome,
        )?;
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

fn keytab_outcome(keytab: &Keytab) -> FindingOutcome {
    let keys = keytab.entries().iter();
    let keys = keys.map(|key| format!("{} (version {}, {})", key.principal, key.version, key.encryption));
    FindingOutcome::Passed(format!("keys: {}", keys.collect::<Vec<_>>().join(", ")))
}

fn login_outcome(session: &GatewaySession) -> FindingOutcome {
    FindingOutcome::Passed(format!(
        "as {}, valid for {}",
        session.principal(),
        format_lifetime(session.lifetime())
    ))
}

fn impersonation_outcome(
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

fn delegation_outcome(service: &ServiceName, delegation: &DelegatedTicket) -> FindingOutcome {
    FindingOutcome::Passed(format!("for {service}, valid for {}", format_lifetime(delegation.lifetime)))
}

fn created_token_outcome(negotiation: &KerberosNegotiation) -> FindingOutcome {
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

/// Returns the lifetime rounded to minutes. Otherwise a lifetime of `10h` would be displayed as `9h 59m 59s`, because
/// some time passes between issue and display.
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
