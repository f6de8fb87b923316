//! Asks each server what an administrator wants to know before relying on it. Gives sentences.

use super::connection::Search;
use super::error::DirectoryError;
use super::failure::Failure;
use super::filter::Filter;
use super::replicas::{Replicas, Session};
use super::settings::{DirectorySettings, Schema};
use super::tree::Directory;
use crate::clock::{Clock, UnixTime};
use ldap3::Scope;

/// What one server says of itself, or why it says nothing.
pub(super) type Finding = (String, Result<Vec<String>, DirectoryError>);

/// The findings of each server, the global catalogue's last.
pub(super) async fn examine(directory: &Directory, clock: &Clock) -> Vec<Finding> {
    let mut findings =
        of_servers(directory, &directory.servers, "directory", &directory.settings.base, clock).await;
    if let Some(catalogue) = &directory.catalogue {
        findings.extend(of_servers(directory, catalogue, "global catalogue", "", clock).await);
    }
    findings
}

async fn of_servers(
    directory: &Directory,
    servers: &Replicas,
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
) -> Result<Vec<String>, Failure> {
    let mut facts = vec![format!("binds as {}", settings.bind_dn)];
    let ask = |base: &str, scope, filter, attribute: &str| {
        let attributes = vec![attribute.to_owned()];
        session
            .search(Search { base: base.to_owned(), scope, filter, attributes, limit: 1 }, &settings.limits)
    };
    if !base.is_empty() {
        ask(base, Scope::Base, Filter::has("objectClass"), "1.1").await?;
        facts.push(format!("has the base {base}"));
    }
    if settings.schema != Schema::ActiveDirectory || base.is_empty() {
        return Ok(facts);
    }
    let domains = &session.domains;
    if let Some(domain) = domains.of(&domains.own) {
        facts.push(format!("is of the domain {} ({})", domain.dns, domain.netbios));
    }
    if let Some(time) = domains.time {
        facts.push(clock_difference(time, now));
    }
    let own = ask(&domains.own, Scope::Base, Filter::has("objectClass"), "lockoutThreshold").await?;
    let threshold: Option<u32> =
        own.entries.first().map(|entry| entry.number("lockoutThreshold")).transpose()?.flatten();
    facts.push(match threshold {
        None => "does not tell after how many wrong passwords it locks an account".to_owned(),
        Some(0) => "never locks an account, however many wrong passwords are tried".to_owned(),
        Some(count) => format!(
            "locks an account after {count} wrong passwords, unless a policy of its own says otherwise"
        ),
    });
    let mapped = ask(base, Scope::Subtree, Filter::has("altSecurityIdentities"), "1.1").await?;
    facts.push(match mapped.entries.as_slice() {
        [] => {
            "shows no account with altSecurityIdentities: there is none, or they may not be read".to_owned()
        }
        [_, ..] => "shows altSecurityIdentities".to_owned(),
    });
    Ok(facts)
}

fn clock_difference(theirs: UnixTime, ours: UnixTime) -> String {
    let (behind, ahead) = (ours.since(theirs).as_secs(), theirs.since(ours).as_secs());
    match (behind, ahead) {
        (0..=1, 0..=1) => "has the same time".to_owned(),
        (0, ahead) => format!("has a clock that is {ahead} s ahead"),
        (behind, _) => format!("has a clock that is {behind} s behind"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_clocks_is_told_in_seconds() {
        let at = UnixTime::from_seconds;
        assert_eq!(clock_difference(at(100), at(101)), "has the same time");
        assert_eq!(clock_difference(at(100), at(400)), "has a clock that is 300 s behind");
        assert_eq!(clock_difference(at(400), at(100)), "has a clock that is 300 s ahead");
    }
}
