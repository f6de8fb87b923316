//! The configuration and trust data in force at one moment.

use crate::backend::MinimumRate;
use crate::delegation::assertion::AssertionSigner;
use crate::headers::ReservedHeaders;
use crate::limits::{ConnectionLimits, FrameLimits, RequestRate};
use crate::site::{Backend, SiteTable};
use crate::tls::HandshakeLimits;
use std::sync::Arc;
use std::time::Duration;

/// Taken once for each request and swapped whole by a reload, so that no request sees half of one configuration and
/// half of another.
#[derive(Debug)]
pub struct Snapshot {
    /// Raised by every reload.
    pub generation: u64,
    /// Which site a name belongs to, and what its paths demand.
    pub sites: SiteTable,
    /// All backends, by their index.
    pub backends: Vec<Arc<Backend>>,
    /// The headers that only the gate sets, the operator's own names of all backends among them.
    pub owned: Arc<ReservedHeaders>,
    /// Signs statements of who requests are from, where keys are configured.
    pub assertions: Option<Arc<AssertionSigner>>,
    /// How long and how large things may be.
    pub limits: Limits,
    /// How many connections clients may have.
    pub connections: ConnectionLimits,
}

/// Limits on what a client may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a TLS handshake.
    pub handshake: HandshakeLimits,
    /// How long a connection may wait for its next request's whole head, and an HTTP/2 connection without a request.
    pub client_idle_timeout: Duration,
    /// How long a client's connection may live; then it is closed after the request in progress.
    pub connection_max_age: Duration,
    /// Bytes of a request head.
    pub max_header: usize,
    /// Fields of a request's head or trailer section.
    pub max_header_fields: usize,
    /// Bytes of bodies that one worker may hold while they wait for a backend connection or for the client.
    pub body_memory_per_worker: usize,
    /// The lowest average rate at which a client takes a response.
    pub minimum_rate: MinimumRate,
    /// How long the requests in progress have to end at a stop.
    pub drain: Duration,
    /// Streams that one HTTP/2 connection may have open.
    pub http2_streams: u32,
    /// HTTP/2 frames without use.
    pub http2_frames: FrameLimits,
    /// Requests of one account.
    pub account_requests: RequestRate,
    /// Of reading on after the last response of an HTTP/1.1 connection.
    pub linger: LingerLimits,
}

/// Limits on what is read of a client after the last response to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LingerLimits {
    /// How long, in all.
    pub time: Duration,
    /// How many bytes.
    pub bytes: u64,
}
