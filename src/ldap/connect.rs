//! Connecting to a server inside TLS. Nothing except the StartTLS request is ever sent in plaintext.

use super::connection::MAXIMUM_MESSAGE;
use super::error::{ConnectionError, LdapError, LdapOperation};
use super::server::{LdapEncryption, LdapServer};
use super::stream::{LdapStream, within};
use rustls::ClientConfig;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Connects to a server whose certificate `tls` accepts for the configured name.
///
/// # Errors
/// [`LdapError`]; never later than `limit`.
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
    // Small requests must not wait for each other. If the option cannot be set, requests are only slower.
    drop(stream.set_nodelay(true));
    match server.encryption {
        LdapEncryption::Ldaps => {}
        LdapEncryption::StartTls => stream = LdapStream::new(stream, MAXIMUM_MESSAGE).start_tls().await?,
    }
    let handshake = TlsConnector::from(Arc::clone(tls)).connect(server.tls_name.clone(), stream).await;
    let stream = handshake.map_err(|error| ConnectionError::Tls(Arc::new(error)))?;
    Ok(LdapStream::new(stream, MAXIMUM_MESSAGE))
}
