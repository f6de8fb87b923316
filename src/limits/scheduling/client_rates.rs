//! Limits how often each client may do something, by the generic cell rate algorithm of `governor`.

use super::super::AddressKey;
use governor::clock::DefaultClock;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};
use std::fmt;
use std::num::NonZeroU32;

/// From this many clients on, those that have not been seen for long are forgotten.
const SWEPT_FROM: usize = 10_000;

/// A rate for each client: so many each second, and a burst after a pause.
pub struct ClientRates {
    limiter: RateLimiter<AddressKey, HashMapStateStore<AddressKey>, DefaultClock>,
}

impl ClientRates {
    /// `burst` may come at once after a pause, then `per_second`.
    pub fn new(per_second: NonZeroU32, burst: NonZeroU32) -> Self {
        Self { limiter: RateLimiter::hashmap(Quota::per_second(per_second).allow_burst(burst)) }
    }

    /// Counts one more of this client; `false` where it exceeds the rate, and is not counted.
    pub fn allows(&self, client: AddressKey) -> bool {
        if self.limiter.len() > SWEPT_FROM {
            // A client whose whole burst is available again is as good as unknown.
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
    fn a_client_that_used_up_its_burst_does_not_hold_up_another() {
        let rates = ClientRates::new(NonZeroU32::MIN, NonZeroU32::new(3).unwrap());
        let [one, other] = [1, 2].map(|last| AddressKey::of([192, 0, 2, last].into(), 64));
        assert!((0..3).all(|_| rates.allows(one)));
        assert!(!rates.allows(one));
        assert!(rates.allows(other));
    }
}
