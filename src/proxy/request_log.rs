//! The log line of a request: a short form of its audit record.
//!
//! Any client can cause such lines, so that at level `info` their rate is bounded. The audit log has every request.

use crate::telemetry::audit::AuditRecord;
use crate::telemetry::{BoundedText, cut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The number of lines that are written without delay after a pause.
const BURST: u32 = 100;
/// The interval between further lines: twenty a second.
const INTERVAL: Duration = Duration::from_millis(50);

/// The maximum lengths of the texts of a line, in bytes.
const METHOD_BYTES: usize = 16;
const SITE_BYTES: usize = 32;
const PATH_BYTES: usize = 64;
const USER_BYTES: usize = 48;
const DETAIL_BYTES: usize = 64;

/// Writes the lines of all workers. Clones share one allowance.
#[derive(Clone, Debug)]
pub(crate) struct RequestLog(Arc<LogAllowance>);

#[derive(Debug)]
struct LogAllowance {
    start: Instant,
    /// The theoretical arrival time of the generic cell rate algorithm, in nanoseconds since `start`.
    paid_at: AtomicU64,
    left_out: AtomicU64,
}

impl RequestLog {
    pub(crate) fn new(now: Instant) -> Self {
        Self(Arc::new(LogAllowance { start: now, paid_at: AtomicU64::new(0), left_out: AtomicU64::new(0) }))
    }

    /// Writes the line: at the level `info` while the allowance lasts, else at `debug`.
    pub(super) fn write(&self, record: &AuditRecord, now: Instant) {
        macro_rules! line {
            ($level:ident, $left_out:expr) => {
                tracing::$level!(
                    target: "portcullis::request",
                    id = record.request_id.as_str(),
                    client = record.client.as_str(),
                    site = record.site.as_ref().map(|site| short(site, SITE_BYTES)).as_deref(),
                    method = &*short(&record.method, METHOD_BYTES),
                    path = record.path.as_ref().map(|path| short(path, PATH_BYTES)).as_deref(),
                    user = record.account.as_ref().map(|account| short(&account.user, USER_BYTES)).as_deref(),
                    decision = record.decision,
                    status = record.status,
                    duration_ms = record.duration.total.as_secs_f64() * 1e3,
                    detail = record.detail.as_ref().map(|detail| short(detail, DETAIL_BYTES)).as_deref(),
                    left_out = $left_out,
                )
            };
        }
        match self.0.take(now) {
            Some(left_out) => line!(info, Some(left_out).filter(|left_out| *left_out > 0)),
            None => line!(debug, None::<u64>),
        }
    }
}

impl LogAllowance {
    /// Returns the number of lines that were left out since the last one, if a line may be written now. Takes no lock.
    fn take(&self, now: Instant) -> Option<u64> {
        let now = nanoseconds(now.saturating_duration_since(self.start));
        let pay = |paid_at: u64| {
            let ahead = paid_at.saturating_sub(now);
            (ahead < nanoseconds(INTERVAL * BURST)).then(|| paid_at.max(now) + nanoseconds(INTERVAL))
        };
        match self.paid_at.fetch_update(Ordering::Relaxed, Ordering::Relaxed, pay) {
            Ok(_) => Some(self.left_out.swap(0, Ordering::Relaxed)),
            Err(_) => {
                self.left_out.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

fn short<const N: usize>(text: &BoundedText<N>, bytes: usize) -> std::borrow::Cow<'_, str> {
    cut(text.as_str(), bytes)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_requests_gets_a_burst_of_lines_and_then_twenty_a_second() {
        let start = Instant::now();
        let log = RequestLog::new(start);
        let written = |at: Duration| (0..1000).filter(|_| log.0.take(start + at).is_some()).count();
        assert_eq!(written(Duration::ZERO), 100);
        assert_eq!(written(Duration::from_secs(1)), 20);
        assert_eq!(written(Duration::from_secs(3600)), 100);
    }

    #[test]
    fn the_next_line_has_the_number_of_lines_that_were_left_out() {
        let start = Instant::now();
        let log = RequestLog::new(start);
        for _ in 0..107 {
            log.0.take(start);
        }
        assert_eq!(log.0.take(start + Duration::from_secs(1)), Some(7));
        assert_eq!(log.0.take(start + Duration::from_secs(1)), Some(0));
    }
}
