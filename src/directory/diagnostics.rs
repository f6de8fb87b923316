//! Diagnostics of directory servers for `check --online`: bind, base, domain, clock, lockout policy.

use super::configured_directory::ConfiguredDirectory;
use super::error::DirectoryError;
use super::replicas::{DirectorySession, ReplicaSet};
use super::settings::{AccountSchema, DirectorySettings};
use crate::clock::{Clock, UnixTime};
use crate::ldap::{LdapError, SearchFilter, SearchRequest, SearchScope};
use std::fmt;
use std::time::Duration;

/// The result of one server: its description, and its facts or the error.
pub(crate) type ServerDiagnosis = (String, Result<Vec<ServerFact>, DirectoryError>);

/// One fact about a server. Displayed as a phrase without its subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerFact {
    /// The bind with the gateway's account succeeds.
    BindsAs(String),
    /// The base exists.
    HasBase(String),
    /// The domain of the server.
    OfDomain {
        /// `corp.example`
        dns: String,
        /// `CORP`
        netbios: String,
    },
    /// The seconds by which the server's clock is ahead of the gateway's; negative if it is behind.
    ClockAhead(i64),
    /// The number of wrong passwords after which the domain locks an account: 0 for never, `None` if the number cannot
    /// be read. A fine-grained password policy may differ.
    LocksAfter(Option<u32>),
    /// Whether the gateway's account can read altSecurityIdentities of any account.
    ReturnsAltSecurityIdentities(bool),
}

/// Queries each server; servers of the global catalog last.
pub(super) async fn diagnose(directory: &ConfiguredDirectory, clock: &Clock) -> Vec<ServerDiagnosis> {
    let mut diagnoses =
        diagnose_servers(directory, &directory.servers, "directory", &directory.settings.base, clock).await;
    if let Some(global_catalog) = &directory.global_catalog {
        diagnoses.extend(diagnose_servers(directory, global_catalog, "global catalog", "", clock).await);
    }
    diagnoses
}

async fn diagnose_servers(
    directory: &ConfiguredDirectory,
    servers: &ReplicaSet,
    kind: &str,
    base: &str,
    clock: &Clock,
) -> Vec<ServerDiagnosis> {
    let settings = &directory.settings;
    let mut diagnoses = Vec::new();
    for (server, session) in servers.open_each().await {
        let facts = match session {
            Ok(session) => server_facts(&session, settings, base, clock.now())
                .await
                .map_err(|error| DirectoryError::at_server(error, &settings.name, &server)),
            Err(error) => Err(error),
        };
        diagnoses.push((format!("{kind} {} at {server}", settings.name), facts));
    }
    diagnoses
}

async fn server_facts(
    session: &DirectorySession,
    settings: &DirectorySettings,
    base: &str,
    now: UnixTime,
) -> Result<Vec<ServerFact>, LdapError> {
    let mut facts = vec![ServerFact::BindsAs(settings.bind_dn.clone())];
    let search = |base: &str, scope, present: &str, attribute: &str| {
        let (filter, attributes) = (SearchFilter::present(present), vec![attribute.to_owned()]);
        let request = SearchRequest { base: base.to_owned(), scope, filter, attributes, size_limit: 1 };
        session.search(request, &settings.limits)
    };
    if !base.is_empty() {
        search(base, SearchScope::Base, "objectClass", "1.1").await?;
        facts.push(ServerFact::HasBase(base.to_owned()));
    }
    if settings.schema != AccountSchema::ActiveDirectory || base.is_empty() {
        return Ok(facts);
    }
    let domains = &session.domains;
    if let Some(domain) = domains.of(&domains.own) {
        facts.push(ServerFact::OfDomain { dns: domain.dns.clone(), netbios: domain.netbios.clone() });
    }
    if let Some(time) = domains.time {
        facts.push(ServerFact::ClockAhead(seconds_ahead(time, now)));
    }
    let domain = search(&domains.own, SearchScope::Base, "objectClass", "lockoutThreshold").await?;
    let threshold: Option<u32> =
        domain.entries.first().map(|entry| entry.number("lockoutThreshold")).transpose()?.flatten();
    facts.push(ServerFact::LocksAfter(threshold));
    let mapped = search(base, SearchScope::Subtree, "altSecurityIdentities", "1.1").await?;
    facts.push(ServerFact::ReturnsAltSecurityIdentities(!mapped.entries.is_empty()));
    Ok(facts)
}

fn seconds_ahead(server: UnixTime, gateway: UnixTime) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    seconds(server.since(gateway)) - seconds(gateway.since(server))
}

impl fmt::Display for ServerFact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BindsAs(account) => write!(f, "binds as {account}"),
            Self::HasBase(base) => write!(f, "has the base {base}"),
            Self::OfDomain { dns, netbios } => write!(f, "serves the domain {dns} ({netbios})"),
            Self::ClockAhead(-1..=1) => f.write_str("clock agrees with the gateway's"),
            Self::ClockAhead(ahead @ 0..) => write!(f, "clock is {ahead} s ahead of the gateway's"),
            Self::ClockAhead(ahead) => write!(f, "clock is {} s behind the gateway's", ahead.unsigned_abs()),
            Self::LocksAfter(None) => {
                f.write_str("does not report after how many wrong passwords it locks an account")
            }
            Self::LocksAfter(Some(0)) => f.write_str("never locks an account after wrong passwords"),
            Self::LocksAfter(Some(count)) => write!(
                f,
                "locks an account after {count} wrong passwords, unless the account has a policy of its own"
            ),
            Self::ReturnsAltSecurityIdentities(true) => f.write_str("returns altSecurityIdentities"),
            Self::ReturnsAltSecurityIdentities(false) => f.write_str(
                "returns no account with altSecurityIdentities: none has any, or the bind account cannot read them",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_difference_is_displayed_in_seconds() {
        for (ahead, displayed) in [
            (0, "clock agrees with the gateway's"),
            (-1, "clock agrees with the gateway's"),
            (1, "clock agrees with the gateway's"),
            (300, "clock is 300 s ahead of the gateway's"),
            (-300, "clock is 300 s behind the gateway's"),
        ] {
            assert_eq!(ServerFact::ClockAhead(ahead).to_string(), displayed);
        }
    }
}
