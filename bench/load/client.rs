//! TLS connections to the proxy.

use crate::cards::{CardArgs, Cards, certificates};
use crate::exchange::{ExchangeArgs, Protocol, Sender};
use clap::{Args, ValueEnum};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::client::Resumption;
use rustls::crypto::aws_lc_rs;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, version};
use rustls_pki_types::ServerName;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The proxy and how to connect to it.
#[derive(Args)]
pub(crate) struct ClientArgs {
    /// Address of the proxy.
    #[arg(long)]
    target: SocketAddr,
    /// PEM file with the CA of its certificate.
    #[arg(long)]
    ca: PathBuf,
    #[command(flatten)]
    cards: CardArgs,
    #[command(flatten)]
    pub(crate) exchange: ExchangeArgs,
    #[arg(long, default_value = "1.3")]
    tls: TlsVersion,
    /// The key exchange that is preferred. X25519 is always offered.
    #[arg(long, default_value = "x25519")]
    group: Group,
    /// Threads of the load generator.
    #[arg(long, default_value_t = 2)]
    pub(crate) threads: usize,
}

#[derive(Clone, Copy, ValueEnum)]
enum TlsVersion {
    #[value(name = "1.2")]
    V12,
    #[value(name = "1.3")]
    V13,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Group {
    X25519,
    X25519mlkem768,
}

/// Whether a client keeps sessions and resumes them.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Sessions {
    Resume,
    Forget,
}

/// Everything that connections need, except for their sessions.
pub(crate) struct Client {
    target: SocketAddr,
    name: ServerName<'static>,
    config: ClientConfig,
    protocol: Protocol,
    pub(crate) cards: Cards,
}

impl Client {
    pub(crate) fn new(args: &ClientArgs) -> Self {
        let mut provider = aws_lc_rs::default_provider();
        provider.kx_groups = match args.group {
            // P-256 is for the server's certificate under TLS 1.2, and has no key share.
            Group::X25519 => vec![kx_group::X25519, kx_group::SECP256R1],
            Group::X25519mlkem768 => vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1],
        };
        let version = match args.tls {
            TlsVersion::V12 => &version::TLS12,
            TlsVersion::V13 => &version::TLS13,
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(&args.ca) {
            roots.add(certificate).unwrap();
        }
        let cards = Cards::load(&args.cards);
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_client_cert_resolver(cards.next());
        config.alpn_protocols = vec![args.exchange.http.alpn()];
        let name = ServerName::try_from(args.exchange.host.clone()).unwrap();
        Self { target: args.target, name, config, protocol: args.exchange.http, cards }
    }

    /// Returns a connector with sessions of its own, and the next client certificate in turn.
    pub(crate) fn connector(&self, sessions: Sessions) -> TlsConnector {
        let mut config = self.config.clone();
        config.client_auth_cert_resolver = self.cards.next();
        config.resumption = match sessions {
            Sessions::Resume => Resumption::in_memory_sessions(16),
            Sessions::Forget => Resumption::disabled(),
        };
        TlsConnector::from(Arc::new(config))
    }

    pub(crate) async fn connect_tcp(&self) -> Result<TcpStream, String> {
        let stream =
            TcpStream::connect(self.target).await.map_err(|error| format!("TCP connection: {error}"))?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        Ok(stream)
    }

    pub(crate) async fn connect(&self, connector: &TlsConnector) -> Result<TlsStream<TcpStream>, String> {
        let stream = self.connect_tcp().await?;
        let connected = connector.connect(self.name.clone(), stream).await;
        connected.map_err(|error| format!("TLS handshake: {error}"))
    }

    /// Opens a connection for requests. Returns the sender, and what the handshake negotiated.
    pub(crate) async fn open(&self, connector: &TlsConnector) -> Result<(Sender, Negotiated), String> {
        let stream = self.connect(connector).await?;
        let negotiated = Negotiated::of(stream.get_ref().1);
        let io = TokioIo::new(stream);
        let sender = match self.protocol {
            Protocol::Http1 => {
                let (sender, connection) =
                    http1::handshake(io).await.map_err(|error| format!("HTTP/1.1: {error}"))?;
                Sender::Http1(sender, tokio::spawn(connection))
            }
            Protocol::Http2 => {
                let mut builder = http2::Builder::new(TokioExecutor::new());
                // As browsers do: a response of 8 MiB must not wait for a window of 64 KiB.
                builder.initial_stream_window_size(4 << 20).initial_connection_window_size(16 << 20);
                let (sender, connection) =
                    builder.handshake(io).await.map_err(|error| format!("HTTP/2: {error}"))?;
                Sender::Http2(sender, tokio::spawn(connection))
            }
        };
        Ok((sender, negotiated))
    }

    /// Returns the bytes of a ClientHello.
    pub(crate) fn hello(&self) -> Vec<u8> {
        let mut connection = ClientConnection::new(Arc::new(self.config.clone()), self.name.clone()).unwrap();
        let mut hello = Vec::new();
        connection.write_tls(&mut hello).unwrap();
        hello
    }
}

/// What a handshake negotiated.
#[derive(Clone, Default)]
pub(crate) struct Negotiated {
    version: String,
    cipher: String,
    group: String,
    pub(crate) is_resumed: bool,
}

impl Negotiated {
    fn of(connection: &ClientConnection) -> Self {
        let text = |value: Option<String>| value.unwrap_or_default();
        Self {
            version: text(connection.protocol_version().map(|version| format!("{version:?}"))),
            cipher: text(connection.negotiated_cipher_suite().map(|suite| format!("{:?}", suite.suite()))),
            group: text(
                connection.negotiated_key_exchange_group().map(|group| format!("{:?}", group.name())),
            ),
            is_resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed),
        }
    }

    pub(crate) fn facts(&self) -> Value {
        json!({ "version": self.version, "cipher": self.cipher, "group": self.group })
    }
}
