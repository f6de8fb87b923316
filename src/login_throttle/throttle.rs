//! Permits for login attempts. An attempt counts as failed until it is settled, so that concurrent guesses have no advantage
//! over successive ones.

use super::counter::{AttemptOutcome, FailureCounter, ResetRule};
use crate::clock::UnixTime;
use crate::limits::AddressKey;
use crate::name_folding::fold_name;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The limits on failed logins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginThrottleLimits {
    /// The number of failures of one account after which it is blocked. If it is below the lockout threshold of the directory,
    /// and `window` is not shorter than the observation window of the directory, accounts cannot be locked through the gateway.
    pub per_account: u32,
    /// The number of failures from one address after which it is blocked. IPv6 addresses are counted by their first
    /// `limits.ipv6_prefix` bits.
    pub per_address: u32,
    /// How long an account is blocked after its last failure, and an address after its first one.
    pub window: Duration,
    /// The maximum number of accounts, and of addresses, that are counted. If all of them are blocked, others are rejected.
    pub keys: usize,
}

impl Default for LoginThrottleLimits {
    fn default() -> Self {
        Self { per_account: 3, per_address: 20, window: Duration::from_secs(15 * 60), keys: 65_536 }
    }
}

/// The count for which an attempt was rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottledBy {
    /// Failures of one account.
    Account,
    /// Failures from one address.
    Address,
}

/// A login attempt was rejected, because too many earlier ones failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed logins {counted}")]
pub struct LoginThrottled {
    /// The count that reached its limit.
    pub counted: ThrottledBy,
    /// The time until the next attempt is permitted.
    pub retry_after: Duration,
}

impl fmt::Display for ThrottledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Account => "of the account",
            Self::Address => "from the address",
        })
    }
}

/// The counts of failed logins, shared by all workers.
#[derive(Debug)]
pub struct LoginThrottle {
    limits: LoginThrottleLimits,
    /// The counters. Only requests with a password lock them, for a few map operations.
    counters: Mutex<FailureCounters>,
    /// A hash with a random key of the process, so that a client cannot choose names whose counts collide.
    hasher: RandomState,
}

#[derive(Debug)]
struct FailureCounters {
    accounts: FailureCounter,
    addresses: FailureCounter,
}

/// The permit for one login attempt. If it is dropped before it is settled, the attempt counts as failed, because the
/// password may have been checked. [`AttemptPermit::not_sent`] marks an attempt whose password certainly was not.
#[derive(Debug)]
#[must_use = "an attempt that is dropped counts as failed"]
pub struct AttemptPermit {
    throttle: Arc<LoginThrottle>,
    address: u64,
    accounts: Vec<u64>,
    begun: UnixTime,
    settled: bool,
    if_dropped: AttemptOutcome,
}

impl LoginThrottle {
    /// Creates a throttle without failures.
    pub fn new(limits: LoginThrottleLimits) -> Self {
        let LoginThrottleLimits { per_account, per_address, window, keys } = limits;
        let counters = FailureCounters {
            accounts: FailureCounter::new(per_account, window, ResetRule::AfterLastOrSuccess, keys),
            addresses: FailureCounter::new(per_address, window, ResetRule::AfterFirst, keys),
        };
        Self { limits, counters: Mutex::new(counters), hasher: RandomState::new() }
    }

    /// Returns the limits.
    pub fn limits(&self) -> LoginThrottleLimits {
        self.limits
    }

    /// Begins an attempt from `address`. The account has to be added by [`AttemptPermit::for_account`] before the password is
    /// checked, if it is known.
    ///
    /// # Errors
    /// Too many attempts from the address failed or are in progress.
    pub fn begin(
        self: &Arc<Self>,
        address: AddressKey,
        now: UnixTime,
    ) -> Result<AttemptPermit, LoginThrottled> {
        let key = self.hasher.hash_one(address);
        self.with_counters(|counters| counters.addresses.reserve(key, now))
            .map_err(|retry_after| LoginThrottled { counted: ThrottledBy::Address, retry_after })?;
        let throttle = Arc::clone(self);
        Ok(AttemptPermit {
            throttle,
            address: key,
            accounts: Vec::new(),
            begun: now,
            settled: false,
            if_dropped: AttemptOutcome::Failed,
        })
    }

    /// Checks that an attempt for `account` from `address` would be permitted, without counting one. For cached results, so
    /// that a blocked client cannot distinguish a right guess from a wrong one.
    ///
    /// # Errors
    /// Too many attempts for the account or from the address failed.
    pub fn check(&self, account: &str, address: AddressKey, now: UnixTime) -> Result<(), LoginThrottled> {
        let (account, address) = (self.account_key(account), self.hasher.hash_one(address));
        self.with_counters(|counters| {
            let too_many = |counted| move |retry_after| LoginThrottled { counted, retry_after };
            counters.addresses.check(address, now).map_err(too_many(ThrottledBy::Address))?;
            counters.accounts.check(account, now).map_err(too_many(ThrottledBy::Account))
        })
    }

    fn account_key(&self, account: &str) -> u64 {
        self.hasher.hash_one(fold_name(account))
    }

    /// Calls `act` with the counters. A poisoned lock is ignored, because every operation leaves the counts consistent.
    fn with_counters<T>(&self, act: impl FnOnce(&mut FailureCounters) -> T) -> T {
        act(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AttemptPermit {
    /// Adds the account, by a name in any letter case. For an account with several names (`CORP\sam`, a UPN, a SID) it is
    /// called once for each: the attempt counts for all of them, and is permitted only if none is blocked.
    ///
    /// # Errors
    /// Too many attempts for the account failed or are in progress. The attempt ends. If this was the first name, it does not
    /// count. Otherwise it counts as failed for the earlier names, so that a client that is blocked under one name cannot
    /// continue to guess under the others.
    pub fn for_account(mut self, account: &str, now: UnixTime) -> Result<Self, LoginThrottled> {
        let key = self.throttle.account_key(account);
        if self.accounts.contains(&key) {
            return Ok(self);
        }
        match self.throttle.with_counters(|counters| counters.accounts.reserve(key, now)) {
            Ok(()) => {
                self.accounts.push(key);
                Ok(self)
            }
            Err(retry_after) => {
                self.settle(
                    if self.accounts.is_empty() { AttemptOutcome::Cancelled } else { AttemptOutcome::Failed },
                    now,
                );
                Err(LoginThrottled { counted: ThrottledBy::Account, retry_after })
            }
        }
    }

    /// Marks the password as not sent yet. If the client disconnects now, the attempt does not count.
    pub fn not_sent(mut self) -> Self {
        self.if_dropped = AttemptOutcome::Cancelled;
        self
    }

    /// Marks the password as sent. If the client disconnects now, the attempt counts as failed.
    pub fn sent(mut self) -> Self {
        self.if_dropped = AttemptOutcome::Failed;
        self
    }

    /// Settles the attempt as failed: the password was wrong, or no account has the name.
    pub fn failed(mut self, now: UnixTime) {
        self.settle(AttemptOutcome::Failed, now);
    }

    /// Settles the attempt as successful. Clears the failures of the account, but not those of the address.
    pub fn succeeded(mut self, now: UnixTime) {
        self.settle(AttemptOutcome::Succeeded, now);
    }

    /// Settles the attempt without counting it, because the password was not checked.
    pub fn cancelled(mut self, now: UnixTime) {
        self.settle(AttemptOutcome::Cancelled, now);
    }

    fn settle(&mut self, outcome: AttemptOutcome, now: UnixTime) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        self.throttle.with_counters(|counters| {
            counters.addresses.settle(self.address, outcome, now);
            for account in &self.accounts {
                counters.accounts.settle(*account, outcome, now);
            }
        });
    }
}

impl Drop for AttemptPermit {
    fn drop(&mut self) {
        self.settle(self.if_dropped, self.begun);
    }
}
