//! How people and groups look in a directory whose attributes the administrator names: takes names, gives filters; takes
//! entries, gives people. Asks nobody.

use super::account::DirectoryAccount;
use super::account::DirectoryGroup;
use super::account_status::AccountStatus;
use super::connection::Search;
use super::distinguished_name::{first_value, is_within};
use super::entry::{Entry, wrong};
use super::error::Nonsense;
use super::filter::{AttributeName, SearchFilter};
use super::generalized_time::generalized_time;
use super::login_name::LoginName;
use super::lookup_keys::{LookupKeys, can_be_somebodys};
use super::settings::{GenericGroups, GenericSchema};
use ldap3::Scope;
use std::sync::Arc;

/// Kept by the directory itself (RFC 4512 3.4.2).
const CREATED: &str = "createTimestamp";
/// More groups than anybody is in.
const MAXIMUM_GROUPS: u16 = 1000;

/// Whoever any of the names fits. `None` where no name is left to ask by: nobody here has a security identifier.
pub(super) fn by_names(schema: &GenericSchema, names: &LookupKeys) -> Option<SearchFilter> {
    let mut any = Vec::new();
    let mut ask = |attribute: Option<&AttributeName>, values: &[String]| {
        if let Some(attribute) = attribute {
            let filled = values.iter().filter(|value| can_be_somebodys(value));
            any.extend(filled.map(|value| SearchFilter::equals(attribute.as_str(), value)));
        }
    };
    ask(schema.upn.as_ref(), &names.upns);
    ask(schema.mail.as_ref(), &names.emails);
    ask(schema.alt_security_identities.as_ref(), &names.alt_security_identities);
    ask(Some(&schema.user_name), &names.account_names);
    let others = names.attributes.iter().filter(|(_, value)| can_be_somebodys(value));
    any.extend(others.map(|(attribute, value)| SearchFilter::equals(attribute, value)));
    SearchFilter::any(any).map(|any| SearchFilter::all([schema.people.clone(), any]))
}

/// Whoever logs in by this name. `None` where it is a name of another directory.
pub(super) fn by_login(schema: &GenericSchema, directory: &str, login: &LoginName) -> Option<SearchFilter> {
    let (attribute, value) = match login {
        LoginName::Upn(upn) => (schema.upn.as_ref()?, upn),
        LoginName::DomainAndName { domain, name } if domain.eq_ignore_ascii_case(directory) => {
            (&schema.user_name, name)
        }
        LoginName::DomainAndName { .. } => return None,
        LoginName::Name(name) => (&schema.user_name, name),
    };
    Some(SearchFilter::all([schema.people.clone(), SearchFilter::equals(attribute.as_str(), value)]))
}

/// A search for people, with all that is read of them.
pub(super) fn find(
    schema: &GenericSchema,
    base: &str,
    filter: SearchFilter,
    asked: &[AttributeName],
    limit: u16,
) -> Search {
    let own = [schema.upn.as_ref(), schema.mail.as_ref(), schema.alt_security_identities.as_ref()];
    let status = [schema.disabled.as_ref().map(|(name, _)| name), schema.expires.as_ref()];
    let groups = match &schema.groups {
        GenericGroups::MemberOf { attribute, .. } => Some(attribute),
        GenericGroups::None | GenericGroups::Search { .. } => None,
    };
    let names = own.into_iter().chain(status).chain([groups, Some(&schema.user_name)]).flatten();
    let names = names.chain(asked).map(AttributeName::as_str).chain([CREATED]);
    let attributes = names.map(str::to_owned).collect();
    Search { base: base.to_owned(), scope: Scope::Subtree, filter, attributes, limit }
}

/// Reads a person. The groups are those that stand in the entry itself.
pub(super) fn read(
    schema: &GenericSchema,
    directory: &Arc<str>,
    entry: &Entry,
    asked: &[AttributeName],
) -> Result<DirectoryAccount, Nonsense> {
    let texts = |attribute: Option<&AttributeName>| {
        attribute.map(|attribute| entry.texts(attribute.as_str())).unwrap_or_default()
    };
    let created = entry.text(CREATED)?;
    let created = created.map(|time| generalized_time(time).ok_or(wrong(CREATED, "it is no time")));
    Ok(DirectoryAccount {
        dn: entry.dn.clone(),
        directory: Arc::clone(directory),
        upn: texts(schema.upn.as_ref()).into_iter().next(),
        account_name: texts(Some(&schema.user_name)).into_iter().next(),
        netbios_domain: None,
        dns_domain: None,
        sid: None,
        emails: texts(schema.mail.as_ref()),
        alt_security_identities: texts(schema.alt_security_identities.as_ref()),
        attributes: asked
            .iter()
            .map(|name| (name.as_str().to_lowercase(), entry.texts(name.as_str())))
            .collect(),
        created: created.transpose()?,
        status: status(schema, entry)?,
        groups: groups(schema, entry)?,
    })
}

/// A time that cannot be read counts against the person.
fn status(schema: &GenericSchema, entry: &Entry) -> Result<AccountStatus, Nonsense> {
    let disabled = schema.disabled.as_ref().is_some_and(|(attribute, off)| {
        entry.texts(attribute.as_str()).iter().any(|value| value.to_lowercase() == off.to_lowercase())
    });
    let times = schema.expires.as_ref().map(|attribute| entry.texts(attribute.as_str())).unwrap_or_default();
    let times = times.iter().map(|time| generalized_time(time).ok_or(wrong("expiry", "it is no time")));
    let expires = times.collect::<Result<Vec<_>, _>>()?.into_iter().min();
    Ok(AccountStatus { disabled, expires, ..AccountStatus::default() })
}

fn groups(schema: &GenericSchema, entry: &Entry) -> Result<Vec<DirectoryGroup>, Nonsense> {
    let GenericGroups::MemberOf { attribute, base } = &schema.groups else { return Ok(Vec::new()) };
    let values = entry.values_of(attribute.as_str());
    values.ok_or(wrong("group list", "it has more values than the directory gives at once"))?;
    let names = entry.texts(attribute.as_str()).into_iter().filter(|dn| is_within(dn, base));
    let mut groups: Vec<DirectoryGroup> =
        names.filter_map(|dn| first_value(&dn)).map(|name| DirectoryGroup { name, sid: None }).collect();
    groups.sort();
    groups.dedup();
    Ok(groups)
}

/// A search for the groups that have any of these members. `None` where groups are not searched for.
pub(super) fn find_groups(schema: &GenericSchema, members: &[String]) -> Option<Search> {
    let GenericGroups::Search { base, member, name } = &schema.groups else { return None };
    let filter = SearchFilter::any(members.iter().map(|dn| SearchFilter::equals(member.as_str(), dn)))?;
    let attributes = vec![name.as_str().to_owned()];
    Some(Search { base: base.clone(), scope: Scope::Subtree, filter, attributes, limit: MAXIMUM_GROUPS })
}

/// The groups that a search found. All names that one has are its names.
pub(super) fn read_groups(schema: &GenericSchema, entry: &Entry) -> Vec<DirectoryGroup> {
    let GenericGroups::Search { name, .. } = &schema.groups else { return Vec::new() };
    entry.texts(name.as_str()).into_iter().map(|name| DirectoryGroup { name, sid: None }).collect()
}

#[cfg(test)]
mod tests;
