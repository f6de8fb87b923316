//! A TLS client for attacks: it sends any bytes and any server name, and offers any session to any site.

use crate::support::{TEST_TIMEOUT, TestGateway, pki};
use portcullis::demo::pki::KeyedChain;
use rustls::client::{
    ClientSessionMemoryCache, ClientSessionStore, Resumption, Tls12ClientSessionValue,
    Tls13ClientSessionValue,
};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, NamedGroup, RootCertStore, StreamOwned};
use rustls_pki_types::ServerName;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OfferedVersion {
    Tls12,
    Tls13,
}

pub(super) const TLS_VERSIONS: [OfferedVersion; 2] = [OfferedVersion::Tls12, OfferedVersion::Tls13];

/// A client with one session store, which offers every session to every server.
#[derive(Clone)]
pub(super) struct TlsClient {
    pub(super) config: Arc<ClientConfig>,
    pub(super) address: SocketAddr,
}

impl TlsClient {
    pub(super) fn new(gateway: &TestGateway, version: OfferedVersion, card: Option<&KeyedChain>) -> Self {
        Self::to(gateway.address(), version, card)
    }

    pub(super) fn to(address: SocketAddr, version: OfferedVersion, card: Option<&KeyedChain>) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(pki().server_ca().clone()).unwrap();
        let versions = match version {
            OfferedVersion::Tls12 => [&rustls::version::TLS12],
            OfferedVersion::Tls13 => [&rustls::version::TLS13],
        };
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&versions)
            .unwrap()
            .with_root_certificates(roots);
        let mut config = match card {
            Some(card) => builder.with_client_auth_cert(card.chain.clone(), card.private_key()).unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.resumption = Resumption::store(Arc::new(SharedSessionStore::default()));
        Self { config: Arc::new(config), address }
    }

    pub(super) fn offering(mut self, protocol: &str) -> Self {
        let mut config = (*self.config).clone();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        self.config = Arc::new(config);
        self
    }

    /// Returns a client with the same sessions and certificate that sends no server name in the ClientHello.
    pub(super) fn nameless(&self) -> Self {
        let mut config = (*self.config).clone();
        config.enable_sni = false;
        Self { config: Arc::new(config), address: self.address }
    }

    /// Completes the handshake.
    ///
    /// # Errors
    /// With the alert of the server if it rejects the handshake.
    pub(super) fn connect(&self, name: &str) -> io::Result<TlsConnection> {
        let server_name = ServerName::try_from(name.to_owned()).map_err(io::Error::other)?;
        let mut connection =
            ClientConnection::new(Arc::clone(&self.config), server_name).map_err(io::Error::other)?;
        let mut socket = TcpStream::connect(self.address)?;
        socket.set_read_timeout(Some(TEST_TIMEOUT))?;
        socket.set_nodelay(true)?;
        while connection.is_handshaking() {
            connection.complete_io(&mut socket)?;
        }
        Ok(TlsConnection::new(connection, socket))
    }
}

/// A connection for raw bytes inside TLS.
pub(super) struct TlsConnection {
    pub(super) stream: StreamOwned<ClientConnection, TcpStream>,
    buffer: Vec<u8>,
}

/// An HTTP/1.1 response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct WireResponse {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl WireResponse {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Returns `200 permit`, or the status and the denial id of a JSON response; the status alone for responses of hyper.
    pub(super) fn status_and_id(&self) -> String {
        let json: serde_json::Value = serde_json::from_slice(&self.body).unwrap_or_default();
        let id = if self.status == 200 { Some("permit") } else { json["id"].as_str() };
        format!("{} {}", self.status, id.unwrap_or_default()).trim_end().to_owned()
    }

    /// Returns the user that the backend received, if the response is an echo.
    pub(super) fn user(&self) -> Option<String> {
        let echo: serde_json::Value = serde_json::from_slice(&self.body).ok()?;
        let headers = echo.get("headers")?.as_array()?;
        let line = headers.iter().find(|line| line[0] == "x-remote-user")?;
        line[1].as_str().map(str::to_owned)
    }
}

impl TlsConnection {
    /// Returns the connection of a completed handshake.
    pub(super) fn new(connection: ClientConnection, socket: TcpStream) -> Self {
        Self { stream: StreamOwned::new(connection, socket), buffer: Vec::new() }
    }

    pub(super) fn resumed(&self) -> bool {
        self.stream.conn.handshake_kind() == Some(HandshakeKind::Resumed)
    }

    pub(super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.stream.flush()
    }

    /// Requests `path` of `host` and returns the response.
    pub(super) fn get(&mut self, host: &str, path: &str) -> io::Result<WireResponse> {
        self.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: application/json\r\n\r\n"))?;
        self.response()
    }

    /// Returns the next final response.
    ///
    /// # Errors
    /// If the connection closes before the response is complete.
    pub(super) fn response(&mut self) -> io::Result<WireResponse> {
        loop {
            let response = self.next_response("GET")?;
            if response.status >= 200 {
                return Ok(response);
            }
        }
    }

    /// Returns the next response to a request with `method`; it may be an interim response.
    pub(super) fn next_response(&mut self, method: &str) -> io::Result<WireResponse> {
        let end = loop {
            if let Some(end) = self.buffer.windows(4).position(|end| end == b"\r\n\r\n") {
                break end + 4;
            }
            self.fill()?;
        };
        let head = String::from_utf8(self.buffer.drain(..end).collect()).map_err(io::Error::other)?;
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
            .collect();
        let mut response = WireResponse { status, headers, body: Vec::new() };
        if method != "HEAD" && status >= 200 {
            response.body = match response.header("content-length") {
                Some(length) => self.take(length.parse().unwrap())?,
                None if response.header("transfer-encoding") == Some("chunked") => self.chunks()?,
                None => Vec::new(),
            };
        }
        Ok(response)
    }

    /// Returns whether the server closes the connection without further bytes.
    pub(super) fn is_closed(&mut self) -> bool {
        match self.fill() {
            Ok(()) => false,
            Err(error) => {
                assert_ne!(error.kind(), io::ErrorKind::WouldBlock, "the server keeps the connection open");
                self.buffer.is_empty()
            }
        }
    }

    fn take(&mut self, length: usize) -> io::Result<Vec<u8>> {
        while self.buffer.len() < length {
            self.fill()?;
        }
        Ok(self.buffer.drain(..length).collect())
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let end = loop {
                if let Some(end) = self.buffer.windows(2).position(|end| end == b"\r\n") {
                    break end;
                }
                self.fill()?;
            };
            let line = self.take(end + 2)?;
            let length = usize::from_str_radix(std::str::from_utf8(&line[..end]).unwrap(), 16).unwrap();
            body.extend(self.take(length)?);
            self.take(2)?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        let mut piece = [0; 16_384];
        match self.stream.read(&mut piece)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.buffer.extend_from_slice(&piece[..length]);
                Ok(())
            }
        }
    }
}

/// A session store with one key for all servers, so that an attacker offers the session of one site to another.
#[derive(Debug)]
struct SharedSessionStore(ClientSessionMemoryCache);

impl Default for SharedSessionStore {
    fn default() -> Self {
        Self(ClientSessionMemoryCache::new(8))
    }
}

fn shared_key() -> ServerName<'static> {
    ServerName::try_from("shared").expect("a host name")
}

impl ClientSessionStore for SharedSessionStore {
    fn set_kx_hint(&self, _: ServerName<'static>, group: NamedGroup) {
        self.0.set_kx_hint(shared_key(), group);
    }

    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        self.0.kx_hint(&shared_key())
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.0.set_tls12_session(shared_key(), value);
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.0.tls12_session(&shared_key())
    }

    fn remove_tls12_session(&self, _: &ServerName<'static>) {
        self.0.remove_tls12_session(&shared_key());
    }

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.0.insert_tls13_ticket(shared_key(), value);
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.0.take_tls13_ticket(&shared_key())
    }
}
