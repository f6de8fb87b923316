//! How many pinned connections there may be to one backend, in all and for one client's address. Takes an address,
//! gives a place, which is free again when it is dropped. Shared by all workers and kept over reloads, so that the
//! limits hold for the process. Never connects.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;

use crate::backend::error::BackendError;
use crate::limits::AddressKey;

/// How many there may be. Zero refuses all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedLimits {
    /// In the whole process.
    pub total: usize,
    /// For one client: an IPv4 address, or a /64 of IPv6, of which one client has all addresses.
    pub per_address: usize,
}

/// The places that are taken.
#[derive(Debug, Default)]
pub struct PinnedLimiter {
    taken: Mutex<PinnedCounts>,
    gauge: Gauge,
}

#[derive(Debug, Default)]
struct PinnedCounts {
    total: usize,
    by_client: HashMap<AddressKey, usize>,
}

/// The place of one pinned connection.
#[derive(Debug)]
pub struct PinnedSlot {
    places: Arc<PinnedLimiter>,
    client: Option<AddressKey>,
}

impl PinnedLimiter {
    /// No place is taken. `gauge` shows how many are.
    pub fn new(gauge: Gauge) -> Self {
        Self { taken: Mutex::default(), gauge }
    }

    /// A place for a connection of `client`; one without an address of its own has no limit of its own either.
    ///
    /// # Errors
    /// [`BackendError::Busy`] where either limit is reached. Nobody waits for a place: it may be held for hours.
    pub fn take(
        self: &Arc<Self>,
        client: Option<AddressKey>,
        limits: PinnedLimits,
    ) -> Result<PinnedSlot, BackendError> {
        let mut taken = self.lock();
        let of_client = client.and_then(|client| taken.by_client.get(&client).copied()).unwrap_or(0);
        if taken.total >= limits.total || of_client >= limits.per_address {
            return Err(BackendError::Busy);
        }
        taken.total += 1;
        if let Some(client) = client {
            taken.by_client.insert(client, of_client + 1);
        }
        self.gauge.inc();
        Ok(PinnedSlot { places: Arc::clone(self), client })
    }

    /// Nothing panics while it is held, and counts are whole after every statement.
    fn lock(&self) -> MutexGuard<'_, PinnedCounts> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PinnedSlot {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        taken.total = taken.total.saturating_sub(1);
        if let Some(client) = self.client {
            let left = taken.by_client.get(&client).map_or(0, |count| count.saturating_sub(1));
            if left == 0 {
                taken.by_client.remove(&client);
            } else {
                taken.by_client.insert(client, left);
            }
        }
        self.places.gauge.dec();
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
    fn one_client_cannot_take_the_places_of_others() {
        let places = Arc::new(PinnedLimiter::default());
        let _first = places.take(address("192.0.2.1"), LIMITS).unwrap();
        let _second = places.take(address("::ffff:192.0.2.1"), LIMITS).unwrap();
        assert!(matches!(places.take(address("192.0.2.1"), LIMITS), Err(BackendError::Busy)));
        assert!(places.take(address("192.0.2.2"), LIMITS).is_ok());
    }

    #[test]
    fn a_whole_64_of_ipv6_is_one_client() {
        let places = Arc::new(PinnedLimiter::default());
        let _first = places.take(address("2001:db8::1"), LIMITS).unwrap();
        let _second = places.take(address("2001:db8::2:1"), LIMITS).unwrap();
        assert!(matches!(places.take(address("2001:db8::3"), LIMITS), Err(BackendError::Busy)));
        assert!(places.take(address("2001:db8:0:1::1"), LIMITS).is_ok());
    }

    #[test]
    fn a_place_that_is_dropped_is_free_again() {
        let places = Arc::new(PinnedLimiter::default());
        for _ in 0..3 {
            let held: Vec<_> = (1..=3)
                .map(|host| places.take(address(&format!("192.0.2.{host}")), LIMITS).unwrap())
                .collect();
            assert!(matches!(places.take(address("192.0.2.4"), LIMITS), Err(BackendError::Busy)));
            assert_eq!(places.gauge.get(), 3);
            drop(held);
        }
        assert_eq!(places.gauge.get(), 0);
        assert!(places.lock().by_client.is_empty());
    }
}
