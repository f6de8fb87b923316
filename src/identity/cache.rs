//! The cache of mappings, shared by all workers.
//!
//! The key contains the SHA-256 of the whole leaf, never a serial number, subject or issuer name: the certificates of two
//! users may agree in all of these (CVE-2026-71326, a single flight that mixed up its callers).

use super::account::Account;
use super::error::MappingError;
use super::lookup_plan::issuing_key;
use super::mapping::{MappingTrace, map};
use super::settings::MappingSettings;
use crate::certificate::{Fingerprint, KeyId};
use crate::clock::{Tick, UnixTime};
use crate::directory::{DirectoryError, RealmDirectories};
use crate::revocation::UnrevokedChain;
use crate::telemetry::{CacheMetrics, display_chain};
use moka::future::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a mapping that depends on the certificate and the configuration only is cached.
const MAXIMUM_AGE: Duration = Duration::from_secs(300);
/// How long the failure of a directory is cached, so that waiting requests do not query it one after the other.
const FAILURE_LIFETIME: Duration = Duration::from_secs(1);
/// How long an expired account is used before the unresponsive directory is queried again.
const STALE_LIFETIME: Duration = Duration::from_secs(5);
/// How long an unused entry stays in memory. Only its deadline decides whether it may be used.
const IDLE_LIFETIME: Duration = AccountLifetimes::LONGEST_STALE;

/// How long the results of directory lookups are cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLifetimes {
    /// A mapping to an account.
    pub found: Duration,
    /// A mapping to no account, or to one that must not be used.
    pub not_found: Duration,
    /// While the directory does not respond, accounts that were found at most this long ago are used. Zero: never.
    pub unsafe_stale: Duration,
}

impl AccountLifetimes {
    /// The maximum of [`AccountLifetimes::unsafe_stale`].
    pub const LONGEST_STALE: Duration = Duration::from_secs(24 * 3600);
}

impl Default for AccountLifetimes {
    fn default() -> Self {
        Self {
            found: Duration::from_secs(300),
            not_found: Duration::from_secs(30),
            unsafe_stale: Duration::ZERO,
        }
    }
}

/// The part of the cache key that stands for the mapping settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct MappingScope {
    /// The realm.
    pub realm: Arc<str>,
    /// Incremented whenever the realm's settings change.
    pub generation: u64,
}

/// The settings and directories by which a certificate is mapped.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MappingSources<'a> {
    /// The realm's mapping settings.
    pub settings: &'a MappingSettings,
    /// The realm's directories, if it has any.
    pub directories: Option<&'a RealmDirectories>,
    /// How long results are cached.
    pub lifetimes: AccountLifetimes,
}

/// The cached result of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct CachedMapping {
    /// The account, or the reason for which the certificate maps to none.
    pub outcome: Result<Arc<Account>, Arc<MappingError>>,
    /// When the certificate must be mapped again.
    pub until: UnixTime,
}

/// All inputs of a mapping. The issuer's key is one of them, because it determines which accounts may be named.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AccountCacheKey {
    leaf: Fingerprint,
    issuer: Option<KeyId>,
    scope: MappingScope,
    purges: u64,
}

#[derive(Clone, Debug)]
struct AccountEntry {
    mapped: CachedMapping,
    /// The last account that the directory returned, and when.
    last: Option<(Arc<Account>, UnixTime)>,
}

impl AccountEntry {
    /// Returns an upper estimate of its size in bytes, including its slot in the cache.
    fn weight(&self) -> u32 {
        const ENTRY: usize = 512;
        let outcome = match &self.mapped.outcome {
            Ok(account) => account.weight(),
            Err(error) => ENTRY + 2 * display_chain(error.as_ref()).len(),
        };
        let last = self.last.as_ref().map_or(0, |(account, _)| account.weight());
        u32::try_from(ENTRY + outcome + last).unwrap_or(u32::MAX)
    }
}

/// The cache of mappings. Concurrent requests with one certificate share one mapping.
#[derive(Clone, Debug)]
pub(crate) struct AccountCache {
    accounts: Cache<AccountCacheKey, AccountEntry>,
    purges: Arc<AtomicU64>,
    metrics: CacheMetrics,
}

impl AccountCache {
    /// Returns an empty cache of at most `bytes` that counts its hits and misses.
    pub(crate) fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        Self {
            accounts: Cache::builder()
                .max_capacity(bytes)
                .weigher(|_: &AccountCacheKey, entry: &AccountEntry| entry.weight())
                .time_to_idle(IDLE_LIFETIME)
                .build(),
            purges: Arc::default(),
            metrics,
        }
    }

    /// Removes every entry. Mappings in progress are not used when they end.
    pub(crate) fn purge(&self) {
        self.purges.fetch_add(1, Ordering::AcqRel);
        self.accounts.invalidate_all();
    }

    /// Returns the number of purges. A mapping that began before the last purge must not be used.
    pub(crate) fn purges(&self) -> u64 {
        self.purges.load(Ordering::Acquire)
    }

    /// Maps the leaf of `chain` as [`map`] does, or returns the cached result. Different settings must never share one
    /// `scope`. `observe` receives the steps if the result was not cached.
    pub(crate) async fn map(
        &self,
        scope: MappingScope,
        chain: &UnrevokedChain,
        sources: MappingSources<'_>,
        now: UnixTime,
        observe: impl FnOnce(&MappingTrace),
    ) -> CachedMapping {
        let leaf = chain.chain().leaf().fingerprint();
        let key = AccountCacheKey { leaf, issuer: issuing_key(chain), scope, purges: self.purges() };
        let is_expired = |old: &AccountEntry| old.mapped.until <= now;
        if let Some(cached) = self.accounts.get(&key).await.filter(|cached| !is_expired(cached)) {
            self.metrics.hits.inc();
            return cached.mapped;
        }
        let last = self.last(&key, sources.lifetimes).await;
        let lookup = async {
            let started = Instant::now();
            let read_at = Tick::next();
            let mapping = map(chain, sources.settings, sources.directories, now).await;
            observe(&mapping);
            let outcome = mapping.outcome.map(|account| Account { read_at, ..account });
            let times = LookupTimes { began: now, ended: now.plus(started.elapsed()) };
            entry(outcome, last, sources, chain.deadline(), times)
        };
        // Boxed, since the future is large and a hit needs none of it.
        let cached = Box::pin(self.accounts.entry(key).or_insert_with_if(lookup, is_expired)).await;
        let counter = if cached.is_fresh() { &self.metrics.misses } else { &self.metrics.hits };
        counter.inc();
        cached.into_value().mapped
    }

    /// Returns the account that may be used if the directory does not respond.
    async fn last(
        &self,
        key: &AccountCacheKey,
        lifetimes: AccountLifetimes,
    ) -> Option<(Arc<Account>, UnixTime)> {
        if lifetimes.unsafe_stale.is_zero() {
            return None;
        }
        self.accounts.get(key).await?.last
    }
}

/// When a lookup began and when it ended. The age of a response counts from its query, but a timeout is known only at
/// its end.
#[derive(Clone, Copy)]
struct LookupTimes {
    began: UnixTime,
    ended: UnixTime,
}

fn entry(
    outcome: Result<Account, MappingError>,
    last: Option<(Arc<Account>, UnixTime)>,
    sources: MappingSources<'_>,
    chain_deadline: UnixTime,
    times: LookupTimes,
) -> AccountEntry {
    let lifetimes = sources.lifetimes;
    let lookup_end =
        |lifetime| times.began.plus(if sources.directories.is_some() { lifetime } else { MAXIMUM_AGE });
    let (outcome, until, last) = match outcome {
        Ok(account) => {
            let account = Arc::new(account);
            let until = account.until.unwrap_or(UnixTime::END).min(lookup_end(lifetimes.found));
            (Ok(Arc::clone(&account)), until, Some((account, times.began)))
        }
        Err(MappingError::Directory(error)) => {
            let stale = last.as_ref().filter(|_| is_unresponsive(&error));
            let now = times.ended;
            match stale.and_then(|(account, at)| stale_account(account, *at, lifetimes, now)) {
                Some((account, until)) => (Ok(Arc::new(account)), until, last),
                None => (Err(Arc::new(MappingError::Directory(error))), now.plus(FAILURE_LIFETIME), last),
            }
        }
        Err(error) => (Err(Arc::new(error)), lookup_end(lifetimes.not_found), None),
    };
    AccountEntry { mapped: CachedMapping { outcome, until: until.min(chain_deadline) }, last }
}

/// Returns the account that was found at `at` and the end of its use, unless it is too old or has itself expired.
fn stale_account(
    account: &Account,
    at: UnixTime,
    lifetimes: AccountLifetimes,
    now: UnixTime,
) -> Option<(Account, UnixTime)> {
    let end = at.plus(lifetimes.unsafe_stale).min(account.until.unwrap_or(UnixTime::END));
    let until = end.min(now.plus(STALE_LIFETIME));
    (end > now).then(|| (Account { stale: true, ..account.clone() }, until))
}

/// Returns whether the directory does not respond. A directory that returns an error or an invalid message is running,
/// so its accounts are not replaced by older ones.
fn is_unresponsive(error: &DirectoryError) -> bool {
    match error {
        DirectoryError::Unavailable { .. }
        | DirectoryError::Timeout { .. }
        | DirectoryError::Busy { .. }
        | DirectoryError::NoRuntime(_)
        | DirectoryError::Cancelled => true,
        DirectoryError::Protocol { .. }
        | DirectoryError::Refused { .. }
        | DirectoryError::NotCovered { .. }
        | DirectoryError::UnsendablePassword(_)
        | DirectoryError::UnusableLookupKeys(_) => false,
    }
}
