//! Keeps the verdicts on presented chains, so that a person's second connection costs no signature. Never keeps one
//! past its deadline, and never lets refused chains push out accepted ones.
//!
//! An accepted chain is found by its leaf and kept once for each set of certificates that its paths use. What else was
//! sent along is not kept and makes no entry: a client could send other junk with each connection.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest::{Context, SHA256};
use moka::future::Cache;
use moka::ops::compute::Op;

use super::chain_error::ChainError;
use super::presented::PresentedChain;
use super::trust::TrustSet;
use super::validated::{ValidatedChain, ValidationRule, validate};
use crate::certificate::{Certificate, Fingerprint};
use crate::clock::UnixTime;
use crate::telemetry::CacheMetrics;

/// How long a refusal is remembered at most: an administrator who mends something does not wait long.
const REFUSED_LIFETIME: Duration = Duration::from_secs(60);
/// How long an accepted chain takes up memory without being asked for. Deadlines alone decide whether it may be used.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);
/// How many verdicts are kept for one leaf: clients send its intermediates, or some of them, or none.
const MAX_VARIANTS: usize = 4;
/// What an entry takes up beside its verdict.
const ENTRY_WEIGHT: usize = 256;
/// Of the memory of a cache the part, one in so many, for refusals. Anybody can cause new ones.
const REFUSED_PART: u64 = 16;
/// The same for the certificates of CAs, which chains share.
const AUTHORITIES_PART: u64 = 8;

/// What a verdict depends on beside the chain and the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RealmGeneration {
    /// The realm, which has one rule and one trust set.
    pub realm: Arc<str>,
    /// Raised whenever the realm's rule or trust set is replaced, or a purge is asked for.
    pub generation: u64,
}

/// By what accepted chains are found.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    leaf: Fingerprint,
    realm_generation: RealmGeneration,
}

/// By what refusals are found: the digest is over the leaf and all that may matter for its paths.
#[derive(Clone, PartialEq, Eq, Hash)]
struct RefusedKey {
    chain: [u8; 32],
    realm_generation: RealmGeneration,
}

/// A presented chain as the cache looks for it.
pub(super) struct Looked {
    key: Key,
    refused_key: RefusedKey,
    /// What was sent along and may matter, sorted.
    relevant: Vec<Fingerprint>,
}

/// One accepted chain.
#[derive(Clone)]
struct Variant {
    chain: Arc<ValidatedChain>,
    /// What of the certificates sent along it uses, sorted.
    used: Box<[Fingerprint]>,
    /// What could have mattered, was sent along when it was validated, and is on no path; sorted.
    unused: Box<[Fingerprint]>,
}

/// The accepted chains of one leaf.
type Variants = Arc<[Variant]>;

/// Verdicts on presented chains, shared by all workers. Clones share everything.
#[derive(Clone)]
pub struct ValidationCache {
    accepted: Cache<Key, Variants>,
    refused: Cache<RefusedKey, Refused>,
    /// The certificates of CAs that accepted chains use, so that each is kept once.
    authorities: Cache<Fingerprint, Certificate>,
    metrics: CacheMetrics,
}

#[derive(Clone, Debug)]
pub(super) struct Refused {
    error: Arc<ChainError>,
    deadline: UnixTime,
}

impl Looked {
    pub(super) fn new(realm_generation: RealmGeneration, chain: &PresentedChain, trust: &TrustSet) -> Self {
        let leaf = chain.leaf().fingerprint();
        let relevant = chain.relevant(trust);
        let mut context = Context::new(&SHA256);
        for fingerprint in std::iter::once(&leaf).chain(&relevant) {
            context.update(fingerprint.as_bytes());
        }
        let digest = context.finish().as_ref().try_into().expect("a SHA-256 digest is 32 bytes long");
        Self {
            key: Key { leaf, realm_generation: realm_generation.clone() },
            refused_key: RefusedKey { chain: digest, realm_generation },
            relevant,
        }
    }
}

impl Variant {
    fn new(chain: Arc<ValidatedChain>, looked: &Looked) -> Self {
        let mut used: Vec<_> = chain.additional_certificates().iter().map(Certificate::fingerprint).collect();
        used.sort_unstable();
        used.dedup();
        let unused = looked.relevant.iter().filter(|one| used.binary_search(one).is_err()).copied();
        Self { unused: unused.collect(), used: used.into(), chain }
    }

    /// Whether validating what was presented would find the same paths: all that they use is there, and whatever else
    /// may matter has been tried.
    fn answers(&self, looked: &Looked, now: UnixTime) -> bool {
        let is_known = |one| self.used.binary_search(one).is_ok() || self.unused.binary_search(one).is_ok();
        now < self.chain.deadline()
            && self.used.iter().all(|one| looked.relevant.binary_search(one).is_ok())
            && looked.relevant.iter().all(is_known)
    }

    fn weight(&self) -> usize {
        self.chain.weight() + (self.used.len() + self.unused.len()) * size_of::<Fingerprint>()
    }
}

impl ValidationCache {
    /// A cache that keeps accepted chains in this many bytes, and refusals and the certificates of CAs in parts of it. It
    /// counts its look-ups.
    pub fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        let of_leaf =
            |_: &Key, variants: &Variants| weight(variants.iter().map(Variant::weight).sum::<usize>());
        let of_refusal = |_: &RefusedKey, refused: &Refused| weight(refused.error.weight());
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

    /// Whether [`ValidationCache::validate`] has an answer without any work.
    pub async fn remembers(
        &self,
        realm_generation: &RealmGeneration,
        chain: &PresentedChain,
        trust: &TrustSet,
        now: UnixTime,
    ) -> bool {
        let looked = Looked::new(realm_generation.clone(), chain, trust);
        self.refusal(&looked, now).await.is_some()
            || self.accepted.get(&looked.key).await.is_some_and(|all| found(&all, &looked, now).is_some())
    }

    /// The verdict on a chain now: remembered, or found by [`validate`]. Of several that ask for the same chain at
    /// once, one does the work. `slot` is held while a laborious chain is validated, even where the caller gives up
    /// meanwhile.
    pub async fn validate(
        &self,
        realm_generation: RealmGeneration,
        chain: &Arc<PresentedChain>,
        (trust, rule): (&Arc<TrustSet>, &Arc<ValidationRule>),
        now: UnixTime,
        slot: impl Send + 'static,
    ) -> Result<Arc<ValidatedChain>, Arc<ChainError>> {
        self.judge(Looked::new(realm_generation, chain, trust), now, async || {
            let verdict = if chain.is_expensive() {
                aside(chain, trust, rule, now, slot).await
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
        looked: Looked,
        now: UnixTime,
        work: impl AsyncFnOnce() -> Result<ValidatedChain, Refused>,
    ) -> Result<Arc<ValidatedChain>, Arc<ChainError>> {
        if let Some(error) = self.refusal(&looked, now).await {
            self.metrics.hits.inc();
            return Err(error);
        }
        if let Some(chain) = self.accepted.get(&looked.key).await.and_then(|all| found(&all, &looked, now)) {
            self.metrics.hits.inc();
            return Ok(chain);
        }
        self.metrics.misses.inc();
        let mut verdict = None;
        // moka runs these one after the other for one leaf, so who waited finds the verdict of who came first.
        let computed = self.accepted.entry(looked.key.clone()).and_try_compute_with(async |entry| {
            let before = entry.map(moka::Entry::into_value).unwrap_or_default();
            if let Some(chain) = found(&before, &looked, now) {
                verdict = Some(chain);
                return Ok(Op::Nop);
            }
            if let Some(error) = self.refusal(&looked, now).await {
                return Err(error);
            }
            match work().await {
                Ok(chain) => {
                    let chain = Arc::new(self.sharing_authorities(chain).await);
                    verdict = Some(Arc::clone(&chain));
                    Ok(Op::Put(with(&before, Variant::new(chain, &looked), now)))
                }
                Err(refused) => {
                    let error = Arc::clone(&refused.error);
                    self.refused.insert(looked.refused_key.clone(), refused).await;
                    Err(error)
                }
            }
        });
        computed.await?;
        verdict.map_or_else(|| unreachable!("the computation finds a verdict, makes one, or fails"), Ok)
    }

    /// With the certificates of CAs that other chains use too, so that each of them is in memory once.
    async fn sharing_authorities(&self, chain: ValidatedChain) -> ValidatedChain {
        let mut shared = std::collections::HashMap::new();
        let on_paths = chain.paths().iter().flat_map(|path| path.certificates().iter().skip(1));
        for certificate in on_paths.chain(chain.additional_certificates()) {
            let kept = self.authorities.entry(certificate.fingerprint()).or_insert(certificate.clone());
            shared.insert(certificate.fingerprint(), kept.await.into_value());
        }
        chain.sharing(|certificate| shared.get(&certificate.fingerprint()).cloned().unwrap_or(certificate))
    }

    /// How many leaves with accepted chains, and how many refusals it holds.
    #[cfg(test)]
    pub(super) async fn entry_counts(&self) -> (u64, u64) {
        self.accepted.run_pending_tasks().await;
        self.refused.run_pending_tasks().await;
        (self.accepted.entry_count(), self.refused.entry_count())
    }

    /// How many bytes accepted chains and refusals weigh.
    #[cfg(test)]
    pub(super) async fn weights(&self) -> (u64, u64) {
        self.entry_counts().await;
        (self.accepted.weighted_size(), self.refused.weighted_size())
    }

    async fn refusal(&self, looked: &Looked, now: UnixTime) -> Option<Arc<ChainError>> {
        let refused = self.refused.get(&looked.refused_key).await;
        refused.filter(|refused| now < refused.deadline).map(|refused| refused.error)
    }
}

fn weight(bytes: usize) -> u32 {
    u32::try_from(ENTRY_WEIGHT + bytes).unwrap_or(u32::MAX)
}

fn found(variants: &[Variant], looked: &Looked, now: UnixTime) -> Option<Arc<ValidatedChain>> {
    variants.iter().find(|variant| variant.answers(looked, now)).map(|variant| Arc::clone(&variant.chain))
}

/// The new verdict before those that it does not replace and that have not ended.
fn with(before: &[Variant], new: Variant, now: UnixTime) -> Variants {
    let others = before.iter().filter(|old| old.used != new.used && now < old.chain.deadline()).cloned();
    let others: Vec<_> = others.take(MAX_VARIANTS - 1).collect();
    std::iter::once(new).chain(others).collect()
}

/// [`validate`] on a thread that may take its time, so that one laborious chain does not hold up everybody whom the
/// worker serves.
async fn aside(
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
    // A fault of ours there is a fault of ours here.
    verdict.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

/// Never past the moment when a certificate begins to be valid, for a chain that is too early now may hold then.
fn refusal_deadline(chain: &PresentedChain, trust: &TrustSet, now: UnixTime) -> UnixTime {
    let presented = chain.certificates().iter().map(Certificate::not_before);
    let beginnings = presented.filter(|not_before| *not_before > now).chain(trust.next_beginning(now));
    beginnings.fold(now.plus(REFUSED_LIFETIME), UnixTime::min)
}
