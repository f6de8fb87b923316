//! Counts the bytes that the queue holds or has promised to hold, so that its memory is bounded whatever the records say.

use super::Part;
use prometheus_client::metrics::gauge::Gauge;
use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The bytes of one queue.
#[derive(Debug)]
pub(super) struct Budget {
    taken: Gauge,
    limit: i64,
}

/// A part of a budget, given back when dropped.
#[derive(Debug)]
pub(super) struct Share {
    budget: Arc<Budget>,
    bytes: i64,
    /// Given back with it.
    held: Option<Box<dyn Any + Send>>,
}

impl Budget {
    /// What is taken is shown by `taken`.
    pub(super) fn new(limit: usize, taken: Gauge) -> Arc<Self> {
        Arc::new(Self { taken, limit: signed(limit) })
    }

    /// Nothing where less is left. Never waits and takes no lock.
    pub(super) fn take(self: &Arc<Self>, bytes: usize, part: Part) -> Option<Share> {
        let bytes = signed(bytes);
        let whole = usize::try_from(self.limit).unwrap_or(0);
        let limit = self.limit - signed(part.left(whole));
        let more = |taken: i64| taken.checked_add(bytes).filter(|taken| *taken <= limit);
        self.taken.inner().fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        Some(Share { budget: Arc::clone(self), bytes, held: None })
    }
}

impl Share {
    /// Keeps `held` for as long as the share.
    pub(super) fn hold(&mut self, held: impl Any + Send) {
        self.held = Some(Box::new(held));
    }

    /// Gives back all but `bytes`. Never takes more.
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
    fn no_more_is_taken_than_there_is_and_what_is_given_back_can_be_taken_again() {
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
