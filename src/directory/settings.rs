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
    /// The name in proxy.toml, for records and errors. Unique among the directories of a realm.
    pub name: Arc<str>,
    /// Servers with the same entries, in order of preference. Without a server every lookup fails.
    pub servers: Vec<LdapServer>,
    /// Servers of the forest's global catalog (ports 3268 and 3269), in order of preference. If there are any, accounts
    /// are searched for in the whole forest, and each account is read from the directory whose base its distinguished
    /// name ends with. Active Directory only.
    pub global_catalog: Vec<LdapServer>,
    /// The TLS settings from [`client_config`](crate::ldap::client_config).
    pub tls: Arc<ClientConfig>,
    /// The gateway's own account: a distinguished name, in Active Directory also `svc@corp.example` or `CORP\svc`.
    pub bind_dn: String,
    /// The password of that account. An empty one is never sent.
    pub bind_password: Secret,
    /// The base of searches for accounts: `DC=corp,DC=example`.
    pub base: String,
    /// The schema of its accounts.
    pub schema: AccountSchema,
    /// The UPN suffixes that it is searched for, in any case of letters. Empty: all.
    pub upn_suffixes: Vec<String>,
    /// The domains of the security identifiers that it is searched for. Empty: all.
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
    /// The filter for entries that are user accounts: `(objectClass=inetOrgPerson)`.
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
    /// The attribute and the value, in any case of letters, that mark an account as disabled.
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
        /// Only groups below this entry are used, because rules compare the groups' names.
        base: String,
    },
    /// By a search for groups with an attribute that contains the members' distinguished names. Nested groups are
    /// included.
    Search {
        /// The base of searches for groups.
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
    /// The time for name resolution, TCP connection and TLS handshake together.
    pub connect: Duration,
    /// The time for each bind and each search.
    pub operation: Duration,
    /// The time for a whole lookup: waiting, connecting, failover and all searches.
    pub lookup: Duration,
    /// The number of concurrent lookups.
    pub max_lookups: usize,
    /// The number of lookups that may wait.
    pub max_waiting_lookups: usize,
    /// The number of concurrent password checks. Each has a connection of its own.
    pub max_password_checks: usize,
    /// The number of password checks that may wait.
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
