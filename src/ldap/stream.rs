//! A connection for one request at a time.

use super::ber::message_length;
use super::credentials::BindCredentials;
use super::error::result_code::SUCCESS;
use super::error::{ConnectionError, LdapError, LdapOperation, ProtocolError};
use super::message::SearchRequest;
use super::message::{
    LdapMessage, OperationResult, SINGLE_REQUEST, anonymous_bind_request, bind_request, search_request,
    start_tls_request,
};
use super::pending_search::{PendingSearch, SearchProgress, SearchResult};
use bytes::BytesMut;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// The size of a read. Memory grows with the bytes that are received, never with a length that a server announces.
const READ_SIZE: usize = 16 * 1024;
/// The id of the search, the next one after that of the bind.
const SEARCH: u32 = SINGLE_REQUEST + 1;

/// A connection, with the bytes that were received after the last message.
#[derive(Debug)]
pub(crate) struct LdapStream<S> {
    pub(super) stream: S,
    pub(super) received: BytesMut,
    /// The maximum length of a message in bytes.
    max_message: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> LdapStream<S> {
    /// Creates a connection. `max_message` is the maximum length in bytes of one message, and of all responses to a
    /// [`search`](Self::search) together.
    pub(crate) fn new(stream: S, max_message: usize) -> Self {
        Self { stream, received: BytesMut::new(), max_message }
    }

    /// Binds with a name and a password. Returns the server's result, which need not be success.
    pub(crate) async fn bind(
        &mut self,
        credentials: BindCredentials<'_>,
        limit: Duration,
    ) -> Result<OperationResult, LdapError> {
        let bind = async {
            send(&mut self.stream, &bind_request(SINGLE_REQUEST, credentials)).await?;
            self.receive().await?.bind_result()
        };
        within(limit, LdapOperation::Bind, bind).await
    }

    /// Binds without name and password (RFC 4513 5.1.1).
    ///
    /// # Errors
    /// The result is not success.
    pub(crate) async fn bind_anonymously(&mut self) -> Result<(), LdapError> {
        send(&mut self.stream, &anonymous_bind_request(SINGLE_REQUEST)).await?;
        let result = self.receive().await?.bind_result()?;
        if result.code == SUCCESS { Ok(()) } else { Err(result.error(LdapOperation::Bind)) }
    }

    /// Searches. This is the last operation on the connection.
    pub(crate) async fn search(mut self, request: &SearchRequest) -> Result<SearchResult, LdapError> {
        send(&mut self.stream, &search_request(SEARCH, request)).await?;
        let mut search = PendingSearch::new(request.size_limit, self.max_message);
        loop {
            let bytes = self.receive_bytes().await?;
            let message = LdapMessage::decode(&bytes)?;
            if message.is_disconnection() {
                return Err(ConnectionError::Closed.into());
            }
            if message.id != SEARCH {
                return Err(ProtocolError::Malformed("response to no pending request").into());
            }
            match search.receive(message.response, bytes.len())? {
                SearchProgress::Pending => {}
                SearchProgress::Done(found) | SearchProgress::LimitReached(found) => return Ok(found),
            }
        }
    }

    /// Requests TLS (RFC 4511 4.14). Data that follows the response in plaintext is an error: an attacker could inject
    /// bytes that would later be read as if they were received inside TLS (CVE-2011-0411).
    pub(super) async fn start_tls(mut self) -> Result<S, LdapError> {
        send(&mut self.stream, &start_tls_request(SINGLE_REQUEST)).await?;
        let result = self.receive().await?.start_tls_result()?;
        if result.code != SUCCESS {
            return Err(ConnectionError::StartTls(result.refusal()).into());
        }
        if self.received.is_empty() {
            Ok(self.stream)
        } else {
            Err(ProtocolError::PlaintextAfterStartTls.into())
        }
    }

    /// Closes the connection, with a TLS close_notify if it can be sent in time.
    pub(crate) async fn close(mut self, limit: Duration) {
        drop(timeout(limit, self.stream.shutdown()).await);
    }

    async fn receive(&mut self) -> Result<LdapMessage, LdapError> {
        Ok(LdapMessage::decode(&self.receive_bytes().await?)?)
    }

    async fn receive_bytes(&mut self) -> Result<bytes::Bytes, LdapError> {
        receive(&mut self.stream, &mut self.received, self.max_message)
            .await?
            .ok_or(ConnectionError::Closed.into())
    }
}

/// Returns the bytes of the next message; `None` if the server closed the connection between two messages. Bytes after
/// the message stay in `received`.
pub(super) async fn receive(
    stream: &mut (impl AsyncRead + Unpin),
    received: &mut BytesMut,
    max_message: usize,
) -> Result<Option<bytes::Bytes>, LdapError> {
    loop {
        let length = message_length(received, max_message)?;
        if let Some(length) = length.filter(|length| *length <= received.len()) {
            return Ok(Some(received.split_to(length).freeze()));
        }
        received.reserve(READ_SIZE);
        if stream.read_buf(received).await.map_err(io_error)? == 0 {
            return if received.is_empty() {
                Ok(None)
            } else {
                Err(ProtocolError::Malformed("truncated message").into())
            };
        }
    }
}

pub(super) async fn send(stream: &mut (impl AsyncWrite + Unpin), message: &[u8]) -> Result<(), LdapError> {
    stream.write_all(message).await.map_err(io_error)?;
    stream.flush().await.map_err(io_error)
}

fn io_error(error: io::Error) -> LdapError {
    ConnectionError::Io(Arc::new(error)).into()
}

/// Runs `work` with a time limit, and returns its result or a timeout of `operation`.
pub(super) async fn within<T>(
    limit: Duration,
    operation: LdapOperation,
    work: impl Future<Output = Result<T, LdapError>>,
) -> Result<T, LdapError> {
    timeout(limit, work).await.unwrap_or(Err(LdapError::Timeout { operation, limit }))
}
