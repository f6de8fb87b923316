//! Leave to try a password, held while it is tried. It counts as failed until its holder says otherwise, so that many
//! guesses at once get no further than as many one after the other.

use super::counter::{AttemptOutcome, FailureCounter, ResetRule};
use crate::clock::UnixTime;
use crate::limits::AddressKey;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many failed log-ins there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoginThrottleLimits {
    /// Failures of one account before it has to wait. Below the directory's lock-out threshold, accounts cannot be
    /// locked through the gate, provided that `window` is no shorter than the directory's observation window.
    pub per_account: u32,
    /// Failures from one address before it has to wait; of IPv6 the first `ipv6_prefix` bits
    /// count.
    pub per_address: u32,
    /// How long after its last failure an account, and after its first one an address, has to wait.
    pub window: Duration,
    /// How many accounts, and as many addresses, are counted at most. Where all of them are blocked, no others may try.
    pub keys: usize,
}

impl Default for LoginThrottleLimits {
    fn default() -> Self {
        Self { per_account: 3, per_address: 20, window: Duration::from_secs(15 * 60), keys: 65_536 }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThrottledBy {
    /// Failures of one account.
    Account,
    /// Failures from one address.
    Address,
}

/// No attempt may be made now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many failed log-ins {counted}")]
pub struct LoginThrottled {
    /// Of what there were too many.
    pub counted: ThrottledBy,
    /// After how long to try again.
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

/// Counts failed log-ins for all workers.
#[derive(Debug)]
pub struct LoginThrottle {
    limits: LoginThrottleLimits,
    /// Held for a few map operations, by requests with a password only.
    counters: Mutex<FailureCounters>,
    /// Keyed at random for each process, so that nobody can choose names that share a count.
    hasher: RandomState,
}

#[derive(Debug)]
struct FailureCounters {
    accounts: FailureCounter,
    addresses: FailureCounter,
}

/// One attempt under way. Dropped before it is settled it counts as failed, since the password may have been tried,
/// unless it is known that it was not ([`AttemptPermit::not_yet_tried`]).
#[derive(Debug)]
#[must_use = "dropped, it counts as failed"]
pub struct AttemptPermit {
    attempts: Arc<LoginThrottle>,
    address: u64,
    accounts: Vec<u64>,
    begun: UnixTime,
    settled: bool,
    if_dropped: AttemptOutcome,
}

impl LoginThrottle {
    /// Nothing is counted yet.
    pub fn new(limits: LoginThrottleLimits) -> Self {
        let LoginThrottleLimits { per_account, per_address, window, keys } = limits;
        let counters = FailureCounters {
            accounts: FailureCounter::new(per_account, window, ResetRule::AfterLastOrSuccess, keys),
            addresses: FailureCounter::new(per_address, window, ResetRule::AfterFirst, keys),
        };
        Self { limits, counters: Mutex::new(counters), hasher: RandomState::new() }
    }

    /// What it was made with.
    pub fn limits(&self) -> LoginThrottleLimits {
        self.limits
    }

    /// Begins an attempt from `address`. Where it is known for whom, [`AttemptPermit::of_account`] has to say so before
    /// anybody is asked.
    ///
    /// # Errors
    /// Too many attempts from there failed or are under way.
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

    /// Whether an attempt for `account` from `address` could be made, for an answer that is at hand already and is to
    /// tell nothing to those who guess.
    ///
    /// # Errors
    /// Too many attempts for the account or from there failed.
    pub fn check(&self, account: &str, address: AddressKey, now: UnixTime) -> Result<(), LoginThrottled> {
        let (account, address) = (self.account_key(account), self.hasher.hash_one(address));
        self.with_counters(|counters| {
            let too_many = |counted| move |retry_after| LoginThrottled { counted, retry_after };
            counters.addresses.check(address, now).map_err(too_many(ThrottledBy::Address))?;
            counters.accounts.check(account, now).map_err(too_many(ThrottledBy::Account))
        })
    }

    fn account_key(&self, account: &str) -> u64 {
        self.hasher.hash_one(account.to_lowercase())
    }

    /// A panic elsewhere leaves whole counts behind, since none of them is taken apart.
    fn with_counters<T>(&self, act: impl FnOnce(&mut FailureCounters) -> T) -> T {
        act(&mut self.counters.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AttemptPermit {
    /// Says for whom it is, by a name in any case. An account with several names (`CORP\sam`, a UPN, a SID) may be named
    /// by each of them in turn: the attempt counts for all, and none may have had too many.
    ///
    /// # Errors
    /// Too many attempts for the account failed or are under way. The attempt is then over. It counts for nothing if
    /// this was its first name, and as failed for the names before: else who is refused by one name could go on guessing
    /// by the others.
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

    /// The password has not been sent anywhere: a client that leaves now has guessed nothing.
    pub fn not_sent(mut self) -> Self {
        self.if_dropped = AttemptOutcome::Cancelled;
        self
    }

    /// The password is sent from now on.
    pub fn sent(mut self) -> Self {
        self.if_dropped = AttemptOutcome::Failed;
        self
    }

    /// The password was wrong, or nobody has that name.
    pub fn failed(mut self, now: UnixTime) {
        self.settle(AttemptOutcome::Failed, now);
    }

    /// The password was right. Earlier failures of the account are forgotten, those of the address are not.
    pub fn succeeded(mut self, now: UnixTime) {
        self.settle(AttemptOutcome::Succeeded, now);
    }

    /// Nobody was asked, or nobody answered: it counts for nothing.
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
