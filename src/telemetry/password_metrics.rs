//! What is counted of passwords.

use super::metrics::{Labels, counters};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Requests with a password, by what came of it.
#[derive(Clone, Debug)]
pub struct PasswordMetrics {
    /// The directory took it.
    pub taken: Counter,
    /// It was the same as the one that the directory took a moment ago.
    pub remembered: Counter,
    /// The directory did not take it, or it could not be asked about.
    pub wrong: Counter,
    /// It is right, and its account may not be used.
    pub unusable: Counter,
    /// Too many attempts failed before: nobody was asked.
    pub too_many: Counter,
    /// The directory did not answer, or not in time.
    pub unanswered: Counter,
}

impl PasswordMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let verdicts: Family<Labels, Counter> =
            counters(registry, "password_verdicts", "Requests with a password, by what came of it");
        let of = |verdict: &str| verdicts.get_or_create_owned(&vec![("verdict", verdict.to_owned())]);
        Self {
            taken: of("taken"),
            remembered: of("remembered"),
            wrong: of("wrong"),
            unusable: of("unusable"),
            too_many: of("too_many"),
            unanswered: of("unanswered"),
        }
    }
}
