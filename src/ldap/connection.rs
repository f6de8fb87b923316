//! A bound connection that runs many searches at once.
//!
//! One task owns the connection: it sends requests, and matches responses to searches by their message ids. Requests
//! and responses are handled concurrently, so that neither side can wait for the other to read. Any violation of the
//! protocol ends the connection with all its searches: it cannot be known which later bytes belong to which request.

use super::error::{ConnectionError, LdapError, LdapOperation, ProtocolError};
use super::message::{LdapMessage, SINGLE_REQUEST, abandon_request, search_request};
use super::pending_search::{PendingSearch, SearchProgress, SearchResult};
use super::search_request::SearchRequest;
use super::stream::{LdapStream, receive, send, within};
use bytes::BytesMut;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::{CancellationToken, DropGuard};

/// The longest message of a directory server. The requested attributes of accounts and groups have some kilobytes.
pub(super) const MAXIMUM_MESSAGE: usize = 1 << 20;
/// The total size of the responses to one search.
const MAXIMUM_RESPONSE_BYTES: usize = 4 * MAXIMUM_MESSAGE;
/// Responses to abandoned searches that are ignored, between the ends of two other searches, before the connection is
/// closed. A server may send some: it has not read the request to abandon yet, or ignores it (RFC 4511 4.11).
const MAXIMUM_LATE_RESPONSES: usize = 10_000;
/// Requests that wait to be sent.
const REQUEST_QUEUE: usize = 64;
const FIRST_SEARCH: u32 = SINGLE_REQUEST + 1;
/// RFC 4511 4.1.1: the greatest message id.
const LAST_ID: u32 = 0x7fff_ffff;

/// The connection. It is closed when this is dropped.
#[derive(Debug)]
pub(crate) struct LdapConnection {
    requests: mpsc::Sender<QueuedRequest>,
    next_id: AtomicU32,
    /// The reason why it ended.
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
    /// Runs searches on a connection that is already bound.
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

    /// Whether searches may be started on it.
    pub(crate) fn is_open(&self) -> bool {
        !self.close.is_cancelled() && self.ended.borrow().is_none()
    }

    /// Closes it and fails its pending searches.
    pub(crate) fn close(&self) {
        self.close.cancel();
    }

    /// Searches, within `limit`. A search whose future is dropped is abandoned (RFC 4511 4.11). A connection whose
    /// server does not respond in time is closed, because the response could still arrive at any time.
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
        // An error here is a task that ended without a reply, which the end of the connection explains.
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

    /// Ids are not used twice, so that a late response is never taken for one to another search.
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
            // A full queue means that the server does not read its requests, so it would not learn of this one either.
            self.connection.close();
        }
    }
}

/// Sends requests until that fails or the connection is dropped.
async fn send_requests(
    mut queue: mpsc::Receiver<QueuedRequest>,
    mut writer: impl AsyncWrite + Unpin,
    pending: &Mutex<PendingSearches>,
) -> LdapError {
    while let Some(request) = queue.recv().await {
        let message = match request {
            // Its caller has left before it was sent.
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

/// Receives responses until one is not acceptable or the server closes the connection.
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
    /// The greatest id of a request so far.
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

    /// Takes a response. A search that fails by itself does not end the connection.
    ///
    /// # Errors
    /// If the server violates the protocol, which ends the connection.
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
            // The caller may have left.
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

/// No change of the searches can panic half-way, so a poisoned lock holds consistent data.
fn lock(pending: &Mutex<PendingSearches>) -> MutexGuard<'_, PendingSearches> {
    pending.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
