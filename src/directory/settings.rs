//! Settings of a directory, as compiled from the configuration.

use super::sid::Sid;
use crate::ldap::{AttributeName, LdapServer, SearchFilter};
use crate::secret::Secret;
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;

/// One directory: a domain of Active Directory, or another directory with a configured schema.
#[derive(Clone, Debug)]
pub struct DirectorySettings {
    /// Its name in proxy.toml, for records and errors. Unique among the directories of a realm.
    pub name: Arc<str>,
    /// Servers that all hold the same entries, in order of preference. Without one every lookup fails.
    pub servers: Vec<LdapServer>,
    /// Servers of the forest's global catalog (ports 3268 and 3269), in order of preference. If there are any, accounts
    /// are searched for in the whole forest, and each account found is read from the directory whose base its name ends
    /// in. Active Directory only.
    pub global_catalog: Vec<LdapServer>,
    /// Made by [`client_config`](crate::ldap::client_config).
    pub tls: Arc<ClientConfig>,
    /// The gateway's own account: a distinguished name, in Active Directory also `svc@corp.example` or `CORP\svc`.
    pub bind_dn: String,
    /// Its password. An empty one is rejected before anything is sent.
    pub bind_password: Secret,
    /// The entry that accounts are searched for below: `DC=corp,DC=example`.
    pub base: String,
    /// The attributes of its accounts.
    pub schema: AccountSchema,
    /// The UPN suffixes it is searched for, compared without regard to case. Empty: all.
    pub upn_suffixes: Vec<String>,
    /// The domains whose security identifiers it is searched for. Empty: all.
    pub sid_domains: Vec<Sid>,
    /// Limits of time and concurrency.
    pub limits: DirectoryLimits,
}

/// The attributes that accounts of a directory have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountSchema {
    /// Those of Active Directory.
    ActiveDirectory,
    /// Configured ones.
    Generic(Box<GenericSchema>),
}

/// The schema of a directory other than Active Directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenericSchema {
    /// Matches the entries that are accounts of people: `(objectClass=inetOrgPerson)`.
    pub people: SearchFilter,
    /// The attribute with the login name: `uid`. The gateway's account must be able to read it.
    pub user_name: AttributeName,
    /// The attribute with UPNs.
    pub upn: Option<AttributeName>,
    /// The attribute with e-mail addresses.
    pub mail: Option<AttributeName>,
    /// The attribute with values in the form of altSecurityIdentities.
    pub alt_security_identities: Option<AttributeName>,
    /// How groups are read.
    pub groups: GenericGroups,
    /// An attribute and its value, compared without regard to case, that disables an account.
    pub disabled: Option<(AttributeName, String)>,
    /// The attribute with the time at which an account expires, as GeneralizedTime (RFC 4517 3.3.13).
    pub expires: Option<AttributeName>,
}

/// How the groups of an account are read from a directory other than Active Directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenericGroups {
    /// No account has groups.
    None,
    /// From an attribute of the account with the groups' distinguished names.
    MemberOf {
        /// `memberOf`.
        attribute: AttributeName,
        /// Only groups below this entry count, because rules go by their names.
        base: String,
    },
    /// By a search for groups with an attribute that contains the members' distinguished names. Nested groups count.
    Search {
        /// The entry that groups are searched for below.
        base: String,
        /// `member`.
        member: AttributeName,
        /// The attribute with the group's name: `cn`.
        name: AttributeName,
    },
}

/// Limits of time and concurrency of one directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryLimits {
    /// For name resolution, connection and TLS.
    pub connect: Duration,
    /// For each bind and each search.
    pub operation: Duration,
    /// For a whole lookup: waiting, connecting, failover, all searches.
    pub lookup: Duration,
    /// Concurrent lookups.
    pub max_lookups: usize,
    /// Lookups that wait beyond those.
    pub max_waiting_lookups: usize,
    /// Concurrent password checks; each has a connection of its own.
    pub max_password_checks: usize,
    /// Password checks that wait beyond those.
    pub max_waiting_password_checks: usize,
}

impl Default for DirectoryLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            operation: Duration::from_secs(3),
            lookup: Duration::from_secs(8),
            max_lookups: 32,
            max_waiting_lookups: 512,
            max_password_checks: 8,
            max_waiting_password_checks: 64,
        }
    }
}
