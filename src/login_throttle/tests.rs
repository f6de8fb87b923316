//! Tests of the login throttle with a simulated clock.

use super::counter::{AttemptOutcome, FailureCounter, ResetRule};
use super::*;
use crate::clock::UnixTime;
use crate::limits::AddressKey;
use proptest::prelude::*;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);
const START: UnixTime = UnixTime::from_seconds(1_800_000_000);

fn throttle() -> Arc<LoginThrottle> {
    Arc::new(LoginThrottle::new(LoginThrottleLimits::default()))
}

fn address(text: &str) -> AddressKey {
    AddressKey::of(text.parse().unwrap(), 64)
}

fn begin(
    attempts: &Arc<LoginThrottle>,
    account: &str,
    from: &str,
    now: UnixTime,
) -> Result<AttemptPermit, LoginThrottled> {
    attempts.begin(address(from), now)?.for_account(account, now)
}

fn fail(attempts: &Arc<LoginThrottle>, account: &str, from: &str, now: UnixTime) {
    begin(attempts, account, from, now).unwrap().failed(now);
}

fn too_many(attempt: Result<AttemptPermit, LoginThrottled>) -> (ThrottledBy, Duration) {
    let too_many = attempt.unwrap_err();
    (too_many.counted, too_many.retry_after)
}

#[test]
fn an_account_waits_for_one_window_after_its_third_failure() {
    let attempts = throttle();
    for minutes in 0..3 {
        fail(&attempts, "sam", "192.0.2.1", START.plus(minutes * MINUTE));
    }
    let at = |minutes| begin(&attempts, "sam", "192.0.2.2", START.plus(minutes * MINUTE));
    assert_eq!(too_many(at(2)), (ThrottledBy::Account, 15 * MINUTE));
    assert_eq!(too_many(at(16)), (ThrottledBy::Account, MINUTE));
    at(17).unwrap().failed(START.plus(17 * MINUTE));
}

/// A domain controller clears its count one window after the last bad password, not after the first.
#[test]
fn slow_guesses_add_up_as_on_a_domain_controller() {
    let attempts = throttle();
    for minutes in [0, 10, 20] {
        fail(&attempts, "sam", "192.0.2.1", START.plus(minutes * MINUTE));
    }
    let denied = begin(&attempts, "sam", "192.0.2.1", START.plus(30 * MINUTE));
    assert_eq!(too_many(denied), (ThrottledBy::Account, 5 * MINUTE));
}

#[test]
fn a_right_password_clears_the_account_but_not_the_address() {
    let attempts = throttle();
    for round in 0..10 {
        let now = START.plus(round * Duration::from_secs(1));
        fail(&attempts, "sam", "192.0.2.1", now);
        fail(&attempts, "sam", "192.0.2.1", now);
        if round < 9 {
            begin(&attempts, "sam", "192.0.2.1", now).unwrap().succeeded(now);
        }
    }
    let denied = begin(&attempts, "alice", "192.0.2.1", START.plus(MINUTE));
    assert_eq!(too_many(denied), (ThrottledBy::Address, 14 * MINUTE));
}

#[test]
fn concurrent_guesses_are_limited_like_successive_ones() {
    let attempts = throttle();
    let in_progress: Vec<_> =
        (0..50).filter_map(|_| begin(&attempts, "sam", "192.0.2.1", START).ok()).collect();
    assert_eq!(in_progress.len(), 3);
    let denied = begin(&attempts, "sam", "192.0.2.1", START);
    assert_eq!(too_many(denied), (ThrottledBy::Account, Duration::from_secs(1)));
    // Rejected attempts do not count: the address has three failures.
    drop(in_progress);
    for guess in 0..17 {
        fail(&attempts, &format!("user{guess}"), "192.0.2.1", START);
    }
    assert_eq!(too_many(attempts.begin(address("192.0.2.1"), START)).0, ThrottledBy::Address);
}

#[test]
fn a_dropped_attempt_counts_as_failed_and_a_cancelled_one_does_not() {
    let attempts = throttle();
    for _ in 0..100 {
        begin(&attempts, "sam", "192.0.2.1", START).unwrap().cancelled(START);
    }
    for _ in 0..3 {
        drop(begin(&attempts, "sam", "192.0.2.1", START).unwrap());
    }
    assert_eq!(too_many(begin(&attempts, "sam", "192.0.2.1", START)).0, ThrottledBy::Account);
}

#[test]
fn all_names_of_an_account_count_in_any_letter_case() {
    let attempts = throttle();
    for name in ["CORP\\sam", "sam@corp.example", "SAM"] {
        let attempt = begin(&attempts, name, "192.0.2.1", START).unwrap();
        attempt.for_account("S-1-5-21-1-2-3-1104", START).unwrap().failed(START);
    }
    let fourth = begin(&attempts, "corp.example\\sam", "192.0.2.1", START).unwrap();
    assert_eq!(too_many(fourth.for_account("s-1-5-21-1-2-3-1104", START)).0, ThrottledBy::Account);
    // The other name does not get three more attempts.
    fail(&attempts, "corp.example\\sam", "192.0.2.1", START);
    fail(&attempts, "corp.example\\sam", "192.0.2.1", START);
    assert!(begin(&attempts, "corp.example\\sam", "192.0.2.1", START).is_err());
}

#[test]
fn a_check_reports_a_block_without_counting_an_attempt() {
    let attempts = throttle();
    let check = |account, from, now| attempts.check(account, address(from), now).map_err(|no| no.counted);
    for _ in 0..3 {
        assert_eq!(check("sam", "192.0.2.1", START), Ok(()));
        fail(&attempts, "sam", "192.0.2.1", START);
    }
    assert_eq!(check("SAM", "192.0.2.2", START), Err(ThrottledBy::Account));
    assert_eq!(check("alice", "192.0.2.1", START), Ok(()));
    for guess in 0..17 {
        fail(&attempts, &format!("user{guess}"), "192.0.2.1", START);
    }
    assert_eq!(check("alice", "192.0.2.1", START), Err(ThrottledBy::Address));
    assert_eq!(check("sam", "192.0.2.1", START.plus(15 * MINUTE)), Ok(()));
}

#[test]
fn a_name_that_is_added_twice_counts_once() {
    let attempts = throttle();
    for _ in 0..3 {
        begin(&attempts, "Sam", "192.0.2.1", START).unwrap().for_account("sam", START).unwrap().failed(START);
    }
    assert!(begin(&attempts, "sam", "192.0.2.1", START).is_err());
}

#[test]
fn an_ipv6_network_counts_as_one_address() {
    let attempts = throttle();
    for host in 0..20 {
        fail(&attempts, &format!("user{host}"), &format!("2001:db8:1:2:{host:x}::1"), START);
    }
    assert!(attempts.begin(address("2001:db8:1:2:ffff::1"), START).is_err());
    attempts.begin(address("2001:db8:1:3::1"), START).unwrap().cancelled(START);
}

#[test]
fn an_ipv4_address_mapped_into_ipv6_is_the_same_address() {
    let attempts = throttle();
    for guess in 0..20 {
        fail(&attempts, &format!("user{guess}"), "::ffff:192.0.2.1", START);
    }
    assert!(attempts.begin(address("192.0.2.1"), START).is_err());
    attempts.begin(address("192.0.2.2"), START).unwrap().cancelled(START);
}

#[test]
fn a_clock_that_is_set_back_does_not_lengthen_the_wait() {
    let attempts = throttle();
    let future = START.plus(1000 * MINUTE);
    for _ in 0..3 {
        fail(&attempts, "sam", "192.0.2.1", future);
    }
    assert_eq!(too_many(begin(&attempts, "sam", "192.0.2.1", START)).1, 15 * MINUTE);
    begin(&attempts, "sam", "192.0.2.1", START.plus(15 * MINUTE)).unwrap().cancelled(START);
}

#[test]
fn a_flood_of_names_does_not_evict_a_blocked_account() {
    let limits = LoginThrottleLimits { keys: 64, per_address: u32::MAX, ..LoginThrottleLimits::default() };
    let attempts = Arc::new(LoginThrottle::new(limits));
    for _ in 0..3 {
        fail(&attempts, "sam", "192.0.2.1", START);
    }
    fail(&attempts, "alice", "192.0.2.1", START);
    fail(&attempts, "alice", "192.0.2.1", START);
    for noise in 0..10_000 {
        fail(&attempts, &format!("noise{noise}"), "192.0.2.1", START.plus(MINUTE));
    }
    assert!(begin(&attempts, "sam", "192.0.2.1", START.plus(MINUTE)).is_err());
    // An account that is nearly blocked is not evicted either while others have fewer failures.
    fail(&attempts, "alice", "192.0.2.1", START.plus(MINUTE));
    assert!(begin(&attempts, "alice", "192.0.2.1", START.plus(MINUTE)).is_err());
}

#[test]
fn new_keys_are_rejected_while_all_keys_are_blocked() {
    let mut counter = FailureCounter::new(1, 15 * MINUTE, ResetRule::AfterLastOrSuccess, 8);
    for key in 0..8 {
        counter.reserve(key, START).unwrap();
        counter.settle(key, AttemptOutcome::Failed, START);
    }
    assert_eq!(counter.reserve(8, START), Err(Duration::from_secs(5)));
    assert_eq!(counter.reserve(9, START.plus(Duration::from_secs(2))), Err(Duration::from_secs(3)));
    assert_eq!(counter.keys(), 8);
    assert_eq!(counter.reserve(8, START.plus(15 * MINUTE)), Ok(()));
    assert_eq!(counter.keys(), 1);
}

#[test]
fn keys_without_failures_take_no_memory() {
    let mut counter = FailureCounter::new(3, 15 * MINUTE, ResetRule::AfterLastOrSuccess, 8);
    for key in 0..100 {
        counter.reserve(key, START).unwrap();
        counter.settle(
            key,
            if key % 2 == 0 { AttemptOutcome::Succeeded } else { AttemptOutcome::Cancelled },
            START,
        );
    }
    assert_eq!(counter.keys(), 0);
}

/// One operation on a counter.
#[derive(Clone, Copy, Debug)]
enum Event {
    Reserve(u64),
    Settle(u64, AttemptOutcome),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    let outcome = prop_oneof![3 => Just(AttemptOutcome::Failed), 1 => Just(AttemptOutcome::Succeeded), 1 => Just(AttemptOutcome::Cancelled)];
    prop_oneof![
        4 => (0..12_u64).prop_map(Event::Reserve),
        4 => (0..12_u64, outcome).prop_map(|(key, outcome)| Event::Settle(key, outcome)),
        1 => (0..600_u64).prop_map(Event::Wait),
    ]
}

proptest! {
    /// The directory's count of an account never exceeds the limit in any order of events, and the memory is bounded.
    #[test]
    fn no_order_of_events_permits_more_failures_than_the_limit(
        events in prop::collection::vec(event(), 0..400)
    ) {
        const LIMIT: u32 = 3;
        let window = Duration::from_secs(900);
        // Large enough that no key is evicted.
        let mut counter = FailureCounter::new(LIMIT, window, ResetRule::AfterLastOrSuccess, 12);
        // The count of a domain controller for each account, and the attempts in progress.
        let mut controller = [(0_u32, START, 0_u32); 12];
        let mut now = START;
        for event in events {
            match event {
                Event::Wait(seconds) => now = now.plus(Duration::from_secs(seconds)),
                Event::Reserve(key) => {
                    let (_, _, in_progress) = &mut controller[usize::try_from(key).unwrap()];
                    if counter.reserve(key, now).is_ok() {
                        *in_progress += 1;
                    }
                }
                Event::Settle(key, outcome) => {
                    let (bad, last, in_progress) = &mut controller[usize::try_from(key).unwrap()];
                    if *in_progress == 0 {
                        continue;
                    }
                    *in_progress -= 1;
                    counter.settle(key, outcome, now);
                    match outcome {
                        AttemptOutcome::Failed if now.since(*last) >= window => (*bad, *last) = (1, now),
                        AttemptOutcome::Failed => (*bad, *last) = (*bad + 1, now),
                        AttemptOutcome::Succeeded => *bad = 0,
                        AttemptOutcome::Cancelled => {}
                    }
                    prop_assert!(*bad <= LIMIT, "the controller counts {bad}");
                }
            }
            prop_assert!(counter.keys() <= 12);
        }
    }
}
