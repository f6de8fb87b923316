//! One GET to a backend server, for `check --online` alone. The request has no content of a client, so it needs no permit;
//! it has a connection of its own, never one of a pool.

use crate::backend::tls::BackendTls;
use crate::backend::{ServerAddress, ServerTransport};
use bytes::Bytes;
use http::Request;
use http::response::Parts;
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::client::{ResolvesClientCert, Resumption};
use rustls::sign::CertifiedKey;
use rustls::{CertificateError, ClientConfig, SignatureScheme};
use std::convert::Infallible;
use std::future::pending;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// Whether the gateway presents its client certificate to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GatewayCertificate {
    Presented,
    Withheld,
}

/// The reason why a server sent no response.
#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error("cannot connect")]
    Connect(#[source] io::Error),
    #[error("TLS handshake failed")]
    Tls(#[source] io::Error),
    #[error("connection closed before a response")]
    Closed(#[source] hyper::Error),
    #[error("no response within {0:?}")]
    Timeout(Duration),
}

impl ProbeError {
    /// Returns whether the server itself rejected the request: by a TLS alert, or by closing the connection without a
    /// response. In TLS 1.3, the rejection of a client certificate appears as either of them.
    pub(super) fn is_rejection(&self) -> bool {
        match self {
            Self::Tls(error) => matches!(rustls_error(error), Some(rustls::Error::AlertReceived(_))),
            Self::Closed(_) => true,
            Self::Connect(_) | Self::Timeout(_) => false,
        }
    }

    pub(super) fn fix(&self) -> &'static str {
        match self {
            Self::Connect(error) if is_name_lookup_error(error) => {
                "write a name in `servers` that this machine can resolve, or an address"
            }
            Self::Connect(_) => {
                "check that the server is running, and that no firewall rejects connections from the gateway"
            }
            Self::Timeout(_) => {
                "check that no firewall drops packets from the gateway, and that the server is not overloaded"
            }
            Self::Closed(_) => {
                "check that the server supports HTTP/1.1 on this port, and accepts the gateway's `client_certificate`"
            }
            Self::Tls(error) => match rustls_error(error) {
                Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                    "add the CA of the server's certificate to `ca` of the backend"
                }
                Some(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )) => "write a name in `servers` that the server's certificate contains",
                Some(rustls::Error::InvalidCertificate(_)) => "renew the server's certificate",
                Some(_) | None => "check that the server supports TLS 1.2 or 1.3 on this port",
            },
        }
    }
}

/// Returns whether a name could not be resolved. `io::ErrorKind` has no value for that, but every error of a socket has an
/// error number of the system, and this one has none.
fn is_name_lookup_error(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Sends `request` to `server` and returns the response head. `limit` applies to the connection, the handshake and the
/// response each.
pub(super) async fn probe(
    server: &ServerAddress,
    certificate: GatewayCertificate,
    request: Request<Empty<Bytes>>,
    limit: Duration,
) -> Result<Parts, ProbeError> {
    match &server.transport {
        ServerTransport::Plain => exchange(connect(server, limit).await?, request, limit).await,
        ServerTransport::Tls(tls) => match certificate {
            GatewayCertificate::Presented => {
                over_tls(server, tls, Arc::clone(&tls.config), request, limit).await
            }
            GatewayCertificate::Withheld => probe_without_certificate(server, tls, request, limit).await.1,
        },
    }
}

/// Sends `request` without a client certificate, and returns whether the server requested one in the handshake, and the
/// response head.
pub(super) async fn probe_without_certificate(
    server: &ServerAddress,
    tls: &BackendTls,
    request: Request<Empty<Bytes>>,
    limit: Duration,
) -> (bool, Result<Parts, ProbeError>) {
    let requested = Arc::new(AtomicBool::new(false));
    let config = without_certificate(&tls.config, Arc::clone(&requested));
    let response = over_tls(server, tls, config, request, limit).await;
    (requested.load(Ordering::Acquire), response)
}

/// Returns the output of `step`.
///
/// # Errors
/// It is not complete within `limit`.
pub(super) async fn within<T>(limit: Duration, step: impl Future<Output = T>) -> Result<T, ProbeError> {
    timeout(limit, step).await.map_err(|_| ProbeError::Timeout(limit))
}

async fn connect(server: &ServerAddress, limit: Duration) -> Result<TcpStream, ProbeError> {
    let connecting = TcpStream::connect((server.host.as_str(), server.port));
    within(limit, connecting).await?.map_err(ProbeError::Connect)
}

async fn over_tls(
    server: &ServerAddress,
    tls: &BackendTls,
    config: Arc<ClientConfig>,
    request: Request<Empty<Bytes>>,
    limit: Duration,
) -> Result<Parts, ProbeError> {
    let tcp = connect(server, limit).await?;
    let handshake = TlsConnector::from(config).connect(tls.server_name.clone(), tcp);
    let stream = within(limit, handshake).await?.map_err(ProbeError::Tls)?;
    exchange(stream, request, limit).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
    limit: Duration,
) -> Result<Parts, ProbeError> {
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(ProbeError::Closed)?;
    // `send_request` reports why the connection ended, so the connection's own result is not needed.
    let driving = async move {
        drop(connection.await);
        pending::<Infallible>().await
    };
    let exchange = async {
        tokio::select! {
            response = sender.send_request(request) => response,
            never = driving => match never {},
        }
    };
    let (head, _body) = within(limit, exchange).await?.map_err(ProbeError::Closed)?.into_parts();
    Ok(head)
}

/// Returns the same TLS settings without the client certificate. Resumption is off, because a resumed session has the
/// identity of the gateway.
fn without_certificate(config: &ClientConfig, requested: Arc<AtomicBool>) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.client_auth_cert_resolver = Arc::new(NoCertificate { requested });
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// Presents no certificate, and records whether the server requested one.
#[derive(Debug)]
struct NoCertificate {
    requested: Arc<AtomicBool>,
}

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.requested.store(true, Ordering::Release);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
