//! Rate limits of clients, by the generic cell rate algorithm of `governor`.

use super::super::AddressKey;
use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::fmt;
use std::num::NonZeroU32;

/// The number of clients above which idle ones are removed.
const SWEPT_FROM: usize = 10_000;

/// A rate limit for each client.
pub(crate) struct ClientRates {
    limiter: RateLimiter<AddressKey, HashMapStateStore<AddressKey>, DefaultClock>,
}

impl ClientRates {
    /// Creates a limit with a sustained rate of `per_second` and bursts of `burst`.
    pub(crate) fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { limiter: RateLimiter::hashmap(Quota::per_second(per_second).allow_burst(burst)) }
    }

    /// Counts one event of the client. Returns `false` if it exceeds the rate, and then does not count it.
    pub(crate) fn allows(&self, client: AddressKey) -> bool {
        if self.limiter.len() > SWEPT_FROM {
            // A client whose whole burst is available again is equal to an unknown one.
            self.limiter.retain_recent();
        }
        self.limiter.check_key(&client).is_ok()
    }
}

impl fmt::Debug for ClientRates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientRates").field("clients", &self.limiter.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_without_burst_does_not_delay_another() {
        let rates = ClientRates::new(NonZeroU32::MIN, NonZeroU32::new(3).unwrap());
        let [one, other] = [1, 2].map(|last| AddressKey::of([192, 0, 2, last].into(), 64));
        assert!((0..3).all(|_| rates.allows(one)));
        assert!(!rates.allows(one));
        assert!(rates.allows(other));
    }
}
