//! What is counted of each backend.

use super::backend_failure::BackendFailure;
use super::metrics::{Labels, counters};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::sync::Arc;

/// The numbers of all backends.
#[derive(Debug)]
pub(super) struct BackendFamilies {
    requests: Family<Labels, Counter>,
    connects: Family<Labels, Counter>,
    reuses: Family<Labels, Counter>,
    pinned: Family<Labels, Gauge>,
    failures: Family<Labels, Counter>,
    slow_clients: Family<Labels, Counter>,
}

impl BackendFamilies {
    pub(super) fn register(r: &mut Registry) -> Self {
        let pinned = Family::default();
        let help = "Backend connections that belong to one client's each, open now";
        r.register("backend_pinned_connections", help, pinned.clone());
        Self {
            requests: counters(r, "backend_requests", "Requests sent to a backend"),
            connects: counters(r, "backend_connects", "Connections opened to a backend"),
            reuses: counters(r, "backend_reuses", "Requests sent on a connection that had served before"),
            pinned,
            failures: counters(r, "backend_failures", "Requests that a backend failed, by kind"),
            slow_clients: counters(
                r,
                "backend_slow_clients",
                "Requests given up because the client sent the body too slowly",
            ),
        }
    }

    pub(super) fn backend(&self, backend: &str) -> BackendMetrics {
        let labels: Labels = vec![("backend", backend.to_owned())];
        let failure = |kind: BackendFailure| {
            let labels = vec![("backend", backend.to_owned()), ("kind", kind.name().to_owned())];
            self.failures.get_or_create_owned(&labels)
        };
        BackendMetrics {
            requests: self.requests.get_or_create_owned(&labels),
            connects: self.connects.get_or_create_owned(&labels),
            reuses: self.reuses.get_or_create_owned(&labels),
            pinned: self.pinned.get_or_create_owned(&labels),
            slow_clients: self.slow_clients.get_or_create_owned(&labels),
            failures: Arc::new(BackendFailure::ALL.map(failure)),
        }
    }
}

/// The counters of one backend. Clones count into the same numbers.
#[derive(Clone, Debug)]
pub struct BackendMetrics {
    /// Requests sent to it.
    pub requests: Counter,
    /// Connections opened to it.
    pub connects: Counter,
    /// Requests that went over a connection which had served before.
    pub reuses: Counter,
    /// Connections that belong to one client's each, open now.
    pub pinned: Gauge,
    /// Requests given up because the client sent the body too slowly.
    pub slow_clients: Counter,
    failures: Arc<[Counter; BackendFailure::ALL.len()]>,
}

impl BackendMetrics {
    /// Counts one request that got a connection.
    pub fn connected(&self, reused: bool) {
        if reused { &self.reuses } else { &self.connects }.inc();
    }

    /// Counts one request that the backend failed.
    pub fn failed(&self, kind: BackendFailure) {
        let mut by_kind = BackendFailure::ALL.iter().zip(self.failures.iter());
        if let Some((_, counter)) = by_kind.find(|(of, _)| **of == kind) {
            counter.inc();
        }
    }
}
