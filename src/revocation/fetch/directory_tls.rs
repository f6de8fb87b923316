//! Takes a connection to a directory that is spoken to by `ldaps`, gives it inside TLS with a server that one of the
//! operator's own authorities vouches for. Revocation of that server's certificate is not looked at: what is fetched is
//! signed all the same (RFC 5280 8).

use super::error::FetchError;
use crate::ldap::{LdapTlsError, client_config};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Whom directories are believed to be. Two are equal when they trust the same authorities.
#[derive(Clone, Debug)]
pub struct DirectoryTls {
    authorities: Vec<CertificateDer<'static>>,
    config: Arc<ClientConfig>,
}

impl DirectoryTls {
    /// Trusts servers of these authorities and nobody else, the system's roots included.
    ///
    /// # Errors
    /// Where there are none, or one of them is no certificate.
    pub fn trusting(authorities: Vec<CertificateDer<'static>>) -> Result<Self, LdapTlsError> {
        let config = client_config(authorities.iter().cloned())?;
        Ok(Self { authorities, config })
    }

    pub(super) async fn connect(
        &self,
        host: &str,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, FetchError> {
        let broken = |reason: String| FetchError::Broken { host: host.to_owned(), reason };
        let name = ServerName::try_from(host.to_owned()).map_err(|error| broken(error.to_string()))?;
        let connector = TlsConnector::from(Arc::clone(&self.config));
        connector.connect(name, stream).await.map_err(|error| broken(error.to_string()))
    }
}

impl PartialEq for DirectoryTls {
    fn eq(&self, other: &Self) -> bool {
        self.authorities == other.authorities
    }
}

impl Eq for DirectoryTls {}
