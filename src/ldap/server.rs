//! The address of a server and how its connections are encrypted.

use rustls_pki_types::{InvalidDnsNameError, ServerName};
use std::fmt;

/// A server that is connected to inside TLS. Displayed as a URL.
#[derive(Clone, PartialEq, Eq)]
pub struct LdapServer {
    /// The host name or address to connect to, which the server's certificate must name.
    pub(super) host: String,
    /// 636 or 389; 3269 or 3268 for a global catalog.
    pub(super) port: u16,
    pub(super) encryption: LdapEncryption,
    pub(super) tls_name: ServerName<'static>,
}

/// How a connection is encrypted. There is no plaintext variant, so that no name and no password is ever sent in the
/// clear.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LdapEncryption {
    /// TLS from the first byte (`ldaps`).
    Ldaps,
    /// TLS after one extended request in plaintext (RFC 4511 4.14).
    StartTls,
}

impl LdapServer {
    /// A server at `host`, a name or an address without brackets.
    ///
    /// # Errors
    /// If `host` is neither.
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
