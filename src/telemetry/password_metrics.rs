//! What is counted of passwords.

use super::metrics::{Labels, counters};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Requests with a password, by what came of it.
#[derive(Clone, Debug)]
pub struct PasswordMetrics {
    /// The directory took it.
    pub accepted: Counter,
    /// It was the same as the one that the directory took a moment ago.
    pub cached: Counter,
    /// The directory did not take it, or it could not be asked about.
    pub wrong: Counter,
    /// It is right, and its account may not be used.
    pub unusable: Counter,
    /// Too many attempts failed before: nobody was asked.
    pub throttled: Counter,
    /// The directory did not answer, or not in time.
    pub directory_unavailable: Counter,
}

impl PasswordMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let verdicts: Family<Labels, Counter> =
            counters(registry, "password_verdicts", "Requests with a password, by what came of it");
        let of = |verdict: &str| verdicts.get_or_create_owned(&vec![("verdict", verdict.to_owned())]);
        Self {
            accepted: of("accepted"),
            cached: of("cached"),
            wrong: of("wrong"),
            unusable: of("unusable"),
            throttled: of("throttled"),
            directory_unavailable: of("directory_unavailable"),
        }
    }
}
