//! Takes the names of what is counted, gives counters and one OpenMetrics text. Label look-ups happen when the
//! configuration is loaded; on the road there are only atomic additions. Counters outlive a reload: the same name
//! gives the same counter again.

use super::DurationHistogram;
use super::backend_metrics::{BackendFamilies, BackendMetrics};
use super::crl_metrics::{CrlFamilies, CrlMetrics};
use super::password_metrics::PasswordMetrics;
use http::StatusCode;
use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};
use std::sync::Arc;
use std::time::Duration;

/// Label names are ours, values may come from the configuration.
pub(super) type Labels = Vec<(&'static str, String)>;

/// All numbers of one process.
#[derive(Debug)]
pub struct Metrics {
    /// Requests that were let through or turned away, by reason.
    pub decisions: DecisionMetrics,
    /// TLS handshakes by outcome.
    pub handshakes: HandshakeMetrics,
    /// The cache of chain verdicts.
    pub validation_cache: CacheMetrics,
    /// The cache of revocation verdicts.
    pub revocation_cache: CacheMetrics,
    /// The cache of accounts.
    pub identity_cache: CacheMetrics,
    /// The cache of certificates made for accounts.
    pub issuing_cache: CacheMetrics,
    /// Requests with a password.
    pub passwords: PasswordMetrics,
    /// Log-ins of the gate's own accounts that a KDC refused.
    pub kerberos_login_failures: Counter,
    /// Own accounts that a KDC refuses at the moment.
    pub kerberos_accounts_failing: Gauge,
    /// Audit records.
    pub audit: AuditMetrics,
    /// Log lines that were dropped since standard error was not read.
    pub log_lines_dropped: Counter,
    /// Client connections that are open now.
    pub client_connections: Gauge,
    /// Client connections that a limit refused or ended.
    pub connections: ConnectionMetrics,
    /// Headers dropped from requests because of their name.
    pub dropped_headers: Counter,
    requests: Family<Labels, Counter>,
    durations: Family<Labels, DurationHistogram>,
    backends: BackendFamilies,
    crls: CrlFamilies,
    registry: Registry,
}

impl Metrics {
    /// Counters for a build of this `version`; `denials` are the ids of all denials, in the order of their indices.
    pub fn new(version: &'static str, denials: &[&'static str]) -> Self {
        let mut registry = Registry::with_prefix("portcullis");
        let r = &mut registry;
        r.register("build", "The build that runs", Info::new([("version", version)]));
        let requests = counters(r, "requests", "Requests answered, by site and class of status");
        let durations = Family::default();
        let help = "Time from a request's head to the end of its answer";
        r.register_with_unit("request_duration", help, Unit::Seconds, durations.clone());
        let decisions = counters(r, "decisions", "Requests let through (permit) or turned away, by reason");
        let handshakes = counters(r, "handshakes", "TLS handshakes, by outcome");
        let lookups =
            counters(r, "credential_cache_lookups", "Look-ups of judged certificates, by stage and outcome");
        let client_connections = Gauge::default();
        r.register("client_connections", "Client connections that are open now", client_connections.clone());
        let kerberos_accounts_failing = Gauge::default();
        let help = "Accounts of the gate's own that a KDC refused and that are not tried at the moment";
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
                "Log-ins of the gate's own accounts that a KDC refused",
            ),
            kerberos_accounts_failing,
            audit: AuditMetrics {
                records: counter(r, "audit_records", "Audit records written"),
                write_failures: counter(
                    r,
                    "audit_write_failures",
                    "Writes of audit records that failed and are tried again",
                ),
                queue_bytes: gauge(
                    r,
                    "audit_queue_bytes",
                    "Bytes of audit records that wait to be written, or may still come from running requests",
                ),
            },
            log_lines_dropped: counter(
                r,
                "log_lines_dropped",
                "Log lines that were dropped since standard error was not read",
            ),
            client_connections,
            connections: ConnectionMetrics::register(r),
            dropped_headers: counter(r, "dropped_headers", "Request headers dropped because of their name"),
            requests,
            durations,
            backends: BackendFamilies::register(r),
            crls: CrlFamilies::register(r),
            registry,
        }
    }

    /// The numbers about one realm's CRLs.
    pub fn crls(&self, realm: &str) -> CrlMetrics {
        self.crls.realm(realm)
    }

    /// The counters of one site.
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

    /// The counters of one backend.
    pub fn backend(&self, backend: &str) -> BackendMetrics {
        self.backends.backend(backend)
    }

    /// All numbers as OpenMetrics 1.0 text, `# EOF` included.
    pub fn encode(&self) -> String {
        let mut written = String::with_capacity(16 * 1024);
        text::encode(&mut written, &self.registry)
            .expect("a String takes all text, and no metric is native-only");
        written
    }
}

/// The counters of one site. Clones count into the same numbers.
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
    /// Counts one request that was answered with this status, so many seconds after its head was read.
    pub fn answered(&self, status: StatusCode, took: Duration) {
        // A status is 100 to 999 (RFC 9110 15); those above 599 are nobody's success and count as the server's error.
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

    /// Counts one request that was let through.
    pub fn permitted(&self) {
        self.permits.inc();
    }

    /// Counts one request that was turned away with the denial at this place of the list that [`Metrics::new`] got.
    /// A place beyond the list counts nothing.
    pub fn denied(&self, index: usize) {
        if let Some(counter) = self.denials.get(index) {
            counter.inc();
        }
    }
}

/// TLS handshakes by outcome.
#[derive(Clone, Debug)]
pub struct HandshakeMetrics {
    /// The key of the certificate, if there was one, signed in this handshake.
    pub full: Counter,
    /// An earlier session was resumed.
    pub resumed: Counter,
    /// The handshake broke off for another reason than those below.
    pub failed: Counter,
    /// The server name is none of ours.
    pub unknown_name: Counter,
    /// The handshake did not end in time.
    pub timeout: Counter,
    /// The client was turned away before a handshake: a limit on handshakes was reached.
    pub limited: Counter,
    /// The client sent plain HTTP.
    pub plain_http: Counter,
    /// The client speaks no version of TLS that is spoken here.
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

/// Client connections that a limit refused or ended.
#[derive(Clone, Debug)]
pub struct ConnectionMetrics {
    /// Refused: there are as many as there may be in all.
    pub rejected_total: Counter,
    /// Refused: as many are open from the address as one may have.
    pub rejected_address: Counter,
    /// Refused: as many are open from the network as one may have.
    pub rejected_network: Counter,
    /// Closed to make room for a client with fewer connections.
    pub evicted: Counter,
    /// Closed because of HTTP/2 frames without use.
    pub http2_flood: Counter,
}

impl ConnectionMetrics {
    fn register(registry: &mut Registry) -> Self {
        let refused = counters(registry, "rejected_connections", "Client connections refused, by limit");
        let ended =
            counters(registry, "closed_connections", "Client connections that a limit ended, by limit");
        let of = |family: &Family<Labels, Counter>, limit: &str| {
            family.get_or_create_owned(&vec![("limit", limit.to_owned())])
        };
        Self {
            rejected_total: of(&refused, "total"),
            rejected_address: of(&refused, "address"),
            rejected_network: of(&refused, "network"),
            evicted: of(&ended, "total"),
            http2_flood: of(&ended, "http2_frames"),
        }
    }
}

/// Look-ups in one of the caches of judged certificates.
#[derive(Clone, Debug, Default)]
pub struct CacheMetrics {
    /// The verdict was there.
    pub hits: Counter,
    /// The verdict had to be made.
    pub misses: Counter,
}

impl CacheMetrics {
    fn new(family: &Family<Labels, Counter>, stage: &str) -> Self {
        let of = |outcome: &str| {
            family.get_or_create_owned(&vec![("stage", stage.to_owned()), ("outcome", outcome.to_owned())])
        };
        Self { hits: of("hit"), misses: of("miss") }
    }
}

/// Audit records.
#[derive(Clone, Debug, Default)]
pub struct AuditMetrics {
    /// Records that were written.
    pub records: Counter,
    /// Writes that failed; what they held is kept and tried again.
    pub write_failures: Counter,
    /// Bytes of the queue that records take up, or that are kept free for running requests.
    pub queue_bytes: Gauge,
}

pub(super) fn counters(registry: &mut Registry, name: &str, help: &str) -> Family<Labels, Counter> {
    let family = Family::default();
    registry.register(name, help, family.clone());
    family
}

fn counter(registry: &mut Registry, name: &str, help: &str) -> Counter {
    let counter = Counter::default();
    registry.register(name, help, counter.clone());
    counter
}

fn gauge(registry: &mut Registry, name: &str, help: &str) -> Gauge {
    let gauge = Gauge::default();
    registry.register(name, help, gauge.clone());
    gauge
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::BackendFailure;

    fn has_line(metrics: &Metrics, line: &str) -> bool {
        metrics.encode().lines().any(|written| written == line)
    }

    #[test]
    fn every_denial_is_listed_before_it_first_happens() {
        let metrics = Metrics::new("1.2.3", &["tls-required", "certificate-required"]);
        metrics.decisions.denied(1);
        metrics.decisions.denied(2);
        metrics.decisions.permitted();
        assert!(has_line(&metrics, "portcullis_decisions_total{decision=\"permit\"} 1"));
        assert!(has_line(&metrics, "portcullis_decisions_total{decision=\"tls-required\"} 0"));
        assert!(has_line(&metrics, "portcullis_decisions_total{decision=\"certificate-required\"} 1"));
    }

    #[test]
    fn a_request_counts_for_its_site_and_class_of_status() {
        let metrics = Metrics::new("1.2.3", &[]);
        metrics.site("rms").answered(StatusCode::FORBIDDEN, Duration::from_millis(3));
        assert!(has_line(&metrics, "portcullis_requests_total{site=\"rms\",status=\"4xx\"} 1"));
        assert!(has_line(&metrics, "portcullis_requests_total{site=\"rms\",status=\"2xx\"} 0"));
        assert!(has_line(&metrics, "portcullis_request_duration_seconds_count{site=\"rms\"} 1"));
        assert!(has_line(
            &metrics,
            "portcullis_request_duration_seconds_bucket{le=\"0.005\",site=\"rms\"} 1"
        ));
    }

    #[test]
    fn a_reload_that_names_the_same_site_and_backend_goes_on_counting() {
        let metrics = Metrics::new("1.2.3", &[]);
        for _ in 0..2 {
            metrics.site("rms").answered(StatusCode::OK, Duration::ZERO);
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
    fn the_text_names_the_build_and_ends_as_openmetrics_demands() {
        let metrics = Metrics::new("1.2.3", &[]);
        assert!(has_line(&metrics, "portcullis_build_info{version=\"1.2.3\"} 1"));
        assert!(metrics.encode().ends_with("# EOF\n"));
    }

    #[test]
    fn a_site_name_cannot_break_out_of_its_label() {
        let metrics = Metrics::new("1.2.3", &[]);
        metrics.site("a\"} 1\nevil 2\\").answered(StatusCode::OK, Duration::ZERO);
        assert!(!metrics.encode().lines().any(|line| line.starts_with("evil")));
    }
}
