//! Snapshots of the configuration and the trust data.

use crate::backend::MinimumRate;
use crate::delegation::assertion::AssertionSigner;
use crate::headers::ReservedHeaders;
use crate::limits::{ConnectionLimits, FrameLimits, RequestRate};
use crate::site::{Backend, SiteTable};
use crate::tls::HandshakeLimits;
use std::sync::Arc;
use std::time::Duration;

/// The configuration and the trust data that one request uses from beginning to end. A reload replaces it as a whole, so that
/// no request uses parts of two configurations.
#[derive(Debug)]
pub struct Snapshot {
    /// The number of the reload.
    pub generation: u64,
    /// The sites by host name, with their path rules.
    pub sites: SiteTable,
    /// The backends, by their index.
    pub backends: Vec<Arc<Backend>>,
    /// The reserved headers, including the configured names of all backends.
    pub owned: Arc<ReservedHeaders>,
    /// The signer of assertions, if keys are configured.
    pub assertions: Option<Arc<AssertionSigner>>,
    /// Time and size limits.
    pub limits: ProxyLimits,
    /// The limits on client connections.
    pub connections: ConnectionLimits,
}

/// Time and size limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProxyLimits {
    /// The limits of TLS handshakes.
    pub handshake: HandshakeLimits,
    /// The timeout of the complete head of the next request, and of an HTTP/2 connection without a request.
    pub client_idle_timeout: Duration,
    /// The age at which a client connection is closed, after the request in progress.
    pub connection_max_age: Duration,
    /// The maximum size of a request head in bytes.
    pub max_header: usize,
    /// The maximum number of fields in the head or the trailer section of a request.
    pub max_header_fields: usize,
    /// The maximum number of bytes of bodies that one worker buffers for a backend connection or for the client.
    pub body_memory_per_worker: usize,
    /// The minimum average rate at which a client reads a response.
    pub minimum_rate: MinimumRate,
    /// The time in which requests in progress have to complete at shutdown.
    pub drain: Duration,
    /// The maximum number of open streams of an HTTP/2 connection.
    pub http2_streams: u32,
    /// The limits on HTTP/2 frames.
    pub http2_frames: FrameLimits,
    /// The rate of requests of one account.
    pub account_requests: RequestRate,
    /// The limits on reading after the last response of an HTTP/1.1 connection.
    pub linger: LingerLimits,
}

/// Limits on reading from a client after its last response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LingerLimits {
    /// The maximum time.
    pub time: Duration,
    /// The maximum number of bytes.
    pub bytes: u64,
}
