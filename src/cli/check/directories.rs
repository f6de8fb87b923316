//! Online checks of the directories: every server of every realm.

use super::progress::CheckProgress;
use super::report::OnlineFinding;
use crate::directory::{DirectoryError, ServerFact, UnavailableReason};
use crate::ldap::{ConnectionError, LdapRefusal};
use crate::policy::PasswordRule;
use crate::proxy::Snapshot;
use crate::site::Realm;
use crate::telemetry::display_chain;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// The time limit for all servers of one realm. Each server has shorter limits of its own.
const LIMIT: Duration = Duration::from_secs(120);

/// The clock skew at which Kerberos rejects tickets, in seconds (RFC 4120 1.6; five minutes in Active Directory).
const KERBEROS_SKEW: u64 = 300;

/// The result code noSuchObject (RFC 4511 A.1).
const NO_SUCH_OBJECT: u32 = 32;

/// Checks every server of every directory, and returns the findings.
pub(super) async fn check(snapshot: &Snapshot, progress: CheckProgress) -> Vec<OnlineFinding> {
    let mut findings = Vec::new();
    for realm in realms(snapshot).values() {
        let Some(directory) = &realm.directory else { continue };
        let component = format!("realm {}", realm.name);
        let attempts =
            verifies_passwords(snapshot, realm).then(|| realm.passwords.login_throttle.limits().per_account);
        progress.checking(&component);
        match timeout(LIMIT, directory.diagnose()).await {
            Ok(servers) => {
                for (server, facts) in servers {
                    findings.extend(server_findings(&format!("{component}, {server}"), facts, attempts));
                }
            }
            Err(_) => {
                let detail = format!("no response within {LIMIT:?}");
                let finding = OnlineFinding::passed(&component, "directory", detail);
                findings.push(finding.failed(&["check that no firewall drops packets from the gateway"]));
            }
        }
    }
    findings
}

/// Returns the realms that sites refer to, each once.
fn realms(snapshot: &Snapshot) -> BTreeMap<&str, &Arc<Realm>> {
    let listeners = snapshot.sites.tls.values();
    let sites = listeners.flat_map(|listener| &listener.sites);
    sites.filter_map(|site| site.realm.as_ref()).map(|realm| (&*realm.name, realm)).collect()
}

/// Returns whether a path rule verifies passwords with the directory of the realm.
fn verifies_passwords(snapshot: &Snapshot, realm: &Arc<Realm>) -> bool {
    let sites = snapshot.sites.tls.values().flat_map(|listener| &listener.sites);
    let mut sites = sites.filter(|site| site.realm.as_ref().is_some_and(|one| Arc::ptr_eq(one, realm)));
    sites.any(|site| site.paths.rules().any(|(_, path)| path.rule.password == PasswordRule::Directory))
}

/// Returns the findings for one server. `attempts` is the number of failed passwords that the gateway permits per account,
/// if the realm verifies passwords.
fn server_findings(
    component: &str,
    facts: Result<Vec<ServerFact>, DirectoryError>,
    attempts: Option<u32>,
) -> Vec<OnlineFinding> {
    match facts {
        Ok(facts) => facts.iter().map(|fact| fact_finding(component, fact, attempts)).collect(),
        Err(error) => {
            let finding = OnlineFinding::passed(component, "directory", display_chain(&error));
            vec![finding.failed(&[fix(&error)])]
        }
    }
}

fn fact_finding(component: &str, fact: &ServerFact, attempts: Option<u32>) -> OnlineFinding {
    let finding = OnlineFinding::passed(component, check_name(fact), fact.to_string());
    match fact {
        ServerFact::ClockAhead(ahead) if ahead.unsigned_abs() >= KERBEROS_SKEW => finding.warning(
            "synchronize both clocks with one time server: Kerberos rejects tickets if they differ by five minutes or more",
        ),
        ServerFact::LocksAfter(Some(failures @ 1..)) if attempts.is_some_and(|attempts| *failures <= attempts) => {
            finding.warning(
                "set `passwords.max_failures_per_account` of the realm below that number: otherwise a client that guesses \
                 passwords can lock accounts",
            )
        }
        ServerFact::BindsAs(_)
        | ServerFact::HasBase(_)
        | ServerFact::OfDomain { .. }
        | ServerFact::ClockAhead(_)
        | ServerFact::LocksAfter(_)
        | ServerFact::ReturnsAltSecurityIdentities(_) => finding,
    }
}

const fn check_name(fact: &ServerFact) -> &'static str {
    match fact {
        ServerFact::BindsAs(_) => "account",
        ServerFact::HasBase(_) => "base",
        ServerFact::OfDomain { .. } => "domain",
        ServerFact::ClockAhead(_) => "clock",
        ServerFact::LocksAfter(_) => "account lockout",
        ServerFact::ReturnsAltSecurityIdentities(_) => "altSecurityIdentities",
    }
}

fn fix(error: &DirectoryError) -> &'static str {
    match error {
        DirectoryError::Unavailable { source, .. } => match source {
            UnavailableReason::NoServer => "add a server to the directory's `url`",
            UnavailableReason::Connection(ConnectionError::Resolve(_)) => {
                "correct the name of the server, or add it to the DNS that this machine uses"
            }
            UnavailableReason::Connection(ConnectionError::Connect(_)) => {
                "check that the server is running, and that no firewall rejects connections from the gateway"
            }
            UnavailableReason::Connection(ConnectionError::Tls(_)) => {
                "add the CA of the server's certificate to `ca`, and write a name from that certificate in `url`"
            }
            UnavailableReason::Connection(ConnectionError::StartTls(_)) => {
                "install a certificate on the server, or write an ldaps:// URL"
            }
            UnavailableReason::Connection(ConnectionError::ServerBusy(_)) => {
                "check the load of the server, or wait until it has started"
            }
            UnavailableReason::Connection(ConnectionError::Io(_) | ConnectionError::Closed)
            | UnavailableReason::Backoff { .. } => {
                "check the log of the server: the server or a device on the network closes connections"
            }
        },
        DirectoryError::Timeout { .. } | DirectoryError::Busy { .. } => {
            "check the load of the server, and that no firewall drops packets from the gateway"
        }
        DirectoryError::Protocol { .. } => "check that the server supports LDAP on this port",
        DirectoryError::Refused { source: LdapRefusal::Result { code: NO_SUCH_OBJECT, .. }, .. } => {
            "correct `base_dn`, or permit the gateway's account to read it"
        }
        DirectoryError::Refused { source: LdapRefusal::Result { .. }, .. } => {
            "correct `bind_dn` and the password file, and check that the account is neither disabled nor locked"
        }
        DirectoryError::Refused { source: LdapRefusal::UnreadableAttribute(_), .. } => {
            "permit the gateway's account to read this attribute of every account"
        }
        DirectoryError::NotCovered { .. } => "add the directory of that domain to the realm",
        DirectoryError::UnsendablePassword(_)
        | DirectoryError::UnusableLookupKeys(_)
        | DirectoryError::NoRuntime(_)
        | DirectoryError::Cancelled => {
            "try again; if the error persists, check the system log of this machine"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::check::report::CheckResult;

    #[test]
    fn a_clock_skew_that_kerberos_rejects_is_a_warning() {
        for (ahead, result) in [
            (0, CheckResult::Passed),
            (-299, CheckResult::Passed),
            (300, CheckResult::Warning),
            (-300, CheckResult::Warning),
        ] {
            assert_eq!(fact_finding("x", &ServerFact::ClockAhead(ahead), None).result, result, "{ahead}");
        }
    }

    #[test]
    fn a_number_of_permitted_failures_that_can_lock_an_account_is_a_warning_if_passwords_are_verified() {
        let result =
            |failures, attempts| fact_finding("x", &ServerFact::LocksAfter(failures), attempts).result;
        assert_eq!(result(Some(3), Some(3)), CheckResult::Warning);
        for (failures, attempts) in [(Some(4), Some(3)), (Some(0), Some(3)), (None, Some(3)), (Some(3), None)]
        {
            assert_eq!(result(failures, attempts), CheckResult::Passed, "{failures:?} {attempts:?}");
        }
    }
}
