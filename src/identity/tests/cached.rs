//! The cache of mappings.

use super::*;
use crate::telemetry::CacheMetrics;

fn sources(rule: &MappingSettings) -> MappingSources<'_> {
    MappingSources { settings: rule, directories: None, lifetimes: AccountLifetimes::default() }
}

#[test]
fn certificates_with_equal_serial_subject_and_issuer_never_get_each_others_account() {
    let people: Vec<_> = (0..8).map(|n| format!("user{n}@corp.example")).collect();
    let cards: Vec<_> = people.iter().map(|name| card("Same", vec![upn(name)])).collect();
    let by_upn = rule(&[Mapper::Upn]);
    // Room for half of them, so that entries are evicted all the time.
    let cache = AccountCache::new(4_500, CacheMetrics::default());
    let ask = async |turn: usize| {
        let person = turn * 5 % cards.len();
        let scope = MappingScope { realm: "staff".into(), generation: u64::from(turn.is_multiple_of(2)) };
        let account = cache.map(scope, &cards[person], sources(&by_upn), NOW, |_| {}).await.outcome.unwrap();
        assert_eq!(account.user, people[person]);
    };
    std::thread::scope(|scope| {
        for worker in 0..4 {
            scope.spawn(move || {
                runtime().block_on(async {
                    for turn in 0..2_500 {
                        tokio::join!(ask(turn + worker), ask(turn + 2 * worker + 1));
                    }
                });
            });
        }
    });
}

#[test]
fn a_cached_account_is_used_in_its_realm_and_generation_until_its_deadline() {
    let chain = card("Alice", vec![upn("alice@corp.example")]);
    let (yes, no) = (rule(&[Mapper::Upn]), rule(&[]));
    let cache = AccountCache::new(1 << 20, CacheMetrics::default());
    let by = |realm: &str, generation| MappingScope { realm: realm.into(), generation };
    let later = NOW.plus(Duration::from_secs(300));
    let last = crate::clock::UnixTime::from_seconds(later.seconds() - 1);
    runtime().block_on(async {
        assert!(cache.map(by("staff", 1), &chain, sources(&yes), NOW, |_| {}).await.outcome.is_ok());
        assert!(cache.map(by("staff", 1), &chain, sources(&no), last, |_| {}).await.outcome.is_ok());
        assert!(cache.map(by("staff", 2), &chain, sources(&no), NOW, |_| {}).await.outcome.is_err());
        assert!(cache.map(by("guests", 1), &chain, sources(&no), NOW, |_| {}).await.outcome.is_err());
        assert!(cache.map(by("staff", 1), &chain, sources(&no), later, |_| {}).await.outcome.is_err());
    });
}

#[test]
fn a_purge_removes_every_entry_and_increments_the_count_that_connections_compare() {
    let chain = card("Alice", vec![upn("alice@corp.example")]);
    let (yes, no) = (rule(&[Mapper::Upn]), rule(&[]));
    let cache = AccountCache::new(1 << 20, CacheMetrics::default());
    let by = || MappingScope { realm: "staff".into(), generation: 1 };
    runtime().block_on(async {
        assert!(cache.map(by(), &chain, sources(&yes), NOW, |_| {}).await.outcome.is_ok());
        let before = cache.purges();
        cache.purge();
        assert_ne!(cache.purges(), before);
        assert!(cache.map(by(), &chain, sources(&no), NOW, |_| {}).await.outcome.is_err());
    });
}
