//! Latencies and failures of a measurement, and their summary.

use serde_json::{Value, json};
use std::time::Duration;

/// The latencies in microseconds, and the failures.
#[derive(Default)]
pub(crate) struct Record {
    micros: Vec<u32>,
    failures: usize,
    first_failure: Option<String>,
}

impl Record {
    pub(crate) fn succeeded(&mut self, took: Duration) {
        self.micros.push(u32::try_from(took.as_micros()).unwrap_or(u32::MAX));
    }

    pub(crate) fn failed(&mut self, cause: String) {
        self.failures += 1;
        self.first_failure.get_or_insert(cause);
    }

    pub(crate) fn finish(&mut self, result: Result<(), String>, took: Duration) {
        match result {
            Ok(()) => self.succeeded(took),
            Err(cause) => self.failed(cause),
        }
    }

    /// Returns all records as one.
    pub(crate) fn merge(records: impl IntoIterator<Item = Self>) -> Self {
        let mut all = Self::default();
        for record in records {
            all.micros.extend(record.micros);
            all.failures += record.failures;
            if let Some(cause) = record.first_failure {
                all.first_failure.get_or_insert(cause);
            }
        }
        all
    }

    /// Returns the number of operations that succeeded.
    pub(crate) fn operations(&self) -> usize {
        self.micros.len()
    }

    /// Returns operations, failures, rate and latency percentiles (in microseconds).
    pub(crate) fn summary(&mut self, took: Duration) -> Value {
        self.micros.sort_unstable();
        let operations = u32::try_from(self.micros.len()).unwrap();
        json!({
            "operations": operations,
            "failures": self.failures,
            "first_failure": self.first_failure,
            "seconds": took.as_secs_f64(),
            "rate": f64::from(operations) / took.as_secs_f64(),
            "p50": self.percentile(500),
            "p99": self.percentile(990),
            "p999": self.percentile(999),
            "max": self.percentile(1000),
        })
    }

    /// Returns the latency that so many of 1,000 operations do not exceed (nearest rank), of sorted latencies.
    fn percentile(&self, per_mille: usize) -> Option<u32> {
        let rank = (self.micros.len() * per_mille).div_ceil(1000).max(1);
        self.micros.get(rank - 1).copied()
    }
}
