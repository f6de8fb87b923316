//! Takes a fresh TCP connection, reads the ClientHello, lets the caller choose the site, and finishes the handshake.
//!
//! Every wait has a limit: a short one until the ClientHello is here, a longer one where a certificate is asked for,
//! because a person may have to type a PIN.

use super::admission::HandshakeLimitReached;
use super::first_bytes::{self, FirstBytes, UnsupportedVersion};
use super::plain_http;
use super::pool::HandshakePool;
use super::server::{SiteTls, TlsVersion};
use crate::clock::{Clock, UnixTime};
use crate::limits::AddressKey;
use crate::limits::scheduling::{Rank, SlotsFull};
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

/// What is read from the client at once. rustls keeps decrypted data in a buffer of 16 KB, and the last step of a
/// handshake may find a request behind it.
const READ: usize = 8 * 1024;

/// How long the parts of a handshake may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HandshakeLimits {
    /// Until the ClientHello is here, and then until the end where no certificate is asked for.
    pub plain: Duration,
    /// From the ClientHello to the end where a certificate is asked for.
    pub card: Duration,
}

/// What the handshake told about the connection.
#[derive(Clone, Debug)]
pub struct TlsFacts {
    /// The version agreed on.
    pub version: TlsVersion,
    /// The IANA name of the suite.
    pub cipher: String,
    /// The protocol agreed on by ALPN.
    pub alpn: Option<String>,
    /// Whether that is HTTP/2.
    pub http2: bool,
    /// Whether an earlier session was resumed, so that the key did not sign this time.
    pub resumed: bool,
    /// Whether the server asked for a certificate.
    pub asked: bool,
    /// The chain as the client sent it, leaf first; empty where it sent none.
    pub certificates: Vec<CertificateDer<'static>>,
    /// When the card's key last signed a handshake; the end of this handshake where it was a full one.
    pub proven_at: UnixTime,
}

impl TlsFacts {
    /// A card that cannot sign RSA-PSS stays silent under TLS 1.3 (RFC 8446 4.2.3 forbids PKCS#1 v1.5 there).
    pub fn requested_without_certificate_in_tls13(&self) -> bool {
        self.asked && self.certificates.is_empty() && self.version == TlsVersion::Tls13
    }
}

/// A finished handshake with whatever the caller chose at the ClientHello.
pub struct Accepted<IO, T> {
    /// The stream after the handshake.
    pub stream: TlsStream<IO>,
    /// What `choose` gave.
    pub chosen: T,
    /// What the handshake told.
    pub facts: TlsFacts,
}

/// Where a handshake stood when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HandshakeStage {
    /// Before the whole ClientHello was here.
    Hello,
    /// After it.
    Finish {
        /// The version agreed on, once it is.
        version: Option<TlsVersion>,
        /// Whether the client was asked for a certificate.
        asked: bool,
    },
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// A limit on handshakes is reached.
    #[error(transparent)]
    HandshakeLimitReached(#[from] HandshakeLimitReached),
    /// Too many steps of other handshakes wait.
    #[error("too many handshakes wait for their turn")]
    Overloaded(#[from] SlotsFull),
    /// The client was too slow.
    #[error("the handshake was not finished within {limit:?}")]
    Timeout {
        /// Where it stood.
        stage: HandshakeStage,
        /// The limit that passed.
        limit: Duration,
    },
    /// No site has this name here, or no name was sent and no site is the default. The client got the alert
    /// `unrecognized_name` (RFC 6066 section 3).
    #[error("no site is served under the name {}", .name.as_deref().unwrap_or("(none sent)"))]
    UnknownName {
        /// The server name that the client sent.
        name: Option<String>,
    },
    /// The client speaks nothing that is spoken here. It got the alert `protocol_version`.
    #[error("the client offers {0} at most, and TLS 1.2 is the oldest version spoken here")]
    UnsupportedVersion(UnsupportedVersion),
    /// The client sent an HTTP request without TLS. It got a 400 that says so.
    #[error("the client sent plain HTTP to a port where TLS is spoken")]
    PlainHttp,
    /// The client closed the connection before it had sent anything, as port scanners and health checks do.
    #[error("the client closed the connection and sent nothing")]
    Unused,
    /// The client closed the connection.
    #[error("the client closed the connection during the handshake")]
    Closed {
        /// Where it stood.
        stage: HandshakeStage,
    },
    /// TLS itself failed.
    #[error("the handshake failed")]
    Failed {
        /// Where it stood.
        stage: HandshakeStage,
        /// rustls's words.
        #[source]
        source: io::Error,
    },
}

impl HandshakeError {
    /// Whether the client did what a good one does not, so that it is served after others when it does so again and
    /// again. Closing a connection is none of it: browsers do so while their users choose a certificate.
    pub fn is_clients_fault(&self) -> bool {
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

/// What a handshake is done with.
#[derive(Clone, Copy, Debug)]
pub struct Handshake<'a> {
    /// The client, and whether it is served after others.
    pub client: (AddressKey, Rank),
    /// How long the parts may take.
    pub limits: HandshakeLimits,
    /// The time.
    pub clock: &'a Clock,
    /// Where the cryptography is done.
    pub pool: &'a HandshakePool,
}

/// Does the server's side of the handshake on `io`.
///
/// `choose` takes the server name of the ClientHello, if any, and gives the site with whatever else the caller wants
/// back; `None` ends the handshake with `unrecognized_name`.
///
/// # Errors
/// [`HandshakeError`]; the connection is closed in every case.
pub async fn accept<IO, T>(
    mut io: IO,
    choose: impl FnOnce(Option<&str>) -> Option<(Arc<SiteTls>, T)>,
    handshake: Handshake<'_>,
) -> Result<Accepted<IO, T>, HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let limits = handshake.limits;
    let (hello, unread) = match timeout(limits.plain, read_hello(&mut io)).await {
        Ok(Ok(read)) => read,
        Ok(Err(refused)) => return Err(refuse(&mut io, refused, limits.plain).await),
        Err(_) => return Err(HandshakeError::Timeout { stage: HandshakeStage::Hello, limit: limits.plain }),
    };
    let name = hello.client_hello().server_name().map(str::to_owned);
    let Some((site, chosen)) = choose(name.as_deref()) else {
        send_alert(&mut io, AlertDescription::UnrecognisedName, [3, 3], limits.plain).await;
        return Err(HandshakeError::UnknownName { name });
    };

    let asked = site.asks_for_certificate();
    let limit = if asked { limits.card } else { limits.plain };
    let failed = |error| HandshakeError::Failed {
        stage: HandshakeStage::Finish { version: None, asked },
        source: io::Error::other(error),
    };
    let (config, sessions) = site.for_connection().map_err(failed)?;
    let mut progress = Progress { version: None, asked };
    let finish = finish(&mut io, (hello, unread), Arc::clone(&config), &handshake, &mut progress);
    let connection = match timeout(limit, finish).await {
        Ok(finished) => finished?,
        Err(_) => return Err(HandshakeError::Timeout { stage: progress.stage(), limit }),
    };
    sessions.keep();

    let now = handshake.clock.now();
    let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    // A resumed session without a time of proof cannot be; were it to come about, the proof counts as over.
    let proven_at = if resumed { sessions.proof().unwrap_or(UnixTime::EPOCH) } else { now };
    let facts = facts(&connection, asked, resumed, proven_at);
    // No session is kept of a client that was asked and sent none; were there one, it is not resumed here.
    if resumed && asked && facts.certificates.is_empty() {
        return Err(failed(rustls::Error::General("a session without a certificate was resumed".to_owned())));
    }
    // The stream takes no connection whose handshake is done elsewhere, but lets its own be replaced.
    let stream = TlsAcceptor::from(config)
        .accept_with(io, |fresh| *fresh = connection)
        .await
        .map_err(|source| HandshakeError::Failed { stage: progress.stage(), source })?;
    Ok(Accepted { stream, chosen, facts })
}

/// How far a handshake has come, for the error where it ends.
struct Progress {
    version: Option<TlsVersion>,
    asked: bool,
}

impl Progress {
    fn stage(&self) -> HandshakeStage {
        HandshakeStage::Finish { version: self.version, asked: self.asked }
    }
}

/// Why there is no ClientHello, and what the client gets for it.
enum NoHello {
    PlainHttp { head: bool },
    Old(UnsupportedVersion),
    Closed { unused: bool },
    Io(io::Error),
    Alert(rustls::Error, AcceptedAlert),
}

/// The ClientHello and what stands behind it.
async fn read_hello<IO: AsyncRead + Unpin>(io: &mut IO) -> Result<(Hello, Vec<u8>), NoHello> {
    let (mut acceptor, mut buffer) = (Acceptor::default(), [0; READ]);
    // The first bytes, and how many of them rustls has.
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

async fn refuse<IO>(io: &mut IO, refused: NoHello, limit: Duration) -> HandshakeError
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let stage = HandshakeStage::Hello;
    match refused {
        NoHello::PlainHttp { head } => {
            plain_http::refuse(io, head, limit).await;
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

/// From the ClientHello to the end. Only the cryptography runs in the pool; waiting for the client takes no slot there.
async fn finish<IO: AsyncRead + AsyncWrite + Unpin>(
    io: &mut IO,
    (hello, mut unread): (Hello, Vec<u8>),
    config: Arc<ServerConfig>,
    handshake: &Handshake<'_>,
    progress: &mut Progress,
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
            // The client hears the alert where it still listens.
            let _ = timeout(limit, write(io, &mut connection)).await;
            return Err(HandshakeError::Failed { stage: progress.stage(), source });
        }
    }
}

fn process(connection: &mut ServerConnection, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        if connection.read_tls(&mut bytes)? == 0 {
            // The client has said that it sends no more.
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
    // A Vec takes all bytes.
    drop(alert.write_all(&mut bytes));
    bytes
}

fn version(connection: &ServerConnection) -> Option<TlsVersion> {
    connection.protocol_version().map(|version| match version {
        ProtocolVersion::TLSv1_3 => TlsVersion::Tls13,
        _ => TlsVersion::Tls12,
    })
}

/// Sends a fatal alert by hand: rustls's acceptor offers no way to, and without it the client sees a bare end of stream.
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

/// Sends the last bytes of a connection. The client is turned away either way; whether it heard why changes nothing.
async fn send<IO: AsyncWrite + Unpin>(io: &mut IO, bytes: Vec<u8>, limit: Duration) {
    let send = async {
        io.write_all(&bytes).await?;
        io.shutdown().await
    };
    let _ = timeout(limit, send).await;
}

fn facts(connection: &ServerConnection, asked: bool, resumed: bool, proven_at: UnixTime) -> TlsFacts {
    let suite = connection.negotiated_cipher_suite().map(|suite| suite.suite());
    TlsFacts {
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
