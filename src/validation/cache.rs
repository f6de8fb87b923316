//! The cache of verdicts on presented chains, so that a user's second connection needs no signature check. No verdict is
//! used after its deadline, and refused chains cannot evict accepted ones.
//!
//! An accepted chain is found by its leaf, with one entry for each set of certificates that its paths use. Other
//! presented certificates are not kept and create no entry: a client could present different junk on each connection.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use moka::future::Cache;
use moka::ops::compute::Op;

use super::chain_error::ChainError;
use super::presented::PresentedChain;
use super::rule::ValidationRule;
use super::trust::TrustSet;
use super::validated::{ValidatedChain, validate};
use crate::certificate::{Certificate, Fingerprint};
use crate::clock::UnixTime;
use crate::telemetry::CacheMetrics;

/// The maximum lifetime of a cached refusal, so that an administrator who fixes the cause does not wait long.
const REFUSED_LIFETIME: Duration = Duration::from_secs(60);
/// The time after which an accepted chain that is not looked up is dropped. Whether it may be used depends on its
/// deadline only.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);
/// The maximum number of verdicts for one leaf: clients present its intermediates, some of them, or none.
const MAX_VARIANTS: usize = 4;
/// The bytes of an entry besides its verdict.
const ENTRY_WEIGHT: usize = 256;
/// The fraction of the cache's memory for refusals: one in this many. Any client can cause new ones.
const REFUSED_PART: u64 = 16;
/// The fraction for the certificates of CAs, which chains share.
const AUTHORITIES_PART: u64 = 8;

/// The rule and the trust set that a verdict depends on.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct RealmGeneration {
    /// The realm, which has one rule and one trust set.
    pub realm: Arc<str>,
    /// Increased when the realm's rule or trust set is replaced, and by a purge.
    pub generation: u64,
}

/// The key of accepted chains.
#[derive(Clone, PartialEq, Eq, Hash)]
struct AcceptedKey {
    leaf: Fingerprint,
    realm_generation: RealmGeneration,
}

/// The key of refusals: the digest is over the leaf and all certificates that may matter for its paths.
#[derive(Clone, PartialEq, Eq, Hash)]
struct RefusedKey {
    chain: [u8; 32],
    realm_generation: RealmGeneration,
}

/// A look-up of a presented chain.
pub(super) struct ChainLookup {
    key: AcceptedKey,
    refused_key: RefusedKey,
    /// The other presented certificates that may matter, sorted.
    relevant: Vec<Fingerprint>,
}

/// One accepted chain.
#[derive(Clone)]
struct AcceptedVariant {
    chain: Arc<ValidatedChain>,
    /// The other presented certificates that its paths use, sorted.
    used: Box<[Fingerprint]>,
    /// The presented certificates that could have mattered but are on no path, sorted.
    unused: Box<[Fingerprint]>,
}

/// The accepted chains of one leaf.
type AcceptedVariants = Arc<[AcceptedVariant]>;

/// Verdicts on presented chains, shared by all workers. Clones share their contents.
#[derive(Clone)]
pub(crate) struct ValidationCache {
    accepted: Cache<AcceptedKey, AcceptedVariants>,
    refused: Cache<RefusedKey, CachedRefusal>,
    /// The certificates of CAs that accepted chains use, so that each is in memory once.
    authorities: Cache<Fingerprint, Certificate>,
    metrics: CacheMetrics,
}

#[derive(Clone, Debug)]
pub(super) struct CachedRefusal {
    error: Arc<ChainError>,
    deadline: UnixTime,
}

impl ChainLookup {
    pub(super) fn new(realm_generation: RealmGeneration, chain: &PresentedChain, trust: &TrustSet) -> Self {
        let leaf = chain.leaf().fingerprint();
        let relevant = chain.relevant(trust);
        let mut context = Context::new(&SHA256);
        for fingerprint in std::iter::once(&leaf).chain(&relevant) {
            context.update(fingerprint.as_bytes());
        }
        let digest = context.finish().as_ref().try_into().expect("a SHA-256 digest is 32 bytes long");
        Self {
            key: AcceptedKey { leaf, realm_generation: realm_generation.clone() },
            refused_key: RefusedKey { chain: digest, realm_generation },
            relevant,
        }
    }
}

impl AcceptedVariant {
    fn new(chain: Arc<ValidatedChain>, lookup: &ChainLookup) -> Self {
        let mut used: Vec<_> = chain.additional_certificates().iter().map(Certificate::fingerprint).collect();
        used.sort_unstable();
        used.dedup();
        let unused = lookup.relevant.iter().filter(|one| used.binary_search(one).is_err()).copied();
        Self { unused: unused.collect(), used: used.into(), chain }
    }

    /// Returns whether validating the presented chain would find the same paths: all certificates that they use are
    /// there, and every other one that may matter was tried.
    fn applies_to(&self, lookup: &ChainLookup, now: UnixTime) -> bool {
        let is_known = |one| self.used.binary_search(one).is_ok() || self.unused.binary_search(one).is_ok();
        now < self.chain.deadline()
            && self.used.iter().all(|one| lookup.relevant.binary_search(one).is_ok())
            && lookup.relevant.iter().all(is_known)
    }

    fn weight(&self) -> usize {
        self.chain.weight() + (self.used.len() + self.unused.len()) * size_of::<Fingerprint>()
    }
}

impl ValidationCache {
    /// Returns a cache that keeps accepted chains in this many bytes, and refusals and CA certificates in fractions
    /// of it.
    pub(crate) fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        let of_leaf = |_: &AcceptedKey, variants: &AcceptedVariants| {
            weight(variants.iter().map(AcceptedVariant::weight).sum::<usize>())
        };
        let of_refusal = |_: &RefusedKey, refused: &CachedRefusal| weight(refused.error.weight());
        let of_authority = |_: &Fingerprint, authority: &Certificate| weight(authority.weight());
        Self {
            metrics,
            accepted: Cache::builder()
                .max_capacity(bytes)
                .weigher(of_leaf)
                .time_to_idle(IDLE_LIFETIME)
                .build(),
            refused: Cache::builder()
                .max_capacity(bytes / REFUSED_PART)
                .weigher(of_refusal)
                .time_to_live(REFUSED_LIFETIME)
                .build(),
            authorities: Cache::builder()
                .max_capacity(bytes / AUTHORITIES_PART)
                .weigher(of_authority)
                .time_to_idle(IDLE_LIFETIME)
                .build(),
        }
    }

    /// Returns whether [`ValidationCache::validate`] would find its verdict in the cache.
    pub(crate) async fn is_cached(
        &self,
        realm_generation: &RealmGeneration,
        chain: &PresentedChain,
        trust: &TrustSet,
        now: UnixTime,
    ) -> bool {
        let lookup = ChainLookup::new(realm_generation.clone(), chain, trust);
        self.refusal(&lookup, now).await.is_some()
            || self
                .accepted
                .get(&lookup.key)
                .await
                .is_some_and(|all| applicable(&all, &lookup, now).is_some())
    }

    /// Returns the verdict on a chain now, from the cache or from [`validate`]. If several requests need the same chain,
    /// one of them validates it. `slot` is held while an expensive chain is validated, even if the caller stops waiting.
    pub(crate) async fn validate(
        &self,
        realm_generation: RealmGeneration,
        chain: &Arc<PresentedChain>,
        (trust, rule): (&Arc<TrustSet>, &Arc<ValidationRule>),
        now: UnixTime,
        slot: impl Send + 'static,
    ) -> Result<Arc<ValidatedChain>, Arc<ChainError>> {
        self.verdict_or_else(ChainLookup::new(realm_generation, chain, trust), now, async || {
            let verdict = if chain.is_expensive() {
                validate_on_blocking_thread(chain, trust, rule, now, slot).await
            } else {
                validate(chain, trust, rule, now)
            };
            verdict.map_err(|error| {
                let deadline = refusal_deadline(chain, trust, now);
                CachedRefusal { error: Arc::new(error), deadline }
            })
        })
        .await
    }

    pub(super) async fn verdict_or_else(
        &self,
        lookup: ChainLookup,
        now: UnixTime,
        work: impl AsyncFnOnce() -> Result<ValidatedChain, CachedRefusal>,
    ) -> Result<Arc<ValidatedChain>, Arc<ChainError>> {
        if let Some(error) = self.refusal(&lookup, now).await {
            self.metrics.hits.inc();
            return Err(error);
        }
        if let Some(chain) =
            self.accepted.get(&lookup.key).await.and_then(|all| applicable(&all, &lookup, now))
        {
            self.metrics.hits.inc();
            return Ok(chain);
        }
        self.metrics.misses.inc();
        let mut verdict = None;
        // moka serializes the computations for one leaf, so a waiting caller finds the verdict of the first. Boxed, since the
        // future is large and a hit needs none of it.
        let computed =
            Box::pin(self.accepted.entry(lookup.key.clone()).and_try_compute_with(async |entry| {
                let before = entry.map(moka::Entry::into_value).unwrap_or_default();
                if let Some(chain) = applicable(&before, &lookup, now) {
                    verdict = Some(chain);
                    return Ok(Op::Nop);
                }
                if let Some(error) = self.refusal(&lookup, now).await {
                    return Err(error);
                }
                match work().await {
                    Ok(chain) => {
                        let chain = Arc::new(self.sharing_authorities(chain).await);
                        verdict = Some(Arc::clone(&chain));
                        Ok(Op::Put(with(&before, AcceptedVariant::new(chain, &lookup), now)))
                    }
                    Err(refused) => {
                        let error = Arc::clone(&refused.error);
                        self.refused.insert(lookup.refused_key.clone(), refused).await;
                        Err(error)
                    }
                }
            }));
        computed.await?;
        verdict.map_or_else(|| unreachable!("the computation sets a verdict or fails"), Ok)
    }

    /// Replaces the certificates of CAs by equal ones that other chains use, so that each is in memory once.
    async fn sharing_authorities(&self, chain: ValidatedChain) -> ValidatedChain {
        let mut shared = std::collections::HashMap::new();
        let on_paths = chain.paths().iter().flat_map(|path| path.certificates().iter().skip(1));
        for certificate in on_paths.chain(chain.additional_certificates()) {
            let kept = self.authorities.entry(certificate.fingerprint()).or_insert(certificate.clone());
            shared.insert(certificate.fingerprint(), kept.await.into_value());
        }
        chain.sharing(|certificate| shared.get(&certificate.fingerprint()).cloned().unwrap_or(certificate))
    }

    /// Returns the number of leaves with accepted chains, and of refusals.
    #[cfg(test)]
    pub(super) async fn entry_counts(&self) -> (u64, u64) {
        self.accepted.run_pending_tasks().await;
        self.refused.run_pending_tasks().await;
        (self.accepted.entry_count(), self.refused.entry_count())
    }

    /// Returns the bytes of accepted chains and of refusals.
    #[cfg(test)]
    pub(super) async fn weights(&self) -> (u64, u64) {
        self.entry_counts().await;
        (self.accepted.weighted_size(), self.refused.weighted_size())
    }

    async fn refusal(&self, lookup: &ChainLookup, now: UnixTime) -> Option<Arc<ChainError>> {
        let refused = self.refused.get(&lookup.refused_key).await;
        refused.filter(|refused| now < refused.deadline).map(|refused| refused.error)
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(ENTRY_WEIGHT + bytes).unwrap_or(u32::MAX)
}

fn applicable(
    variants: &[AcceptedVariant],
    lookup: &ChainLookup,
    now: UnixTime,
) -> Option<Arc<ValidatedChain>> {
    variants.iter().find(|variant| variant.applies_to(lookup, now)).map(|variant| Arc::clone(&variant.chain))
}

/// Returns the new verdict, followed by those that it does not replace and that have not expired.
fn with(before: &[AcceptedVariant], new: AcceptedVariant, now: UnixTime) -> AcceptedVariants {
    let others = before.iter().filter(|old| old.used != new.used && now < old.chain.deadline()).cloned();
    let others: Vec<_> = others.take(MAX_VARIANTS - 1).collect();
    std::iter::once(new).chain(others).collect()
}

/// Runs [`validate`] on a blocking thread, so that one expensive chain does not delay the worker's other clients.
async fn validate_on_blocking_thread(
    chain: &Arc<PresentedChain>,
    trust: &Arc<TrustSet>,
    rule: &Arc<ValidationRule>,
    now: UnixTime,
    slot: impl Send + 'static,
) -> Result<ValidatedChain, ChainError> {
    let (chain, trust, rule) = (Arc::clone(chain), Arc::clone(trust), Arc::clone(rule));
    let work = move || {
        let _slot = slot;
        validate(&chain, &trust, &rule, now)
    };
    let verdict = tokio::task::spawn_blocking(work).await;
    // The task is never aborted, so an error is a panic, which is a bug and continues here.
    verdict.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Returns when a refusal expires: at the latest when another certificate becomes valid, since the chain may be valid
/// then.
fn refusal_deadline(chain: &PresentedChain, trust: &TrustSet, now: UnixTime) -> UnixTime {
    let presented = chain.certificates().iter().map(Certificate::not_before);
    let beginnings = presented.filter(|not_before| *not_before > now).chain(trust.next_beginning(now));
    beginnings.fold(now.plus(REFUSED_LIFETIME), UnixTime::min)
}
