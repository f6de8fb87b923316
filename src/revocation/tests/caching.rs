//! The cache of lookup results.

use super::*;
use crate::revocation::test_pki::CrlDraft;
use crate::telemetry::CacheMetrics;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

#[test]
fn a_cached_check_returns_the_same_as_an_uncached_one_for_every_rule_and_time() {
    let (root, chain) = root_and_chain();
    let due = NOW.plus(Duration::from_secs(30));
    let good = store(&[&CrlDraft { next_update: Some(due), ..CrlDraft::default() }.sign(&root)]);
    let bad = store(&[&CrlDraft::revoking(&[SERIAL]).sign(&root)]);
    let cache = RevocationCache::new(1 << 20, CacheMetrics::default());
    let trust = Arc::new(TrustSet::default());
    for crls in [&good, &bad, &Arc::new(CrlStore::empty()), &good] {
        for rule in [REQUIRE, PREFER, RevocationRule { grace: HOUR, ..REQUIRE }] {
            for now in [NOW, due, NOW.plus(2 * HOUR), NOW] {
                let cached = runtime().block_on(cache.check(&chain, &rule, &trust, crls, None, now));
                let facts = |chain: UnrevokedChain| (chain.deadline(), chain.status().to_vec());
                assert_eq!(cached.map(facts), check(&chain, &rule, &trust, crls, now).map(facts));
            }
        }
    }
}

#[test]
fn certificates_of_equal_serial_and_issuer_name_never_share_a_result() {
    let cache = RevocationCache::new(1 << 20, CacheMetrics::default());
    let trust = Arc::new(TrustSet::default());
    let (one, other) = (TestCa::root("Same"), TestCa::root("Same"));
    let crls = store(&[&CrlDraft::revoking(&[SERIAL]).sign(&one), &CrlDraft::default().sign(&other)]);
    let revoked = proven(&one.issue("alice", SERIAL), &[], &[&one.certificate]);
    let good = proven(&other.issue("alice", SERIAL), &[], &[&other.certificate]);
    let rule = REQUIRE;
    runtime().block_on(async {
        for _ in 0..50 {
            let (bad, fine) = tokio::join!(
                cache.check(&revoked, &rule, &trust, &crls, None, NOW),
                cache.check(&good, &rule, &trust, &crls, None, NOW)
            );
            assert!(bad.is_err() && fine.is_ok());
            cache.purge();
        }
    });
}

#[test]
fn the_cache_can_be_shared_by_all_workers() {
    fn shared<T: Send + Sync + 'static>() {}
    shared::<(RevocationCache, CrlStore, UnrevokedChain, UnixTime)>();
}
