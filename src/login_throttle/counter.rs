//! Takes keys and outcomes, gives leave or the time to wait. One counter counts one kind of key; its size is bounded.
//!
//! Never forgets a key that is blocked or that an attempt is under way for: where only such are left, new keys are
//! refused. Otherwise noise could wash out what it is to be protected from.

use crate::clock::UnixTime;
use std::collections::HashMap;
use std::time::Duration;

/// How long to wait where attempts under way take all that is left: they end within seconds.
const UNDER_WAY_WAIT: Duration = Duration::from_secs(1);

/// How long a full counter refuses new keys before it looks again for some to forget.
const FULL_WAIT: Duration = Duration::from_secs(5);

/// When failures are forgotten, and what a success is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResetRule {
    /// A window after the last failure, or by a success. So does a domain controller count (badPwdCount,
    /// lockOutObservationWindow: [MS-ADA1]), which makes a limit below its own hold for good: a window after
    /// the first failure would give new leave while the controller still adds up.
    AfterLastOrSuccess,
    /// A window after the first failure. A success is worth nothing: who guesses has an account of his own.
    AfterFirst,
}

/// What became of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    Failed,
    Succeeded,
    /// Nothing was tried.
    Cancelled,
}

/// The attempts for one key.
#[derive(Clone, Copy, Debug)]
struct FailureCount {
    failures: u32,
    under_way: u32,
    /// The failure that the window runs from.
    since: UnixTime,
}

/// The counts of one kind of key.
#[derive(Debug)]
pub(super) struct FailureCounter {
    counts: HashMap<u64, FailureCount>,
    limit: u32,
    window: Duration,
    forgetting: ResetRule,
    capacity: usize,
    full_until: UnixTime,
}

impl FailureCounter {
    pub(super) fn new(limit: u32, window: Duration, forgetting: ResetRule, capacity: usize) -> Self {
        Self { counts: HashMap::new(), limit, window, forgetting, capacity, full_until: UnixTime::EPOCH }
    }

    /// Leave for one attempt, which counts as failed until [`FailureCounter::settle`] says otherwise; else the time to wait.
    pub(super) fn reserve(&mut self, key: u64, now: UnixTime) -> Result<(), Duration> {
        let (limit, window) = (self.limit, self.window);
        if !self.counts.contains_key(&key) {
            self.make_room(now)?;
        }
        let count = self.counts.entry(key).or_insert(FailureCount { failures: 0, under_way: 0, since: now });
        count.check(limit, window, now)?;
        if count.failures.saturating_add(count.under_way) >= limit {
            return Err(UNDER_WAY_WAIT);
        }
        count.under_way += 1;
        Ok(())
    }

    /// Whether the key is not blocked; else the time to wait.
    pub(super) fn check(&mut self, key: u64, now: UnixTime) -> Result<(), Duration> {
        match self.counts.get_mut(&key) {
            Some(count) => count.check(self.limit, self.window, now),
            None => Ok(()),
        }
    }

    /// Says what became of an attempt that had leave.
    pub(super) fn settle(&mut self, key: u64, outcome: AttemptOutcome, now: UnixTime) {
        let Some(count) = self.counts.get_mut(&key) else { return };
        count.forget(self.window, now);
        count.under_way = count.under_way.saturating_sub(1);
        match (outcome, self.forgetting) {
            (AttemptOutcome::Failed, forgetting) => {
                if count.failures == 0 {
                    count.since = now;
                } else if forgetting == ResetRule::AfterLastOrSuccess {
                    count.since = count.since.max(now);
                }
                count.failures = count.failures.saturating_add(1);
            }
            (AttemptOutcome::Succeeded, ResetRule::AfterLastOrSuccess) => count.failures = 0,
            (AttemptOutcome::Succeeded, ResetRule::AfterFirst) | (AttemptOutcome::Cancelled, _) => {}
        }
        if count.is_nothing() {
            self.counts.remove(&key);
        }
    }

    /// Makes room for one more key: forgets what is over, and an eighth at once of what is not blocked where that is
    /// not enough, so that a flood of new keys costs one pass for many. The least guilty go first, the oldest of them
    /// before the others.
    fn make_room(&mut self, now: UnixTime) -> Result<(), Duration> {
        if self.counts.len() < self.capacity {
            return Ok(());
        }
        if now < self.full_until {
            return Err(self.full_until.since(now));
        }
        let (limit, window) = (self.limit, self.window);
        self.counts.retain(|_, count| {
            count.forget(window, now);
            !count.is_nothing()
        });
        let room = (self.capacity / 8).max(1);
        let excess = self.counts.len().saturating_add(room).saturating_sub(self.capacity);
        let mut forgettable: Vec<_> = self
            .counts
            .iter()
            .filter(|(_, count)| count.under_way == 0 && count.failures < limit)
            .map(|(key, count)| (count.failures, count.since, *key))
            .collect();
        forgettable.sort_unstable();
        for (_, _, key) in forgettable.into_iter().take(excess) {
            self.counts.remove(&key);
        }
        if self.counts.len() < self.capacity {
            return Ok(());
        }
        self.full_until = now.plus(FULL_WAIT);
        Err(FULL_WAIT)
    }

    #[cfg(test)]
    pub(super) fn keys(&self) -> usize {
        self.counts.len()
    }
}

impl FailureCount {
    fn check(&mut self, limit: u32, window: Duration, now: UnixTime) -> Result<(), Duration> {
        // A clock that was set back must not make the wait longer.
        self.since = self.since.min(now);
        self.forget(window, now);
        if self.failures < limit {
            return Ok(());
        }
        Err(window.saturating_sub(now.since(self.since)))
    }

    /// Forgets failures whose window is over.
    fn forget(&mut self, window: Duration, now: UnixTime) {
        if now.since(self.since) >= window {
            self.failures = 0;
        }
    }

    fn is_nothing(&self) -> bool {
        self.failures == 0 && self.under_way == 0
    }
}
