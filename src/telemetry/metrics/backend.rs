//! Metrics of backends.

use super::families::{Labels, counters, gauges};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// How a backend failed a request: the values of the label `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendFailure {
    /// No connection could be opened.
    Connect,
    /// No connection was open in time.
    ConnectTimeout,
    /// The TLS handshake failed or the server's certificate was not accepted.
    Tls,
    /// All connections are in use, and the queue is full or its time limit passed.
    Busy,
    /// The response did not begin in time.
    FirstByteTimeout,
    /// The response began and then made no progress for too long.
    IdleTimeout,
    /// The connection closed before the response was complete.
    Interrupted,
    /// The response is not valid HTTP or requires something that the gateway cannot pass on.
    Protocol,
    /// The gateway could not obtain a token of the user's identity, or the server did not prove its own.
    Identity,
}

impl BackendFailure {
    /// All kinds, in the order of their declaration.
    pub const ALL: [Self; 9] = [
        Self::Connect,
        Self::ConnectTimeout,
        Self::Tls,
        Self::Busy,
        Self::FirstByteTimeout,
        Self::IdleTimeout,
        Self::Interrupted,
        Self::Protocol,
        Self::Identity,
    ];

    /// Returns the value of the label `kind`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ConnectTimeout => "connect_timeout",
            Self::Tls => "tls",
            Self::Busy => "busy",
            Self::FirstByteTimeout => "first_byte_timeout",
            Self::IdleTimeout => "idle_timeout",
            Self::Interrupted => "interrupted",
            Self::Protocol => "protocol",
            Self::Identity => "identity",
        }
    }
}

/// The metric families of all backends; each backend has a label value.
#[derive(Debug)]
pub(super) struct BackendFamilies {
    requests: Family<Labels, Counter>,
    connects: Family<Labels, Counter>,
    reuses: Family<Labels, Counter>,
    open: Family<Labels, Gauge>,
    pinned: Family<Labels, Gauge>,
    waiting: Family<Labels, Gauge>,
    evicted: Family<Labels, Counter>,
    failures: Family<Labels, Counter>,
    slow_clients: Family<Labels, Counter>,
}

impl BackendFamilies {
    pub(super) fn register(r: &mut Registry) -> Self {
        Self {
            requests: counters(r, "backend_requests", "Requests sent to a backend"),
            connects: counters(r, "backend_connects", "Connections opened to a backend"),
            reuses: counters(r, "backend_reuses", "Requests sent over a reused connection"),
            open: gauges(r, "backend_open_connections", "Open connections to the servers of a backend"),
            pinned: gauges(
                r,
                "backend_pinned_connections",
                "Open backend connections that are pinned to one client connection",
            ),
            waiting: gauges(r, "backend_waiting_requests", "Requests that wait for a backend connection"),
            evicted: counters(
                r,
                "backend_evicted_connections",
                "Backend connections closed because others needed them, by kind",
            ),
            failures: counters(r, "backend_failures", "Failed backend requests, by kind"),
            slow_clients: counters(
                r,
                "backend_slow_clients",
                "Requests ended because the client sent the body too slowly",
            ),
        }
    }

    pub(super) fn backend(&self, backend: &str) -> BackendMetrics {
        let labels: Labels = vec![("backend", backend.to_owned())];
        let failure = |kind: BackendFailure| {
            let labels = vec![("backend", backend.to_owned()), ("kind", kind.name().to_owned())];
            self.failures.get_or_create_owned(&labels)
        };
        let evicted = |kind: &str| {
            let labels = vec![("backend", backend.to_owned()), ("kind", kind.to_owned())];
            self.evicted.get_or_create_owned(&labels)
        };
        BackendMetrics {
            requests: self.requests.get_or_create_owned(&labels),
            connects: self.connects.get_or_create_owned(&labels),
            reuses: self.reuses.get_or_create_owned(&labels),
            pinned: self.pinned.get_or_create_owned(&labels),
            connections: BackendConnectionMetrics {
                open: self.open.get_or_create_owned(&labels),
                waiting: self.waiting.get_or_create_owned(&labels),
                slow: evicted("slow"),
                idle_pinned: evicted("idle_pinned"),
            },
            slow_clients: self.slow_clients.get_or_create_owned(&labels),
            failures: Arc::new(BackendFailure::ALL.map(failure)),
        }
    }
}

/// The metrics of one backend. Clones share the counters.
#[derive(Clone, Debug)]
pub struct BackendMetrics {
    /// Requests sent to it.
    pub requests: Counter,
    /// Connections opened to it.
    pub connects: Counter,
    /// Requests sent over a reused connection.
    pub reuses: Counter,
    /// Open connections that are pinned to one client connection.
    pub pinned: Gauge,
    /// Its connections and the queue for them.
    pub connections: BackendConnectionMetrics,
    /// Requests ended because the client sent the body too slowly.
    pub slow_clients: Counter,
    failures: Arc<[Counter; BackendFailure::ALL.len()]>,
}

/// The numbers of a backend's connections, of all workers together. The default ones are registered nowhere.
#[derive(Clone, Debug, Default)]
pub struct BackendConnectionMetrics {
    /// Open now, idle and pinned ones included.
    pub open: Gauge,
    /// Requests that wait for a connection.
    pub waiting: Gauge,
    /// Connections closed because their clients kept a server waiting while others waited for it.
    pub slow: Counter,
    /// Idle pinned connections closed to make room for another connection.
    pub idle_pinned: Counter,
}

impl BackendMetrics {
    /// Counts one request that obtained a connection, a new one or a reused one.
    pub fn connected(&self, reused: bool) {
        if reused { &self.reuses } else { &self.connects }.inc();
    }

    /// Counts one failed request.
    pub fn failed(&self, kind: BackendFailure) {
        let mut by_kind = BackendFailure::ALL.iter().zip(self.failures.iter());
        if let Some((_, counter)) = by_kind.find(|(of, _)| **of == kind) {
            counter.inc();
        }
    }
}
