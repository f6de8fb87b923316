//! Takes a backend's server and the head of one GET, gives the status and headers of the answer. For `check --online`
//! alone: nothing of any client is in it, so it needs no permit and goes nowhere near the gate's own connections.

use crate::backend::tls::BackendTls;
use crate::backend::{ServerAddress, Transport};
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

/// Whether the gate's own certificate is shown to the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OwnCertificate {
    Shown,
    Withheld,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum NoAnswer {
    #[error("no connection comes about")]
    Connect(#[source] io::Error),
    #[error("TLS fails")]
    Tls(#[source] io::Error),
    #[error("the connection ends without an answer")]
    Ended(#[source] hyper::Error),
    #[error("nothing is heard within {0:?}")]
    Limit(Duration),
}

impl NoAnswer {
    /// Whether the server itself ended it: by an alert in the handshake, or where an answer should have come.
    pub(super) fn is_the_servers_doing(&self) -> bool {
        match self {
            Self::Tls(error) => matches!(rustls_error(error), Some(rustls::Error::AlertReceived(_))),
            Self::Ended(_) => true,
            Self::Connect(_) | Self::Limit(_) => false,
        }
    }

    /// What an administrator does about it.
    pub(super) fn mend(&self) -> &'static str {
        match self {
            Self::Connect(error) if is_without_address(error) => {
                "write the server by a name that this machine can look up (DNS), or by its address"
            }
            Self::Connect(_) => "see that the server runs, and that no firewall is between it and the gate",
            Self::Limit(_) => "see that no firewall drops what the gate sends, and what the server waits for",
            Self::Ended(_) => {
                "see that the server speaks HTTP/1.1 here, and takes the gate's `client_certificate`"
            }
            Self::Tls(error) => match rustls_error(error) {
                Some(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer)) => {
                    "name the authority of the server's certificate in the backend's `ca`"
                }
                Some(rustls::Error::InvalidCertificate(
                    CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
                )) => "write the server in `servers` by a name that its certificate has",
                Some(rustls::Error::InvalidCertificate(_)) => "renew the server's certificate",
                Some(_) | None => "see that the server speaks TLS 1.2 or 1.3 at this port",
            },
        }
    }
}

/// Whether the name could not be looked up. There is no kind for that; but an error about a connection has a number of
/// the system's, and this one has none.
fn is_without_address(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
}

fn rustls_error(error: &io::Error) -> Option<&rustls::Error> {
    error.get_ref()?.downcast_ref()
}

/// Asks `server` once, within `limit` for connecting and again for the answer.
pub(super) async fn ask(
    server: &ServerAddress,
    own: OwnCertificate,
    request: Request<Empty<Bytes>>,
    limit: Duration,
) -> Result<Parts, NoAnswer> {
    match &server.transport {
        Transport::Plain => exchange(connect(server, limit).await?, request, limit).await,
        Transport::Tls(tls) => match own {
            OwnCertificate::Shown => over_tls(server, tls, Arc::clone(&tls.config), request, limit).await,
            OwnCertificate::Withheld => ask_without_certificate(server, tls, request, limit).await.1,
        },
    }
}

/// Asks `server` once without any certificate. Also says whether it wanted one in the first handshake.
pub(super) async fn ask_without_certificate(
    server: &ServerAddress,
    tls: &BackendTls,
    request: Request<Empty<Bytes>>,
    limit: Duration,
) -> (bool, Result<Parts, NoAnswer>) {
    let wanted = Arc::new(AtomicBool::new(false));
    let config = without_certificate(&tls.config, Arc::clone(&wanted));
    let answer = over_tls(server, tls, config, request, limit).await;
    (wanted.load(Ordering::Acquire), answer)
}

async fn connect(server: &ServerAddress, limit: Duration) -> Result<TcpStream, NoAnswer> {
    let connecting = TcpStream::connect((server.host.as_str(), server.port));
    within(limit, connecting).await?.map_err(NoAnswer::Connect)
}

async fn over_tls(
    server: &ServerAddress,
    tls: &BackendTls,
    config: Arc<ClientConfig>,
    request: Request<Empty<Bytes>>,
    limit: Duration,
) -> Result<Parts, NoAnswer> {
    let tcp = connect(server, limit).await?;
    let handshake = TlsConnector::from(config).connect(tls.server_name.clone(), tcp);
    let stream = within(limit, handshake).await?.map_err(NoAnswer::Tls)?;
    exchange(stream, request, limit).await
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Empty<Bytes>>,
    limit: Duration,
) -> Result<Parts, NoAnswer> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(NoAnswer::Ended)?;
    // The exchange tells how the connection ended, if it did.
    let driving = async move {
        drop(connection.await);
        pending::<Infallible>().await
    };
    let exchange = async {
        tokio::select! {
            answer = sender.send_request(request) => answer,
            never = driving => match never {},
        }
    };
    let (head, _body) = within(limit, exchange).await?.map_err(NoAnswer::Ended)?.into_parts();
    Ok(head)
}

/// What `step` gives, unless it takes longer.
pub(super) async fn within<T>(limit: Duration, step: impl Future<Output = T>) -> Result<T, NoAnswer> {
    timeout(limit, step).await.map_err(|_| NoAnswer::Limit(limit))
}

/// The same settings for somebody who is not the gate. A session of the gate's would be resumed as the gate's.
fn without_certificate(config: &ClientConfig, wanted: Arc<AtomicBool>) -> Arc<ClientConfig> {
    let mut config = config.clone();
    config.client_auth_cert_resolver = Arc::new(NoCertificate { wanted });
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

/// Presents nothing, and notes whether the server wanted something.
#[derive(Debug)]
struct NoCertificate {
    wanted: Arc<AtomicBool>,
}

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.wanted.store(true, Ordering::Release);
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
