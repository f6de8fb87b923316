//! Asks each server what an administrator wants to know before relying on it. Gives facts.

use super::configured_directory::ConfiguredDirectory;
use super::connection::Search;
use super::error::DirectoryError;
use super::fact::ServerFact;
use super::failure::Failure;
use super::filter::SearchFilter;
use super::replicas::{ReplicaSet, Session};
use super::settings::{AccountSchema, DirectorySettings};
use crate::clock::{Clock, UnixTime};
use ldap3::Scope;
use std::time::Duration;

/// What one server says of itself, or why it says nothing.
pub(super) type Finding = (String, Result<Vec<ServerFact>, DirectoryError>);

/// The findings of each server, the global catalogue's last.
pub(super) async fn examine(directory: &ConfiguredDirectory, clock: &Clock) -> Vec<Finding> {
    let mut findings =
        of_servers(directory, &directory.servers, "directory", &directory.settings.base, clock).await;
    if let Some(catalogue) = &directory.catalogue {
        findings.extend(of_servers(directory, catalogue, "global catalogue", "", clock).await);
    }
    findings
}

async fn of_servers(
    directory: &ConfiguredDirectory,
    servers: &ReplicaSet,
    kind: &str,
    base: &str,
    clock: &Clock,
) -> Vec<Finding> {
    let settings = &directory.settings;
    let mut findings = Vec::new();
    for (server, session) in servers.each().await {
        let facts = match session {
            Ok(session) => facts(&session, settings, base, clock.now())
                .await
                .map_err(|failure| failure.at(&settings.name, &server)),
            Err(error) => Err(error),
        };
        findings.push((format!("{kind} {} at {server}", settings.name), facts));
    }
    findings
}

async fn facts(
    session: &Session,
    settings: &DirectorySettings,
    base: &str,
    now: UnixTime,
) -> Result<Vec<ServerFact>, Failure> {
    let mut facts = vec![ServerFact::BindsAs(settings.bind_dn.clone())];
    let ask = |base: &str, scope, filter, attribute: &str| {
        let attributes = vec![attribute.to_owned()];
        session
            .search(Search { base: base.to_owned(), scope, filter, attributes, limit: 1 }, &settings.limits)
    };
    if !base.is_empty() {
        ask(base, Scope::Base, SearchFilter::has("objectClass"), "1.1").await?;
        facts.push(ServerFact::HasBase(base.to_owned()));
    }
    if settings.schema != AccountSchema::ActiveDirectory || base.is_empty() {
        return Ok(facts);
    }
    let domains = &session.domains;
    if let Some(domain) = domains.of(&domains.own) {
        facts.push(ServerFact::OfDomain { dns: domain.dns.to_string(), netbios: domain.netbios.to_string() });
    }
    if let Some(time) = domains.time {
        facts.push(ServerFact::ClockAhead(ahead(time, now)));
    }
    let own = ask(&domains.own, Scope::Base, SearchFilter::has("objectClass"), "lockoutThreshold").await?;
    let threshold: Option<u32> =
        own.entries.first().map(|entry| entry.number("lockoutThreshold")).transpose()?.flatten();
    facts.push(ServerFact::LocksAfter(threshold));
    let mapped = ask(base, Scope::Subtree, SearchFilter::has("altSecurityIdentities"), "1.1").await?;
    facts.push(ServerFact::ShowsAltSecurityIdentities(!mapped.entries.is_empty()));
    Ok(facts)
}

/// In seconds.
fn ahead(theirs: UnixTime, ours: UnixTime) -> i64 {
    let seconds = |span: Duration| i64::try_from(span.as_secs()).unwrap_or(i64::MAX);
    seconds(theirs.since(ours)) - seconds(ours.since(theirs))
}
