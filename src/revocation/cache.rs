//! The revocation check of a running gateway: lookup results are cached for all workers, and OCSP responders are
//! queried.
//!
//! The results are cached, not the verdicts: whether a CRL is fresh enough and whether an unknown status is accepted
//! depends on the rule and the time of each check. An interrupted lookup is never cached.

use super::check::{UnrevokedChain, checks, conclude};
use super::crl::SignerCandidates;
use super::lookup::{LookupQuery, is_slow, look_up};
use super::lookup_result::{LookupOutcome, LookupResult};
use super::ocsp::{self, OcspClient};
use super::rule::RevocationRule;
use super::status::{RevocationError, UnknownReason};
use super::store::{CrlGeneration, CrlStore};
use crate::certificate::{Certificate, Fingerprint};
use crate::clock::UnixTime;
use crate::telemetry::CacheMetrics;
use crate::validation::{TrustSet, ValidatedChain};
use moka::future::Cache;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// The maximum age of a cached result. It cannot change while its CRLs are the same; all caches of the gateway have
/// this limit.
const MAXIMUM_AGE: Duration = Duration::from_secs(300);
/// The time after which a result that is not used is dropped. Whether it may be used depends on its deadline only.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);

/// All inputs of a lookup.
#[derive(Clone, PartialEq, Eq, Hash)]
struct RevocationKey {
    /// The certificate, then those above it up to the trust anchor: they choose the CRLs and their possible signers.
    path: Box<[Fingerprint]>,
    /// The other certificates that the client sent and that belong to the path: a CRL signer may be among them.
    additional_certificates: Box<[Fingerprint]>,
    trust: TrustSetId,
    generation: CrlGeneration,
}

/// A trust set by its address. The set is kept alive, so that no other one can have the same address.
#[derive(Clone)]
struct TrustSetId(Arc<TrustSet>);

impl PartialEq for TrustSetId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for TrustSetId {}

impl Hash for TrustSetId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).hash(state);
    }
}

#[derive(Clone, Debug)]
struct CachedResult {
    result: LookupResult,
    deadline: UnixTime,
}

/// The lookup results of all workers. Concurrent lookups of one certificate are one lookup.
#[derive(Clone)]
pub struct RevocationCache {
    results: Cache<RevocationKey, CachedResult>,
    metrics: CacheMetrics,
}

impl RevocationCache {
    /// Returns a cache of at most `bytes`, which counts its hits and misses.
    pub fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        Self {
            results: Cache::builder().max_capacity(bytes).weigher(weight).time_to_idle(IDLE_LIFETIME).build(),
            metrics,
        }
    }

    /// Checks as [`super::check`], with cached results, and with the OCSP responders of `ocsp`. A responder that a
    /// certificate names is queried only because the chain is validated. Slow lookups run outside of the worker. Must
    /// run inside a tokio runtime.
    ///
    /// # Errors
    /// As [`super::check`].
    pub async fn check(
        &self,
        chain: &Arc<ValidatedChain>,
        rule: &RevocationRule,
        trust: &Arc<TrustSet>,
        crls: &Arc<CrlStore>,
        ocsp: Option<&OcspClient>,
        now: UnixTime,
    ) -> Result<UnrevokedChain, RevocationError> {
        let mut paths = Vec::new();
        for path in chain.paths() {
            let mut checked = Vec::new();
            for check in checks(chain, path, trust, rule) {
                let mut result = self.result(check.query, chain, trust, crls, now).await;
                if let Some(client) = ocsp {
                    result = Box::pin(ocsp::query(result, check.query, crls, client, rule, now)).await;
                }
                checked.push(check.with_result(result));
            }
            paths.push(checked);
        }
        conclude(chain, paths, rule, now)
    }

    /// Removes all results.
    #[cfg(test)]
    pub(super) fn purge(&self) {
        self.results.invalidate_all();
    }

    async fn result(
        &self,
        query: LookupQuery<'_>,
        chain: &Arc<ValidatedChain>,
        trust: &Arc<TrustSet>,
        crls: &Arc<CrlStore>,
        now: UnixTime,
    ) -> LookupResult {
        let path = std::iter::once(query.certificate).chain(query.authorities);
        let additional = chain.additional_certificates().iter();
        let key = RevocationKey {
            path: path.map(Certificate::fingerprint).collect(),
            additional_certificates: additional.map(Certificate::fingerprint).collect(),
            trust: TrustSetId(Arc::clone(trust)),
            generation: crls.generation(),
        };
        if let Some(cached) = self.results.get(&key).await
            && now < cached.deadline
        {
            self.metrics.hits.inc();
            return cached.result;
        }
        let look_up = async {
            let result = if is_slow(query, crls) {
                look_up_on_blocking_thread(query, chain, trust, crls, now).await
            } else {
                Some(look_up(query, crls, now))
            };
            let (result, age) =
                result.map_or((interrupted(now), Duration::ZERO), |result| (result, MAXIMUM_AGE));
            let deadline = now.plus(age).min(result.until);
            CachedResult { result, deadline }
        };
        // Boxed, since the future is large and a hit needs none of it.
        let entry =
            Box::pin(self.results.entry(key).or_insert_with_if(look_up, |old| old.deadline <= now)).await;
        let counter = if entry.is_fresh() { &self.metrics.misses } else { &self.metrics.hits };
        counter.inc();
        entry.into_value().result
    }
}

/// Returns the size of an entry in bytes, with its overhead.
fn weight(key: &RevocationKey, cached: &CachedResult) -> u32 {
    const ENTRY: usize = 512;
    let fingerprints = (key.path.len() + key.additional_certificates.len()) * size_of::<Fingerprint>();
    u32::try_from(ENTRY + fingerprints + cached.result.weight()).unwrap_or(u32::MAX)
}

/// Looks up on a thread that may block. Returns `None` if the thread ended without a result.
async fn look_up_on_blocking_thread(
    query: LookupQuery<'_>,
    chain: &Arc<ValidatedChain>,
    trust: &Arc<TrustSet>,
    crls: &Arc<CrlStore>,
    now: UnixTime,
) -> Option<LookupResult> {
    let certificate = query.certificate.clone();
    let authorities = query.authorities.to_vec();
    let path = query.signers.path.clone();
    let (chain, trust, crls) = (Arc::clone(chain), Arc::clone(trust), Arc::clone(crls));
    let look_up = move || {
        let additional_certificates = chain.additional_certificates();
        let signers = SignerCandidates { path: &path, additional_certificates, trust: &trust };
        let query = LookupQuery { certificate: &certificate, authorities: &authorities, signers };
        look_up(query, &crls, now)
    };
    tokio::task::spawn_blocking(look_up).await.ok()
}

fn interrupted(now: UnixTime) -> LookupResult {
    LookupResult { outcome: LookupOutcome::Unknown(UnknownReason::Interrupted), until: now }
}
