//! The rate at which a client sends or receives a body. Only the time in which the gateway waits for the client counts:
//! a fast client of a slow server is not slow.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// The shortest interval over which a rate is measured.
const WINDOW: Duration = Duration::from_millis(500);

/// A client below this rate, in bytes per second, yields its backend connection if other requests wait for one.
const YIELDS_BELOW: u64 = 16 * 1024;

/// The transfer rate of one body in one direction.
#[derive(Debug)]
pub(crate) struct TransferRate {
    window_start: Cell<Instant>,
    window_bytes: Cell<u64>,
    /// The rate in the previous window.
    previous: Cell<Option<u64>>,
    total: Cell<u64>,
    /// When the gateway began to wait for the client, if it waits.
    waiting_since: Cell<Option<Instant>>,
    /// The total of all earlier waits.
    waited: Cell<Duration>,
}

/// The lowest average rate that a client must keep. Only the time in which the gateway waits for the client counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimumRate {
    /// Bytes per second. Zero means no minimum.
    pub bytes_per_second: u64,
    /// The time for which the gateway waits for a client at any rate.
    pub grace: Duration,
}

impl MinimumRate {
    /// No minimum.
    pub const NONE: Self = Self { bytes_per_second: 0, grace: Duration::MAX };
}

impl Default for MinimumRate {
    /// 500 bytes per second after 20 seconds, the defaults of Apache's mod_reqtimeout.
    fn default() -> Self {
        Self { bytes_per_second: 500, grace: Duration::from_secs(20) }
    }
}

impl Default for TransferRate {
    fn default() -> Self {
        Self {
            window_start: Cell::new(Instant::now()),
            window_bytes: Cell::new(0),
            previous: Cell::new(None),
            total: Cell::new(0),
            waiting_since: Cell::new(None),
            waited: Cell::new(Duration::ZERO),
        }
    }
}

impl TransferRate {
    /// Starts over for the next body.
    pub(in crate::backend) fn reset(&self) {
        self.window_start.set(Instant::now());
        self.window_bytes.set(0);
        self.previous.set(None);
        self.total.set(0);
        self.waiting_since.set(None);
        self.waited.set(Duration::ZERO);
    }

    /// Records that the client sent or received `bytes`.
    pub(crate) fn record(&self, bytes: u64, now: Instant) {
        self.stop_waiting(now);
        self.total.set(self.total.get().saturating_add(bytes));
        let age = now.duration_since(self.window_start.get());
        if age >= WINDOW {
            self.previous.set(Some(self.window_rate(age)));
            self.window_start.set(now);
            self.window_bytes.set(0);
        }
        self.window_bytes.set(self.window_bytes.get().saturating_add(bytes));
    }

    /// Records that the gateway waits for the client from now on, unless it already does.
    pub(crate) fn start_waiting(&self) {
        if self.waiting_since.get().is_none() {
            self.waiting_since.set(Some(Instant::now()));
        }
    }

    /// Records that the gateway no longer waits for the client.
    pub(crate) fn stop_waiting(&self, now: Instant) {
        if let Some(since) = self.waiting_since.take() {
            self.waited.set(self.waited.get() + now.duration_since(since));
        }
    }

    /// Returns the total number of bytes that the client sent or received.
    pub(super) fn total(&self) -> u64 {
        self.total.get()
    }

    /// Returns whether the gateway waits for the client.
    pub(super) fn is_waiting(&self) -> bool {
        self.waiting_since.get().is_some()
    }

    /// Returns the recent rate in bytes per second, if the gateway waits for the client and the rate is so low that the
    /// client must yield its backend connection.
    pub(in crate::backend) fn blocking_rate(&self, now: Instant) -> Option<u64> {
        self.waiting_since.get()?;
        let age = now.duration_since(self.window_start.get());
        let rate = if age < WINDOW { self.previous.get()? } else { self.window_rate(age) };
        (rate < YIELDS_BELOW).then_some(rate)
    }

    fn window_rate(&self, age: Duration) -> u64 {
        let rate = u128::from(self.window_bytes.get()) * 1000 / age.as_millis().max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// Returns when the client's average rate falls below `minimum` if it transfers nothing more; `None` if the gateway
    /// does not wait for the client, or there is no minimum.
    pub(crate) fn too_slow_at(&self, minimum: MinimumRate) -> Option<Instant> {
        let since = self.waiting_since.get()?;
        let earned = self.total.get().checked_mul(1000)?.checked_div(minimum.bytes_per_second)?;
        let allowed = minimum.grace.saturating_add(Duration::from_millis(earned));
        since.checked_add(allowed.saturating_sub(self.waited.get()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::time::advance;

    const MINIMUM: MinimumRate = MinimumRate { bytes_per_second: 100, grace: Duration::from_secs(10) };

    fn milliseconds(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_the_gateway_does_not_wait_for_is_never_slow() {
        let transfer = TransferRate::default();
        advance(milliseconds(60_000)).await;
        assert_eq!(transfer.blocking_rate(Instant::now()), None);
        assert_eq!(transfer.too_slow_at(MINIMUM), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_body_is_not_slow_in_its_first_half_second() {
        let transfer = TransferRate::default();
        transfer.start_waiting();
        advance(milliseconds(499)).await;
        assert_eq!(transfer.blocking_rate(Instant::now()), None);
        advance(milliseconds(1)).await;
        assert_eq!(transfer.blocking_rate(Instant::now()), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_start_does_not_hide_a_slow_client() {
        let transfer = TransferRate::default();
        transfer.record(100_000_000, Instant::now());
        for _ in 0..30 {
            transfer.start_waiting();
            advance(milliseconds(100)).await;
            transfer.record(1, Instant::now());
        }
        transfer.start_waiting();
        assert!(transfer.blocking_rate(Instant::now()).is_some_and(|rate| rate < 100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_client_does_not_yield() {
        let transfer = TransferRate::default();
        for _ in 0..30 {
            transfer.start_waiting();
            advance(milliseconds(100)).await;
            transfer.record(2_500, Instant::now());
        }
        transfer.start_waiting();
        assert_eq!(transfer.blocking_rate(Instant::now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_time_spent_waiting_for_the_client_counts() {
        let transfer = TransferRate::default();
        let start = Instant::now();
        transfer.start_waiting();
        assert_eq!(transfer.too_slow_at(MINIMUM), Some(start + milliseconds(10_000)));
        advance(milliseconds(4_000)).await;
        transfer.record(200, Instant::now());
        advance(milliseconds(3_600_000)).await;
        let again = Instant::now();
        transfer.start_waiting();
        assert_eq!(transfer.too_slow_at(MINIMUM), Some(again + milliseconds(10_000 + 2_000 - 4_000)));
        assert_eq!(transfer.too_slow_at(MinimumRate { bytes_per_second: 0, ..MINIMUM }), None);
    }
}
