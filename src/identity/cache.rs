//! Whom certificates name, remembered for all workers: the stage's own door for a running gate.
//!
//! The key names the whole leaf by its SHA-256, never a serial, a subject or an issuer's name: two people's
//! certificates can agree in all of these (CVE-2026-71326, a single flight that mixed its passengers).

use super::account::Account;
use super::mapping::{issuing_key, map};
use super::mapping_error::MappingError;
use super::mapping_rule::MappingRule;
use crate::certificate::{Fingerprint, KeyId};
use crate::clock::UnixTime;
use crate::observability::CacheMetrics;
use crate::revocation::UnrevokedChain;
use moka::future::Cache;
use std::sync::Arc;
use std::time::Duration;

/// The longest time for which an account is remembered.
const MAXIMUM_AGE: Duration = Duration::from_secs(300);
/// How long an account takes up memory without being asked for. Deadlines alone decide whether it may be used.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);

/// What a mapping depends on beside the certificate: it names the rule.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct MappedBy {
    /// The realm, which has one mapping rule.
    pub realm: Arc<str>,
    /// Raised whenever the realm's mapping rule is replaced, or a purge is asked for.
    pub generation: u64,
}

/// All that a mapping follows from. The key of the issuer is in it because which CA may name people hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    leaf: Fingerprint,
    issuer: Option<KeyId>,
    mapped_by: MappedBy,
}

impl Key {
    fn new(chain: &UnrevokedChain, mapped_by: MappedBy) -> Self {
        Self { leaf: chain.chain().leaf().fingerprint(), issuer: issuing_key(chain), mapped_by }
    }
}

#[derive(Clone, Debug)]
struct Remembered {
    outcome: Result<Arc<Account>, Arc<MappingError>>,
    deadline: UnixTime,
}

/// Accounts, and why there is none, for all workers. Concurrent mappings of one certificate are one mapping.
#[derive(Clone, Debug)]
pub struct AccountCache {
    accounts: Cache<Key, Remembered>,
    metrics: CacheMetrics,
}

impl AccountCache {
    /// A cache of at most `capacity` certificates, which counts its look-ups.
    pub fn new(capacity: u64, metrics: CacheMetrics) -> Self {
        Self {
            accounts: Cache::builder().max_capacity(capacity).time_to_idle(IDLE_LIFETIME).build(),
            metrics,
        }
    }

    /// As [`map`], with what is remembered. Two rules never share one `mapped_by`.
    pub async fn map(
        &self,
        mapped_by: MappedBy,
        chain: &UnrevokedChain,
        rule: &MappingRule,
        now: UnixTime,
    ) -> Result<Arc<Account>, Arc<MappingError>> {
        let map = async {
            let outcome = map(chain, rule).map(Arc::new).map_err(Arc::new);
            Remembered { outcome, deadline: chain.deadline().min(now.plus(MAXIMUM_AGE)) }
        };
        let key = Key::new(chain, mapped_by);
        let entry = self.accounts.entry(key).or_insert_with_if(map, |old| old.deadline <= now).await;
        let counter = if entry.is_fresh() { &self.metrics.misses } else { &self.metrics.hits };
        counter.inc();
        entry.into_value().outcome
    }
}
