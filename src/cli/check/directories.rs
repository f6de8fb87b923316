//! Asks the servers of each realm's directories, and says what came of it.

use super::Progress;
use super::report::{Finding, Verdict};
use crate::directory::{DirectoryError, Refusal, ServerFact, Unreachable};
use crate::policy::PasswordRule;
use crate::proxy::Snapshot;
use crate::site::Realm;
use crate::telemetry::display_chain;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// For all servers of one realm, each of which has limits of its own.
const LIMIT: Duration = Duration::from_secs(120);

/// The difference of clocks from which on Kerberos takes no ticket (RFC 4120 1.6; in Active Directory five minutes).
const KERBEROS_SKEW: u64 = 300;

/// What each server says.
pub(super) async fn examine(snapshot: &Snapshot, progress: Progress) -> Vec<Finding> {
    let mut findings = Vec::new();
    for realm in realms(snapshot).values() {
        let Some(directory) = &realm.directory else { continue };
        let about = format!("realm {}", realm.name);
        let attempts =
            takes_passwords(snapshot, realm).then(|| realm.passwords.attempts.limits().per_account);
        progress.asking(&about);
        match timeout(LIMIT, directory.examine()).await {
            Ok(servers) => {
                for (server, told) in servers {
                    findings.extend(of_server(&format!("{about}, {server}"), told, attempts));
                }
            }
            Err(_) => {
                let late = Finding::works(&about, "directory", format!("nothing is heard within {LIMIT:?}"));
                findings.push(late.fails(&["see that no firewall drops what the gate sends"]));
            }
        }
    }
    findings
}

/// Those that sites use, each once.
fn realms(snapshot: &Snapshot) -> BTreeMap<&str, &Arc<Realm>> {
    let listeners = snapshot.sites.tls.values();
    let sites = listeners.flat_map(|listener| &listener.sites);
    sites.filter_map(|site| site.realm.as_ref()).map(|realm| (&*realm.name, realm)).collect()
}

/// Whether passwords are tried at the realm's directory.
fn takes_passwords(snapshot: &Snapshot, realm: &Arc<Realm>) -> bool {
    let sites = snapshot.sites.tls.values().flat_map(|listener| &listener.sites);
    let mut sites = sites.filter(|site| site.realm.as_ref().is_some_and(|one| Arc::ptr_eq(one, realm)));
    sites.any(|site| site.paths.rules().any(|(_, path)| path.rule.password == PasswordRule::Directory))
}

/// `attempts`: how often an account's password may be tried, where it may.
fn of_server(
    about: &str,
    told: Result<Vec<ServerFact>, DirectoryError>,
    attempts: Option<u32>,
) -> Vec<Finding> {
    match told {
        Ok(facts) => facts.iter().map(|fact| of_fact(about, fact, attempts)).collect(),
        Err(error) => {
            vec![Finding::works(about, "directory", display_chain(&error)).fails(&[mend(&error)])]
        }
    }
}

fn of_fact(about: &str, fact: &ServerFact, attempts: Option<u32>) -> Finding {
    let finding = Finding::works(about, what(fact), fact.to_string());
    match fact {
        ServerFact::ClockAhead(ahead) if ahead.unsigned_abs() >= KERBEROS_SKEW => finding.but(
            Verdict::Doubtful,
            "set both clocks by one time server: Kerberos takes no ticket above five minutes of difference",
        ),
        ServerFact::LocksAfter(Some(failures @ 1..)) if attempts.is_some_and(|attempts| *failures <= attempts) => {
            finding.but(
                Verdict::Doubtful,
                "set the realm's `passwords.per_account` below that: else whoever guesses at the gate locks accounts",
            )
        }
        ServerFact::BindsAs(_)
        | ServerFact::HasBase(_)
        | ServerFact::OfDomain { .. }
        | ServerFact::ClockAhead(_)
        | ServerFact::LocksAfter(_)
        | ServerFact::ShowsAltSecurityIdentities(_) => finding,
    }
}

const fn what(fact: &ServerFact) -> &'static str {
    match fact {
        ServerFact::BindsAs(_) => "account",
        ServerFact::HasBase(_) => "base",
        ServerFact::OfDomain { .. } => "domain",
        ServerFact::ClockAhead(_) => "clock",
        ServerFact::LocksAfter(_) => "lock-out",
        ServerFact::ShowsAltSecurityIdentities(_) => "altSecurityIdentities",
    }
}

/// What an administrator does about it.
fn mend(error: &DirectoryError) -> &'static str {
    match error {
        DirectoryError::Unavailable { source, .. } => match source {
            Unreachable::NoServer => "name a server in the directory's `url`",
            Unreachable::Resolve(_) => "correct the server's name, or see that the gate's resolver knows it",
            Unreachable::Connect(_) => "see that it runs, and that no firewall is between it and the gate",
            Unreachable::Tls(_) => {
                "name the authority of its certificate in `ca`, and the server by a name in it"
            }
            Unreachable::StartTls(_) => "give it a certificate, or ask it over ldaps",
            Unreachable::Unwell(_) => "see what keeps it busy, or wait until it has started",
            Unreachable::Broken(_) | Unreachable::Closed | Unreachable::LeftAlone { .. } => {
                "look into its log: it, or something between, cuts connections"
            }
        },
        DirectoryError::Timeout { .. } | DirectoryError::Busy { .. } => {
            "see what keeps it busy, and that no firewall drops what the gate sends"
        }
        DirectoryError::Garbage { .. } => "see that it is a directory that speaks LDAP at this port",
        DirectoryError::Refused { source: Refusal::Result { code: NO_SUCH_OBJECT, .. }, .. } => {
            "correct `base_dn`, or let the gate's account see it"
        }
        DirectoryError::Refused { source: Refusal::Result { .. }, .. } => {
            "correct `bind_dn` and the password's file, and see that the account is neither disabled nor locked"
        }
        DirectoryError::Refused { source: Refusal::Unreadable(_), .. } => {
            "let the gate's account read this attribute of all accounts"
        }
        DirectoryError::NotCovered { .. } => "add the directory of that domain to the realm",
        DirectoryError::UnsendablePassword(_)
        | DirectoryError::UnusableLookupKeys(_)
        | DirectoryError::NoThread(_)
        | DirectoryError::Dropped => "try again; if it lasts, look at the machine's own log",
    }
}

/// RFC 4511 A.1.
const NO_SUCH_OBJECT: u32 = 32;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_that_kerberos_finds_too_far_apart_are_doubtful() {
        for (ahead, verdict) in
            [(0, Verdict::Works), (-299, Verdict::Works), (300, Verdict::Doubtful), (-300, Verdict::Doubtful)]
        {
            assert_eq!(of_fact("x", &ServerFact::ClockAhead(ahead), None).verdict, verdict, "{ahead}");
        }
    }

    #[test]
    fn attempts_that_can_lock_an_account_are_doubtful_where_passwords_are_tried() {
        let verdict = |failures, attempts| of_fact("x", &ServerFact::LocksAfter(failures), attempts).verdict;
        assert_eq!(verdict(Some(3), Some(3)), Verdict::Doubtful);
        for (failures, attempts) in [(Some(4), Some(3)), (Some(0), Some(3)), (None, Some(3)), (Some(3), None)]
        {
            assert_eq!(verdict(failures, attempts), Verdict::Works, "{failures:?} {attempts:?}");
        }
    }
}
