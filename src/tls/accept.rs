//! Takes a fresh TCP connection, reads the ClientHello, lets the caller choose the site, and finishes the handshake.
//!
//! Every wait has a limit: a short one until the ClientHello is here, a longer one where a certificate is asked for,
//! because a person may have to type a PIN.

use super::server::{SiteTls, TlsVersion};
use crate::clock::{Clock, UnixTime};
use rustls::{AlertDescription, HandshakeKind, ProtocolVersion, ServerConnection};
use rustls_pki_types::CertificateDer;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tokio_rustls::LazyConfigAcceptor;
use tokio_rustls::server::TlsStream;

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
    pub fn asked_but_none_under_tls13(&self) -> bool {
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
    Finish,
}

/// Why a handshake came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum HandshakeError {
    /// The client was too slow.
    #[error("the handshake was not finished within {limit:?} ({stage:?})")]
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

/// Does the server's side of the handshake on `io`.
///
/// `choose` takes the server name of the ClientHello, if any, and gives the site with whatever else the caller wants
/// back; `None` ends the handshake with `unrecognized_name`.
///
/// # Errors
/// [`HandshakeError`]; the connection is closed in every case.
pub async fn accept<IO, T>(
    io: IO,
    choose: impl FnOnce(Option<&str>) -> Option<(Arc<SiteTls>, T)>,
    limits: HandshakeLimits,
    clock: &Clock,
) -> Result<Accepted<IO, T>, HandshakeError>
where
    IO: AsyncRead + AsyncWrite + Unpin,
{
    let stage = HandshakeStage::Hello;
    let mut start = timeout(limits.plain, LazyConfigAcceptor::new(rustls::server::Acceptor::default(), io))
        .await
        .map_err(|_| HandshakeError::Timeout { stage, limit: limits.plain })?
        .map_err(|source| HandshakeError::Failed { stage, source })?;

    let name = start.client_hello().server_name().map(str::to_owned);
    let Some((site, chosen)) = choose(name.as_deref()) else {
        refuse_name(&mut start.io, limits.plain).await;
        return Err(HandshakeError::UnknownName { name });
    };

    let stage = HandshakeStage::Finish;
    let limit = if site.asks_for_certificate() { limits.card } else { limits.plain };
    let (config, tickets) = site.for_connection();
    let stream = timeout(limit, start.into_stream(config))
        .await
        .map_err(|_| HandshakeError::Timeout { stage, limit })?
        .map_err(|source| HandshakeError::Failed { stage, source })?;

    let now = clock.now();
    let connection = stream.get_ref().1;
    let resumed = connection.handshake_kind() == Some(HandshakeKind::Resumed);
    // A resumed session without a time of proof cannot be; were it to come about, the proof counts as over.
    let proven_at = if resumed { tickets.proof().unwrap_or(UnixTime::EPOCH) } else { now };
    let facts = facts(connection, site.asks_for_certificate(), resumed, proven_at);
    Ok(Accepted { stream, chosen, facts })
}

/// Sends the fatal alert by hand: the acceptor that holds the ClientHello offers no way to, and without it the client
/// sees a bare end of stream.
async fn refuse_name<IO: AsyncWrite + Unpin>(io: &mut IO, limit: Duration) {
    const ALERT: u8 = 21;
    const FATAL: u8 = 2;
    let alert = [ALERT, 3, 3, 0, 2, FATAL, u8::from(AlertDescription::UnrecognisedName)];
    let send = async {
        io.write_all(&alert).await?;
        io.shutdown().await
    };
    // The client is turned away either way; whether it heard the alert changes nothing.
    let _ = timeout(limit, send).await;
}

fn facts(connection: &ServerConnection, asked: bool, resumed: bool, proven_at: UnixTime) -> TlsFacts {
    let suite = connection.negotiated_cipher_suite().map(|suite| suite.suite());
    TlsFacts {
        version: match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => TlsVersion::Tls13,
            _ => TlsVersion::Tls12,
        },
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
