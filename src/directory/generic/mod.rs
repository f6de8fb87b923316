//! Search filters for accounts and groups of a directory with a configured schema, and the decoding of their
//! attributes.

use super::account::{AccountStatus, DirectoryAccount, DirectoryGroup};
use super::login_name::LoginName;
use super::lookup_keys::{LookupKeys, is_searchable};
use super::settings::{GenericGroups, GenericSchema};
use crate::ldap::{
    AttributeName, LdapEntry, ProtocolError, SearchFilter, SearchRequest, SearchScope, first_rdn_value,
    generalized_time, invalid_attribute, is_within,
};
use std::sync::Arc;

/// The time of creation, which the directory itself maintains (RFC 4512 3.4.2).
const CREATED: &str = "createTimestamp";
/// The maximum number of groups in one search, more than any account has.
const MAXIMUM_GROUPS: u16 = 1000;

/// Returns a filter that matches accounts with any of the keys; `None` if no key can be searched for. Security
/// identifiers cannot.
pub(super) fn keys_filter(schema: &GenericSchema, keys: &LookupKeys) -> Option<SearchFilter> {
    let mut any = Vec::new();
    let mut add = |attribute: Option<&AttributeName>, values: &[String]| {
        if let Some(attribute) = attribute {
            let usable = values.iter().filter(|value| is_searchable(value));
            any.extend(usable.map(|value| SearchFilter::equals(attribute.as_str(), value)));
        }
    };
    add(schema.upn.as_ref(), &keys.upns);
    add(schema.mail.as_ref(), &keys.emails);
    add(schema.alt_security_identities.as_ref(), &keys.alt_security_identities);
    add(Some(&schema.user_name), &keys.account_names);
    let others = keys.attributes.iter().filter(|(_, value)| is_searchable(value));
    any.extend(others.map(|(attribute, value)| SearchFilter::equals(attribute, value)));
    SearchFilter::any(any).map(|any| SearchFilter::all([schema.people.clone(), any]))
}

/// Returns a filter that matches the accounts of a login name; `None` if the name belongs to another directory.
pub(super) fn login_filter(
    schema: &GenericSchema,
    directory: &str,
    login: &LoginName,
) -> Option<SearchFilter> {
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

/// Returns a search for accounts with their attributes.
pub(super) fn find(
    schema: &GenericSchema,
    base: &str,
    filter: SearchFilter,
    more: &[AttributeName],
    size_limit: u16,
) -> SearchRequest {
    let own = [schema.upn.as_ref(), schema.mail.as_ref(), schema.alt_security_identities.as_ref()];
    let status = [schema.disabled.as_ref().map(|(name, _)| name), schema.expires.as_ref()];
    let groups = match &schema.groups {
        GenericGroups::MemberOf { attribute, .. } => Some(attribute),
        GenericGroups::None | GenericGroups::Search { .. } => None,
    };
    let names = own.into_iter().chain(status).chain([groups, Some(&schema.user_name)]).flatten();
    let names = names.chain(more).map(AttributeName::as_str).chain([CREATED]);
    let attributes = names.map(str::to_owned).collect();
    SearchRequest { base: base.to_owned(), scope: SearchScope::Subtree, filter, attributes, size_limit }
}

/// Reads an account with the groups that its entry lists.
pub(super) fn read_account(
    schema: &GenericSchema,
    directory: &Arc<str>,
    entry: &LdapEntry,
    more: &[AttributeName],
) -> Result<DirectoryAccount, ProtocolError> {
    let texts = |attribute: Option<&AttributeName>| {
        attribute.map(|attribute| entry.texts(attribute.as_str())).unwrap_or_default()
    };
    let created = entry.text(CREATED)?;
    let created =
        created.map(|time| generalized_time(time).ok_or(invalid_attribute(CREATED, "it is not a time")));
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
        attributes: more
            .iter()
            .map(|name| (name.as_str().to_lowercase(), entry.texts(name.as_str())))
            .collect(),
        created: created.transpose()?,
        status: status(schema, entry)?,
        groups: listed_groups(schema, entry)?,
    })
}

/// Returns a search for the groups that have any of these members; `None` if groups are not read by searches.
pub(super) fn find_groups(schema: &GenericSchema, members: &[String]) -> Option<SearchRequest> {
    let GenericGroups::Search { base, member, name } = &schema.groups else { return None };
    let filter = SearchFilter::any(members.iter().map(|dn| SearchFilter::equals(member.as_str(), dn)))?;
    let attributes = vec![name.as_str().to_owned()];
    let scope = SearchScope::Subtree;
    Some(SearchRequest { base: base.clone(), scope, filter, attributes, size_limit: MAXIMUM_GROUPS })
}

/// Reads a group from a search result: one group for each of its names.
pub(super) fn read_groups(schema: &GenericSchema, entry: &LdapEntry) -> Vec<DirectoryGroup> {
    let GenericGroups::Search { name, .. } = &schema.groups else { return Vec::new() };
    entry.texts(name.as_str()).into_iter().map(|name| DirectoryGroup { name, sid: None }).collect()
}

/// Reads the status. An expiry that is not a time is an error, since the account may have expired.
fn status(schema: &GenericSchema, entry: &LdapEntry) -> Result<AccountStatus, ProtocolError> {
    let disabled = schema.disabled.as_ref().is_some_and(|(attribute, disabled)| {
        entry.texts(attribute.as_str()).iter().any(|value| value.to_lowercase() == disabled.to_lowercase())
    });
    let times = schema.expires.as_ref().map(|attribute| entry.texts(attribute.as_str())).unwrap_or_default();
    let times = times
        .iter()
        .map(|time| generalized_time(time).ok_or(invalid_attribute("expiry", "it is not a time")));
    let expires = times.collect::<Result<Vec<_>, _>>()?.into_iter().min();
    Ok(AccountStatus { disabled, expires, ..AccountStatus::default() })
}

fn listed_groups(schema: &GenericSchema, entry: &LdapEntry) -> Result<Vec<DirectoryGroup>, ProtocolError> {
    let GenericGroups::MemberOf { attribute, base } = &schema.groups else { return Ok(Vec::new()) };
    if entry.complete_values(attribute.as_str()).is_none() {
        return Err(invalid_attribute("group list", "the server returned only some of its values"));
    }
    let dns = entry.texts(attribute.as_str()).into_iter().filter(|dn| is_within(dn, base));
    let names = dns.filter_map(|dn| first_rdn_value(&dn));
    let mut groups: Vec<DirectoryGroup> = names.map(|name| DirectoryGroup { name, sid: None }).collect();
    groups.sort();
    groups.dedup();
    Ok(groups)
}

#[cfg(test)]
mod tests;
