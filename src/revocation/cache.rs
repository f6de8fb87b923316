//! What the CRLs said of a certificate, remembered for all workers: the stage's own door for a running gate, and the
//! only one through which a responder is asked.
//!
//! Remembers findings, not verdicts: whether a CRL is fresh enough and whether not knowing passes is judged at each
//! call, by the rule and the time of that call. Never remembers a look-up that was broken off.

use super::check::{RevocationError, UnrevokedChain, conclude, steps};
use super::lookup::{LookupQuery, is_slow, look_up};
use super::ocsp::{self, OcspClient};
use super::rule::RevocationRule;
use crate::certificate::{Certificate, Fingerprint};
use crate::clock::UnixTime;
use crate::revocation::crl::signer::SignerCandidates;
use crate::revocation::lookup_result::{LookupOutcome, LookupResult, UnknownReason};
use crate::revocation::store::snapshot::{CrlGeneration, CrlStore};
use crate::telemetry::CacheMetrics;
use crate::validation::{TrustSet, ValidatedChain};
use moka::future::Cache;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// The longest time for which a finding is remembered. It cannot change while its CRLs are the same; this is the limit
/// that every cache here has.
const MAXIMUM_AGE: Duration = Duration::from_secs(300);
/// How long a finding takes up memory without being asked for. Deadlines alone decide whether it may be used.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);

/// All that a finding follows from.
#[derive(Clone, PartialEq, Eq, Hash)]
struct RevocationKey {
    /// The certificate, then those above it up to the anchor: they choose the CRLs and say who may sign one.
    path: Box<[Fingerprint]>,
    /// What was sent along and has to do with the path: who signed a CRL may be among it.
    additional_certificates: Box<[Fingerprint]>,
    trust: TrustSetId,
    generation: CrlGeneration,
}

/// A trust set by its place in memory, which it keeps, so that no other one can take it.
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
    finding: LookupResult,
    deadline: UnixTime,
}

/// Findings for all workers. Concurrent look-ups of one certificate are one look-up.
#[derive(Clone)]
pub struct RevocationCache {
    findings: Cache<RevocationKey, CachedResult>,
    metrics: CacheMetrics,
}

impl RevocationCache {
    /// A cache of so many bytes, which counts its look-ups.
    pub fn new(bytes: u64, metrics: CacheMetrics) -> Self {
        Self {
            findings: Cache::builder()
                .max_capacity(bytes)
                .weigher(weight)
                .time_to_idle(IDLE_LIFETIME)
                .build(),
            metrics,
        }
    }

    /// As [`super::check`], with what is remembered, and with what the responders of `ocsp` say beside the CRLs; a
    /// responder that a certificate names is asked only now that the chain is proven. What takes long is done outside the worker. Must run inside a tokio
    /// runtime.
    pub async fn check(
        &self,
        chain: &Arc<ValidatedChain>,
        rule: &RevocationRule,
        trust: &Arc<TrustSet>,
        crls: &Arc<CrlStore>,
        ocsp: Option<&OcspClient>,
        now: UnixTime,
    ) -> Result<UnrevokedChain, RevocationError> {
        let mut findings = Vec::new();
        for path in chain.paths() {
            let mut of_path = Vec::new();
            for step in steps(chain, path, trust, rule) {
                let mut finding = self.finding(step.query, chain, trust, crls, now).await;
                if let Some(client) = ocsp {
                    finding = ocsp::complete(finding, step.query, crls, client, rule, now).await;
                }
                of_path.push(step.found(finding));
            }
            findings.push(of_path);
        }
        conclude(chain, findings, rule, now)
    }

    /// Forgets all findings.
    #[cfg(test)]
    pub(super) fn purge(&self) {
        self.findings.invalidate_all();
    }

    async fn finding(
        &self,
        query: LookupQuery<'_>,
        chain: &Arc<ValidatedChain>,
        trust: &Arc<TrustSet>,
        crls: &Arc<CrlStore>,
        now: UnixTime,
    ) -> LookupResult {
        let path = std::iter::once(query.certificate).chain(query.authorities);
        let key = RevocationKey {
            path: path.map(Certificate::fingerprint).collect(),
            additional_certificates: chain
                .additional_certificates()
                .iter()
                .map(Certificate::fingerprint)
                .collect(),
            trust: TrustSetId(Arc::clone(trust)),
            generation: crls.generation(),
        };
        let look_up = async {
            let found = if is_slow(query, crls) {
                look_up_aside(query, chain, trust, crls, now).await
            } else {
                Some(look_up(query, crls, now))
            };
            let (finding, age) =
                found.map_or((interrupted(now), Duration::ZERO), |finding| (finding, MAXIMUM_AGE));
            let deadline = now.plus(age).min(finding.until);
            CachedResult { finding, deadline }
        };
        let entry = self.findings.entry(key).or_insert_with_if(look_up, |old| old.deadline <= now).await;
        let counter = if entry.is_fresh() { &self.metrics.misses } else { &self.metrics.hits };
        counter.inc();
        entry.into_value().finding
    }
}

/// How many bytes an entry takes up, its place in the cache included.
fn weight(key: &RevocationKey, remembered: &CachedResult) -> u32 {
    const ENTRY: usize = 512;
    let fingerprints = (key.path.len() + key.additional_certificates.len()) * size_of::<Fingerprint>();
    u32::try_from(ENTRY + fingerprints + remembered.finding.weight()).unwrap_or(u32::MAX)
}

/// Looks up on a thread that may wait. `None` where that thread broke off.
async fn look_up_aside(
    query: LookupQuery<'_>,
    chain: &Arc<ValidatedChain>,
    trust: &Arc<TrustSet>,
    crls: &Arc<CrlStore>,
    now: UnixTime,
) -> Option<LookupResult> {
    let certificate = query.certificate.clone();
    let authorities = query.authorities.to_vec();
    let path = query.surroundings.path.clone();
    let (chain, trust, crls) = (Arc::clone(chain), Arc::clone(trust), Arc::clone(crls));
    let look_up = move || {
        let surroundings = SignerCandidates {
            path: &path,
            additional_certificates: chain.additional_certificates(),
            trust: &trust,
        };
        let query = LookupQuery { certificate: &certificate, authorities: &authorities, surroundings };
        look_up(query, &crls, now)
    };
    tokio::task::spawn_blocking(look_up).await.ok()
}

fn interrupted(now: UnixTime) -> LookupResult {
    LookupResult { finding: LookupOutcome::Unknown(UnknownReason::Interrupted), until: now }
}
