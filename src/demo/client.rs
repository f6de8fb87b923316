//! The demo's HTTPS client: sends each request over a new connection, with selectable TLS and HTTP versions, and presents
//! any chain, even an invalid one.

use super::pki::KeyedChain;
use anyhow::Context as _;
use bytes::Bytes;
use http::{Request, Response, Version};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs;
use rustls::sign::CertifiedKey;
use rustls::{ClientConfig, RootCertStore, SignatureScheme, SupportedProtocolVersion};
use rustls_pki_types::{CertificateDer, ServerName};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The timeout of one request.
const LIMIT: Duration = Duration::from_secs(20);

/// The protocol versions of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ClientProtocol {
    /// TLS 1.2 or 1.3.
    pub tls: &'static SupportedProtocolVersion,
    /// HTTP/1.1 or HTTP/2.
    pub http: Version,
}

impl ClientProtocol {
    /// Every combination, with the name that the report prints.
    pub(crate) const ALL: [(&'static str, Self); 4] = [
        ("1.1 over TLS 1.2", Self { tls: &rustls::version::TLS12, http: Version::HTTP_11 }),
        ("1.1 over TLS 1.3", Self { tls: &rustls::version::TLS13, http: Version::HTTP_11 }),
        ("2 over TLS 1.2", Self { tls: &rustls::version::TLS12, http: Version::HTTP_2 }),
        ("2 over TLS 1.3", Self { tls: &rustls::version::TLS13, http: Version::HTTP_2 }),
    ];
}

/// A client of one server.
#[derive(Clone, Debug)]
pub(crate) struct DemoClient {
    address: SocketAddr,
    server_name: ServerName<'static>,
    config: ClientConfig,
    http: Version,
}

impl DemoClient {
    /// Creates a client of the server at `address` with the server name `host`. It trusts only `server_ca`, and presents
    /// `card`.
    ///
    /// # Errors
    /// If rustls does not support the key of `card`, or `host` is not a host name.
    pub(crate) fn new(
        address: SocketAddr,
        host: &str,
        server_ca: &CertificateDer<'static>,
        card: Option<&KeyedChain>,
        protocol: ClientProtocol,
    ) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(server_ca.clone())?;
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[protocol.tls])?
            .with_root_certificates(roots);
        let mut config = match card {
            Some(card) => builder.with_client_cert_resolver(Arc::new(FixedCertificate::of(card)?)),
            None => builder.with_no_client_auth(),
        };
        let alpn: &[u8] = if protocol.http == Version::HTTP_2 { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![alpn.to_vec()];
        let server_name = ServerName::try_from(host.to_owned()).context("not a host name")?;
        Ok(Self { address, server_name, config, http: protocol.http })
    }

    /// Sends one request over a new connection and returns the complete response.
    ///
    /// # Errors
    /// If the connection, the handshake or the exchange fails, or times out.
    pub(crate) async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
        timeout(LIMIT, self.exchange(request)).await.context("timed out")?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
        let stream = TcpStream::connect(self.address).await?;
        let connector = TlsConnector::from(Arc::new(self.config.clone()));
        let io = TokioIo::new(connector.connect(self.server_name.clone(), stream).await?);
        if self.http == Version::HTTP_2 {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            let driver = tokio::spawn(connection);
            let response = read_body(sender.send_request(request).await?).await;
            drop(sender);
            driver.await??;
            response
        } else {
            let (mut sender, connection) = http1::handshake(io).await?;
            let driver = tokio::spawn(connection);
            let response = read_body(sender.send_request(request).await?).await;
            drop(sender);
            driver.await??;
            response
        }
    }
}

async fn read_body(response: Response<hyper::body::Incoming>) -> anyhow::Result<Response<Bytes>> {
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

/// Presents one chain to every server, regardless of the authorities and signature schemes that the server accepts.
#[derive(Debug)]
struct FixedCertificate(Arc<CertifiedKey>);

impl FixedCertificate {
    fn of(card: &KeyedChain) -> anyhow::Result<Self> {
        // Not `CertifiedKey::from_der`: it parses the leaf with webpki, which rejects version 1 certificates.
        let key = aws_lc_rs::sign::any_supported_type(&card.private_key())?;
        Ok(Self(Arc::new(CertifiedKey::new(card.chain.clone(), key))))
    }
}

impl ResolvesClientCert for FixedCertificate {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
