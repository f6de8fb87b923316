//! The verdicts that the cache keeps, their keys and their deadlines.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::super::cache::ChainLookup;
use super::*;
use crate::telemetry::CacheMetrics;

struct TestRealm {
    cache: ValidationCache,
    trust: Arc<TrustSet>,
    rule: Arc<ValidationRule>,
}

impl TestRealm {
    fn trusting(authority: &ValidationTestCa) -> Self {
        Self {
            cache: ValidationCache::new(1 << 20, CacheMetrics::default()),
            trust: Arc::new(anchored(authority)),
            rule: Arc::default(),
        }
    }

    async fn validate(
        &self,
        chain: &Arc<PresentedChain>,
        now: UnixTime,
    ) -> Result<Arc<ValidatedChain>, Arc<ChainError>> {
        self.validate_as("staff", 1, chain, now).await
    }

    async fn validate_as(
        &self,
        realm: &str,
        generation: u64,
        chain: &Arc<PresentedChain>,
        now: UnixTime,
    ) -> Result<Arc<ValidatedChain>, Arc<ChainError>> {
        let realm_generation = RealmGeneration { realm: realm.into(), generation };
        self.cache.validate(realm_generation, chain, (&self.trust, &self.rule), now, ()).await
    }
}

#[tokio::test]
async fn a_verdict_is_kept_until_its_deadline_and_no_longer() {
    let root = ValidationTestCa::root("Root");
    let realm = TestRealm::trusting(&root);
    let chain = presented(&[&root.leaf()]);
    let first = realm.validate(&chain, NOW).await.unwrap();
    let again = realm.validate(&chain, NOW).await.unwrap();
    assert!(Arc::ptr_eq(&first, &again));

    let last = UnixTime::from_seconds(first.deadline().seconds() - 1);
    assert!(Arc::ptr_eq(&first, &realm.validate(&chain, last).await.unwrap()));
    let over = realm.validate(&chain, first.deadline()).await.unwrap_err();
    assert!(matches!(over.violation, PathViolation::Expired { .. }));
}

#[tokio::test]
async fn realms_and_generations_share_no_verdict() {
    let root = ValidationTestCa::root("Root");
    let mut realm = TestRealm::trusting(&root);
    let chain = presented(&[&root.leaf()]);
    assert!(realm.validate_as("staff", 1, &chain, NOW).await.is_ok());

    realm.trust = Arc::default();
    assert!(realm.validate_as("staff", 1, &chain, NOW).await.is_ok());
    assert!(realm.validate_as("staff", 2, &chain, NOW).await.is_err());
    assert!(realm.validate_as("guests", 1, &chain, NOW).await.is_err());
}

#[tokio::test]
async fn a_refusal_is_kept_for_a_minute() {
    let root = ValidationTestCa::root("Root");
    let mut realm = TestRealm::trusting(&ValidationTestCa::root("Other"));
    let chain = presented(&[&root.leaf()]);
    let first = realm.validate(&chain, NOW).await.unwrap_err();
    realm.trust = Arc::new(anchored(&root));

    let soon = NOW.plus(Duration::from_secs(59));
    assert!(Arc::ptr_eq(&first, &realm.validate(&chain, soon).await.unwrap_err()));
    assert!(realm.validate(&chain, NOW.plus(Duration::from_secs(60))).await.is_ok());
}

#[tokio::test]
async fn a_refusal_expires_when_the_chain_becomes_valid() {
    let root = ValidationTestCa::root("Root");
    let realm = TestRealm::trusting(&root);
    let tomorrow = root.leaf_with(|params| params.not_before = rcgen::date_time_ymd(2026, 11, 23));
    let chain = presented(&[&tomorrow]);
    let just_before = UnixTime::from_seconds(tomorrow.not_before().seconds() - 1);
    assert!(realm.validate(&chain, just_before).await.is_err());
    assert!(realm.validate(&chain, tomorrow.not_before()).await.is_ok());
}

#[tokio::test]
async fn forged_chains_do_not_evict_accepted_ones() {
    let (root, forger) = (ValidationTestCa::root("Root"), ValidationTestCa::root("Root"));
    let realm = TestRealm::trusting(&root);
    assert!(realm.validate(&presented(&[&root.leaf()]), NOW).await.is_ok());
    for _ in 0..50 {
        assert!(realm.validate(&presented(&[&forger.leaf()]), NOW).await.is_err());
    }
    assert_eq!(realm.cache.entry_counts().await, (1, 50));
}

/// Returns a chain with these other certificates, and more that are unrelated to it.
fn with_junk(certificates: &[&Certificate], junk: &Certificate) -> Arc<PresentedChain> {
    presented(&[certificates, &[junk]].concat())
}

#[tokio::test]
async fn unrelated_certificates_create_no_entry() {
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority("Issuing");
    let leaf = issuing.leaf();
    let realm = TestRealm::trusting(&root);
    let first = realm.validate(&presented(&[&leaf, &issuing.certificate]), NOW).await.unwrap();
    for number in 0..20 {
        let junk = ValidationTestCa::root(&format!("Junk {number} {}", "x".repeat(2_000))).certificate;
        let chain = with_junk(&[&leaf, &issuing.certificate], &junk);
        assert!(Arc::ptr_eq(&first, &realm.validate(&chain, NOW).await.unwrap()));
    }
    assert_eq!(realm.cache.entry_counts().await, (1, 0));
}

#[tokio::test]
async fn a_certificate_with_an_issuers_name_is_tried_and_not_kept() {
    let root = ValidationTestCa::root("Root");
    let issuing = root.authority("Issuing");
    let leaf = issuing.leaf();
    let realm = TestRealm::trusting(&root);
    for _ in 0..20 {
        let junk = ValidationTestCa::root("Issuing").certificate;
        let chain = realm.validate(&with_junk(&[&leaf, &issuing.certificate], &junk), NOW).await.unwrap();
        assert_eq!(chain.additional_certificates(), std::slice::from_ref(&issuing.certificate));
    }
    assert_eq!(realm.cache.entry_counts().await, (1, 0));
    let (accepted, _) = realm.cache.weights().await;
    assert!(accepted < 20_000, "{accepted}");
}

/// For any presented certificates, in any order, the cache returns the verdict of validation.
#[tokio::test]
async fn a_cached_verdict_has_the_paths_that_validation_finds() {
    let (root, other) = (ValidationTestCa::root("Root"), ValidationTestCa::root("Other"));
    let issuing = root.authority("Issuing");
    let cross = read(&authority_params("Issuing").signed_by(issuing.issuer.key(), &other.issuer).unwrap());
    let signer = issuing.authority_with("CRLs", |_| {});
    let forged = ValidationTestCa::root("Issuing").certificate;
    let junk = ValidationTestCa::root("Junk").certificate;
    let leaf = issuing.leaf();
    let trust = TrustSet::new(vec![root.certificate.clone(), other.certificate.clone()], Vec::new());
    let realm = TestRealm { trust: Arc::new(trust), ..TestRealm::trusting(&root) };
    let others = [&issuing.certificate, &cross, &signer.certificate, &forged, &junk];
    let subsets = (0..1_u32 << others.len()).map(|bits| {
        let chosen = others.iter().enumerate().filter(|(index, _)| bits & (1 << index) != 0);
        presented(&std::iter::once(&leaf).chain(chosen.map(|(_, other)| *other)).collect::<Vec<_>>())
    });
    let subsets: Vec<_> = subsets.collect();
    let seen = |verdict: Result<&ValidatedChain, &ChainError>| {
        let paths = |chain: &ValidatedChain| {
            let fingerprints = |path: &ValidPath| -> Vec<_> {
                path.certificates().iter().map(Certificate::fingerprint).collect()
            };
            (
                chain.paths().iter().map(fingerprints).collect::<Vec<_>>(),
                chain.additional_certificates().to_vec(),
            )
        };
        verdict.map(paths).map_err(|error| error.violation.clone())
    };
    for chain in subsets.iter().chain(subsets.iter().rev()) {
        let kept = realm.validate(chain, NOW).await;
        let anew = validate(chain, &realm.trust, &realm.rule, NOW);
        assert_eq!(seen(kept.as_deref().map_err(AsRef::as_ref)), seen(anew.as_ref()));
    }
}

#[tokio::test]
async fn forged_chains_with_long_names_stay_within_their_part_of_the_cache() {
    let realm = TestRealm::trusting(&ValidationTestCa::root("Root"));
    for number in 0..60 {
        let forged = ValidationTestCa::root(&format!("{number} {}", "x".repeat(3_000))).certificate;
        assert!(realm.validate(&presented(&[&forged]), NOW).await.is_err());
    }
    let (accepted, refused) = realm.cache.weights().await;
    assert_eq!(accepted, 0);
    assert!(refused <= (1 << 20) / 16, "{refused}");
}

#[test]
fn concurrent_lookups_of_one_chain_validate_it_once() {
    const CALLERS: usize = 8;
    let root = ValidationTestCa::root("Root");
    let (chain, trust, rule) = (presented(&[&root.leaf()]), anchored(&root), ValidationRule::default());
    let cache = ValidationCache::new(1 << 20, CacheMetrics::default());
    let lookup =
        || ChainLookup::new(RealmGeneration { realm: "staff".into(), generation: 1 }, &chain, &trust);
    let (arrived, worked) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let validate_once = || {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        arrived.fetch_add(1, Ordering::SeqCst);
        let verdict = runtime.block_on(cache.verdict_or_else(lookup(), NOW, async || {
            worked.fetch_add(1, Ordering::SeqCst);
            while arrived.load(Ordering::SeqCst) < CALLERS {
                std::thread::yield_now();
            }
            Ok(validate(&chain, &trust, &rule, NOW).unwrap())
        }));
        assert!(verdict.is_ok());
    };
    std::thread::scope(|scope| {
        for _ in 0..CALLERS {
            scope.spawn(validate_once);
        }
    });
    assert_eq!(worked.load(Ordering::SeqCst), 1);
}
