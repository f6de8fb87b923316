//! How people and groups look in Active Directory: takes names, gives filters; takes entries, gives people. Asks nobody.

use crate::directory::account::DirectoryAccount;
use crate::directory::account_status::{AccountStatus, NotDelegated};
use crate::directory::active_directory::domains::{Domain, Domains};
use crate::directory::connection::Search;
use crate::directory::entry::{Entry, wrong};
use crate::directory::error::{Nonsense, Refusal, Step};
use crate::directory::failure::Failure;
use crate::directory::filter::{AttributeName, SearchFilter};
use crate::directory::generalized_time::{account_expires, generalized_time};
use crate::directory::login_name::LoginName;
use crate::directory::logon_hours::LogonHours;
use crate::directory::lookup_keys::{LookupKeys, can_be_somebodys};
use crate::directory::sid::Sid;
use ldap3::Scope;
use std::sync::Arc;

/// What is read of a person. msDS-User-Account-Control-Computed and tokenGroups are made by the server when they are
/// asked for, the second for one entry at a time only ([MS-ADTS] 3.1.1.4.5.17 and 3.1.1.4.5.19).
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

/// [MS-ADTS] 2.2.16, bits of userAccountControl.
const DISABLED: u32 = 0x2;
/// The account of a person. Others are of computers, of other domains and of services that the domain runs.
const NORMAL_ACCOUNT: u32 = 0x200;
/// "Account is sensitive and cannot be delegated".
const NOT_DELEGATED: u32 = 0x0010_0000;
/// The last number of the SID of Protected Users in each domain ([MS-DTYP] 2.4.2.4, PROTECTED_USERS).
const PROTECTED_USERS: u32 = 525;
/// [MS-ADTS] 3.1.1.4.5.17: locked *now*. lockoutTime keeps its value after the time of a lock-out is over.
const LOCKED: u32 = 0x10;

/// [MS-ADTS] 3.1.1.3.4.6: MaxPageSize, the most entries that a server gives.
const MAXIMUM_GROUPS: u16 = 1000;

/// A person whose groups are known by their security identifiers only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::directory) struct Account {
    pub(in crate::directory) person: DirectoryAccount,
    pub(in crate::directory) groups: Vec<Sid>,
}

/// Whoever any of the names fits. `None` where no name is left to ask by.
pub(in crate::directory) fn by_names(names: &LookupKeys) -> Option<SearchFilter> {
    let mut any: Vec<SearchFilter> =
        names.sids.iter().map(|sid| SearchFilter::equals("objectSid", sid.to_bytes())).collect();
    let texts = |attribute: &'static str, values: &[String]| -> Vec<SearchFilter> {
        let filled = values.iter().filter(|value| can_be_somebodys(value));
        filled.map(|value| SearchFilter::equals(attribute, value)).collect()
    };
    any.extend(texts("userPrincipalName", &names.upns));
    any.extend(texts("mail", &names.emails));
    let addresses = names.emails.iter().filter(|email| can_be_somebodys(email));
    any.extend(addresses.map(|email| SearchFilter::equals("proxyAddresses", format!("smtp:{email}"))));
    any.extend(texts("altSecurityIdentities", &names.alt_security_identities));
    any.extend(texts("sAMAccountName", &names.account_names));
    let others = names.attributes.iter().filter(|(_, value)| can_be_somebodys(value));
    any.extend(others.map(|(attribute, value)| SearchFilter::equals(attribute, value)));
    SearchFilter::any(any).map(people)
}

/// Whoever logs in by this name in a domain of a directory. `None` where it is a name of another domain.
///
/// `alice@corp.example` is alice of the domain corp.example also where that is not her userPrincipalName, as for domain
/// controllers ([MS-ADTS] 5.1.1.1.1). Where it is somebody else's, two accounts fit, and neither is let in.
pub(in crate::directory) fn by_login(login: &LoginName, own: Option<&Domain>) -> Option<SearchFilter> {
    let account_name = |name: &str| SearchFilter::equals("sAMAccountName", name);
    match login {
        LoginName::Upn(upn) => {
            let implicit =
                upn.rsplit_once('@').filter(|(_, suffix)| own.is_some_and(|own| own.is_called(suffix)));
            let implicit = implicit.map(|(name, _)| account_name(name));
            SearchFilter::any([SearchFilter::equals("userPrincipalName", upn)].into_iter().chain(implicit))
                .map(people)
        }
        LoginName::DomainAndName { domain, name } => {
            own.is_some_and(|own| own.is_called(domain)).then(|| people(account_name(name)))
        }
        LoginName::Name(name) => Some(people(account_name(name))),
    }
}

/// Whether an account is one that the name to log in by means. The same account name may be there in each domain of a
/// directories, and the global catalogue finds all of them.
pub(in crate::directory) fn is_meant(login: &LoginName, person: &DirectoryAccount) -> bool {
    let is_of = |domain: &str| {
        let names = [&person.netbios_domain, &person.dns_domain];
        names.into_iter().flatten().any(|name| name.to_lowercase() == domain.to_lowercase())
    };
    match login {
        LoginName::Upn(upn) => {
            let explicit = person.upn.as_ref().is_some_and(|own| own.to_lowercase() == upn.to_lowercase());
            explicit || upn.rsplit_once('@').is_some_and(|(_, suffix)| is_of(suffix))
        }
        LoginName::DomainAndName { domain, .. } => is_of(domain),
        LoginName::Name(_) => true,
    }
}

fn people(filter: SearchFilter) -> SearchFilter {
    SearchFilter::all([
        SearchFilter::equals("objectCategory", "person"),
        SearchFilter::equals("objectClass", "user"),
        filter,
    ])
}

/// A search for the names of entries only. More than `limit` are more than enough to know that they are several.
pub(in crate::directory) fn find(base: &str, filter: SearchFilter, limit: u16) -> Search {
    Search { base: base.to_owned(), scope: Scope::Subtree, filter, attributes: vec!["1.1".to_owned()], limit }
}

/// Reads one person, if the names fit them still.
pub(in crate::directory) fn read_one(dn: &str, filter: SearchFilter, asked: &[AttributeName]) -> Search {
    let asked = asked.iter().map(AttributeName::as_str);
    let attributes = ATTRIBUTES.into_iter().chain(asked).map(str::to_owned).collect();
    Search { base: dn.to_owned(), scope: Scope::Base, filter, attributes, limit: 1 }
}

/// The groups with these security identifiers.
pub(in crate::directory) fn find_groups(base: &str, sids: &[Sid]) -> Option<Search> {
    let any = SearchFilter::any(sids.iter().map(|sid| SearchFilter::equals("objectSid", sid.to_bytes())))?;
    Some(Search {
        base: base.to_owned(),
        scope: Scope::Subtree,
        filter: SearchFilter::all([SearchFilter::equals("objectClass", "group"), any]),
        attributes: ["objectSid", "sAMAccountName"].map(str::to_owned).to_vec(),
        limit: MAXIMUM_GROUPS,
    })
}

/// A group's security identifier and name.
pub(in crate::directory) fn read_group(entry: &Entry) -> Result<Option<(Sid, String)>, Nonsense> {
    let sid = entry.bytes("objectSid")?.map(|bytes| read_sid(bytes, "objectSid")).transpose()?;
    Ok(sid.zip(entry.text("sAMAccountName")?.map(str::to_owned)))
}

/// Reads a person. `None` where the account is not a person's.
pub(in crate::directory) fn read(
    entry: &Entry,
    directory: &Arc<str>,
    domains: &Domains,
    asked: &[AttributeName],
) -> Result<Option<Account>, Failure> {
    let control: u32 = bits(entry, "userAccountControl")?;
    if control & NORMAL_ACCOUNT == 0 {
        return Ok(None);
    }
    let domain = domains.of(&entry.dn);
    let created = entry.text("whenCreated")?;
    let created = created.map(|time| generalized_time(time).ok_or(wrong("whenCreated", "it is no time")));
    let sid = entry.bytes("objectSid")?.ok_or(unreadable("objectSid"))?;
    let person = DirectoryAccount {
        dn: entry.dn.clone(),
        directory: Arc::clone(directory),
        upn: entry.text("userPrincipalName")?.map(str::to_owned),
        account_name: entry.text("sAMAccountName")?.map(str::to_owned),
        netbios_domain: domain.map(|domain| domain.netbios.clone()),
        dns_domain: domain.map(|domain| domain.dns.clone()),
        sid: Some(read_sid(sid, "objectSid")?),
        emails: emails(entry),
        alt_security_identities: entry.texts("altSecurityIdentities"),
        attributes: asked
            .iter()
            .map(|name| (name.as_str().to_lowercase(), entry.texts(name.as_str())))
            .collect(),
        created: created.transpose()?,
        status: status(entry, control)?,
        groups: Vec::new(),
    };
    let groups = entry.values("tokenGroups")?;
    if groups.is_empty() {
        // Everybody has a primary group, so that nobody is in none.
        return Err(unreadable("tokenGroups"));
    }
    let groups =
        groups.iter().map(|bytes| read_sid(bytes, "tokenGroups")).collect::<Result<Vec<Sid>, _>>()?;
    let protected_users =
        person.sid.as_ref().and_then(Sid::domain).map(|of| format!("{of}-{PROTECTED_USERS}"));
    let is_protected = |group: &Sid| protected_users.as_ref().is_some_and(|sid| group.to_string() == *sid);
    let mut person = person;
    if control & NOT_DELEGATED != 0 {
        person.status.not_delegated = Some(NotDelegated::Sensitive);
    } else if groups.iter().any(is_protected) {
        person.status.not_delegated = Some(NotDelegated::ProtectedUsers);
    }
    Ok(Some(Account { person, groups }))
}

/// What the gate's account may not read counts against the person: else a right taken away would open doors.
fn status(entry: &Entry, control: u32) -> Result<AccountStatus, Failure> {
    let expires: i64 = entry.number("accountExpires")?.ok_or(unreadable("accountExpires"))?;
    let hours = entry.bytes("logonHours")?.map(LogonHours::from_bytes).transpose();
    Ok(AccountStatus {
        disabled: control & DISABLED != 0,
        locked: bits(entry, COMPUTED)? & LOCKED != 0,
        expires: account_expires(expires),
        hours: hours.map_err(|_| wrong("logonHours", "it does not have 21 bytes"))?.unwrap_or_default(),
        not_delegated: None,
    })
}

/// [MS-ADTS] 2.2.16: bits, written as a number with a sign.
fn bits(entry: &Entry, attribute: &'static str) -> Result<u32, Failure> {
    let number: i32 = entry.number(attribute)?.ok_or(unreadable(attribute))?;
    Ok(number.cast_unsigned())
}

fn emails(entry: &Entry) -> Vec<String> {
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

fn read_sid(bytes: &[u8], attribute: &'static str) -> Result<Sid, Nonsense> {
    Sid::from_bytes(bytes).map_err(|_| wrong(attribute, "it is no security identifier"))
}

fn unreadable(attribute: &'static str) -> Failure {
    Failure::Refused { step: Step::Search, refusal: Refusal::Unreadable(attribute) }
}

#[cfg(test)]
mod tests;
