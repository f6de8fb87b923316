//! The server side of a TLS handshake: reads the ClientHello, lets the caller choose the site, and completes the
//! handshake.
//!
//! Every wait has a timeout: a short one until the ClientHello is complete, a longer one if a certificate is requested,
//! because the user may have to enter a PIN.

use super::first_bytes::{self, FirstBytes};
use super::pool::HandshakePool;
use super::server::SiteTls;
use super::version::{TlsVersion, UnsupportedVersion};
use crate::clock::{Clock, UnixTime};
use crate::limits::scheduling::{ClientRank, SlotsFull};
use crate::limits::{AddressKey, HandshakeLimitReached};
use rustls::server::{Accepted as Hello, AcceptedAlert, Acceptor};
use rustls::{AlertDescription, HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};
use rustls_pki_types::CertificateDer;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The bytes of one read from the client. rustls buffers at most 16 KB of decrypted data, and the last step of a
/// handshake may be followed by a request.
const READ: usize = 8 * 1024;

/// The timeouts of a handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// Until the ClientHello is complete, and from then to the end if no certificate is requested.
    pub plain: Duration,
    /// From the ClientHello to the end if a certificate is requested.
    pub card: Duration,
}

/// The results of a handshake.
#[derive(Clone, Debug)]
pub(crate) struct HandshakeFacts {
    /// The negotiated version.
    pub version: TlsVersion,
    /// The IANA name of the cipher suite.
    pub cipher: String,
    /// The protocol negotiated by ALPN.
    pub alpn: Option<String>,
    /// Whether HTTP/2 was negotiated.
    pub http2: bool,
    /// Whether an earlier session was resumed, so that the client's key did not sign this time.
    pub resumed: bool,
    /// Whether the server requested a certificate.
    pub asked: bool,
    /// The chain as the client presented it, leaf first; empty if it presented none.
    pub certificates: Vec<CertificateDer<'static>>,
    /// When the client's key last signed a handshake; the end of this handshake if it was a full one.
    pub proven_at: UnixTime,
}

impl HandshakeFacts {
    /// Returns whether the client presented no certificate under TLS 1.3 although one was requested. A card that
    /// cannot sign RSA-PSS is not offered there (RFC 8446 4.2.3 forbids PKCS#1 v1.5).
    pub(crate) fn requested_without_certificate_in_tls13(&self) -> bool {
        self.asked && self.certificates.is_empty() && self.version == TlsVersion::Tls13
    }
}

/// A finished handshake, with the value that the caller chose at the ClientHello.
pub(crate) struct AcceptedConnection<IO, T> {
    /// The stream after the handshake.
    pub stream: TlsStream<IO>,
    /// The value that `choose` returned.
    pub chosen: T,
    /// The results of the handshake.
    pub facts: HandshakeFacts,
}

/// The stage at which a handshake ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HandshakeStage {
    /// Before the ClientHello was complete.
    Hello,
    /// After it.
    Finish {
        /// The negotiated version, if it was negotiated.
        version: Option<TlsVersion>,
        /// Whether a certificate was requested.
        asked: bool,
    },
}

/// Why a handshake failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandshakeError {
    /// A limit on handshakes is reached.
    #[error(transparent)]
    HandshakeLimitReached(#[from] HandshakeLimitReached),
    /// Too many handshakes wait for the handshake pool.
    #[error("too many handshakes are waiting")]
    Overloaded(#[from] SlotsFull),
    /// The client was too slow.
    #[error("the handshake was not complete after {limit:?}")]
    Timeout {
        /// The stage of the handshake.
        stage: HandshakeStage,
        /// The timeout.
        limit: Duration,
    },
    /// No site has this name on this listener, or the client sent no name and no site is the default. The client
    /// received the alert `unrecognized_name` (RFC 6066 section 3).
    #[error("no site has the server name {}", .name.as_deref().unwrap_or("(none sent)"))]
    UnknownName {
        /// The server name that the client sent.
        name: Option<String>,
    },
    /// The client supports no version that the gateway supports. It received the alert `protocol_version`.
    #[error("the client supports {0} at most; at least TLS 1.2 is required")]
    UnsupportedVersion(UnsupportedVersion),
    /// The client sent an HTTP request without TLS. It received a 400 response that explains this.
    #[error("the client sent plain HTTP to a TLS port")]
    PlainHttp,
    /// The client closed the connection without sending anything, as port scanners and health checks do.
    #[error("the client closed the connection without sending anything")]
    Unused,
    /// The client closed the connection.
    #[error("the client closed the connection during the handshake")]
    Closed {
        /// The stage of the handshake.
        stage: HandshakeStage,
    },
    /// The TLS protocol failed.
    #[error("the handshake failed")]
    Failed {
        /// The stage of the handshake.
        stage: HandshakeStage,
        /// The error of rustls.
        #[source]
        source: io::Error,
    },
}

impl HandshakeError {
    /// Returns whether a well-behaved client would not have caused this, so that repeated errors give it a lower
    /// rank. Closing the connection is not counted: browsers do so while their users choose a certificate.
    pub(crate) fn is_clients_fault(&self) -> bool {
        match self {
            Self::Timeout { .. } | Self::UnsupportedVersion(_) | Self::PlainHttp | Self::Failed { .. } => {
                true
            }
            Self::HandshakeLimitReached(_)
            | Self::Overloaded(_)
            | Self::UnknownName { .. }
            | Self::Unused
            | Self::Closed { .. } => false,
        }
    }
}

/// The parameters of a handshake.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HandshakeContext<'a> {
    /// The client and its rank.
    pub client: (AddressKey, ClientRank),
    /// The timeouts.
    pub limits: HandshakeLimits,
    /// The clock.
    pub clock: &'a Clock,
    /// The threads that do the cryptography.
    pub pool: &'a HandshakePool,
}

/// Performs the server side of the handshake on `io`.
///
/// `choose` receives the server name of the ClientHello, if any, and returns the site with any other value that the
/// caller needs; `None` ends the handshake with `unrecognized_name`.
///
/// # Errors
/// [`HandshakeError`]; the connection is closed in every case.
pub(crate) async fn accept<IO, T>(
    mut io: IO,
    choose: impl FnOnce(Option<&str>) -> Option<(Arc<SiteTls>, T)>,
    handshake: HandshakeContext<'_>,
) -> Result<AcceptedConnection<IO, T>, HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let limits = handshake.limits;
    let (hello, unread) = match timeout(limits.plain, read_hello(&mut io)).await {
        Ok(Ok(read)) => read,
        Ok(Err(reason)) => return Err(reject(&mut io, reason, limits.plain).await),
        Err(_) => return Err(HandshakeError::Timeout { stage: HandshakeStage::Hello, limit: limits.plain }),
    };
    let name = hello.client_hello().server_name().map(str::to_owned);
    let Some((site, chosen)) = choose(name.as_deref()) else {
        send_alert(&mut io, AlertDescription::UnrecognisedName, [3, 3], limits.plain).await;
        return Err(HandshakeError::UnknownName { name });
    };

    let asked = site.requests_certificate();
    let limit = if asked { limits.card } else { limits.plain };
    let failed = |error| HandshakeError::Failed {
        stage: HandshakeStage::Finish { version: None, asked },
        source: io::Error::other(error),
    };
    let (config, sessions) = site.for_connection().map_err(failed)?;
    let mut progress = HandshakeProgress { version: None, asked };
    let finish = finish(&mut io, (hello, unread), Arc::clone(&config), &handshake, &mut progress);
    let connection = match timeout(limit, finish).await {
        Ok(finished) => finished?,
        Err(_) => return Err(HandshakeError::Timeout { stage: progress.stage(), limit }),
    };
    sessions.keep();

    let now = handshake.clock.now();
    let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    // A resumed session always has a time of proof. Without one, the proof counts as expired.
    let proven_at = if resumed { sessions.proof().unwrap_or(UnixTime::EPOCH) } else { now };
    let facts = facts(&connection, asked, resumed, proven_at);
    // The session of a client that presented no requested certificate is not kept. If one is resumed all the same, the
    // handshake fails.
    if resumed && asked && facts.certificates.is_empty() {
        return Err(failed(rustls::Error::General("a session without a certificate was resumed".to_owned())));
    }
    // `TlsStream` cannot be made from a connection whose handshake is complete, but its own can be replaced.
    let stream = TlsAcceptor::from(config)
        .accept_with(io, |fresh| *fresh = connection)
        .await
        .map_err(|source| HandshakeError::Failed { stage: progress.stage(), source })?;
    Ok(AcceptedConnection { stream, chosen, facts })
}

/// The progress of a handshake, for the error if it fails.
struct HandshakeProgress {
    version: Option<TlsVersion>,
    asked: bool,
}

impl HandshakeProgress {
    fn stage(&self) -> HandshakeStage {
        HandshakeStage::Finish { version: self.version, asked: self.asked }
    }
}

/// Why no ClientHello was read, which determines the response to the client.
enum NoHello {
    PlainHttp { head: bool },
    Old(UnsupportedVersion),
    Closed { unused: bool },
    Io(io::Error),
    Alert(rustls::Error, AcceptedAlert),
}

/// Reads the ClientHello. Returns it with the bytes after it.
async fn read_hello<IO: AsyncRead + Unpin>(io: &mut IO) -> Result<(Hello, Vec<u8>), NoHello> {
    let (mut acceptor, mut buffer) = (Acceptor::default(), [0; READ]);
    // The first bytes, and how many of them were passed to rustls.
    let (mut first, mut passed_on) = (Vec::new(), 0);
    loop {
        let length = io.read(&mut buffer).await.map_err(NoHello::Io)?;
        let mut bytes = buffer.get(..length).unwrap_or_default();
        if bytes.is_empty() {
            return Err(NoHello::Closed { unused: first.is_empty() });
        }
        if first.len() < first_bytes::ENOUGH {
            first.extend_from_slice(bytes);
            match first_bytes::look(first.get(..first_bytes::ENOUGH).unwrap_or(&first)) {
                FirstBytes::Tls => {}
                FirstBytes::Undecided => continue,
                FirstBytes::PlainHttp { head } => return Err(NoHello::PlainHttp { head }),
                FirstBytes::Old(version) => return Err(NoHello::Old(version)),
            }
            bytes = first.get(passed_on..).unwrap_or_default();
            passed_on = first.len();
        }
        while !bytes.is_empty() {
            if acceptor.read_tls(&mut bytes).map_err(NoHello::Io)? == 0 {
                return Err(NoHello::Closed { unused: false });
            }
            match acceptor.accept() {
                Ok(Some(hello)) => return Ok((hello, bytes.to_vec())),
                Ok(None) => {}
                Err((error, alert)) => return Err(NoHello::Alert(error, alert)),
            }
        }
    }
}

async fn reject<IO>(io: &mut IO, reason: NoHello, limit: Duration) -> HandshakeError
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let stage = HandshakeStage::Hello;
    match reason {
        NoHello::PlainHttp { head } => {
            first_bytes::reject_plain_http(io, head, limit).await;
            HandshakeError::PlainHttp
        }
        NoHello::Old(version) => {
            send_alert(io, AlertDescription::ProtocolVersion, version.on_the_wire(), limit).await;
            HandshakeError::UnsupportedVersion(version)
        }
        NoHello::Closed { unused: true } => HandshakeError::Unused,
        NoHello::Closed { unused: false } => HandshakeError::Closed { stage },
        NoHello::Io(source) => HandshakeError::Failed { stage, source },
        NoHello::Alert(error, alert) => {
            send(io, alert_bytes(alert), limit).await;
            HandshakeError::Failed { stage, source: io::Error::other(error) }
        }
    }
}

/// Runs the handshake from the ClientHello to the end. Only the cryptography runs in the pool; waiting for the client
/// takes no slot there.
async fn finish<IO: AsyncRead + AsyncWrite + Unpin>(
    io: &mut IO,
    (hello, mut unread): (Hello, Vec<u8>),
    config: Arc<ServerConfig>,
    handshake: &HandshakeContext<'_>,
    progress: &mut HandshakeProgress,
) -> Result<ServerConnection, HandshakeError> {
    let (client, limit) = (handshake.client, handshake.limits.plain);
    let begun = handshake.pool.run(client, move || hello.into_connection(config)).await?;
    let mut connection = match begun {
        Ok(connection) => connection,
        Err((error, alert)) => {
            send(io, alert_bytes(alert), limit).await;
            return Err(HandshakeError::Failed { stage: progress.stage(), source: io::Error::other(error) });
        }
    };
    loop {
        progress.version = version(&connection);
        let io_failed = |source| HandshakeError::Failed { stage: progress.stage(), source };
        write(io, &mut connection).await.map_err(io_failed)?;
        if !connection.is_handshaking() {
            return Ok(connection);
        }
        if unread.is_empty() {
            unread.resize(READ, 0);
            let length = match io.read(&mut unread).await {
                Ok(length) => length,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => 0,
                Err(error) => return Err(io_failed(error)),
            };
            unread.truncate(length);
            if unread.is_empty() {
                return Err(HandshakeError::Closed { stage: progress.stage() });
            }
        }
        let bytes = std::mem::take(&mut unread);
        let step = move || {
            let processed = process(&mut connection, &bytes);
            (connection, processed)
        };
        let processed;
        (connection, processed) = handshake.pool.run(client, step).await?;
        if let Err(source) = processed {
            progress.version = version(&connection);
            // The client reads the alert if it is still connected.
            let _ = timeout(limit, write(io, &mut connection)).await;
            return Err(HandshakeError::Failed { stage: progress.stage(), source });
        }
    }
}

fn process(connection: &mut ServerConnection, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        if connection.read_tls(&mut bytes)? == 0 {
            // The client has closed its side.
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        connection.process_new_packets().map_err(io::Error::other)?;
    }
    Ok(())
}

async fn write<IO: AsyncWrite + Unpin>(io: &mut IO, connection: &mut ServerConnection) -> io::Result<()> {
    let mut bytes = Vec::new();
    while connection.wants_write() {
        connection.write_tls(&mut bytes)?;
    }
    io.write_all(&bytes).await?;
    io.flush().await
}

fn alert_bytes(mut alert: AcceptedAlert) -> Vec<u8> {
    let mut bytes = Vec::new();
    // Writing to a Vec does not fail.
    drop(alert.write_all(&mut bytes));
    bytes
}

fn version(connection: &ServerConnection) -> Option<TlsVersion> {
    connection.protocol_version().map(|version| match version {
        ProtocolVersion::TLSv1_3 => TlsVersion::Tls13,
        _ => TlsVersion::Tls12,
    })
}

/// Sends a fatal alert. rustls's acceptor has no method for it, and without an alert the client sees only the end of the
/// stream.
async fn send_alert<IO: AsyncWrite + Unpin>(
    io: &mut IO,
    alert: AlertDescription,
    [major, minor]: [u8; 2],
    limit: Duration,
) {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    send(io, vec![ALERT, major, minor, 0, 2, FATAL, u8::from(alert)], limit).await;
}

/// Sends the last bytes of a connection. An error is ignored, because the connection is closed in any case.
async fn send<IO: AsyncWrite + Unpin>(io: &mut IO, bytes: Vec<u8>, limit: Duration) {
    let send = async {
        io.write_all(&bytes).await?;
        io.shutdown().await
    };
    let _ = timeout(limit, send).await;
}

fn facts(connection: &ServerConnection, asked: bool, resumed: bool, proven_at: UnixTime) -> HandshakeFacts {
    let suite = connection.negotiated_cipher_suite().map(|suite| suite.suite());
    HandshakeFacts {
        version: version(connection).unwrap_or(TlsVersion::Tls12),
        cipher: suite.and_then(|suite| suite.as_str()).unwrap_or("unknown").to_owned(),
        alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
        http2: connection.alpn_protocol() == Some(b"h2"),
        resumed,
        asked,
        certificates: connection
            .peer_certificates()
            .map(|chain| chain.iter().map(|certificate| certificate.clone().into_owned()).collect())
            .unwrap_or_default(),
        proven_at,
    }
}
