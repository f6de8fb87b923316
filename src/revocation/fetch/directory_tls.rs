//! Takes a connection to a directory that is spoken to by `ldaps`, gives it inside TLS with a server that one of the
//! operator's own authorities vouches for. Revocation of that server's certificate is not looked at: what is fetched is
//! signed all the same (RFC 5280 8).

use super::error::FetchError;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
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

/// The authorities cannot vouch for a directory.
#[derive(Debug, thiserror::Error)]
#[error("the authorities for directories cannot be used")]
pub struct DirectoryTlsError(#[source] rustls::Error);

impl DirectoryTls {
    /// Trusts servers of these authorities and nobody else, the system's roots included.
    ///
    /// # Errors
    /// Where one of them is no certificate.
    pub fn trusting(authorities: Vec<CertificateDer<'static>>) -> Result<Self, DirectoryTlsError> {
        let mut roots = RootCertStore::empty();
        for authority in &authorities {
            roots.add(authority.clone()).map_err(DirectoryTlsError)?;
        }
        let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(DirectoryTlsError)?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { authorities, config: Arc::new(config) })
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
