//! An OpenMetrics histogram of durations in seconds, without a lock: the histogram of `prometheus-client` takes a mutex
//! for every observation, and all workers would contend for it on every request.

use prometheus_client::encoding::{EncodeMetric, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::{MetricType, TypedMetric};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of the buckets, in microseconds: a kept-alive request takes well under a millisecond, a licence
/// from a busy RMS server takes seconds, and the backend's first byte may take two minutes.
const BOUNDS_MICROS: [u64; 14] = [
    500,
    1_000,
    2_500,
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    5_000_000,
    30_000_000,
    120_000_000,
];

/// A histogram of durations. Clones share the buckets.
#[derive(Clone, Debug, Default)]
pub(crate) struct DurationHistogram(Arc<HistogramCells>);

#[derive(Debug, Default)]
struct HistogramCells {
    /// One per bound.
    bounded: [AtomicU64; BOUNDS_MICROS.len()],
    /// Longer than the last bound.
    beyond: AtomicU64,
    sum_micros: AtomicU64,
}

impl DurationHistogram {
    /// Counts one duration.
    pub(crate) fn observe(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let cells = &*self.0;
        let bucket = BOUNDS_MICROS
            .iter()
            .zip(&cells.bounded)
            .find(|(bound, _)| micros <= **bound)
            .map(|(_, cell)| cell);
        bucket.unwrap_or(&cells.beyond).fetch_add(1, Ordering::Relaxed);
        cells.sum_micros.fetch_add(micros, Ordering::Relaxed);
    }
}

impl EncodeMetric for DurationHistogram {
    /// Encodes the buckets. A scrape between the two additions of [`DurationHistogram::observe`] may see a sum that
    /// lags by one observation; the count always equals the sum of the buckets, as OpenMetrics requires.
    fn encode(&self, mut encoder: MetricEncoder<'_>) -> fmt::Result {
        let bounded = BOUNDS_MICROS.iter().zip(&self.0.bounded);
        let mut buckets: Vec<(f64, u64)> = bounded
            .map(|(bound, cell)| (Duration::from_micros(*bound).as_secs_f64(), cell.load(Ordering::Relaxed)))
            .collect();
        buckets.push((f64::INFINITY, self.0.beyond.load(Ordering::Relaxed)));
        let count = buckets.iter().map(|(_, count)| count).sum();
        let sum = Duration::from_micros(self.0.sum_micros.load(Ordering::Relaxed)).as_secs_f64();
        encoder.encode_histogram::<NoLabelSet>(sum, count, &buckets, None)
    }

    fn metric_type(&self) -> MetricType {
        Self::TYPE
    }
}

impl TypedMetric for DurationHistogram {
    const TYPE: MetricType = MetricType::Histogram;
}

#[cfg(test)]
mod tests {
    use super::*;
    use prometheus_client::encoding::text;
    use prometheus_client::registry::Registry;

    fn written(histogram: &DurationHistogram) -> String {
        let mut registry = Registry::default();
        registry.register("d", "D", histogram.clone());
        let mut written = String::new();
        text::encode(&mut written, &registry).unwrap();
        written
    }

    #[test]
    fn a_duration_is_counted_in_every_bucket_that_is_not_shorter() {
        let histogram = DurationHistogram::default();
        histogram.observe(Duration::from_micros(500));
        histogram.observe(Duration::from_millis(700));
        let written = written(&histogram);
        for line in [
            "d_bucket{le=\"0.0005\"} 1",
            "d_bucket{le=\"0.5\"} 1",
            "d_bucket{le=\"1.0\"} 2",
            "d_bucket{le=\"+Inf\"} 2",
            "d_count 2",
            "d_sum 0.7005",
        ] {
            assert!(written.lines().any(|l| l == line), "{line} is not in {written}");
        }
    }

    #[test]
    fn a_duration_beyond_the_last_bound_is_counted() {
        let histogram = DurationHistogram::default();
        histogram.observe(Duration::from_secs(3600));
        let written = written(&histogram);
        assert!(written.contains("d_bucket{le=\"120.0\"} 0\n"), "{written}");
        assert!(written.contains("d_bucket{le=\"+Inf\"} 1\n"), "{written}");
    }
}
