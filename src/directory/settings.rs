//! What the administrator says of a directory. Plain data.

use super::filter::{AttributeName, SearchFilter};
use super::sid::Sid;
use crate::secret::Secret;
use rustls::ClientConfig;
use rustls_pki_types::{InvalidDnsNameError, ServerName};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One directory: a domain of Active Directory, or another tree of entries.
#[derive(Clone, Debug)]
pub struct DirectorySettings {
    /// Its name in proxy.toml, for records and errors. No two directories of a directories have the same.
    pub name: Arc<str>,
    /// Servers that all hold it, the best one first. Without one nothing can be asked.
    pub servers: Vec<LdapServer>,
    /// Servers of the directories's global catalogue (ports 3268 and 3269), the best one first. Where there are any, people
    /// are searched for in the whole directories, and each account found is read from the directory whose base its name
    /// ends in. Active Directory only.
    pub global_catalog: Vec<LdapServer>,
    /// Made by [`client_config`](super::client_config).
    pub tls: Arc<ClientConfig>,
    /// The gate's own account: a distinguished name, in Active Directory also `svc@corp.example` or `CORP\svc`.
    pub bind_dn: String,
    /// Its password. An empty one is refused before anything is sent.
    pub bind_password: Secret,
    /// Where people are: `DC=corp,DC=example`.
    pub base: String,
    /// How to read it.
    pub schema: AccountSchema,
    /// Which UPNs it is asked for: those that end in `@` and one of these, compared without regard to case. Empty: all.
    pub upn_suffixes: Vec<String>,
    /// Of which domains' security identifiers it is asked. Empty: all.
    pub sid_domains: Vec<Sid>,
    /// How long and how much.
    pub limits: DirectoryLimits,
}

/// Where a directory answers.
#[derive(Clone, PartialEq, Eq)]
pub struct LdapServer {
    /// A host name or an address, by which it is reached and which its certificate must carry.
    pub(super) host: String,
    /// 636, 389; 3269 and 3268 for a global catalogue.
    pub(super) port: u16,
    pub(super) encryption: LdapEncryption,
    pub(super) tls_name: ServerName<'static>,
}

/// How a conversation becomes secret. There is none that is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LdapEncryption {
    /// TLS from the first byte (`ldaps`).
    Ldaps,
    /// TLS after one request in plain text (RFC 4511 4.14). No name and no password goes before it.
    StartTls,
}

/// How entries are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountSchema {
    /// As Microsoft's directory has them.
    ActiveDirectory,
    /// As the administrator says.
    Generic(Box<GenericSchema>),
}

/// A directory that is not Active Directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GenericSchema {
    /// Which entries are people: `(objectClass=inetOrgPerson)`.
    pub people: SearchFilter,
    /// What somebody logs in by: `uid`. The gate's account must be able to read it.
    pub user_name: AttributeName,
    /// The attribute with UPNs.
    pub upn: Option<AttributeName>,
    /// The attribute with e-mail addresses.
    pub mail: Option<AttributeName>,
    /// The attribute with values as altSecurityIdentities has them.
    pub alt_security_identities: Option<AttributeName>,
    /// Where groups are told.
    pub groups: GenericGroups,
    /// An attribute and the value of it, compared without regard to case, that switches an account off.
    pub disabled: Option<(AttributeName, String)>,
    /// The attribute with the time from which on an account may not be used, as GeneralizedTime (RFC 4517 3.3.13).
    pub expires: Option<AttributeName>,
}

/// Where a directory that is not Active Directory tells who is in which group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GenericGroups {
    /// Nowhere: nobody is in any.
    None,
    /// In an attribute of the person with the groups' distinguished names.
    MemberOf {
        /// `memberOf`.
        attribute: AttributeName,
        /// Only groups below this entry count: their names are what rules go by.
        base: String,
    },
    /// In an attribute of the group with its members' distinguished names. Groups in groups count as well.
    Search {
        /// Where groups are.
        base: String,
        /// `member`.
        member: AttributeName,
        /// What a group is called: `cn`.
        name: AttributeName,
    },
}

/// How long a directory may take, and how much it is asked at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryLimits {
    /// For the connection and TLS.
    pub connect: Duration,
    /// For each bind and each search.
    pub operation: Duration,
    /// For a whole question: waiting, connecting, other servers, all searches.
    pub question: Duration,
    /// Look-ups under way at once.
    pub look_ups: usize,
    /// Look-ups that wait beyond that.
    pub waiting_look_ups: usize,
    /// Passwords under way at once; each has a connection of its own.
    pub passwords: usize,
    /// Passwords that wait beyond that.
    pub waiting_passwords: usize,
}

impl Default for DirectoryLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(2),
            operation: Duration::from_secs(3),
            question: Duration::from_secs(8),
            look_ups: 32,
            waiting_look_ups: 512,
            passwords: 8,
            waiting_passwords: 64,
        }
    }
}

impl LdapServer {
    /// A server at `host`, a name or an address without brackets.
    ///
    /// # Errors
    /// Where it is neither.
    pub fn new(host: &str, port: u16, encryption: LdapEncryption) -> Result<Self, InvalidDnsNameError> {
        let tls_name = ServerName::try_from(host.to_owned())?;
        Ok(Self { host: host.to_owned(), port, encryption, tls_name })
    }
}

impl fmt::Display for LdapServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.encryption {
            LdapEncryption::Ldaps => "ldaps",
            LdapEncryption::StartTls => "ldap",
        };
        if self.host.contains(':') {
            write!(f, "{scheme}://[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{scheme}://{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Debug for LdapServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LdapServer({self})")
    }
}
