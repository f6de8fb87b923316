//! The received requests, which the echo returns and tests inspect.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, Request};
use serde::Serialize;

/// The number of requests that are kept; older ones are dropped.
const MAX_RECORDED: usize = 16_384;

/// One received request. Header bytes above 127 are decoded as ISO 8859-1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReceivedRequest {
    /// The number of the TCP connection in the order of acceptance, from 1.
    pub connection: u64,
    /// The number of the request on its connection, from 1.
    pub request: u64,
    /// The method.
    pub method: String,
    /// The request target, path and query.
    pub target: String,
    /// The protocol version, as `HTTP/1.1`.
    pub version: String,
    /// The header lines, names in lower case, lines of one name together.
    pub headers: Vec<(String, String)>,
    /// The request line and header lines exactly as received, up to the empty line. `None` if the start of the head is
    /// uncertain (pipelining, an unread body).
    pub head: Option<String>,
}

impl ReceivedRequest {
    pub(super) fn new<B>(
        connection: u64,
        request_number: u64,
        request: &Request<B>,
        head: Option<String>,
    ) -> Self {
        Self {
            connection,
            request: request_number,
            method: request.method().to_string(),
            target: request.uri().to_string(),
            version: format!("{:?}", request.version()),
            headers: lines(request.headers()),
            head,
        }
    }

    /// Returns the values of the headers with this name, compared case-insensitively.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let wanted = |(line, _): &&(String, String)| line.eq_ignore_ascii_case(name);
        self.headers.iter().filter(wanted).map(|(_, value)| value.as_str()).collect()
    }
}

/// The state that all connections of one server share.
#[derive(Default)]
pub(crate) struct RmsState {
    connections: AtomicU64,
    seen: Mutex<VecDeque<ReceivedRequest>>,
}

impl RmsState {
    /// Returns the last 16,384 received requests, oldest first.
    pub(crate) fn requests(&self) -> Vec<ReceivedRequest> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Returns the number of accepted TCP connections.
    pub(crate) fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn open_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn add(&self, request: ReceivedRequest) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() == MAX_RECORDED {
            seen.pop_front();
        }
        seen.push_back(request);
    }
}

/// Returns headers or trailers as pairs of name and value.
pub(super) fn lines(fields: &HeaderMap) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| (name.to_string(), latin_text(value.as_bytes()))).collect()
}

/// Decodes bytes as ISO 8859-1, which represents each byte by one character, so that a test sees the exact bytes.
pub(super) fn latin_text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
