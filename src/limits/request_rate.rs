//! Request budgets: the limits on requests per second and on requests in progress, for each client address and account.
//!
//! A connection holds its budgets, so that a request needs an atomic operation and no lock.

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The time in which an empty budget becomes full.
pub(super) const BURST: Duration = Duration::from_secs(10);

/// The number of maps with the budgets of accounts. There are several, so that workers rarely wait for each other.
const SHARDS: usize = 16;

/// The maximum number of budgets in one shard, not counting those in use.
const SHARD_CAPACITY: usize = 4_096;

/// A sustained rate in requests per second, with a burst of ten seconds of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate(NonZeroU32);

/// The maximum number of requests of one address or account whose audit records have not been written. Each request holds a
/// slot of the audit log's queue, and this is a quarter of them.
const MAX_IN_FLIGHT: u32 = 4_096;

/// The number of requests that one address or account may still send.
#[derive(Debug)]
pub(crate) struct RequestBudget {
    rate: RequestRate,
    limiter: DefaultDirectRateLimiter,
    started: Instant,
    /// In milliseconds after `started`.
    last_used: AtomicU64,
    /// The time from which the next rejection is recorded, in seconds after `started`.
    next_record: AtomicU64,
    unrecorded: AtomicU64,
    in_flight: AtomicU32,
}

/// A request was rejected, because the budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RateExceeded {
    /// The limit that is reached.
    pub limit: RequestLimit,
    /// The time until the next request is permitted.
    pub retry_after: Duration,
    /// The number of rejections since the last recorded one, or `None` if this rejection is not recorded. One per second is
    /// recorded, so that a flood does not fill the audit log.
    pub record: Option<u64>,
}

/// A limit on requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RequestLimit {
    /// The limit on requests per second.
    PerSecond(RequestRate),
    /// The limit on requests whose audit records have not been written.
    InFlight(u32),
}

/// A request whose audit record has not been written. It is counted until this value is dropped.
#[derive(Debug)]
pub(crate) struct RequestInFlight(Arc<RequestBudget>);

impl Drop for RequestInFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The budgets of accounts.
#[derive(Debug)]
pub(crate) struct AccountRates {
    hasher: RandomState,
    shards: [Mutex<HashMap<u64, Arc<RequestBudget>>>; SHARDS],
}

/// The key of an account in [`AccountRates`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct AccountKey(u64);

impl RequestRate {
    /// Returns a rate of `requests` per second, at least one.
    pub fn per_second(requests: u32) -> Self {
        Self(NonZeroU32::new(requests).unwrap_or(NonZeroU32::MIN))
    }

    /// Returns the rate in requests per second.
    pub fn get(self) -> u32 {
        self.0.get()
    }

    fn quota(self) -> Quota {
        let burst = self.get().saturating_mul(u32::try_from(BURST.as_secs()).unwrap_or(u32::MAX));
        Quota::per_second(self.0).allow_burst(NonZeroU32::new(burst).unwrap_or(self.0))
    }
}

impl RequestBudget {
    /// Creates a full budget.
    pub(crate) fn new(rate: RequestRate) -> Self {
        Self {
            rate,
            limiter: RateLimiter::direct(rate.quota()),
            started: Instant::now(),
            last_used: AtomicU64::new(0),
            next_record: AtomicU64::new(0),
            unrecorded: AtomicU64::new(0),
            in_flight: AtomicU32::new(0),
        }
    }

    /// Returns the rate at which the budget is refilled.
    pub(crate) fn rate(&self) -> RequestRate {
        self.rate
    }

    /// Takes one request out of the budget.
    ///
    /// # Errors
    /// The budget is used up.
    pub(crate) fn take(&self) -> Result<(), RateExceeded> {
        let Err(not_until) = self.limiter.check() else {
            self.last_used.store(self.millis(), Ordering::Relaxed);
            return Ok(());
        };
        let retry_after = not_until.wait_time_from(DefaultClock::default().now());
        Err(RateExceeded { limit: RequestLimit::PerSecond(self.rate), retry_after, record: self.record() })
    }

    /// Returns the number of requests whose audit records have not been written.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Counts a request until its audit record is written.
    ///
    /// # Errors
    /// Too many requests are in progress.
    pub(crate) fn begin(self: &Arc<Self>) -> Result<RequestInFlight, RateExceeded> {
        let in_flight = RequestInFlight(Arc::clone(self));
        if self.in_flight.fetch_add(1, Ordering::Relaxed) < MAX_IN_FLIGHT {
            return Ok(in_flight);
        }
        let retry_after = Duration::from_secs(1);
        Err(RateExceeded { limit: RequestLimit::InFlight(MAX_IN_FLIGHT), retry_after, record: self.record() })
    }

    /// Returns whether the budget equals a new one.
    fn is_full(&self) -> bool {
        let unused = self.millis().saturating_sub(self.last_used.load(Ordering::Relaxed));
        Duration::from_millis(unused) > BURST
    }

    fn record(&self) -> Option<u64> {
        let now = self.millis() / 1_000;
        let due = self.next_record.load(Ordering::Relaxed);
        let is_due = now >= due
            && self.next_record.compare_exchange(due, now + 1, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_due {
            return Some(self.unrecorded.swap(0, Ordering::Relaxed));
        }
        self.unrecorded.fetch_add(1, Ordering::Relaxed);
        None
    }

    fn millis(&self) -> u64 {
        u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

impl Default for AccountRates {
    fn default() -> Self {
        Self { hasher: RandomState::new(), shards: std::array::from_fn(|_| Mutex::default()) }
    }
}

impl AccountRates {
    /// Returns the key of the account with this unique name. It is a hash with a random key of the process, so that a client
    /// cannot choose names that share a budget.
    pub(crate) fn key(&self, account: &str) -> AccountKey {
        AccountKey(self.hasher.hash_one(account))
    }

    /// Returns the budget of an account.
    pub(crate) fn budget(&self, account: AccountKey, rate: RequestRate) -> Arc<RequestBudget> {
        let shard = usize::try_from(account.0 % SHARDS as u64).unwrap_or(0);
        let Some(shard) = self.shards.get(shard) else { return Arc::new(RequestBudget::new(rate)) };
        let mut budgets = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(budget) = budgets.get(&account.0).filter(|budget| budget.rate == rate) {
            return Arc::clone(budget);
        }
        if budgets.len() >= SHARD_CAPACITY {
            let in_use = |budget: &Arc<RequestBudget>| Arc::strong_count(budget) > 1;
            budgets.retain(|_, budget| in_use(budget) || !budget.is_full());
            if budgets.len() >= SHARD_CAPACITY {
                budgets.retain(|_, budget| in_use(budget));
            }
        }
        let budget = Arc::new(RequestBudget::new(rate));
        budgets.insert(account.0, Arc::clone(&budget));
        budget
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_burst_is_that_of_ten_seconds() {
        let budget = RequestBudget::new(RequestRate::per_second(1));
        for _ in 0..10 {
            assert_eq!(budget.take(), Ok(()));
        }
        let exceeded = budget.take().unwrap_err();
        assert!(exceeded.retry_after <= Duration::from_secs(1));
        assert_eq!(exceeded.limit, RequestLimit::PerSecond(RequestRate::per_second(1)));
    }

    #[test]
    fn the_first_rejection_of_a_second_is_recorded() {
        let budget = RequestBudget::new(RequestRate::per_second(1));
        let records: Vec<_> = (0..3).map(|_| budget.record()).collect();
        assert_eq!(records, [Some(0), None, None]);
        budget.next_record.store(0, Ordering::Relaxed);
        assert_eq!(budget.record(), Some(2));
    }

    #[test]
    fn requests_in_flight_are_limited_until_one_ends() {
        let budget = Arc::new(RequestBudget::new(RequestRate::per_second(1)));
        let mut in_flight: Vec<_> = (0..MAX_IN_FLIGHT).map(|_| budget.begin().unwrap()).collect();
        for _ in 0..3 {
            assert_eq!(budget.begin().unwrap_err().limit, RequestLimit::InFlight(MAX_IN_FLIGHT));
        }
        in_flight.pop();
        let _next = budget.begin().unwrap();
        assert!(budget.begin().is_err());
    }

    #[test]
    fn an_account_has_one_budget_on_all_connections() {
        let rates = AccountRates::default();
        let (alice, bob) = (rates.key("alice"), rates.key("bob"));
        let rate = RequestRate::per_second(5);
        let first = rates.budget(alice, rate);
        assert!(Arc::ptr_eq(&first, &rates.budget(alice, rate)));
        assert!(!Arc::ptr_eq(&first, &rates.budget(bob, rate)));
    }

    #[test]
    fn a_budget_is_replaced_if_the_rate_changes() {
        let rates = AccountRates::default();
        let alice = rates.key("alice");
        let before = rates.budget(alice, RequestRate::per_second(5));
        let after = rates.budget(alice, RequestRate::per_second(6));
        assert_eq!((before.rate().get(), after.rate().get()), (5, 6));
    }

    #[test]
    fn unused_account_budgets_are_bounded() {
        let rates = AccountRates::default();
        let rate = RequestRate::per_second(5);
        let held = rates.budget(AccountKey(0), rate);
        for number in 1..3 * (SHARDS * SHARD_CAPACITY) as u64 {
            rates.budget(AccountKey(number), rate);
        }
        let kept: usize = rates.shards.iter().map(|shard| shard.lock().unwrap().len()).sum();
        assert!(kept <= SHARDS * SHARD_CAPACITY, "{kept}");
        assert!(Arc::ptr_eq(&held, &rates.budget(AccountKey(0), rate)));
    }
}
