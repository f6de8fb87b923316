//! What the gateway reports about itself: audit records, metrics and log lines.

pub mod audit;
mod counted_line;
pub mod logging;
mod metrics;
mod text;

pub use counted_line::CountedLine;
pub use metrics::{
    AuditMetrics, BackendConnectionMetrics, BackendFailure, BackendMetrics, CacheMetrics, ConnectionMetrics,
    CrlMetrics, DecisionMetrics, DurationHistogram, HandshakeMetrics, Metrics, PasswordMetrics, SiteMetrics,
};
pub use text::{BoundedText, CUT_MARK, Detail, cut, display_chain, prefix};
