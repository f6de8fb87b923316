//! The metrics of the process, in the OpenMetrics format. Labels are looked up when the configuration is loaded, so that
//! a request costs atomic additions only. Counters survive a reload: the same name returns the same counter.

mod authentication;
mod backend;
mod crl;
mod families;
mod histogram;

pub use authentication::CacheMetrics;
pub(crate) use authentication::PasswordMetrics;
pub(crate) use backend::{BackendConnectionMetrics, BackendFailure, BackendMetrics};
pub(crate) use crl::CrlMetrics;
pub(crate) use histogram::DurationHistogram;

use backend::BackendFamilies;
use crl::CrlFamilies;
use families::{Labels, counter, counters, gauge};
use http::StatusCode;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::time::Duration;

/// All metrics of one process.
#[derive(Debug)]
pub struct Metrics {
    /// Permitted and denied requests, by denial.
    pub decisions: DecisionMetrics,
    /// TLS handshakes by outcome.
    pub handshakes: HandshakeMetrics,
    /// The cache of validated chains.
    pub validation_cache: CacheMetrics,
    /// The cache of revocation verdicts.
    pub revocation_cache: CacheMetrics,
    /// The cache of accounts.
    pub identity_cache: CacheMetrics,
    /// The cache of issued user certificates.
    pub issuing_cache: CacheMetrics,
    /// Requests with a password.
    pub passwords: PasswordMetrics,
    /// Logins of the gateway's own Kerberos accounts that a KDC rejected.
    pub kerberos_login_failures: Counter,
    /// The gateway's own Kerberos accounts that a KDC rejects at present.
    pub kerberos_accounts_failing: Gauge,
    /// Audit records.
    pub audit: AuditMetrics,
    /// Log lines dropped because standard error was not read.
    pub log_lines_dropped: Counter,
    /// Open client connections.
    pub client_connections: Gauge,
    /// Bytes of bodies that wait for a backend connection or for their client.
    pub body_memory: Gauge,
    /// Client connections that a limit rejected or closed.
    pub connections: ConnectionMetrics,
    /// Request headers removed because of their name.
    pub dropped_headers: Counter,
    requests: Family<Labels, Counter>,
    durations: Family<Labels, DurationHistogram>,
    backends: BackendFamilies,
    crls: CrlFamilies,
    registry: Registry,
}

impl Metrics {
    /// Registers all metrics. `denials` are the ids of all denials, in the order of their indices.
    pub fn new(version: &'static str, denials: &[&'static str]) -> Self {
        let mut registry = Registry::with_prefix("portcullis");
        let r = &mut registry;
        r.register("build", "Build information", Info::new([("version", version)]));
        let requests = counters(r, "requests", "Completed requests, by site and status class");
        let durations = Family::default();
        let help = "Time from the request head to the end of the response";
        r.register_with_unit("request_duration", help, Unit::Seconds, durations.clone());
        let decisions = counters(r, "decisions", "Permitted (permit) and denied requests, by denial id");
        let handshakes = counters(r, "handshakes", "TLS handshakes, by outcome");
        let lookups = counters(
            r,
            "credential_cache_lookups",
            "Lookups in the caches of authentication, by stage and outcome",
        );
        let client_connections = Gauge::default();
        r.register("client_connections", "Open client connections", client_connections.clone());
        let kerberos_accounts_failing = Gauge::default();
        let help = "Kerberos accounts of the gateway that a KDC rejected and that are in backoff";
        r.register("kerberos_gateway_accounts_failing", help, kerberos_accounts_failing.clone());
        Self {
            decisions: DecisionMetrics::new(&decisions, denials),
            handshakes: HandshakeMetrics::new(&handshakes),
            validation_cache: CacheMetrics::new(&lookups, "validation"),
            revocation_cache: CacheMetrics::new(&lookups, "revocation"),
            identity_cache: CacheMetrics::new(&lookups, "identity"),
            issuing_cache: CacheMetrics::new(&lookups, "issuing"),
            passwords: PasswordMetrics::register(r),
            kerberos_login_failures: counter(
                r,
                "kerberos_gateway_login_failures",
                "Logins of the gateway's Kerberos accounts that a KDC rejected",
            ),
            kerberos_accounts_failing,
            audit: AuditMetrics {
                records: counter(r, "audit_records", "Audit records written"),
                write_failures: counter(
                    r,
                    "audit_write_failures",
                    "Failed writes of audit records; they are retried",
                ),
                queue_bytes: gauge(
                    r,
                    "audit_queue_bytes",
                    "Bytes of audit records in the queue or reserved for requests in flight",
                ),
            },
            log_lines_dropped: counter(
                r,
                "log_lines_dropped",
                "Log lines dropped because standard error was not read",
            ),
            client_connections,
            body_memory: gauge(
                r,
                "body_memory_bytes",
                "Bytes of bodies that wait for a backend connection or for their client",
            ),
            connections: ConnectionMetrics::register(r),
            dropped_headers: counter(r, "dropped_headers", "Request headers removed because of their name"),
            requests,
            durations,
            backends: BackendFamilies::register(r),
            crls: CrlFamilies::register(r),
            registry,
        }
    }

    /// Returns the metrics of one realm's CRLs.
    pub fn crls(&self, realm: &str) -> CrlMetrics {
        self.crls.realm(realm)
    }

    /// Returns the metrics of one site.
    pub fn site(&self, site: &str) -> SiteMetrics {
        let by_class = |class: &str| {
            self.requests.get_or_create_owned(&vec![("site", site.to_owned()), ("status", class.to_owned())])
        };
        SiteMetrics {
            informational: by_class("1xx"),
            successful: by_class("2xx"),
            redirection: by_class("3xx"),
            client_error: by_class("4xx"),
            server_error: by_class("5xx"),
            duration: self.durations.get_or_create_owned(&vec![("site", site.to_owned())]),
        }
    }

    /// Returns the metrics of one backend.
    pub fn backend(&self, backend: &str) -> BackendMetrics {
        self.backends.backend(backend)
    }

    /// Returns all metrics as OpenMetrics 1.0 text, `# EOF` included.
    pub fn encode(&self) -> String {
        let mut written = String::with_capacity(16 * 1024);
        text::encode(&mut written, &self.registry)
            .expect("writing to a String does not fail, and no metric is native-only");
        written
    }
}

/// The metrics of one site. Clones share the counters.
#[derive(Clone, Debug)]
pub struct SiteMetrics {
    informational: Counter,
    successful: Counter,
    redirection: Counter,
    client_error: Counter,
    server_error: Counter,
    duration: DurationHistogram,
}

impl SiteMetrics {
    /// Counts one completed request. `took` is the time since its head was read.
    pub fn completed(&self, status: StatusCode, took: Duration) {
        // RFC 9110 section 15 permits 100 to 999; a status above 599 counts as a server error.
        match status.as_u16() {
            ..200 => &self.informational,
            200..300 => &self.successful,
            300..400 => &self.redirection,
            400..500 => &self.client_error,
            500.. => &self.server_error,
        }
        .inc();
        self.duration.observe(took);
    }
}

/// Requests by decision.
#[derive(Clone, Debug)]
pub struct DecisionMetrics {
    permits: Counter,
    denials: Arc<[Counter]>,
}

impl DecisionMetrics {
    fn new(family: &Family<Labels, Counter>, denials: &[&'static str]) -> Self {
        let of = |id: &str| family.get_or_create_owned(&vec![("decision", id.to_owned())]);
        Self { permits: of("permit"), denials: denials.iter().map(|id| of(id)).collect() }
    }

    /// Counts one permitted request.
    pub fn permitted(&self) {
        self.permits.inc();
    }

    /// Counts one denied request. `index` is the denial's index in the list passed to [`Metrics::new`]; an index
    /// beyond the list is ignored.
    pub fn denied(&self, index: usize) {
        if let Some(counter) = self.denials.get(index) {
            counter.inc();
        }
    }
}

/// TLS handshakes by outcome.
#[derive(Clone, Debug)]
pub struct HandshakeMetrics {
    /// Full handshakes; a client certificate, if any, proved possession of its key.
    pub full: Counter,
    /// Resumed sessions.
    pub resumed: Counter,
    /// Failed for a reason other than those below.
    pub failed: Counter,
    /// The server name belongs to no site.
    pub unknown_name: Counter,
    /// Not complete within the time limit.
    pub timeout: Counter,
    /// Rejected before the handshake because a limit on handshakes was reached.
    pub limited: Counter,
    /// The client sent plain HTTP to a TLS port.
    pub plain_http: Counter,
    /// The client supports no TLS version that the site accepts.
    pub old_version: Counter,
}

impl HandshakeMetrics {
    fn new(family: &Family<Labels, Counter>) -> Self {
        let of = |outcome: &str| family.get_or_create_owned(&vec![("outcome", outcome.to_owned())]);
        Self {
            full: of("full"),
            resumed: of("resumed"),
            failed: of("failed"),
            unknown_name: of("unknown_name"),
            timeout: of("timeout"),
            limited: of("limited"),
            plain_http: of("plain_http"),
            old_version: of("old_version"),
        }
    }
}

/// Client connections that a limit rejected or closed.
#[derive(Clone, Debug)]
pub struct ConnectionMetrics {
    /// Rejected: the total limit was reached.
    pub rejected_total: Counter,
    /// Rejected: the limit per address was reached.
    pub rejected_address: Counter,
    /// Rejected: the limit per network was reached.
    pub rejected_network: Counter,
    /// Closed to make room for a client with fewer connections.
    pub evicted: Counter,
    /// Closed because of an HTTP/2 frame flood.
    pub http2_flood: Counter,
}

impl ConnectionMetrics {
    fn register(registry: &mut Registry) -> Self {
        let rejected = counters(registry, "rejected_connections", "Client connections rejected, by limit");
        let closed = counters(registry, "closed_connections", "Client connections closed, by limit");
        let of = |family: &Family<Labels, Counter>, limit: &str| {
            family.get_or_create_owned(&vec![("limit", limit.to_owned())])
        };
        Self {
            rejected_total: of(&rejected, "total"),
            rejected_address: of(&rejected, "address"),
            rejected_network: of(&rejected, "network"),
            evicted: of(&closed, "total"),
            http2_flood: of(&closed, "http2_frames"),
        }
    }
}

/// Audit records.
#[derive(Clone, Debug, Default)]
pub struct AuditMetrics {
    /// Records written.
    pub records: Counter,
    /// Failed writes; the records are kept and the write is retried.
    pub write_failures: Counter,
    /// Bytes of the queue in use by records or reserved for requests in flight.
    pub queue_bytes: Gauge,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::BackendFailure;

    fn has_line(metrics: &Metrics, line: &str) -> bool {
        metrics.encode().lines().any(|written| written == line)
    }

    #[test]
    fn every_denial_has_a_counter_before_its_first_occurrence() {
        let metrics = Metrics::new("1.2.3", &["tls-required", "certificate-required"]);
        metrics.decisions.denied(1);
        metrics.decisions.denied(2);
        metrics.decisions.permitted();
        assert!(has_line(&metrics, "portcullis_decisions_total{decision=\"permit\"} 1"));
        assert!(has_line(&metrics, "portcullis_decisions_total{decision=\"tls-required\"} 0"));
        assert!(has_line(&metrics, "portcullis_decisions_total{decision=\"certificate-required\"} 1"));
    }

    #[test]
    fn a_request_counts_for_its_site_and_status_class() {
        let metrics = Metrics::new("1.2.3", &[]);
        metrics.site("rms").completed(StatusCode::FORBIDDEN, Duration::from_millis(3));
        assert!(has_line(&metrics, "portcullis_requests_total{site=\"rms\",status=\"4xx\"} 1"));
        assert!(has_line(&metrics, "portcullis_requests_total{site=\"rms\",status=\"2xx\"} 0"));
        assert!(has_line(&metrics, "portcullis_request_duration_seconds_count{site=\"rms\"} 1"));
        assert!(has_line(
            &metrics,
            "portcullis_request_duration_seconds_bucket{le=\"0.005\",site=\"rms\"} 1"
        ));
    }

    #[test]
    fn counters_of_a_site_and_a_backend_survive_a_reload() {
        let metrics = Metrics::new("1.2.3", &[]);
        for _ in 0..2 {
            metrics.site("rms").completed(StatusCode::OK, Duration::ZERO);
            metrics.backend("rms").requests.inc();
            metrics.backend("rms").failed(BackendFailure::Interrupted);
        }
        assert!(has_line(&metrics, "portcullis_requests_total{site=\"rms\",status=\"2xx\"} 2"));
        assert!(has_line(&metrics, "portcullis_backend_requests_total{backend=\"rms\"} 2"));
        assert!(has_line(
            &metrics,
            "portcullis_backend_failures_total{backend=\"rms\",kind=\"interrupted\"} 2"
        ));
    }

    #[test]
    fn the_text_has_the_version_and_ends_with_eof() {
        let metrics = Metrics::new("1.2.3", &[]);
        assert!(has_line(&metrics, "portcullis_build_info{version=\"1.2.3\"} 1"));
        assert!(metrics.encode().ends_with("# EOF\n"));
    }

    #[test]
    fn a_site_name_cannot_break_out_of_its_label() {
        let metrics = Metrics::new("1.2.3", &[]);
        metrics.site("a\"} 1\nevil 2\\").completed(StatusCode::OK, Duration::ZERO);
        assert!(!metrics.encode().lines().any(|line| line.starts_with("evil")));
    }
}
