//! A connection on which requests are sent one after another.

use super::ber::message_length;
use super::credentials::BindCredentials;
use super::error::{ConnectionError, LdapError, LdapOperation, ProtocolError};
use super::message::{
    LdapMessage, OperationResult, SINGLE_REQUEST, anonymous_bind_request, bind_request, search_request,
    start_tls_request,
};
use super::pending_search::{PendingSearch, SearchProgress, SearchResult};
use super::result_code::SUCCESS;
use super::search_request::SearchRequest;
use bytes::BytesMut;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

/// How much is read at once. Memory grows with the bytes that arrive, never with a length that a server announces.
const READ_SIZE: usize = 16 * 1024;
/// The id of the search, after that of the bind.
const SEARCH: u32 = SINGLE_REQUEST + 1;

/// A connection, with the bytes that were received after the last message.
#[derive(Debug)]
pub(crate) struct LdapStream<S> {
    pub(super) stream: S,
    pub(super) received: BytesMut,
    /// The most bytes of one message.
    max_message: usize,
}

impl<S: AsyncRead + AsyncWrite + Unpin> LdapStream<S> {
    /// `max_message`: the most bytes of one message, and of all responses to a [`search`](Self::search).
    pub(crate) fn new(stream: S, max_message: usize) -> Self {
        Self { stream, received: BytesMut::new(), max_message }
    }

    /// Binds with a name and a password and returns the server's result, whether or not it is success.
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

    /// Binds without a name (RFC 4513 5.1.1).
    ///
    /// # Errors
    /// If the result is not success.
    pub(crate) async fn bind_anonymously(&mut self) -> Result<(), LdapError> {
        send(&mut self.stream, &anonymous_bind_request(SINGLE_REQUEST)).await?;
        let result = self.receive().await?.bind_result()?;
        if result.code == SUCCESS { Ok(()) } else { Err(result.error(LdapOperation::Bind)) }
    }

    /// Searches, as the last operation on this connection.
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

    /// Requests TLS (RFC 4511 4.14). Nothing that was received in plaintext is used except the response itself, and
    /// nothing may follow it before TLS: an attacker could inject data that is later read as if it came inside TLS
    /// (CVE-2011-0411).
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

    /// Closes the connection, with a TLS close_notify if the server takes it in time.
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

/// The bytes of the next message; the bytes after it stay in `received`. `None` if the server closed the connection
/// between two messages.
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

/// Runs an operation with a time limit.
pub(super) async fn within<T>(
    limit: Duration,
    operation: LdapOperation,
    work: impl Future<Output = Result<T, LdapError>>,
) -> Result<T, LdapError> {
    timeout(limit, work).await.unwrap_or(Err(LdapError::Timeout { operation, limit }))
}
