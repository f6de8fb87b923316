//! Telemetry: audit records, metrics and log lines.

pub(crate) mod audit;
pub(crate) mod logging;
mod metrics;
mod text;

pub(crate) use logging::CountedLine;
pub(crate) use metrics::{
    AuditMetrics, BackendConnectionMetrics, BackendFailure, BackendMetrics, CrlMetrics, DecisionMetrics,
    PasswordMetrics, SiteMetrics,
};
pub use metrics::{CacheMetrics, Metrics};
pub(crate) use text::{BoundedText, Detail, cut, display_chain, json_length, prefix};
