//! Whom certificates name, remembered for all workers: the stage's own door for a running gate.
//!
//! The key names the whole leaf by its SHA-256, never a serial, a subject or an issuer's name: two people's
//! certificates can agree in all of these (CVE-2026-71326, a single flight that mixed its passengers).

use super::account::Account;
use super::error::MappingError;
use super::lookup_plan::issuing_key;
use super::mapping::map;
use super::settings::MappingSettings;
use crate::certificate::{Fingerprint, KeyId};
use crate::clock::{Tick, UnixTime};
use crate::directory::{Directories, DirectoryError};
use crate::revocation::UnrevokedChain;
use crate::telemetry::{CacheMetrics, display_chain};
use moka::future::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The longest time for which what follows from the certificate and the configuration alone is remembered.
const MAXIMUM_AGE: Duration = Duration::from_secs(300);
/// How long the failure of a directory is remembered, so that a crowd does not knock at its door one by one.
const FAILURE_LIFETIME: Duration = Duration::from_secs(1);
/// How long an account that is used because the directory is down is used before the directory is asked again.
const STALE_LIFETIME: Duration = Duration::from_secs(5);
/// How long an account takes up memory without being asked for. Deadlines alone decide whether it may be used.
const IDLE_LIFETIME: Duration = AccountLifetimes::LONGEST_STALE;

/// How long a directory's word on an account is believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountLifetimes {
    /// That the certificate is an account's.
    pub found: Duration,
    /// That it is nobody's, or that the account may not be used.
    pub refused: Duration,
    /// An account that was found at most this long ago is used while the directory gives no answer. Zero: never.
    pub unsafe_stale: Duration,
}

impl AccountLifetimes {
    /// The longest that may be asked of [`AccountLifetimes::unsafe_stale`].
    pub const LONGEST_STALE: Duration = Duration::from_secs(24 * 3600);
}

impl Default for AccountLifetimes {
    fn default() -> Self {
        Self {
            found: Duration::from_secs(300),
            refused: Duration::from_secs(30),
            unsafe_stale: Duration::ZERO,
        }
    }
}

/// What a mapping depends on beside the certificate: it names the rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MappingScope {
    /// The realm, which has one mapping rule.
    pub realm: Arc<str>,
    /// Raised whenever the realm's mapping rule is replaced.
    pub generation: u64,
}

/// By what a certificate is mapped.
#[derive(Clone, Copy, Debug)]
pub struct MappingSources<'a> {
    /// The realm's rule.
    pub rule: &'a MappingSettings,
    /// The realm's directory, if it has one.
    pub directory: Option<&'a Directories>,
    /// How long the directory's word is believed.
    pub lifetimes: AccountLifetimes,
}

/// Whom a certificate names, or why nobody, and until when that may be believed.
#[derive(Clone, Debug)]
pub struct CachedMapping {
    /// The account.
    pub outcome: Result<Arc<Account>, Arc<MappingError>>,
    /// From then on it has to be asked anew.
    pub until: UnixTime,
}

/// All that a mapping follows from. The key of the issuer is in it because which CA may name people hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct AccountKey {
    leaf: Fingerprint,
    issuer: Option<KeyId>,
    mapped_by: MappingScope,
    purges: u64,
}

#[derive(Clone, Debug)]
struct AccountEntry {
    mapped: CachedMapping,
    /// The last account that the directory itself named, and when.
    last: Option<(Arc<Account>, UnixTime)>,
}

impl AccountEntry {
    /// How many bytes it takes up, its place in the cache included.
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

/// Accounts, and why there is none, for all workers. Concurrent mappings of one certificate are one mapping.
#[derive(Clone, Debug)]
pub struct AccountCache {
    accounts: Cache<AccountKey, AccountEntry>,
    purges: Arc<AtomicU64>,
    metrics: CacheMetrics,
}

impl AccountCache {
    /// A cache of so many bytes, which counts its look-ups.
    pub fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        Self {
            accounts: Cache::builder()
                .max_capacity(bytes)
                .weigher(|_: &AccountKey, remembered: &AccountEntry| remembered.weight())
                .time_to_idle(IDLE_LIFETIME)
                .build(),
            purges: Arc::default(),
            metrics,
        }
    }

    /// Forgets every account. A mapping that is under way is not believed any more when it ends.
    pub fn purge(&self) {
        self.purges.fetch_add(1, Ordering::AcqRel);
        self.accounts.invalidate_all();
    }

    /// Raised by every purge. What was mapped under an earlier one must not be believed.
    pub fn purges(&self) -> u64 {
        self.purges.load(Ordering::Acquire)
    }

    /// As [`map`], with what is remembered. Two rules never share one `mapped_by`.
    pub async fn map(
        &self,
        mapped_by: MappingScope,
        chain: &UnrevokedChain,
        through: MappingSources<'_>,
        now: UnixTime,
    ) -> CachedMapping {
        let leaf = chain.chain().leaf().fingerprint();
        let key = AccountKey { leaf, issuer: issuing_key(chain), mapped_by, purges: self.purges() };
        let last = self.last(&key, through.lifetimes).await;
        let ask = async {
            let started = Instant::now();
            let read_at = Tick::next();
            let outcome = map(chain, through.rule, through.directory, now).await.outcome;
            let outcome = outcome.map(|account| Account { read_at, ..account });
            let asked = LookupTimes { at: now, answered: now.plus(started.elapsed()) };
            remember(outcome, last, through, chain.deadline(), asked)
        };
        let is_over = |old: &AccountEntry| old.mapped.until <= now;
        let entry = self.accounts.entry(key).or_insert_with_if(ask, is_over).await;
        let counter = if entry.is_fresh() { &self.metrics.misses } else { &self.metrics.hits };
        counter.inc();
        entry.into_value().mapped
    }

    /// The account that may be used where the directory gives no answer. Looked up only where there can be one.
    async fn last(&self, key: &AccountKey, lifetimes: AccountLifetimes) -> Option<(Arc<Account>, UnixTime)> {
        if lifetimes.unsafe_stale.is_zero() {
            return None;
        }
        self.accounts.get(key).await?.last
    }
}

/// When a directory was asked, and when its answer or its silence was known. An answer is as old as the question; silence
/// is news, however long it took to be sure of it.
#[derive(Clone, Copy)]
struct LookupTimes {
    at: UnixTime,
    answered: UnixTime,
}

fn remember(
    outcome: Result<Account, MappingError>,
    last: Option<(Arc<Account>, UnixTime)>,
    through: MappingSources<'_>,
    chain_deadline: UnixTime,
    asked: LookupTimes,
) -> AccountEntry {
    let lifetimes = through.lifetimes;
    let own_word = |lifetime| asked.at.plus(if through.directory.is_some() { lifetime } else { MAXIMUM_AGE });
    let (outcome, until, last) = match outcome {
        Ok(account) => {
            let account = Arc::new(account);
            let until = account.until.unwrap_or(UnixTime::END).min(own_word(lifetimes.found));
            (Ok(Arc::clone(&account)), until, Some((account, asked.at)))
        }
        Err(MappingError::Directory(error)) => {
            let stale = last.as_ref().filter(|_| is_down(&error));
            let now = asked.answered;
            match stale.and_then(|(account, at)| stale_account(account, *at, lifetimes, now)) {
                Some((account, until)) => (Ok(Arc::new(account)), until, last),
                None => (Err(Arc::new(MappingError::Directory(error))), now.plus(FAILURE_LIFETIME), last),
            }
        }
        Err(error) => (Err(Arc::new(error)), own_word(lifetimes.refused), None),
    };
    AccountEntry { mapped: CachedMapping { outcome, until: until.min(chain_deadline) }, last }
}

/// The account that was found at `at`, and until when it may be used, where it is not too old and the directory's own
/// end of it has not come.
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

/// Whether the directory is silent. One that answers, be it a refusal or nonsense, is not down.
fn is_down(error: &DirectoryError) -> bool {
    match error {
        DirectoryError::Unavailable { .. }
        | DirectoryError::Timeout { .. }
        | DirectoryError::Busy { .. }
        | DirectoryError::NoThread(_)
        | DirectoryError::Dropped => true,
        DirectoryError::Garbage { .. }
        | DirectoryError::Refused { .. }
        | DirectoryError::NotCovered { .. }
        | DirectoryError::UnsendablePassword(_)
        | DirectoryError::UnusableLookupKeys(_) => false,
    }
}
