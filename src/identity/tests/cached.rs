//! What is remembered, for whom and how long.

use super::*;
use crate::telemetry::CacheMetrics;

fn through(rule: &MappingSettings) -> MappingSources<'_> {
    MappingSources { settings: rule, directories: None, lifetimes: AccountLifetimes::default() }
}

#[test]
fn cards_of_equal_serial_subject_and_issuer_never_get_each_others_account() {
    let people: Vec<_> = (0..8).map(|n| format!("user{n}@corp.example")).collect();
    let cards: Vec<_> = people.iter().map(|name| card("Same", vec![upn(name)])).collect();
    let by_upn = rule(&[Mapper::Upn]);
    // Room for half of them, so that entries come and go all the time.
    let cache = AccountCache::new(4_500, CacheMetrics::default());
    let ask = async |turn: usize| {
        let person = turn * 5 % cards.len();
        let mapped_by = MappingScope { realm: "staff".into(), generation: u64::from(turn.is_multiple_of(2)) };
        let account = cache.map(mapped_by, &cards[person], through(&by_upn), NOW).await.outcome.unwrap();
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
fn a_remembered_account_ends_with_its_deadline_its_generation_and_its_realm() {
    let chain = card("Alice", vec![upn("alice@corp.example")]);
    let (yes, no) = (rule(&[Mapper::Upn]), rule(&[]));
    let cache = AccountCache::new(1 << 20, CacheMetrics::default());
    let by = |realm: &str, generation| MappingScope { realm: realm.into(), generation };
    let later = NOW.plus(Duration::from_secs(300));
    let last = crate::clock::UnixTime::from_seconds(later.seconds() - 1);
    runtime().block_on(async {
        assert!(cache.map(by("staff", 1), &chain, through(&yes), NOW).await.outcome.is_ok());
        assert!(cache.map(by("staff", 1), &chain, through(&no), last).await.outcome.is_ok());
        assert!(cache.map(by("staff", 2), &chain, through(&no), NOW).await.outcome.is_err());
        assert!(cache.map(by("guests", 1), &chain, through(&no), NOW).await.outcome.is_err());
        assert!(cache.map(by("staff", 1), &chain, through(&no), later).await.outcome.is_err());
    });
}

#[test]
fn a_purge_forgets_what_is_remembered_and_raises_the_count_that_connections_compare() {
    let chain = card("Alice", vec![upn("alice@corp.example")]);
    let (yes, no) = (rule(&[Mapper::Upn]), rule(&[]));
    let cache = AccountCache::new(1 << 20, CacheMetrics::default());
    let by = || MappingScope { realm: "staff".into(), generation: 1 };
    runtime().block_on(async {
        assert!(cache.map(by(), &chain, through(&yes), NOW).await.outcome.is_ok());
        let before = cache.purges();
        cache.purge();
        assert_ne!(cache.purges(), before);
        assert!(cache.map(by(), &chain, through(&no), NOW).await.outcome.is_err());
    });
}
