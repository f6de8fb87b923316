//! Metrics of authentication: the caches of its stages, and passwords.

use super::families::{Labels, counters};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::registry::Registry;

/// Lookups in one of the caches of authentication.
#[derive(Clone, Debug, Default)]
pub struct CacheMetrics {
    /// The verdict was cached.
    pub hits: Counter,
    /// The verdict had to be computed.
    pub misses: Counter,
}

impl CacheMetrics {
    pub(super) fn new(family: &Family<Labels, Counter>, stage: &str) -> Self {
        let of = |outcome: &str| {
            family.get_or_create_owned(&vec![("stage", stage.to_owned()), ("outcome", outcome.to_owned())])
        };
        Self { hits: of("hit"), misses: of("miss") }
    }
}

/// Requests with a password, by verdict.
#[derive(Clone, Debug)]
pub struct PasswordMetrics {
    /// The directory accepted the password.
    pub accepted: Counter,
    /// The password equals one that the directory accepted a short time ago.
    pub cached: Counter,
    /// The directory rejected the password, or the credentials were malformed.
    pub wrong: Counter,
    /// The password is correct, but the account status does not permit its use.
    pub unusable: Counter,
    /// Too many attempts failed before; the directory was not queried.
    pub throttled: Counter,
    /// The directory did not respond in time.
    pub directory_unavailable: Counter,
}

impl PasswordMetrics {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let verdicts: Family<Labels, Counter> =
            counters(registry, "password_verdicts", "Requests with a password, by verdict");
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
