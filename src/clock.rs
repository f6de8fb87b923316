//! The wall clock, read in this file only: other code gets a [`UnixTime`] as an argument. Durations are measured with
//! `std::time::Instant` instead. [`Tick`] is the order of events within this process, independent of the system's clock.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

/// A point in time: the time since 1970-01-01T00:00:00Z, without leap seconds (POSIX).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixTime(Duration);

impl UnixTime {
    /// The start of 1970. A deadline with this value has always passed.
    pub const EPOCH: Self = Self(Duration::ZERO);

    /// The last second of the year 9999, the latest time in X.509 (RFC 5280 4.1.2.5) and RFC 3339.
    pub const END: Self = Self(Duration::from_secs(253_402_300_799));

    /// The time `seconds` after 1970-01-01T00:00:00Z.
    pub const fn from_seconds(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    pub const fn seconds(self) -> u64 {
        self.0.as_secs()
    }

    /// The time since 1970-01-01T00:00:00Z.
    pub const fn since_epoch(self) -> Duration {
        self.0
    }

    /// This time plus `duration`, at most [`UnixTime::END`].
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        self.0.checked_add(duration).map_or(Self::END, Self).min(Self::END)
    }

    /// How long after `earlier` this is; zero if it is not later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl From<Duration> for UnixTime {
    fn from(since_epoch: Duration) -> Self {
        Self(since_epoch)
    }
}

/// RFC 3339 in UTC with milliseconds, as `2026-11-22T09:30:00.250Z`.
impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = SystemTime::UNIX_EPOCH + self.0.min(Self::END.0);
        humantime::format_rfc3339_millis(time).fmt(f)
    }
}

/// The clock of a running gateway. Clones show the same time.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    ahead_millis: Arc<AtomicU64>,
    /// The only time that a stopped clock shows.
    stopped: Option<UnixTime>,
}

impl Clock {
    /// The system's wall clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that always shows `time`, to explain what happens at that time.
    pub fn stopped_at(time: UnixTime) -> Self {
        Self { stopped: Some(time), ..Self::default() }
    }

    /// The current time. A system clock before 1970 is read as 1970, at which no certificate is valid.
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    pub fn now(&self) -> UnixTime {
        if let Some(time) = self.stopped {
            return time;
        }
        let wall = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        UnixTime(wall).plus(Duration::from_millis(self.ahead_millis.load(Ordering::Relaxed)))
    }

    /// Moves this clock and its clones forward, for tests that would otherwise wait for hours.
    pub fn advance(&self, by: Duration) {
        let millis = u64::try_from(by.as_millis()).unwrap_or(u64::MAX);
        self.ahead_millis.fetch_add(millis, Ordering::Relaxed);
    }
}

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
    fn a_time_is_written_as_rfc_3339_in_utc() {
        assert_eq!(UnixTime::from_seconds(1_795_339_800).to_string(), "2026-11-22T09:30:00.000Z");
    }

    #[test]
    fn no_time_is_after_the_year_9999() {
        assert_eq!(UnixTime::from_seconds(1).plus(Duration::MAX), UnixTime::END);
        assert_eq!(UnixTime::END.to_string(), "9999-12-31T23:59:59.000Z");
    }

    #[test]
    fn a_stopped_clock_shows_one_time() {
        let time = UnixTime::from_seconds(1_795_339_800);
        let clock = Clock::stopped_at(time);
        assert_eq!([clock.now(), clock.clone().now()], [time, time]);
    }

    #[test]
    fn clones_of_an_advanced_clock_have_the_same_time() {
        let clock = Clock::system();
        let clone = clock.clone();
        let before = clone.now();
        clock.advance(Duration::from_secs(3600));
        assert!(clone.now().since(before) >= Duration::from_secs(3600));
    }

    #[test]
    fn a_tick_is_later_than_earlier_ticks_and_not_later_than_the_current_one() {
        let first = Tick::next();
        let between = Tick::current();
        let second = Tick::next();
        assert!(Tick::ORIGIN < first && first <= between && between < second && second <= Tick::current());
    }
}
