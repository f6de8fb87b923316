//! A bound connection for concurrent searches.
//!
//! One task owns the connection: it sends requests, and matches responses to searches by their message ids. It sends
//! and receives concurrently, so that client and server cannot wait for each other to read. Any violation of the
//! protocol ends the connection with all its searches: it cannot be known which later bytes belong to which request.

use super::error::{ConnectionError, LdapError, LdapOperation, ProtocolError};
use super::message::SearchRequest;
use super::message::{LdapMessage, SINGLE_REQUEST, abandon_request, search_request};
use super::pending_search::{PendingSearch, SearchProgress, SearchResult};
use super::stream::{LdapStream, receive, send, within};
use bytes::BytesMut;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The maximum length of a message of a directory server. The requested attributes of accounts and groups have some
/// kilobytes.
pub(super) const MAXIMUM_MESSAGE: usize = 1 << 20;
/// The maximum total size of the responses to one search.
const MAXIMUM_RESPONSE_BYTES: usize = 4 * MAXIMUM_MESSAGE;
/// The maximum number of late responses, which belong to abandoned searches and are ignored, between the ends of two
/// other searches. A server may send some: it has not read the abandon request yet, or ignores it (RFC 4511 4.11).
const MAXIMUM_LATE_RESPONSES: usize = 10_000;
/// The number of requests that may wait to be sent.
const REQUEST_QUEUE: usize = 64;
const FIRST_SEARCH: u32 = SINGLE_REQUEST + 1;
/// The greatest message id (RFC 4511 4.1.1).
const LAST_ID: u32 = 0x7fff_ffff;

/// A bound connection. Dropping it closes the connection.
#[derive(Debug)]
pub(crate) struct LdapConnection {
    requests: mpsc::Sender<QueuedRequest>,
    next_id: AtomicU32,
    /// The reason for which the connection ended.
    ended: watch::Receiver<Option<LdapError>>,
    close: CancellationToken,
    _close_on_drop: DropGuard,
}

/// A request to be sent.
#[derive(Debug)]
enum QueuedRequest {
    Search { id: u32, request: SearchRequest, reply: SearchReply },
    Abandon { id: u32, search: u32 },
}

/// Receives the outcome of a search: its entries, and whether the server has sent its last response.
type SearchReply = oneshot::Sender<Result<(SearchResult, bool), LdapError>>;

impl LdapConnection {
    /// Starts the task that owns the connection, which must be bound already.
    pub(crate) fn start<S: AsyncRead + AsyncWrite + Send + 'static>(stream: LdapStream<S>) -> Self {
        let (requests, queue) = mpsc::channel(REQUEST_QUEUE);
        let (reason, ended) = watch::channel(None);
        let close = CancellationToken::new();
        let closing = close.clone();
        tokio::spawn(async move {
            let pending = Mutex::new(PendingSearches::default());
            let (reader, writer) = tokio::io::split(stream.stream);
            let ended = tokio::select! {
                failed = send_requests(queue, writer, &pending) => failed,
                failed = receive_responses(reader, stream.received, &pending) => failed,
                () = closing.cancelled() => ConnectionError::Closed.into(),
            };
            reason.send_replace(Some(ended.clone()));
            lock(&pending).fail_all(&ended);
        });
        let next_id = AtomicU32::new(FIRST_SEARCH);
        Self { requests, next_id, ended, _close_on_drop: close.clone().drop_guard(), close }
    }

    /// Returns whether searches may be started on the connection.
    pub(crate) fn is_open(&self) -> bool {
        !self.close.is_cancelled() && self.ended.borrow().is_none()
    }

    /// Closes the connection and fails its pending searches.
    pub(crate) fn close(&self) {
        self.close.cancel();
    }

    /// Searches within the time `limit`. A search whose future is dropped is abandoned (RFC 4511 4.11). If the server
    /// does not respond in time, the connection is closed, because the response could still be received at any later
    /// time.
    pub(crate) async fn search(
        &self,
        request: SearchRequest,
        limit: Duration,
    ) -> Result<SearchResult, LdapError> {
        let result = within(limit, LdapOperation::Search, self.run(request)).await;
        if result.as_ref().is_err_and(|error| !matches!(error, LdapError::Refused { .. })) {
            self.close();
        }
        result
    }

    async fn run(&self, request: SearchRequest) -> Result<SearchResult, LdapError> {
        let id = self.next_id()?;
        let (reply, response) = oneshot::channel();
        if self.requests.send(QueuedRequest::Search { id, request, reply }).await.is_err() {
            return Err(self.end_reason().await);
        }
        let mut abandon = AbandonOnDrop { connection: self, search: Some(id) };
        // The task ended without a reply. The connection has the reason.
        let Ok(outcome) = response.await else {
            abandon.search = None;
            return Err(self.end_reason().await);
        };
        match outcome {
            Ok((found, false)) => Ok(found),
            Ok((found, true)) => {
                abandon.search = None;
                Ok(found)
            }
            Err(error) => {
                abandon.search = None;
                Err(error)
            }
        }
    }

    /// Returns an id that was not used before, so that a late response is never matched to another search.
    fn next_id(&self) -> Result<u32, LdapError> {
        let id = self.next_id.fetch_add(1, Ordering::Relaxed);
        if (FIRST_SEARCH..=LAST_ID).contains(&id) { Ok(id) } else { Err(ConnectionError::Closed.into()) }
    }

    async fn end_reason(&self) -> LdapError {
        let mut ended = self.ended.clone();
        let reason = ended.wait_for(Option::is_some).await.ok().and_then(|reason| reason.clone());
        reason.unwrap_or(ConnectionError::Closed.into())
    }
}

/// Abandons a search that the server may still be working on.
struct AbandonOnDrop<'c> {
    connection: &'c LdapConnection,
    search: Option<u32>,
}

impl Drop for AbandonOnDrop<'_> {
    fn drop(&mut self) {
        let Some(search) = self.search else { return };
        let sent = match self.connection.next_id() {
            Ok(id) => self.connection.requests.try_send(QueuedRequest::Abandon { id, search }).is_ok(),
            Err(_) => false,
        };
        if !sent {
            // A full queue means that the server does not read its requests, so it would not read this one either.
            self.connection.close();
        }
    }
}

/// Sends requests until sending fails or the connection is dropped. Returns the reason.
async fn send_requests(
    mut queue: mpsc::Receiver<QueuedRequest>,
    mut writer: impl AsyncWrite + Unpin,
    pending: &Mutex<PendingSearches>,
) -> LdapError {
    while let Some(request) = queue.recv().await {
        let message = match request {
            // The caller stopped waiting before the request was sent.
            QueuedRequest::Search { reply, .. } if reply.is_closed() => continue,
            QueuedRequest::Search { id, request, reply } => {
                lock(pending).start(id, request.size_limit, reply);
                search_request(id, &request)
            }
            QueuedRequest::Abandon { id, search } => {
                lock(pending).abandon(search);
                abandon_request(id, search)
            }
        };
        if let Err(error) = send(&mut writer, &message).await {
            return error;
        }
    }
    ConnectionError::Closed.into()
}

/// Receives responses until one is invalid or the server closes the connection. Returns the reason.
async fn receive_responses(
    mut reader: impl AsyncRead + Unpin,
    mut received: BytesMut,
    pending: &Mutex<PendingSearches>,
) -> LdapError {
    loop {
        let bytes = match receive(&mut reader, &mut received, MAXIMUM_MESSAGE).await {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return ConnectionError::Closed.into(),
            Err(error) => return error,
        };
        let message = match LdapMessage::decode(&bytes) {
            Ok(message) if message.is_disconnection() => return ConnectionError::Closed.into(),
            Ok(message) => message,
            Err(error) => return error.into(),
        };
        if let Err(error) = lock(pending).receive(message, bytes.len()) {
            return error.into();
        }
    }
}

/// The searches that the server has not finished.
#[derive(Debug, Default)]
struct PendingSearches {
    searches: HashMap<u32, (PendingSearch, SearchReply)>,
    /// The greatest id that was used so far.
    last_id: u32,
    late_responses: usize,
}

impl PendingSearches {
    fn start(&mut self, id: u32, size_limit: u16, reply: SearchReply) {
        self.last_id = self.last_id.max(id);
        self.searches.insert(id, (PendingSearch::new(size_limit, MAXIMUM_RESPONSE_BYTES), reply));
    }

    fn abandon(&mut self, search: u32) {
        self.searches.remove(&search);
    }

    /// Processes a response. A search that the server refuses does not end the connection.
    ///
    /// # Errors
    /// The server violates the protocol, which ends the connection.
    fn receive(&mut self, message: LdapMessage, bytes: usize) -> Result<(), ProtocolError> {
        if message.has_controls {
            return Err(ProtocolError::Malformed("unrequested controls"));
        }
        let Some((search, _)) = self.searches.get_mut(&message.id) else {
            return self.late_response(message.id);
        };
        let outcome = match search.receive(message.response, bytes) {
            Ok(SearchProgress::Pending) => return Ok(()),
            Ok(SearchProgress::Done(found)) => Ok((found, true)),
            Ok(SearchProgress::LimitReached(found)) => Ok((found, false)),
            Err(LdapError::Protocol(error)) => return Err(error),
            Err(error) => Err(error),
        };
        if let Some((_, reply)) = self.searches.remove(&message.id) {
            // The caller may have stopped waiting.
            drop(reply.send(outcome));
        }
        self.late_responses = 0;
        Ok(())
    }

    fn late_response(&mut self, id: u32) -> Result<(), ProtocolError> {
        if !(FIRST_SEARCH..=self.last_id).contains(&id) {
            return Err(ProtocolError::Malformed("response to no pending request"));
        }
        self.late_responses += 1;
        if self.late_responses > MAXIMUM_LATE_RESPONSES {
            return Err(ProtocolError::TooManyResults { limit: MAXIMUM_LATE_RESPONSES });
        }
        Ok(())
    }

    fn fail_all(&mut self, error: &LdapError) {
        for (_, (_, reply)) in self.searches.drain() {
            drop(reply.send(Err(error.clone())));
        }
    }
}

/// Locks the searches. A poisoned lock is used: no change of them can panic half-way.
fn lock(pending: &Mutex<PendingSearches>) -> MutexGuard<'_, PendingSearches> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
