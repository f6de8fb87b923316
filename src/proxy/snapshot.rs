//! The configuration and trust data in force at one moment.

use crate::backend::MinimumRate;
use crate::delegation::assertion::AssertionSigner;
use crate::headers::ReservedHeaders;
use crate::limits::{ConnectionLimits, FrameLimits, RequestRate};
use crate::site::{Backend, SiteTable};
use crate::tls::HandshakeLimits;
use std::sync::Arc;
use std::time::Duration;

/// Taken once for each request and replaced as a whole by a reload, so that no request uses parts of two configurations.
#[derive(Debug)]
pub struct Snapshot {
    /// Incremented by every reload.
    pub generation: u64,
    /// The sites by host name, with their path rules.
    pub sites: SiteTable,
    /// All backends, by their index.
    pub backends: Vec<Arc<Backend>>,
    /// The headers that only the gateway sets, including the configured names of all backends.
    pub owned: Arc<ReservedHeaders>,
    /// Signs assertions, if keys are configured.
    pub assertions: Option<Arc<AssertionSigner>>,
    /// Time and size limits.
    pub limits: Limits,
    /// Limits on the connections of clients.
    pub connections: ConnectionLimits,
}

/// Time and size limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Of a TLS handshake.
    pub handshake: HandshakeLimits,
    /// The time for the complete head of the next request, and for an HTTP/2 connection without a request.
    pub client_idle_timeout: Duration,
    /// The age at which a client's connection is closed, after the request in progress.
    pub connection_max_age: Duration,
    /// Bytes of a request head.
    pub max_header: usize,
    /// Fields of a request's head or trailer section.
    pub max_header_fields: usize,
    /// The bytes of bodies that one worker buffers while they wait for a backend connection or for the client.
    pub body_memory_per_worker: usize,
    /// The lowest average rate at which a client reads a response.
    pub minimum_rate: MinimumRate,
    /// The time for requests in progress to complete at shutdown.
    pub drain: Duration,
    /// The maximum number of open streams of an HTTP/2 connection.
    pub http2_streams: u32,
    /// HTTP/2 frames that serve no request.
    pub http2_frames: FrameLimits,
    /// Requests of one account.
    pub account_requests: RequestRate,
    /// Reading after the last response of an HTTP/1.1 connection.
    pub linger: LingerLimits,
}

/// Limits on reading from a client after its last response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LingerLimits {
    /// The total time.
    pub time: Duration,
    /// The number of bytes.
    pub bytes: u64,
}
