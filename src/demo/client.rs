//! A client with a card, for the demo and for tests: one request over a fresh connection, with a choice of TLS and HTTP
//! version. It presents whatever chain it is given, however wrong.

use super::pki::Card;
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

/// How long one request may take in all.
const LIMIT: Duration = Duration::from_secs(20);

/// How a client protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientProtocol {
    /// TLS 1.2 or 1.3.
    pub tls: &'static SupportedProtocolVersion,
    /// HTTP/1.1 or HTTP/2.
    pub http: Version,
}

impl ClientProtocol {
    /// Every combination, with its name.
    pub const ALL: [(&'static str, Self); 4] = [
        ("1.1 over TLS 1.2", Self { tls: &rustls::version::TLS12, http: Version::HTTP_11 }),
        ("1.1 over TLS 1.3", Self { tls: &rustls::version::TLS13, http: Version::HTTP_11 }),
        ("2 over TLS 1.2", Self { tls: &rustls::version::TLS12, http: Version::HTTP_2 }),
        ("2 over TLS 1.3", Self { tls: &rustls::version::TLS13, http: Version::HTTP_2 }),
    ];
}

/// A client.
#[derive(Clone, Debug)]
pub struct Client {
    address: SocketAddr,
    server_name: ServerName<'static>,
    config: ClientConfig,
    http: Version,
}

impl Client {
    /// A client of the server at `address`, called by `host`, that trusts `server_ca` alone and holds `card` if any.
    ///
    /// # Errors
    /// Where the card's key is of a kind that rustls cannot sign with, or `host` is no host name.
    pub fn new(
        address: SocketAddr,
        host: &str,
        server_ca: &CertificateDer<'static>,
        card: Option<&Card>,
        protocol: ClientProtocol,
    ) -> anyhow::Result<Self> {
        let mut roots = RootCertStore::empty();
        roots.add(server_ca.clone())?;
        let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_protocol_versions(&[protocol.tls])?
            .with_root_certificates(roots);
        let mut config = match card {
            Some(card) => builder.with_client_cert_resolver(Arc::new(Presents::card(card)?)),
            None => builder.with_no_client_auth(),
        };
        let alpn: &[u8] = if protocol.http == Version::HTTP_2 { b"h2" } else { b"http/1.1" };
        config.alpn_protocols = vec![alpn.to_vec()];
        let server_name = ServerName::try_from(host.to_owned()).context("no host name")?;
        Ok(Self { address, server_name, config, http: protocol.http })
    }

    /// Sends one request over a connection of its own and reads the whole answer.
    ///
    /// # Errors
    /// Where the connection, the handshake or the exchange fails, or takes too long.
    pub async fn send(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
        timeout(LIMIT, self.exchange(request)).await.context("no answer in time")?
    }

    async fn exchange(&self, request: Request<Full<Bytes>>) -> anyhow::Result<Response<Bytes>> {
        let stream = TcpStream::connect(self.address).await?;
        let connector = TlsConnector::from(Arc::new(self.config.clone()));
        let io = TokioIo::new(connector.connect(self.server_name.clone(), stream).await?);
        if self.http == Version::HTTP_2 {
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            let driver = tokio::spawn(connection);
            let answer = whole(sender.send_request(request).await?).await;
            drop(sender);
            driver.await??;
            answer
        } else {
            let (mut sender, connection) = http1::handshake(io).await?;
            let driver = tokio::spawn(connection);
            let answer = whole(sender.send_request(request).await?).await;
            drop(sender);
            driver.await??;
            answer
        }
    }
}

async fn whole(response: Response<hyper::body::Incoming>) -> anyhow::Result<Response<Bytes>> {
    let (head, body) = response.into_parts();
    Ok(Response::from_parts(head, body.collect().await?.to_bytes()))
}

/// Presents one chain to every server, whichever authorities it asks for and whatever is wrong with it.
#[derive(Debug)]
struct Presents(Arc<CertifiedKey>);

impl Presents {
    fn card(card: &Card) -> anyhow::Result<Self> {
        // Not `CertifiedKey::from_der`: that reads the leaf with webpki, which takes no version 1 certificate.
        let key = aws_lc_rs::sign::any_supported_type(&card.private_key())?;
        Ok(Self(Arc::new(CertifiedKey::new(card.chain.clone(), key))))
    }
}

impl ResolvesClientCert for Presents {
    fn resolve(&self, _hints: &[&[u8]], _schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}
