//! Rate-limited log lines: one line a minute, with a count, for events that any client can cause at any rate.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Seconds between two lines.
const INTERVAL: u64 = 60;

/// Counts one kind of event. A line is due at the first event, and then at most once a minute.
#[derive(Debug)]
pub(crate) struct CountedLine {
    started: Instant,
    /// Seconds after `started`.
    due: AtomicU64,
    unwritten: AtomicU64,
}

impl Default for CountedLine {
    fn default() -> Self {
        Self { started: Instant::now(), due: AtomicU64::new(0), unwritten: AtomicU64::new(0) }
    }
}

impl CountedLine {
    /// Counts one event. If a line is due, returns the number of events since the last line, including this one.
    pub(crate) fn count(&self) -> Option<u64> {
        self.count_at(self.started.elapsed().as_secs())
    }

    fn count_at(&self, now: u64) -> Option<u64> {
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        let due = self.due.load(Ordering::Relaxed);
        let is_due = now >= due
            && self.due.compare_exchange(due, now + INTERVAL, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_due.then(|| self.unwritten.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_due_at_the_first_event_and_then_once_a_minute() {
        let line = CountedLine::default();
        let written: Vec<_> = [0, 1, 59, 60, 61].map(|second| line.count_at(second)).into_iter().collect();
        assert_eq!(written, [Some(1), None, None, Some(3), None]);
    }
}
