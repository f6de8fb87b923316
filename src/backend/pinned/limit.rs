//! The limits of pinned connections to one backend, in total and for one client address. The counts are shared by all
//! workers and kept over reloads, so that the limits hold for the whole process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;

use crate::backend::error::BackendError;
use crate::backend::settings::PinnedLimits;
use crate::limits::AddressKey;

/// The number of pinned connections to one backend.
#[derive(Debug, Default)]
pub struct PinnedLimiter {
    counts: Mutex<PinnedCounts>,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct PinnedCounts {
    total: usize,
    by_address: HashMap<AddressKey, usize>,
}

/// One pinned connection in the count, which is released on drop.
#[derive(Debug)]
pub struct PinnedSlot {
    limiter: Arc<PinnedLimiter>,
    address: Option<AddressKey>,
}

impl PinnedLimiter {
    /// Creates a count of zero, which `gauge` reports.
    pub fn new(gauge: Gauge) -> Self {
        Self { counts: Mutex::default(), gauge }
    }

    /// Counts a connection of a client with this `address`. A client without one has no limit of its own.
    ///
    /// # Errors
    /// [`BackendError::Busy`] if either limit is reached. Requests do not wait: a pinned connection may last for hours.
    pub fn take(
        self: &Arc<Self>,
        address: Option<AddressKey>,
        limits: PinnedLimits,
    ) -> Result<PinnedSlot, BackendError> {
        let mut counts = self.lock();
        let of_address = address.and_then(|address| counts.by_address.get(&address).copied()).unwrap_or(0);
        if counts.total >= limits.total || of_address >= limits.per_address {
            return Err(BackendError::Busy);
        }
        counts.total += 1;
        if let Some(address) = address {
            counts.by_address.insert(address, of_address + 1);
        }
        self.gauge.inc();
        Ok(PinnedSlot { limiter: Arc::clone(self), address })
    }

    /// Locks the counts. A poisoned lock is used: the counts are consistent after each statement.
    fn lock(&self) -> MutexGuard<'_, PinnedCounts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PinnedSlot {
    fn drop(&mut self) {
        let mut counts = self.limiter.lock();
        counts.total = counts.total.saturating_sub(1);
        if let Some(address) = self.address {
            let left = counts.by_address.get(&address).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                counts.by_address.remove(&address);
            } else {
                counts.by_address.insert(address, left);
            }
        }
        self.limiter.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: PinnedLimits = PinnedLimits { total: 3, per_address: 2 };

    fn address(text: &str) -> Option<AddressKey> {
        Some(AddressKey::of(text.parse().unwrap(), 64))
    }

    #[test]
    fn one_client_cannot_use_the_slots_of_others() {
        let limiter = Arc::new(PinnedLimiter::default());
        let _first = limiter.take(address("192.0.2.1"), LIMITS).unwrap();
        let _second = limiter.take(address("::ffff:192.0.2.1"), LIMITS).unwrap();
        assert!(matches!(limiter.take(address("192.0.2.1"), LIMITS), Err(BackendError::Busy)));
        assert!(limiter.take(address("192.0.2.2"), LIMITS).is_ok());
    }

    #[test]
    fn an_ipv6_64_is_one_client() {
        let limiter = Arc::new(PinnedLimiter::default());
        let _first = limiter.take(address("2001:db8::1"), LIMITS).unwrap();
        let _second = limiter.take(address("2001:db8::2:1"), LIMITS).unwrap();
        assert!(matches!(limiter.take(address("2001:db8::3"), LIMITS), Err(BackendError::Busy)));
        assert!(limiter.take(address("2001:db8:0:1::1"), LIMITS).is_ok());
    }

    #[test]
    fn a_dropped_slot_can_be_taken_again() {
        let limiter = Arc::new(PinnedLimiter::default());
        for _ in 0..3 {
            let held: Vec<_> = (1..=3)
                .map(|host| limiter.take(address(&format!("192.0.2.{host}")), LIMITS).unwrap())
                .collect();
            assert!(matches!(limiter.take(address("192.0.2.4"), LIMITS), Err(BackendError::Busy)));
            assert_eq!(limiter.gauge.get(), 3);
            drop(held);
        }
        assert_eq!(limiter.gauge.get(), 0);
        assert!(limiter.lock().by_address.is_empty());
    }
}
