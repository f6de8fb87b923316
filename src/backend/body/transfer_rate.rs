//! How fast a client moves a body, measured only while the client is what the other side waits for: a client that
//! reads fast from a slow server is not slow.

use std::cell::Cell;
use std::time::Duration;

use tokio::time::Instant;

/// The shortest time over which a rate is measured.
const WINDOW: Duration = Duration::from_millis(500);

/// Below this rate, in bytes per second, a client gives way when others wait for a connection.
const GIVES_WAY_BELOW: u64 = 16 * 1024;

/// The rate of one body in one direction.
#[derive(Debug)]
pub struct TransferRate {
    window_start: Cell<Instant>,
    window_bytes: Cell<u64>,
    /// The rate in the window before.
    previous: Cell<Option<u64>>,
    total: Cell<u64>,
    /// Since when the client is waited for.
    waiting_since: Cell<Option<Instant>>,
    /// How long the client was waited for before that, in all.
    waited: Cell<Duration>,
}

/// The lowest average rate that a client may have, counted while it is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinimumRate {
    /// Bytes per second. Zero stands for no minimum.
    pub bytes_per_second: u64,
    /// For how long a client may be waited for at any rate.
    pub grace: Duration,
}

impl MinimumRate {
    /// No minimum.
    pub const NONE: Self = Self { bytes_per_second: 0, grace: Duration::MAX };
}

impl Default for MinimumRate {
    /// 500 bytes per second after 20 seconds, as in Apache's mod_reqtimeout.
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
    /// Another body begins.
    pub fn reset(&self) {
        self.window_start.set(Instant::now());
        self.window_bytes.set(0);
        self.previous.set(None);
        self.total.set(0);
        self.waiting_since.set(None);
        self.waited.set(Duration::ZERO);
    }

    /// The client moved `bytes`.
    pub fn moved(&self, bytes: u64, now: Instant) {
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

    /// The client is waited for from now on, if it was not already.
    pub fn wait(&self) {
        if self.waiting_since.get().is_none() {
            self.waiting_since.set(Some(Instant::now()));
        }
    }

    /// Something else than the client is waited for.
    pub fn stop_waiting(&self, now: Instant) {
        if let Some(since) = self.waiting_since.take() {
            self.waited.set(self.waited.get() + now.duration_since(since));
        }
    }

    /// All bytes that the client moved.
    pub fn total(&self) -> u64 {
        self.total.get()
    }

    /// Whether the client is waited for.
    pub fn is_waiting(&self) -> bool {
        self.waiting_since.get().is_some()
    }

    /// The recent rate in bytes per second, if the client is waited for and the rate is low enough to give way.
    pub fn delaying_rate(&self, now: Instant) -> Option<u64> {
        self.waiting_since.get()?;
        let age = now.duration_since(self.window_start.get());
        let rate = if age < WINDOW { self.previous.get()? } else { self.window_rate(age) };
        (rate < GIVES_WAY_BELOW).then_some(rate)
    }

    fn window_rate(&self, age: Duration) -> u64 {
        let rate = u128::from(self.window_bytes.get()) * 1000 / age.as_millis().max(1);
        u64::try_from(rate).unwrap_or(u64::MAX)
    }

    /// When the client will have been slower than `minimum` if it moves nothing more. `None` while it is not waited
    /// for, and without a minimum.
    pub fn too_slow_at(&self, minimum: MinimumRate) -> Option<Instant> {
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
    async fn a_client_that_is_not_waited_for_delays_no_one() {
        let pace = TransferRate::default();
        advance(milliseconds(60_000)).await;
        assert_eq!(pace.delaying_rate(Instant::now()), None);
        assert_eq!(pace.too_slow_at(MINIMUM), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_body_has_half_a_second_before_it_counts_as_slow() {
        let pace = TransferRate::default();
        pace.wait();
        advance(milliseconds(499)).await;
        assert_eq!(pace.delaying_rate(Instant::now()), None);
        advance(milliseconds(1)).await;
        assert_eq!(pace.delaying_rate(Instant::now()), Some(0));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_beginning_does_not_excuse_a_slow_client() {
        let pace = TransferRate::default();
        pace.moved(100_000_000, Instant::now());
        for _ in 0..30 {
            pace.wait();
            advance(milliseconds(100)).await;
            pace.moved(1, Instant::now());
        }
        pace.wait();
        assert!(pace.delaying_rate(Instant::now()).is_some_and(|rate| rate < 100));
    }

    #[tokio::test(start_paused = true)]
    async fn a_fast_client_does_not_give_way() {
        let pace = TransferRate::default();
        for _ in 0..30 {
            pace.wait();
            advance(milliseconds(100)).await;
            pace.moved(2_500, Instant::now());
        }
        pace.wait();
        assert_eq!(pace.delaying_rate(Instant::now()), None);
    }

    #[tokio::test(start_paused = true)]
    async fn only_the_time_in_which_the_client_is_waited_for_counts_against_it() {
        let pace = TransferRate::default();
        let start = Instant::now();
        pace.wait();
        assert_eq!(pace.too_slow_at(MINIMUM), Some(start + milliseconds(10_000)));
        advance(milliseconds(4_000)).await;
        pace.moved(200, Instant::now());
        advance(milliseconds(3_600_000)).await;
        let again = Instant::now();
        pace.wait();
        assert_eq!(pace.too_slow_at(MINIMUM), Some(again + milliseconds(10_000 + 2_000 - 4_000)));
        assert_eq!(pace.too_slow_at(MinimumRate { bytes_per_second: 0, ..MINIMUM }), None);
    }
}
