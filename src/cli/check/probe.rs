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
    /// What an administrator does about it.
    pub(super) fn mend(&self) -> &'static str {
        match self {
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
    let connecting = TcpStream::connect((server.host.as_str(), server.port));
    let tcp = within(limit, connecting).await?.map_err(NoAnswer::Connect)?;
    match &server.transport {
        Transport::Plain => exchange(tcp, request, limit).await,
        Transport::Tls(BackendTls { config, server_name }) => {
            let config = match own {
                OwnCertificate::Shown => Arc::clone(config),
                OwnCertificate::Withheld => without_certificate(config),
            };
            let handshake = TlsConnector::from(config).connect(server_name.clone(), tcp);
            let tls = within(limit, handshake).await?.map_err(NoAnswer::Tls)?;
            exchange(tls, request, limit).await
        }
    }
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
fn without_certificate(config: &Arc<ClientConfig>) -> Arc<ClientConfig> {
    let mut config = ClientConfig::clone(config);
    config.client_auth_cert_resolver = Arc::new(NoCertificate);
    config.resumption = Resumption::disabled();
    Arc::new(config)
}

#[derive(Debug)]
struct NoCertificate;

impl ResolvesClientCert for NoCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}
