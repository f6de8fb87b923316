//! TLS for `ldaps` URLs: the server's certificate must be issued by a configured authority. Its revocation is not
//! checked, because the fetched CRL is signed (RFC 5280 8).

use super::super::error::FetchError;
use crate::ldap::{LdapTlsError, client_config};
use rustls::ClientConfig;
use rustls_pki_types::{CertificateDer, ServerName};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The authorities of directory servers. Two values with the same authorities are equal.
#[derive(Clone, Debug)]
pub struct DirectoryTls {
    authorities: Vec<CertificateDer<'static>>,
    config: Arc<ClientConfig>,
}

impl DirectoryTls {
    /// Returns settings that trust these authorities only, and not the system's roots.
    ///
    /// # Errors
    /// There are none, or one of them is not a certificate.
    pub fn trusting(authorities: Vec<CertificateDer<'static>>) -> Result<Self, LdapTlsError> {
        let config = client_config(authorities.iter().cloned())?;
        Ok(Self { authorities, config })
    }

    pub(in super::super) async fn connect(
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
