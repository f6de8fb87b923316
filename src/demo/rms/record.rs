//! Takes a request, gives plain data about it; keeps the last ones of all connections.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, Request};
use serde::Serialize;

/// How many requests are remembered.
const REMEMBERED: usize = 16_384;

/// One request as the stand-in received it. Bytes above 127 in headers are shown as ISO 8859-1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The number of the TCP connection, from 1 in the order of accepting.
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
    /// The request line and header lines exactly as they came, up to the empty line. Absent where the bytes before
    /// this head on the connection make it uncertain where it begins (pipelining, a body left unread).
    pub head: Option<String>,
}

impl Seen {
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

    /// The values of the header lines called `name`, in any letter case.
    pub fn values(&self, name: &str) -> Vec<&str> {
        let wanted = |(line, _): &&(String, String)| line.eq_ignore_ascii_case(name);
        self.headers.iter().filter(wanted).map(|(_, value)| value.as_str()).collect()
    }
}

/// What all connections of one stand-in share.
#[derive(Default)]
pub struct RmsState {
    connections: AtomicU64,
    seen: Mutex<VecDeque<Seen>>,
}

impl RmsState {
    /// The requests received so far, oldest first; the last 16,384 of them.
    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// How many TCP connections were accepted so far.
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::Relaxed)
    }

    pub(super) fn open_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn log(&self, request: Seen) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() == REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(request);
    }
}

/// Header or trailer lines as pairs of text.
pub(super) fn lines(fields: &HeaderMap) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| (name.to_string(), latin_text(value.as_bytes()))).collect()
}

/// Bytes as ISO 8859-1 text, which loses none.
pub(super) fn latin_text(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
