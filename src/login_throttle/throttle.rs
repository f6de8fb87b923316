//! Permits for log-in attempts. An attempt counts as failed until it is settled, so that concurrent guesses gain nothing.

use super::counter::{AttemptOutcome, FailureCounter, ResetRule};
use crate::clock::UnixTime;
use crate::limits::AddressKey;
use crate::name_folding::fold_name;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// The limits on failed log-ins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginThrottleLimits {
    /// Failures of one account before it has to wait. If this is below the directory's lockout threshold and `window` is no
    /// shorter than its observation window, accounts cannot be locked through the gateway.
    pub per_account: u32,
    /// Failures from one address before it has to wait. Of an IPv6 address the first `limits.ipv6_prefix` bits count.
    pub per_address: u32,
    /// How long an account has to wait after its last failure, and an address after its first one.
    pub window: Duration,
    /// The number of accounts, and of addresses, that are counted. If all of them are blocked, other ones are rejected.
    pub keys: usize,
}

impl Default for LoginThrottleLimits {
    fn default() -> Self {
        Self { per_account: 3, per_address: 20, window: Duration::from_secs(15 * 60), keys: 65_536 }
    }
}

/// The count that an attempt was rejected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottledBy {
    /// Failures of one account.
    Account,
    /// Failures from one address.
    Address,
}

/// A log-in attempt was rejected because too many before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed log-ins {counted}")]
pub struct LoginThrottled {
    /// The count that is exceeded.
    pub counted: ThrottledBy,
    /// The time after which a new attempt may be made.
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

/// The counts of failed log-ins, shared by all workers.
#[derive(Debug)]
pub struct LoginThrottle {
    limits: LoginThrottleLimits,
    /// Locked for a few map operations, and only by requests with a password.
    counters: Mutex<FailureCounters>,
    /// Keyed at random in each process, so that a client cannot choose names whose counts collide.
    hasher: RandomState,
}

#[derive(Debug)]
struct FailureCounters {
    accounts: FailureCounter,
    addresses: FailureCounter,
}

/// The permit for one log-in attempt. If it is dropped before it is settled, the attempt counts as failed, because the
/// password may have been checked, unless it certainly was not ([`AttemptPermit::not_sent`]).
#[derive(Debug)]
#[must_use = "an attempt that is dropped counts as failed"]
pub struct AttemptPermit {
    attempts: Arc<LoginThrottle>,
    address: u64,
    accounts: Vec<u64>,
    begun: UnixTime,
    settled: bool,
    if_dropped: AttemptOutcome,
}

impl LoginThrottle {
    /// Counts of zero.
    pub fn new(limits: LoginThrottleLimits) -> Self {
        let LoginThrottleLimits { per_account, per_address, window, keys } = limits;
        let counters = FailureCounters {
            accounts: FailureCounter::new(per_account, window, ResetRule::AfterLastOrSuccess, keys),
            addresses: FailureCounter::new(per_address, window, ResetRule::AfterFirst, keys),
        };
        Self { limits, counters: Mutex::new(counters), hasher: RandomState::new() }
    }

    /// The limits.
    pub fn limits(&self) -> LoginThrottleLimits {
        self.limits
    }

    /// Begins an attempt from `address`. If the account is known, [`AttemptPermit::for_account`] has to follow before the
    /// password is checked.
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
        let attempts = Arc::clone(self);
        Ok(AttemptPermit {
            attempts,
            address: key,
            accounts: Vec::new(),
            begun: now,
            settled: false,
            if_dropped: AttemptOutcome::Failed,
        })
    }

    /// Checks whether an attempt for `account` from `address` would be permitted, without making one. For cached results, so
    /// that a blocked client cannot tell a right guess from a wrong one.
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

    /// A poisoned lock is used on: every operation leaves the counts consistent.
    fn with_counters<T>(&self, act: impl FnOnce(&mut FailureCounters) -> T) -> T {
        act(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AttemptPermit {
    /// Adds the account, by a name in any letter case. For an account with several names (`CORP\sam`, a UPN, a SID) it is
    /// called once for each: the attempt counts for all of them, and none may be blocked.
    ///
    /// # Errors
    /// Too many attempts for the account failed or are in progress. The attempt ends. It does not count if this was the
    /// first name, and counts as failed for the earlier names: otherwise a client that is blocked under one name could go
    /// on guessing under the others.
    pub fn for_account(mut self, account: &str, now: UnixTime) -> Result<Self, LoginThrottled> {
        let key = self.attempts.account_key(account);
        if self.accounts.contains(&key) {
            return Ok(self);
        }
        match self.attempts.with_counters(|counters| counters.accounts.reserve(key, now)) {
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

    /// The password was not sent yet: a client that disconnects now has not guessed.
    pub fn not_sent(mut self) -> Self {
        self.if_dropped = AttemptOutcome::Cancelled;
        self
    }

    /// The password is being sent.
    pub fn sent(mut self) -> Self {
        self.if_dropped = AttemptOutcome::Failed;
        self
    }

    /// The password was wrong, or no account has the name.
    pub fn failed(mut self, now: UnixTime) {
        self.settle(AttemptOutcome::Failed, now);
    }

    /// The password was right. Clears the failures of the account, not those of the address.
    pub fn succeeded(mut self, now: UnixTime) {
        self.settle(AttemptOutcome::Succeeded, now);
    }

    /// The password was not checked. The attempt does not count.
    pub fn cancelled(mut self, now: UnixTime) {
        self.settle(AttemptOutcome::Cancelled, now);
    }

    fn settle(&mut self, outcome: AttemptOutcome, now: UnixTime) {
        if std::mem::replace(&mut self.settled, true) {
            return;
        }
        self.attempts.with_counters(|counters| {
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
