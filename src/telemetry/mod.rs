//! What a running gate tells about itself: numbers for a scraper and log lines on standard error.
//!
//! Stages are handed counters that were looked up when the configuration was loaded; counting takes no lock.

pub mod audit;
mod backend_failure;
mod backend_metrics;
mod causes;
mod counted_line;
mod crl_metrics;
mod histogram;
pub mod logging;
mod metrics;
mod password_metrics;
mod text;

pub use backend_failure::BackendFailure;
pub use backend_metrics::BackendMetrics;
pub use causes::with_causes;
pub use counted_line::CountedLine;
pub use crl_metrics::CrlMetrics;
pub use histogram::DurationHistogram;
pub use metrics::{
    AuditMetrics, CacheMetrics, ConnectionMetrics, DecisionMetrics, HandshakeMetrics, Metrics, SiteMetrics,
};
pub use password_metrics::PasswordMetrics;
pub use text::{BoundedText, CUT_MARK, Detail, beginning, cut};
