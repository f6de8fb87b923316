//! Keeps the verdicts on presented chains, so that a person's second connection costs no signature. Never keeps one
//! past its deadline, and never lets refused chains push out accepted ones.

use std::sync::Arc;
use std::time::Duration;

use moka::future::Cache;
use moka::ops::compute::{CompResult, Op};

use super::chain_error::ChainError;
use super::presented::PresentedChain;
use super::trust::TrustSet;
use super::validated::{ValidatedChain, ValidationRule, validate};
use crate::clock::UnixTime;
use crate::observability::CacheMetrics;

/// How many refused chains are remembered. Anybody can make a new one, so they get little room.
const MAX_REFUSED: u64 = 1_000;
/// How long a refusal is remembered at most: an administrator who mends something does not wait long.
const REFUSED_LIFETIME: Duration = Duration::from_secs(60);
/// How long an accepted chain takes up memory without being asked for. Deadlines alone decide whether it may be used.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);

/// What a verdict depends on beside the chain and the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct JudgedBy {
    /// The realm, which has one rule and one trust set.
    pub realm: Arc<str>,
    /// Raised whenever the realm's rule or trust set is replaced, or a purge is asked for.
    pub generation: u64,
}

#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) chain: [u8; 32],
    pub(super) judged_by: JudgedBy,
}

/// Verdicts on presented chains, shared by all workers. Clones share everything.
#[derive(Clone)]
pub struct ValidationCache {
    accepted: Cache<Key, Arc<ValidatedChain>>,
    refused: Cache<Key, Refused>,
    metrics: CacheMetrics,
}

#[derive(Clone, Debug)]
pub(super) struct Refused {
    error: Arc<ChainError>,
    deadline: UnixTime,
}

impl ValidationCache {
    /// A cache that keeps this many accepted chains and counts its look-ups.
    pub fn new(max_accepted: u64, metrics: CacheMetrics) -> Self {
        Self {
            metrics,
            accepted: Cache::builder().max_capacity(max_accepted).time_to_idle(IDLE_LIFETIME).build(),
            refused: Cache::builder().max_capacity(MAX_REFUSED).time_to_live(REFUSED_LIFETIME).build(),
        }
    }

    /// The verdict on a chain now: remembered, or found by [`validate`]. Of several that ask for the same chain at
    /// once, one does the work.
    pub async fn validate(
        &self,
        judged_by: JudgedBy,
        chain: &Arc<PresentedChain>,
        trust: &Arc<TrustSet>,
        rule: &Arc<ValidationRule>,
        now: UnixTime,
    ) -> Result<Arc<ValidatedChain>, Arc<ChainError>> {
        let key = Key { chain: chain.digest(), judged_by };
        self.judge(key, now, async || {
            let verdict = if chain.is_laborious() {
                aside(chain, trust, rule, now).await
            } else {
                validate(chain, trust, rule, now)
            };
            verdict.map_err(|error| {
                let deadline = refusal_deadline(chain, trust, now);
                Refused { error: Arc::new(error), deadline }
            })
        })
        .await
    }

    pub(super) async fn judge(
        &self,
        key: Key,
        now: UnixTime,
        work: impl AsyncFnOnce() -> Result<ValidatedChain, Refused>,
    ) -> Result<Arc<ValidatedChain>, Arc<ChainError>> {
        if let Some(error) = self.refusal(&key, now).await {
            self.metrics.hits.inc();
            return Err(error);
        }
        if let Some(chain) = self.accepted.get(&key).await.filter(|chain| now < chain.deadline()) {
            self.metrics.hits.inc();
            return Ok(chain);
        }
        self.metrics.misses.inc();
        // moka runs these one after the other for one key, so who waited finds the verdict of who came first.
        let computed = self.accepted.entry(key.clone()).and_try_compute_with(async |entry| {
            if entry.is_some_and(|entry| now < entry.value().deadline()) {
                return Ok(Op::Nop);
            }
            if let Some(error) = self.refusal(&key, now).await {
                return Err(error);
            }
            match work().await {
                Ok(chain) => Ok(Op::Put(Arc::new(chain))),
                Err(refused) => {
                    let error = Arc::clone(&refused.error);
                    self.refused.insert(key.clone(), refused).await;
                    Err(error)
                }
            }
        });
        match computed.await? {
            CompResult::Inserted(entry) | CompResult::ReplacedWith(entry) | CompResult::Unchanged(entry) => {
                Ok(entry.into_value())
            }
            CompResult::StillNone(_) | CompResult::Removed(_) => {
                unreachable!("the computation puts a verdict, fails, or leaves one that is there")
            }
        }
    }

    /// How many accepted and how many refused chains it holds.
    #[cfg(test)]
    pub(super) async fn entry_counts(&self) -> (u64, u64) {
        self.accepted.run_pending_tasks().await;
        self.refused.run_pending_tasks().await;
        (self.accepted.entry_count(), self.refused.entry_count())
    }

    async fn refusal(&self, key: &Key, now: UnixTime) -> Option<Arc<ChainError>> {
        self.refused.get(key).await.filter(|refused| now < refused.deadline).map(|refused| refused.error)
    }
}

/// [`validate`] on a thread that may take its time, so that one laborious chain does not hold up everybody whom the
/// worker serves.
async fn aside(
    chain: &Arc<PresentedChain>,
    trust: &Arc<TrustSet>,
    rule: &Arc<ValidationRule>,
    now: UnixTime,
) -> Result<ValidatedChain, ChainError> {
    let (chain, trust, rule) = (Arc::clone(chain), Arc::clone(trust), Arc::clone(rule));
    let verdict = tokio::task::spawn_blocking(move || validate(&chain, &trust, &rule, now)).await;
    // A fault of ours there is a fault of ours here.
    verdict.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Never past the moment when a certificate begins to be valid, for a chain that is too early now may hold then.
fn refusal_deadline(chain: &PresentedChain, trust: &TrustSet, now: UnixTime) -> UnixTime {
    let presented = chain.certificates().iter().map(crate::certificate::Certificate::not_before);
    let beginnings = presented.filter(|not_before| *not_before > now).chain(trust.next_beginning(now));
    beginnings.fold(now.plus(REFUSED_LIFETIME), UnixTime::min)
}
