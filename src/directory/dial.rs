//! Takes a server, gives a connection to it inside TLS, and a bind on it. Nothing but the request to begin TLS ever goes
//! out in plain text.

use super::ber::message_length;
use super::error::{Nonsense, Step, Unreachable};
use super::failure::Failure;
use super::guard::MAXIMUM_MESSAGE;
use super::message::{Message, Outcome, SUCCESS, bind_request, start_tls_request};
use super::password_verdict::Credentials;
use super::settings::{DirectoryLimits, LdapEncryption, LdapServer};
use bytes::{Buf, BytesMut};
use rustls::ClientConfig;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// A connection on which only the server in proxy.toml hears and speaks.
pub(super) struct Line {
    pub(super) stream: TlsStream<TcpStream>,
    /// What the server has said beyond the last message read.
    pub(super) received: BytesMut,
}

/// Connects within `limits.connect`.
pub(super) async fn dial(
    server: &LdapServer,
    tls: &Arc<ClientConfig>,
    limits: &DirectoryLimits,
) -> Result<Line, Failure> {
    within(limits.connect, Step::Connect, connect(server, tls)).await
}

async fn connect(server: &LdapServer, tls: &Arc<ClientConfig>) -> Result<Line, Failure> {
    let resolved = lookup_host((server.host.as_str(), server.port)).await;
    let addresses: Vec<_> = resolved.map_err(|error| Unreachable::Resolve(Arc::new(error)))?.collect();
    let connected = TcpStream::connect(addresses.as_slice()).await;
    let mut stream = connected.map_err(|error| Unreachable::Connect(Arc::new(error)))?;
    // Questions are small and must not wait for each other. A socket that refuses works all the same.
    drop(stream.set_nodelay(true));
    match server.encryption {
        LdapEncryption::Ldaps => {}
        LdapEncryption::StartTls => start_tls(&mut stream).await?,
    }
    let connector = TlsConnector::from(Arc::clone(tls));
    let proven = connector.connect(server.tls_name.clone(), stream).await;
    let stream = proven.map_err(|error| Unreachable::Tls(Arc::new(error)))?;
    Ok(Line { stream, received: BytesMut::new() })
}

/// RFC 4511 4.14: nothing is taken from what came in plain text but the consent, and nothing may come behind it.
async fn start_tls<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> Result<(), Failure> {
    let mut received = BytesMut::new();
    send(stream, &start_tls_request()).await?;
    let outcome = receive(stream, &mut received).await?.started_tls()?;
    if outcome.code != SUCCESS {
        return Err(Unreachable::StartTls(outcome.refusal()).into());
    }
    received.is_empty().then_some(()).ok_or(Nonsense::BeforeTls.into())
}

impl Line {
    /// Binds within `limit` and gives what the server said, refusals too.
    pub(super) async fn bind(
        &mut self,
        credentials: Credentials<'_>,
        limit: Duration,
    ) -> Result<Outcome, Failure> {
        let bind = async {
            send(&mut self.stream, &bind_request(credentials.name(), credentials.password())).await?;
            let message = receive(&mut self.stream, &mut self.received).await?;
            if message.says_good_bye() {
                return Err(Unreachable::Closed.into());
            }
            Ok(message.bound()?)
        };
        within(limit, Step::Bind, bind).await
    }

    /// Says good-bye, without waiting for anything.
    pub(super) async fn close(mut self, limit: Duration) {
        drop(timeout(limit, self.stream.shutdown()).await);
    }
}

async fn send<S: AsyncWrite + Unpin>(stream: &mut S, message: &[u8]) -> Result<(), Failure> {
    stream.write_all(message).await.map_err(broken)?;
    stream.flush().await.map_err(broken)
}

/// The next message. What comes behind it stays in `received`.
async fn receive<S: AsyncRead + Unpin>(stream: &mut S, received: &mut BytesMut) -> Result<Message, Failure> {
    loop {
        let length = message_length(received, MAXIMUM_MESSAGE)?;
        if let Some(message) = length.and_then(|length| received.get(..length)) {
            let message = Message::parse(message);
            received.advance(length.unwrap_or_default());
            return Ok(message?);
        }
        if stream.read_buf(received).await.map_err(broken)? == 0 {
            return Err(Unreachable::Closed.into());
        }
    }
}

pub(super) fn broken(error: io::Error) -> Failure {
    Unreachable::Broken(Arc::new(error)).into()
}

/// What `work` gives, if it gives it in time.
pub(super) async fn within<T>(
    limit: Duration,
    step: Step,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    timeout(limit, work).await.unwrap_or(Err(Failure::Timeout { step, limit }))
}
