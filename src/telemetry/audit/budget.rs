//! Bounds the bytes that the queue holds or has reserved.

use prometheus_client::metrics::gauge::Gauge;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The part of the queue that a record may use; the rest is left for others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The whole queue.
    Whole,
    /// Seven eighths of the queue.
    SevenEighths,
    /// Three quarters of the queue.
    ThreeQuarters,
}

impl Part {
    /// Returns the amount of `whole` that is left for others.
    pub(super) fn reserve_of(self, whole: usize) -> usize {
        match self {
            Self::Whole => 0,
            Self::SevenEighths => whole / 8,
            Self::ThreeQuarters => whole / 4,
        }
    }
}

/// The bytes of one queue.
#[derive(Debug)]
pub(super) struct Budget {
    taken: Gauge,
    limit: i64,
}

/// Bytes taken from a budget. Dropping it returns them.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: i64,
    /// Given back with it.
    held: Option<Box<dyn Any + Send>>,
}

impl Budget {
    /// `taken` is the gauge of the bytes in use.
    pub(super) fn new(limit: usize, taken: Gauge) -> Arc<Self> {
        Arc::new(Self { taken, limit: signed(limit) })
    }

    /// Takes bytes, or returns `None` if too few are left. Neither waits nor locks.
    pub(super) fn take(self: &Arc<Self>, bytes: usize, part: Part) -> Option<Share> {
        let bytes = signed(bytes);
        let whole = usize::try_from(self.limit).unwrap_or(0);
        let limit = self.limit - signed(part.reserve_of(whole));
        let more = |taken: i64| taken.checked_add(bytes).filter(|taken| *taken <= limit);
        self.taken.inner().fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Share { budget: Arc::clone(self), bytes, held: None })
    }
}

impl Share {
    /// Holds `held` as long as the share.
    pub(super) fn hold(&mut self, held: impl Any + Send) {
        self.held = Some(Box::new(held));
    }

    /// Returns all but `bytes` to the budget. Never takes more.
    pub(super) fn shrink_to(&mut self, bytes: usize) {
        let rest = self.bytes.min(signed(bytes));
        self.budget.taken.dec_by(self.bytes - rest);
        self.bytes = rest;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.budget.taken.dec_by(self.bytes);
    }
}

fn signed(bytes: usize) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_never_exceeded_and_returned_bytes_can_be_taken_again() {
        let taken = Gauge::default();
        let budget = Budget::new(100, taken.clone());
        let mut first = budget.take(60, Part::Whole).unwrap();
        assert!(budget.take(41, Part::Whole).is_none());
        first.shrink_to(10);
        assert!(budget.take(66, Part::ThreeQuarters).is_none());
        let second = budget.take(90, Part::Whole).unwrap();
        assert!(budget.take(1, Part::Whole).is_none());
        drop(first);
        assert_eq!(taken.get(), 90);
        drop(second);
        assert_eq!(taken.get(), 0);
    }
}
