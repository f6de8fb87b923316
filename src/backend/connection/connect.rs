//! Takes a server's address, gives an open connection to it: TCP, TLS where asked, within one limit; with a user's
//! certificate, only one on which the server has asked for it. Writes nothing of a request.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use crate::backend::connection::stream::{ServerStream, TcpOrTls};
use crate::backend::error::BackendError;
use crate::backend::settings::{ServerAddress, ServerTransport};
use crate::backend::tls::BackendTls;
use crate::delegation::user_certificates::{MintedIdentity, Presented};

/// Connects to `server` within `limit`; a name's addresses are tried in the resolver's order. Where an identity is
/// `presented`, the connection is that account's.
pub(in crate::backend) async fn connect(
    server: &ServerAddress,
    presented: Option<&MintedIdentity>,
    limit: Duration,
) -> Result<ServerStream, BackendError> {
    match timeout(limit, open(server, presented)).await {
        Ok(opened) => opened.map(ServerStream::new),
        Err(_) => Err(BackendError::ConnectTimeout { server: server.to_string(), limit }),
    }
}

async fn open(server: &ServerAddress, presented: Option<&MintedIdentity>) -> Result<TcpOrTls, BackendError> {
    let unreachable = |source| BackendError::Unreachable { server: server.to_string(), source };
    let tcp = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(unreachable)?;
    // A request's head and the start of its body are written apart: with Nagle the second would wait for an
    // acknowledgement that the server delays.
    tcp.set_nodelay(true).map_err(unreachable)?;
    match (&server.transport, presented) {
        (ServerTransport::Plain, None) => Ok(TcpOrTls::Plain(tcp)),
        (ServerTransport::Plain, Some(_)) => {
            Err(BackendError::CertificateNotAsked { server: server.to_string() })
        }
        (ServerTransport::Tls(tls), None) => handshake(server, tls, tls.config.clone(), tcp).await,
        (ServerTransport::Tls(tls), Some(identity)) => present(server, tls, identity, tcp).await,
    }
}

async fn handshake(
    server: &ServerAddress,
    tls: &BackendTls,
    config: Arc<ClientConfig>,
    tcp: TcpStream,
) -> Result<TcpOrTls, BackendError> {
    TlsConnector::from(config)
        .connect(tls.server_name.clone(), tcp)
        .await
        .map(|stream| TcpOrTls::Tls(Box::new(stream)))
        .map_err(|source| BackendError::Tls { server: server.to_string(), source })
}

async fn present(
    server: &ServerAddress,
    tls: &BackendTls,
    identity: &MintedIdentity,
    tcp: TcpStream,
) -> Result<TcpOrTls, BackendError> {
    let (config, presentation) = identity.settings_for_one_connection(&tls.config);
    let shaken = handshake(server, tls, config, tcp).await;
    let server = server.to_string();
    match (presentation.outcome(), shaken) {
        (Presented::Sent, shaken) => shaken.map_err(BackendError::after_certificate),
        (Presented::NotAsked, Ok(_)) => Err(BackendError::CertificateNotAsked { server }),
        (Presented::Unsuitable, _) => Err(BackendError::CertificateUnsuitable { server }),
        (Presented::NotAsked, Err(error)) => Err(error),
    }
}
