//! The address of a server, and connecting to it inside TLS. Only the StartTLS request is ever sent in plaintext.

use super::connection::MAXIMUM_MESSAGE;
use super::error::{ConnectionError, LdapError, LdapOperation};
use super::stream::{LdapStream, within};
use rustls::ClientConfig;
use rustls_pki_types::{InvalidDnsNameError, ServerName};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A server to which connections are encrypted. Displayed as a URL.
#[derive(Clone, PartialEq, Eq)]
pub struct LdapServer {
    /// The host name or address to connect to, for which the server's certificate must be valid.
    host: String,
    /// 636 or 389; 3269 or 3268 for a global catalog.
    port: u16,
    encryption: LdapEncryption,
    tls_name: ServerName<'static>,
}

/// How a connection is encrypted. There is no plaintext variant, so that no name and no password is ever sent
/// unencrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LdapEncryption {
    /// TLS from the first byte (`ldaps`).
    Ldaps,
    /// TLS after one extended request in plaintext (RFC 4511 4.14).
    StartTls,
}

impl LdapServer {
    /// Creates the address of a server. `host` is a name or an IP address without brackets.
    ///
    /// # Errors
    /// `host` is neither.
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

/// Connects to a server, whose certificate must be valid for the configured name according to `tls`.
///
/// # Errors
/// The server cannot be connected to, does not complete the TLS handshake, or takes longer than `limit`.
pub(crate) async fn connect(
    server: &LdapServer,
    tls: &Arc<ClientConfig>,
    limit: Duration,
) -> Result<LdapStream<TlsStream<TcpStream>>, LdapError> {
    within(limit, LdapOperation::Connect, connect_unbounded(server, tls)).await
}

async fn connect_unbounded(
    server: &LdapServer,
    tls: &Arc<ClientConfig>,
) -> Result<LdapStream<TlsStream<TcpStream>>, LdapError> {
    let resolved = lookup_host((server.host.as_str(), server.port)).await;
    let addresses: Vec<_> = resolved.map_err(|error| ConnectionError::Resolve(Arc::new(error)))?.collect();
    let connected = TcpStream::connect(addresses.as_slice()).await;
    let mut stream = connected.map_err(|error| ConnectionError::Connect(Arc::new(error)))?;
    // Otherwise small requests wait for the acknowledgement of earlier ones. If the option cannot be set, requests are
    // only slower.
    drop(stream.set_nodelay(true));
    match server.encryption {
        LdapEncryption::Ldaps => {}
        LdapEncryption::StartTls => stream = LdapStream::new(stream, MAXIMUM_MESSAGE).start_tls().await?,
    }
    let handshake = TlsConnector::from(Arc::clone(tls)).connect(server.tls_name.clone(), stream).await;
    let stream = handshake.map_err(|error| ConnectionError::Tls(Arc::new(error)))?;
    Ok(LdapStream::new(stream, MAXIMUM_MESSAGE))
}
