//! A bounded counter of failed attempts by key.
//!
//! Keys that are blocked or have attempts in progress are never evicted. If there are no others, attempts for new keys are
//! rejected: otherwise an attacker could evict a blocked key with a flood of new ones.

use crate::clock::UnixTime;
use std::collections::HashMap;
use std::time::Duration;

/// The wait if attempts in progress use up the limit. They complete within seconds.
const IN_PROGRESS_WAIT: Duration = Duration::from_secs(1);

/// How long a full counter rejects new keys before it searches for evictable ones again.
const FULL_WAIT: Duration = Duration::from_secs(5);

/// When failures expire, and whether a success clears them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ResetRule {
    /// Failures expire one window after the last one, or at a success. Domain controllers count in this way (badPwdCount and
    /// lockOutObservationWindow in [MS-ADA1]), so that a lower limit here is reached before theirs. With a window from the
    /// first failure, new attempts would be permitted while the controller still adds them to the old ones.
    AfterLastOrSuccess,
    /// Failures expire one window after the first one. A success has no effect, because an attacker may have an account.
    AfterFirst,
}

/// The outcome of one attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    Failed,
    Succeeded,
    /// The password was not checked.
    Cancelled,
}

/// The attempts of one key.
#[derive(Clone, Copy, Debug)]
struct LoginFailureCount {
    failures: u32,
    in_progress: u32,
    /// The start of the window.
    since: UnixTime,
}

/// The counts of one kind of key.
#[derive(Debug)]
pub(super) struct FailureCounter {
    counts: HashMap<u64, LoginFailureCount>,
    limit: u32,
    window: Duration,
    reset_rule: ResetRule,
    capacity: usize,
    full_until: UnixTime,
}

impl FailureCounter {
    pub(super) fn new(limit: u32, window: Duration, reset_rule: ResetRule, capacity: usize) -> Self {
        Self { counts: HashMap::new(), limit, window, reset_rule, capacity, full_until: UnixTime::EPOCH }
    }

    /// Permits one attempt, which counts as failed until [`FailureCounter::settle`]. The error is the wait until the next
    /// attempt.
    pub(super) fn reserve(&mut self, key: u64, now: UnixTime) -> Result<(), Duration> {
        let (limit, window) = (self.limit, self.window);
        if !self.counts.contains_key(&key) {
            self.make_room(now)?;
        }
        let count =
            self.counts.entry(key).or_insert(LoginFailureCount { failures: 0, in_progress: 0, since: now });
        count.check(limit, window, now)?;
        if count.failures.saturating_add(count.in_progress) >= limit {
            return Err(IN_PROGRESS_WAIT);
        }
        count.in_progress += 1;
        Ok(())
    }

    /// Checks that the key is not blocked. The error is the wait until the next attempt.
    pub(super) fn check(&mut self, key: u64, now: UnixTime) -> Result<(), Duration> {
        match self.counts.get_mut(&key) {
            Some(count) => count.check(self.limit, self.window, now),
            None => Ok(()),
        }
    }

    /// Records the outcome of a permitted attempt.
    pub(super) fn settle(&mut self, key: u64, outcome: AttemptOutcome, now: UnixTime) {
        let Some(count) = self.counts.get_mut(&key) else { return };
        count.expire(self.window, now);
        count.in_progress = count.in_progress.saturating_sub(1);
        match (outcome, self.reset_rule) {
            (AttemptOutcome::Failed, reset_rule) => {
                if count.failures == 0 {
                    count.since = now;
                } else if reset_rule == ResetRule::AfterLastOrSuccess {
                    count.since = count.since.max(now);
                }
                count.failures = count.failures.saturating_add(1);
            }
            (AttemptOutcome::Succeeded, ResetRule::AfterLastOrSuccess) => count.failures = 0,
            (AttemptOutcome::Succeeded, ResetRule::AfterFirst) | (AttemptOutcome::Cancelled, _) => {}
        }
        if count.is_empty() {
            self.counts.remove(&key);
        }
    }

    /// Makes room for one more key. Removes expired keys and then, if necessary, keys that are not blocked, those with the
    /// fewest failures first and the oldest of these first. An eighth of the capacity becomes free at once, so that a flood of
    /// new keys does not cause one pass for each.
    fn make_room(&mut self, now: UnixTime) -> Result<(), Duration> {
        if self.counts.len() < self.capacity {
            return Ok(());
        }
        if now < self.full_until {
            return Err(self.full_until.since(now));
        }
        let (limit, window) = (self.limit, self.window);
        self.counts.retain(|_, count| {
            count.expire(window, now);
            !count.is_empty()
        });
        let room = (self.capacity / 8).max(1);
        let excess = self.counts.len().saturating_add(room).saturating_sub(self.capacity);
        let mut evictable: Vec<_> = self
            .counts
            .iter()
            .filter(|(_, count)| count.in_progress == 0 && count.failures < limit)
            .map(|(key, count)| (count.failures, count.since, *key))
            .collect();
        evictable.sort_unstable();
        for (_, _, key) in evictable.into_iter().take(excess) {
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

impl LoginFailureCount {
    fn check(&mut self, limit: u32, window: Duration, now: UnixTime) -> Result<(), Duration> {
        // A clock that was set back must not extend the wait.
        self.since = self.since.min(now);
        self.expire(window, now);
        if self.failures < limit {
            return Ok(());
        }
        Err(window.saturating_sub(now.since(self.since)))
    }

    /// Clears the failures if their window has ended.
    fn expire(&mut self, window: Duration, now: UnixTime) {
        if now.since(self.since) >= window {
            self.failures = 0;
        }
    }

    fn is_empty(&self) -> bool {
        self.failures == 0 && self.in_progress == 0
    }
}
