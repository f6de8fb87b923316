//! Metrics of the CRLs of each realm.

use super::families::{Labels, counters, gauges};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use std::collections::BTreeSet;

/// The metric families of all realms.
#[derive(Debug)]
pub(super) struct CrlFamilies {
    this_update: Family<Labels, Gauge>,
    next_update: Family<Labels, Gauge>,
    fetches: Family<Labels, Counter>,
    reload_failures: Family<Labels, Counter>,
}

impl CrlFamilies {
    pub(super) fn register(r: &mut Registry) -> Self {
        Self {
            this_update: gauges(
                r,
                "crl_this_update_timestamp_seconds",
                "thisUpdate of the newest CRL of each issuer, in Unix seconds",
            ),
            next_update: gauges(
                r,
                "crl_next_update_timestamp_seconds",
                "nextUpdate of the newest CRL of each issuer, in Unix seconds; 0 if it has none",
            ),
            fetches: counters(r, "crl_fetches", "CRL downloads, by outcome"),
            reload_failures: counters(
                r,
                "crl_reload_failures",
                "CRL files or folders that could not be read again; their previous content stays in use",
            ),
        }
    }

    pub(super) fn realm(&self, realm: &str) -> CrlMetrics {
        let fetches = |outcome: &str| {
            let labels = vec![("realm", realm.to_owned()), ("outcome", outcome.to_owned())];
            self.fetches.get_or_create_owned(&labels)
        };
        CrlMetrics {
            realm: realm.to_owned(),
            fetched: fetches("fetched"),
            not_fetched: fetches("failed"),
            reload_failures: self.reload_failures.get_or_create_owned(&vec![("realm", realm.to_owned())]),
            this_update: self.this_update.clone(),
            next_update: self.next_update.clone(),
            issuers: BTreeSet::new(),
        }
    }
}

/// The metrics of one realm's CRLs. Dropping this removes the dates.
#[derive(Debug)]
pub struct CrlMetrics {
    realm: String,
    /// Successful downloads.
    pub fetched: Counter,
    /// Failed downloads.
    pub not_fetched: Counter,
    /// Files and folders that could not be read again, counted at each attempt.
    pub reload_failures: Counter,
    this_update: Family<Labels, Gauge>,
    next_update: Family<Labels, Gauge>,
    issuers: BTreeSet<String>,
}

impl CrlMetrics {
    /// Replaces the published issuers: each with thisUpdate and nextUpdate of its newest CRL, in Unix seconds.
    pub fn show(&mut self, issuers: impl IntoIterator<Item = (String, u64, Option<u64>)>) {
        let mut shown = BTreeSet::new();
        for (issuer, this_update, next_update) in issuers {
            let labels = self.labels(&issuer);
            set(&self.this_update, &labels, this_update);
            set(&self.next_update, &labels, next_update.unwrap_or(0));
            shown.insert(issuer);
        }
        for gone in self.issuers.difference(&shown) {
            self.this_update.remove(&self.labels(gone));
            self.next_update.remove(&self.labels(gone));
        }
        self.issuers = shown;
    }

    fn labels(&self, issuer: &str) -> Labels {
        vec![("realm", self.realm.clone()), ("issuer", issuer.to_owned())]
    }
}

impl Drop for CrlMetrics {
    fn drop(&mut self) {
        self.show([]);
    }
}

fn set(family: &Family<Labels, Gauge>, labels: &Labels, seconds: u64) {
    family.get_or_create(labels).set(i64::try_from(seconds).unwrap_or(i64::MAX));
}

#[cfg(test)]
mod tests {
    use crate::telemetry::Metrics;

    fn has_line(metrics: &Metrics, line: &str) -> bool {
        metrics.encode().lines().any(|written| written == line)
    }

    #[test]
    fn the_dates_of_an_issuers_crl_are_removed_with_the_issuer() {
        let metrics = Metrics::new("1.2.3", &[]);
        let mut crls = metrics.crls("staff");
        crls.show([("CN=Root".to_owned(), 100, Some(200)), ("CN=Old".to_owned(), 1, None)]);
        let root = "portcullis_crl_next_update_timestamp_seconds{realm=\"staff\",issuer=\"CN=Root\"} 200";
        let old = "portcullis_crl_next_update_timestamp_seconds{realm=\"staff\",issuer=\"CN=Old\"} 0";
        assert!(has_line(&metrics, root) && has_line(&metrics, old), "{}", metrics.encode());
        crls.show([("CN=Root".to_owned(), 100, Some(200))]);
        assert!(has_line(&metrics, root) && !has_line(&metrics, old));
        drop(crls);
        assert!(!has_line(&metrics, root));
    }
}
