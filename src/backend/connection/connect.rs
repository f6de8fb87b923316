//! Opens connections to servers: TCP, and TLS if configured, within one time limit. A user certificate is presented only
//! to a server that requests one in the handshake.

use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::stream::{ServerStream, TcpOrTls};
use crate::backend::error::BackendError;
use crate::backend::settings::{ServerAddress, ServerTransport};
use crate::backend::tls::BackendTls;
use crate::delegation::user_certificates::{IssuedUserCertificate, PresentationOutcome};

/// Connects to `server` within `limit`. The addresses of a name are tried in the resolver's order. A connection with a
/// `user_certificate` belongs to that account.
///
/// # Errors
/// The server cannot be reached, the handshake fails, or the server did not request the user certificate.
pub(in crate::backend) async fn connect(
    server: &ServerAddress,
    user_certificate: Option<&IssuedUserCertificate>,
    limit: Duration,
) -> Result<ServerStream, BackendError> {
    match timeout(limit, open(server, user_certificate)).await {
        Ok(opened) => opened.map(ServerStream::new),
        Err(_) => Err(BackendError::ConnectTimeout { server: server.to_string(), limit }),
    }
}

async fn open(
    server: &ServerAddress,
    user_certificate: Option<&IssuedUserCertificate>,
) -> Result<TcpOrTls, BackendError> {
    let unreachable = |source| BackendError::Unreachable { server: server.to_string(), source };
    let tcp = TcpStream::connect((server.host.as_str(), server.port)).await.map_err(unreachable)?;
    // The head of a request and the start of its body are separate writes: with Nagle's algorithm the second would wait
    // for an acknowledgement that the server delays.
    tcp.set_nodelay(true).map_err(unreachable)?;
    match (&server.transport, user_certificate) {
        (ServerTransport::Plain, None) => Ok(TcpOrTls::Plain(tcp)),
        (ServerTransport::Plain, Some(_)) => {
            Err(BackendError::CertificateNotRequested { server: server.to_string() })
        }
        (ServerTransport::Tls(tls), None) => handshake(server, tls, tls.config.clone(), tcp).await,
        (ServerTransport::Tls(tls), Some(identity)) => {
            handshake_with_certificate(server, tls, identity, tcp).await
        }
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

async fn handshake_with_certificate(
    server: &ServerAddress,
    tls: &BackendTls,
    identity: &IssuedUserCertificate,
    tcp: TcpStream,
) -> Result<TcpOrTls, BackendError> {
    let (config, presentation) = identity.settings_for_one_connection(&tls.config);
    let connected = handshake(server, tls, config, tcp).await;
    let server = server.to_string();
    match (presentation.outcome(), connected) {
        (PresentationOutcome::Sent, connected) => connected.map_err(BackendError::after_certificate),
        (PresentationOutcome::NotRequested, Ok(_)) => Err(BackendError::CertificateNotRequested { server }),
        (PresentationOutcome::Unsuitable, _) => Err(BackendError::CertificateUnsuitable { server }),
        (PresentationOutcome::NotRequested, Err(error)) => Err(error),
    }
}
