//! A logical clock: the order of events within this process, independent of the system's clock.

use std::sync::atomic::{AtomicU64, Ordering};

static TICKS: AtomicU64 = AtomicU64::new(0);

/// A point in the order of events. The later of two ticks is the greater one, even if the system's clock was set back
/// between them.
///
/// Objects derived from an account (a ticket, a certificate, a connection) are used only if they were made after the
/// account was read: they cannot be older than the account, which has a lifetime and is read again after a purge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick(u64);

impl Tick {
    /// Before everything else.
    pub const ORIGIN: Self = Self(0);

    /// Begins a new tick, greater than all before.
    #[must_use]
    pub fn next() -> Self {
        Self(TICKS.fetch_add(1, Ordering::AcqRel) + 1)
    }

    /// The current tick. An event that begins now is not older than one that began at this tick or before.
    #[must_use]
    pub fn current() -> Self {
        Self(TICKS.load(Ordering::Acquire))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_is_later_than_earlier_ticks_and_not_later_than_the_current_one() {
        let first = Tick::next();
        let between = Tick::current();
        let second = Tick::next();
        assert!(Tick::ORIGIN < first && first <= between && between < second && second <= Tick::current());
    }
}
