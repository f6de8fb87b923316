//! Accounts: users as the backend knows them.

use super::method::{MappingMethod, MappingStrength};
use crate::clock::{Tick, UnixTime};
use crate::directory::{DirectoryAccount, DirectoryGroup, NotDelegated};

/// The account that a certificate or a password was mapped to. No value in it comes from the headers of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `DOMAIN\sam`, the UPN, or the value that the mapper read.
    pub user: String,
    /// The user principal name, if it is known and allowed.
    pub upn: Option<String>,
    /// The security identifier, as `S-1-5-21-…`.
    pub sid: Option<String>,
    /// The name within its domain; in Active Directory the sAMAccountName.
    pub account_name: Option<String>,
    /// The domain in `DOMAIN\sam`: the NetBIOS name, or the name in a rule.
    pub domain: Option<String>,
    /// The DNS name of the domain. In capitals it is the Kerberos realm.
    pub dns_domain: Option<String>,
    /// The groups that the account is a member of.
    pub groups: Vec<DirectoryGroup>,
    /// The reason why delegation for the account is forbidden, if it is.
    pub not_delegated: Option<NotDelegated>,
    /// The method of the mapping.
    pub mapping: MappingMethod,
    /// The strength of the mapping.
    pub strength: MappingStrength,
    /// The time at which the account itself expires or its logon hours end, as far as the directory reports it. How long
    /// the result of the lookup is cached is [`CachedMapping::until`](super::CachedMapping::until).
    pub until: Option<UnixTime>,
    /// When the directory was queried or the rule applied. Tickets, certificates and connections for the account that are
    /// older are not used, so that they cannot carry earlier groups.
    pub read_at: Tick,
    /// Whether the cached account has expired and is used because the directory does not respond.
    pub stale: bool,
}

impl Account {
    /// Returns an account of which only the user name is known.
    pub fn named(user: &str, mapping: MappingMethod, strength: MappingStrength) -> Self {
        Self {
            user: user.to_owned(),
            upn: None,
            sid: None,
            account_name: None,
            domain: None,
            dns_domain: None,
            groups: Vec::new(),
            not_delegated: None,
            mapping,
            strength,
            until: None,
            read_at: Tick::ORIGIN,
            stale: false,
        }
    }

    /// Returns the account of a directory entry. Its user name is `DOMAIN\sam`, or its UPN, or its account name, in
    /// this order. The caller checks the account status and sets `until`.
    pub fn from_directory(
        entry: &DirectoryAccount,
        mapping: MappingMethod,
        strength: MappingStrength,
    ) -> Self {
        let with_domain = match (&entry.netbios_domain, &entry.account_name) {
            (Some(domain), Some(name)) => Some(format!("{domain}\\{name}")),
            (Some(_) | None, _) => None,
        };
        let user = with_domain.or_else(|| entry.upn.clone()).or_else(|| entry.account_name.clone());
        Self {
            upn: entry.upn.clone(),
            sid: entry.sid.as_ref().map(ToString::to_string),
            account_name: entry.account_name.clone(),
            domain: entry.netbios_domain.clone(),
            dns_domain: entry.dns_domain.clone(),
            groups: entry.groups.clone(),
            not_delegated: entry.status.not_delegated,
            ..Self::named(user.as_ref().unwrap_or(&entry.dn), mapping, strength)
        }
    }

    /// Returns an upper estimate of its size in bytes.
    pub fn weight(&self) -> usize {
        const FACTS: usize = 512;
        const GROUP: usize = 64;
        let names = [&self.upn, &self.sid, &self.account_name, &self.dns_domain];
        let names: usize = names.into_iter().flatten().map(String::len).sum();
        let group =
            |group: &DirectoryGroup| GROUP + group.name.len() + group.sid.as_ref().map_or(0, String::len);
        FACTS + self.user.len() + names + self.groups.iter().map(group).sum::<usize>()
    }
}
