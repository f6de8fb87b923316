//! Search filters for accounts and groups of Active Directory, and the decoding of their attributes.

use super::domains::{DomainName, DomainNames};
use crate::clock::UnixTime;
use crate::directory::account::{AccountStatus, DirectoryAccount, NotDelegated};
use crate::directory::login_name::LoginName;
use crate::directory::logon_hours::LogonHours;
use crate::directory::lookup_keys::{LookupKeys, is_searchable};
use crate::directory::sid::Sid;
use crate::ldap::{
    AttributeName, LdapEntry, LdapError, LdapOperation, LdapRefusal, ProtocolError, SearchFilter,
    SearchRequest, SearchScope, generalized_time, invalid_attribute,
};
use std::sync::Arc;

/// The attributes that are read from an account. The server computes msDS-User-Account-Control-Computed and tokenGroups
/// on request, the second for one entry at a time only ([MS-ADTS] 3.1.1.4.5.17 and 3.1.1.4.5.19).
const ATTRIBUTES: [&str; 12] = [
    "userPrincipalName",
    "sAMAccountName",
    "objectSid",
    "whenCreated",
    "userAccountControl",
    COMPUTED,
    "accountExpires",
    "logonHours",
    "mail",
    "proxyAddresses",
    "altSecurityIdentities",
    "tokenGroups",
];
const COMPUTED: &str = "msDS-User-Account-Control-Computed";

/// Bit of userAccountControl ([MS-ADTS] 2.2.16): an administrator disabled the account.
const DISABLED: u32 = 0x2;
/// Bit of userAccountControl: a user account. Other accounts belong to computers, other domains and services of the
/// domain.
const NORMAL_ACCOUNT: u32 = 0x200;
/// Bit of userAccountControl: "Account is sensitive and cannot be delegated".
const NOT_DELEGATED: u32 = 0x0010_0000;
/// The last part of the SID of Protected Users in each domain ([MS-DTYP] 2.4.2.4, PROTECTED_USERS).
const PROTECTED_USERS: u32 = 525;
/// Bit of msDS-User-Account-Control-Computed ([MS-ADTS] 3.1.1.4.5.17): locked at present. lockoutTime keeps its value
/// after the lockout has ended.
const LOCKED: u32 = 0x10;

/// The maximum number of entries that a server returns ([MS-ADTS] 3.1.1.3.4.6, MaxPageSize).
const MAXIMUM_GROUPS: u16 = 1000;

/// Seconds from 1601-01-01, the epoch of FILETIME, to 1970-01-01 ([MS-DTYP] 2.3.3).
const FILETIME_TO_UNIX: u64 = 11_644_473_600;
/// Ticks of FILETIME, of 100 ns each.
const TICKS_PER_SECOND: u64 = 10_000_000;
/// The value of accountExpires that means never, as 0 does ([MS-ADA1] 2.2).
const NEVER_EXPIRES: i64 = i64::MAX;

/// An account with the security identifiers of its groups, whose names are not read yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::directory) struct AccountWithGroupSids {
    pub(in crate::directory) account: DirectoryAccount,
    pub(in crate::directory) group_sids: Vec<Sid>,
}

/// Returns a filter that matches accounts with any of the keys; `None` if no key can be searched for.
pub(in crate::directory) fn keys_filter(keys: &LookupKeys) -> Option<SearchFilter> {
    let mut any: Vec<SearchFilter> =
        keys.sids.iter().map(|sid| SearchFilter::equals("objectSid", sid.to_bytes())).collect();
    let texts = |attribute: &'static str, values: &[String]| -> Vec<SearchFilter> {
        let usable = values.iter().filter(|value| is_searchable(value));
        usable.map(|value| SearchFilter::equals(attribute, value)).collect()
    };
    any.extend(texts("userPrincipalName", &keys.upns));
    any.extend(texts("mail", &keys.emails));
    let addresses = keys.emails.iter().filter(|email| is_searchable(email));
    any.extend(addresses.map(|email| SearchFilter::equals("proxyAddresses", format!("smtp:{email}"))));
    any.extend(texts("altSecurityIdentities", &keys.alt_security_identities));
    any.extend(texts("sAMAccountName", &keys.account_names));
    let others = keys.attributes.iter().filter(|(_, value)| is_searchable(value));
    any.extend(others.map(|(attribute, value)| SearchFilter::equals(attribute, value)));
    SearchFilter::any(any).map(people)
}

/// Returns a filter that matches the accounts of a login name in a directory whose domain is `own`; `None` if the name
/// belongs to another domain.
///
/// `alice@corp.example` is the account alice of the domain corp.example even if it is not its userPrincipalName, as for
/// domain controllers ([MS-ADTS] 5.1.1.1.1). If it is another account's userPrincipalName, two accounts match and both
/// are rejected.
pub(in crate::directory) fn login_filter(
    login: &LoginName,
    own: Option<&DomainName>,
) -> Option<SearchFilter> {
    let account_name = |name: &str| SearchFilter::equals("sAMAccountName", name);
    match login {
        LoginName::Upn(upn) => {
            let implicit =
                upn.rsplit_once('@').filter(|(_, suffix)| own.is_some_and(|own| own.is_named(suffix)));
            let implicit = implicit.map(|(name, _)| account_name(name));
            let explicit = SearchFilter::equals("userPrincipalName", upn);
            SearchFilter::any([explicit].into_iter().chain(implicit)).map(people)
        }
        LoginName::DomainAndName { domain, name } => {
            own.is_some_and(|own| own.is_named(domain)).then(|| people(account_name(name)))
        }
        LoginName::Name(name) => Some(people(account_name(name))),
    }
}

/// Returns whether an account belongs to the domain of a login name. Each domain of a forest may have an account of the
/// same name, and the global catalog finds all of them.
pub(in crate::directory) fn is_of_login_domain(login: &LoginName, account: &DirectoryAccount) -> bool {
    let is_of = |domain: &str| {
        let names = [&account.netbios_domain, &account.dns_domain];
        names.into_iter().flatten().any(|name| name.to_lowercase() == domain.to_lowercase())
    };
    match login {
        LoginName::Upn(upn) => {
            let explicit = account.upn.as_ref().is_some_and(|own| own.to_lowercase() == upn.to_lowercase());
            explicit || upn.rsplit_once('@').is_some_and(|(_, suffix)| is_of(suffix))
        }
        LoginName::DomainAndName { domain, .. } => is_of(domain),
        LoginName::Name(_) => true,
    }
}

/// Returns a search for the distinguished names of entries, without attributes.
pub(in crate::directory) fn find(base: &str, filter: SearchFilter, size_limit: u16) -> SearchRequest {
    let attributes = vec!["1.1".to_owned()];
    SearchRequest { base: base.to_owned(), scope: SearchScope::Subtree, filter, attributes, size_limit }
}

/// Returns a search for the attributes of one account, if `filter` still matches it.
pub(in crate::directory) fn read_one(
    dn: &str,
    filter: SearchFilter,
    more: &[AttributeName],
) -> SearchRequest {
    let more = more.iter().map(AttributeName::as_str);
    let attributes = ATTRIBUTES.into_iter().chain(more).map(str::to_owned).collect();
    SearchRequest { base: dn.to_owned(), scope: SearchScope::Base, filter, attributes, size_limit: 1 }
}

/// Returns a search for the groups with these security identifiers; `None` if there are none.
pub(in crate::directory) fn find_groups(base: &str, sids: &[Sid]) -> Option<SearchRequest> {
    let any = SearchFilter::any(sids.iter().map(|sid| SearchFilter::equals("objectSid", sid.to_bytes())))?;
    Some(SearchRequest {
        base: base.to_owned(),
        scope: SearchScope::Subtree,
        filter: SearchFilter::all([SearchFilter::equals("objectClass", "group"), any]),
        attributes: ["objectSid", "sAMAccountName"].map(str::to_owned).to_vec(),
        size_limit: MAXIMUM_GROUPS,
    })
}

/// Reads the security identifier and the name of a group; `None` if one of them is absent.
pub(in crate::directory) fn read_group(entry: &LdapEntry) -> Result<Option<(Sid, String)>, ProtocolError> {
    let sid = entry.bytes("objectSid")?.map(|bytes| read_sid(bytes, "objectSid")).transpose()?;
    Ok(sid.zip(entry.text("sAMAccountName")?.map(str::to_owned)))
}

/// Reads an account; `None` if it is not a user account.
pub(in crate::directory) fn read_account(
    entry: &LdapEntry,
    directory: &Arc<str>,
    domains: &DomainNames,
    more: &[AttributeName],
) -> Result<Option<AccountWithGroupSids>, LdapError> {
    let control: u32 = bits(entry, "userAccountControl")?;
    if control & NORMAL_ACCOUNT == 0 {
        return Ok(None);
    }
    let domain = domains.of(&entry.dn);
    let created = entry.text("whenCreated")?;
    let created = created
        .map(|time| generalized_time(time).ok_or(invalid_attribute("whenCreated", "it is not a time")));
    let sid = read_sid(entry.bytes("objectSid")?.ok_or(unreadable("objectSid"))?, "objectSid")?;
    let group_sids = group_sids(entry)?;
    let status =
        AccountStatus { not_delegated: not_delegated(control, &sid, &group_sids), ..status(entry, control)? };
    let account = DirectoryAccount {
        dn: entry.dn.clone(),
        directory: Arc::clone(directory),
        upn: entry.text("userPrincipalName")?.map(str::to_owned),
        account_name: entry.text("sAMAccountName")?.map(str::to_owned),
        netbios_domain: domain.map(|domain| domain.netbios.clone()),
        dns_domain: domain.map(|domain| domain.dns.clone()),
        sid: Some(sid),
        emails: emails(entry),
        alt_security_identities: entry.texts("altSecurityIdentities"),
        attributes: more
            .iter()
            .map(|name| (name.as_str().to_lowercase(), entry.texts(name.as_str())))
            .collect(),
        created: created.transpose()?,
        status,
        groups: Vec::new(),
    };
    Ok(Some(AccountWithGroupSids { account, group_sids }))
}

fn people(filter: SearchFilter) -> SearchFilter {
    let (person, user) =
        (SearchFilter::equals("objectCategory", "person"), SearchFilter::equals("objectClass", "user"));
    SearchFilter::all([person, user, filter])
}

fn group_sids(entry: &LdapEntry) -> Result<Vec<Sid>, LdapError> {
    let values = entry.values("tokenGroups")?;
    if values.is_empty() {
        // Every account has a primary group, so an empty list means that the gateway's account cannot read it.
        return Err(unreadable("tokenGroups"));
    }
    Ok(values.iter().map(|bytes| read_sid(bytes, "tokenGroups")).collect::<Result<_, _>>()?)
}

fn not_delegated(control: u32, sid: &Sid, groups: &[Sid]) -> Option<NotDelegated> {
    if control & NOT_DELEGATED != 0 {
        return Some(NotDelegated::Sensitive);
    }
    let protected_users = format!("{}-{PROTECTED_USERS}", sid.domain()?);
    groups.iter().any(|group| group.to_string() == protected_users).then_some(NotDelegated::ProtectedUsers)
}

/// Reads the status. An attribute that the gateway's account cannot read is an error, not a default: otherwise removing
/// a read permission would enable disabled accounts.
fn status(entry: &LdapEntry, control: u32) -> Result<AccountStatus, LdapError> {
    let expires: i64 = entry.number("accountExpires")?.ok_or(unreadable("accountExpires"))?;
    let hours = entry.bytes("logonHours")?.map(LogonHours::from_bytes).transpose();
    let hours = hours.map_err(|_| invalid_attribute("logonHours", "it does not have 21 bytes"))?;
    Ok(AccountStatus {
        disabled: control & DISABLED != 0,
        locked: bits(entry, COMPUTED)? & LOCKED != 0,
        expires: account_expires(expires),
        hours: hours.unwrap_or_default(),
        not_delegated: None,
    })
}

/// Reads an attribute of bits, which the server writes as a signed number ([MS-ADTS] 2.2.16).
fn bits(entry: &LdapEntry, attribute: &'static str) -> Result<u32, LdapError> {
    let number: i32 = entry.number(attribute)?.ok_or(unreadable(attribute))?;
    Ok(number.cast_unsigned())
}

/// Returns the time at which an account expires, from its accountExpires; `None` for never. Times before 1970 are read
/// as 1970.
fn account_expires(filetime: i64) -> Option<UnixTime> {
    if filetime == 0 || filetime == NEVER_EXPIRES {
        return None;
    }
    // A negative time is not valid. It is read as a time in the past, which denies access, since it does not mean
    // never.
    let seconds = u64::try_from(filetime).unwrap_or_default() / TICKS_PER_SECOND;
    Some(UnixTime::from_seconds(seconds.saturating_sub(FILETIME_TO_UNIX)).min(UnixTime::END))
}

fn emails(entry: &LdapEntry) -> Vec<String> {
    let mut emails = entry.texts("mail");
    for address in entry.texts("proxyAddresses") {
        let smtp = address.split_once(':').filter(|(kind, _)| kind.eq_ignore_ascii_case("smtp"));
        let known = |email: &str| emails.iter().any(|known| known.eq_ignore_ascii_case(email));
        if let Some((_, email)) = smtp.filter(|(_, email)| !known(email)) {
            emails.push(email.to_owned());
        }
    }
    emails
}

fn read_sid(bytes: &[u8], attribute: &'static str) -> Result<Sid, ProtocolError> {
    Sid::from_bytes(bytes).map_err(|_| invalid_attribute(attribute, "it is not a security identifier"))
}

fn unreadable(attribute: &'static str) -> LdapError {
    LdapError::Refused {
        operation: LdapOperation::Search,
        refusal: LdapRefusal::UnreadableAttribute(attribute),
    }
}

#[cfg(test)]
mod tests;
