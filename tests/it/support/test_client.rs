//! A TLS and HTTP client that checks nothing before it sends: it presents any chain, and can name one host in the handshake
//! and another in requests.

use super::{TEST_TIMEOUT, TestBody, TestGateway, TestResponse, empty_body, pki};
use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Version};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use portcullis::demo::pki::KeyedChain;
use rustls::client::ResolvesClientCert;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::sign::CertifiedKey;
use rustls::{
    ClientConfig, HandshakeKind, RootCertStore, SignatureScheme, SupportedProtocolVersion, version,
};
use rustls_pki_types::ServerName;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A client configuration; the default is HTTP/1.1 over TLS 1.3 without a certificate. Every [`TestClient::connect`]
/// opens a new connection, and resumes the session of an earlier connection of the same client if there is one.
#[derive(Clone)]
pub(crate) struct TestClient {
    address: SocketAddr,
    certificate: Option<Arc<CertifiedKey>>,
    version: &'static SupportedProtocolVersion,
    http: Version,
    server_name: Option<String>,
    host: String,
    /// The local address to connect from.
    from: Option<IpAddr>,
    /// Created at the first connection, with the session store. Later clones share both.
    config: OnceLock<Arc<ClientConfig>>,
}

impl TestClient {
    /// Returns a client that connects to `rms.corp.example` on this gateway.
    pub(crate) fn new(gateway: &TestGateway) -> Self {
        Self {
            address: gateway.address(),
            certificate: None,
            version: &version::TLS13,
            http: Version::HTTP_11,
            server_name: Some("rms.corp.example".to_owned()),
            host: "rms.corp.example".to_owned(),
            from: None,
            config: OnceLock::new(),
        }
    }

    /// Returns one client for each HTTP version.
    pub(crate) fn http1_and_http2(gateway: &TestGateway) -> [Self; 2] {
        [Self::new(gateway).http1(), Self::new(gateway).http2()]
    }

    /// Returns one client for each TLS version.
    pub(crate) fn tls12_and_tls13(gateway: &TestGateway) -> [Self; 2] {
        [Self::new(gateway).tls12(), Self::new(gateway).tls13()]
    }

    /// Presents the client certificate of the demo user with this name; `"none"` presents none.
    pub(crate) fn certificate(self, name: &str) -> Self {
        match name {
            "none" => Self { certificate: None, config: OnceLock::new(), ..self },
            _ => self.chain(pki().card(name).unwrap_or_else(|| panic!("no demo user is called {name}"))),
        }
    }

    /// Presents this chain unchecked, and signs with its key.
    pub(crate) fn chain(self, chain: &KeyedChain) -> Self {
        let key = default_provider().key_provider.load_private_key(chain.private_key()).unwrap();
        let certificate = Some(Arc::new(CertifiedKey::new(chain.chain.clone(), key)));
        Self { certificate, config: OnceLock::new(), ..self }
    }

    pub(crate) fn tls12(self) -> Self {
        Self { version: &version::TLS12, config: OnceLock::new(), ..self }
    }

    pub(crate) fn tls13(self) -> Self {
        Self { version: &version::TLS13, config: OnceLock::new(), ..self }
    }

    pub(crate) fn http1(self) -> Self {
        Self { http: Version::HTTP_11, config: OnceLock::new(), ..self }
    }

    pub(crate) fn http2(self) -> Self {
        Self { http: Version::HTTP_2, config: OnceLock::new(), ..self }
    }

    /// Names this host in the handshake and in requests. Keeps the sessions.
    pub(crate) fn resolving(self, host: &str) -> Self {
        Self { server_name: Some(host.to_owned()), host: host.to_owned(), ..self }
    }

    /// Names this host in requests only (`Host`, `:authority`). Keeps the sessions.
    pub(crate) fn host(self, host: &str) -> Self {
        Self { host: host.to_owned(), ..self }
    }

    /// Connects from this loopback address. Keeps the sessions.
    pub(crate) fn from(self, address: &str) -> Self {
        Self { from: Some(address.parse().unwrap()), ..self }
    }

    /// Sends no server name in the handshake.
    pub(crate) fn without_server_name(self) -> Self {
        Self { server_name: None, config: OnceLock::new(), ..self }
    }

    /// Completes the handshake and returns the stream, for raw bytes.
    pub(crate) async fn tls_stream(&self) -> io::Result<TlsStream<TcpStream>> {
        let connector = TlsConnector::from(Arc::clone(self.config.get_or_init(|| self.make_config())));
        let name = self.server_name.as_deref().unwrap_or("localhost");
        let name = ServerName::try_from(name.to_owned()).unwrap();
        let socket = TcpSocket::new_v4()?;
        if let Some(from) = self.from {
            socket.bind((from, 0).into())?;
        }
        let tcp = socket.connect(self.address).await?;
        // Otherwise the kernel would merge the small writes of a test into one segment.
        tcp.set_nodelay(true)?;
        timeout(TEST_TIMEOUT, connector.connect(name, tcp)).await.expect("the handshake ends")
    }

    /// Opens a connection for one or more requests.
    ///
    /// # Errors
    /// If the handshake fails. A TLS 1.3 client may receive an alert only after its first request.
    pub(crate) async fn connect(&self) -> io::Result<Connection> {
        let stream = self.tls_stream().await?;
        let resumed = stream.get_ref().1.handshake_kind() == Some(HandshakeKind::Resumed);
        let io = TokioIo::new(stream);
        let (sender, driver) = if self.http == Version::HTTP_2 {
            let handshake = http2::handshake(TokioExecutor::new(), io).await;
            let (sender, connection) = handshake.map_err(io::Error::other)?;
            (HttpSender::Http2(sender), tokio::spawn(async move { drop(connection.await) }))
        } else {
            let (sender, connection) = http1::handshake(io).await.map_err(io::Error::other)?;
            (HttpSender::Http1(sender), tokio::spawn(async move { drop(connection.await) }))
        };
        Ok(Connection { sender, resumed, driver, host: self.host.clone(), http: self.http })
    }

    /// Returns a request with `Accept: application/json`, so that a denial contains its id. `target` is a path with or
    /// without a query.
    pub(crate) fn request(&self, method: Method, target: &str) -> http::request::Builder {
        request(self.http, &self.host, method, target)
    }

    /// Sends one request on a new connection and returns the complete response.
    pub(crate) async fn send(&self, request: Request<TestBody>) -> TestResponse {
        self.connect().await.expect("the handshake succeeds").send(request).await.expect("a response")
    }

    /// GETs `target` on a new connection.
    pub(crate) async fn get(&self, target: &str) -> TestResponse {
        self.send(self.request(Method::GET, target).body(empty_body()).unwrap()).await
    }

    /// GETs `target` with more headers on a new connection.
    pub(crate) async fn get_with(&self, target: &str, headers: &[(&str, &str)]) -> TestResponse {
        let request = self.request(Method::GET, target);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request.body(empty_body()).unwrap()).await
    }

    /// POSTs `body` to `target` on a new connection.
    pub(crate) async fn post(&self, target: &str, body: TestBody) -> TestResponse {
        self.send(self.request(Method::POST, target).body(body).unwrap()).await
    }

    fn make_config(&self) -> Arc<ClientConfig> {
        let mut roots = RootCertStore::empty();
        roots.add(pki().server_ca().clone()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[self.version])
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match &self.certificate {
            Some(certificate) => {
                builder.with_client_cert_resolver(Arc::new(UncheckedCertificate(Arc::clone(certificate))))
            }
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = self.server_name.is_some();
        let protocol = if self.http == Version::HTTP_2 { &b"h2"[..] } else { b"http/1.1" };
        config.alpn_protocols.push(protocol.to_vec());
        Arc::new(config)
    }
}

/// Presents one chain to every server. rustls's own resolver would reject chains that webpki cannot parse.
#[derive(Debug)]
struct UncheckedCertificate(Arc<CertifiedKey>);

impl ResolvesClientCert for UncheckedCertificate {
    fn resolve(&self, _hints: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.0.key.choose_scheme(schemes).map(|_| Arc::clone(&self.0))
    }

    fn has_certs(&self) -> bool {
        true
    }
}

/// A connection. It is closed when dropped.
pub(crate) struct Connection {
    sender: HttpSender,
    /// Whether the handshake resumed an earlier session.
    pub(crate) resumed: bool,
    driver: JoinHandle<()>,
    host: String,
    http: Version,
}

enum HttpSender {
    Http1(http1::SendRequest<TestBody>),
    Http2(http2::SendRequest<TestBody>),
}

impl Connection {
    /// As [`TestClient::request`].
    pub(crate) fn request(&self, method: Method, target: &str) -> http::request::Builder {
        request(self.http, &self.host, method, target)
    }

    /// Sends a request and returns the response when its head has arrived.
    pub(crate) async fn begin(&mut self, request: Request<TestBody>) -> hyper::Result<Response<Incoming>> {
        let sending = async {
            match &mut self.sender {
                HttpSender::Http1(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
                HttpSender::Http2(sender) => {
                    sender.ready().await?;
                    sender.send_request(request).await
                }
            }
        };
        timeout(TEST_TIMEOUT, sending).await.expect("the response begins")
    }

    /// Sends a request and returns the complete response.
    pub(crate) async fn send(&mut self, request: Request<TestBody>) -> hyper::Result<TestResponse> {
        let (head, body) = self.begin(request).await?.into_parts();
        let body = timeout(TEST_TIMEOUT, body.collect()).await.expect("the response ends")?;
        let trailers = body.trailers().cloned().unwrap_or_else(HeaderMap::new);
        let body: Bytes = body.to_bytes();
        assert_eq!(head.version, self.http);
        Ok(TestResponse {
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            trailers,
            resumed: self.resumed,
        })
    }

    pub(crate) async fn get(&mut self, target: &str) -> hyper::Result<TestResponse> {
        let request = self.request(Method::GET, target).body(empty_body()).unwrap();
        self.send(request).await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

fn request(http: Version, host: &str, method: Method, target: &str) -> http::request::Builder {
    let request = Request::builder().method(method).version(http).header("accept", "application/json");
    match http {
        Version::HTTP_2 => request.uri(format!("https://{host}{target}")),
        _ => request.uri(target).header("host", host),
    }
}
