//! The cache of user certificates.

use std::sync::Arc;
use std::time::Duration;

use super::{NOW, alice, authority, before, bob, changed_authority, date};
use crate::clock::Tick;
use crate::delegation::user_certificates::{IssuanceError, IssuedUserCertificate, UserCertificates};
use crate::telemetry::CacheMetrics;

fn identities() -> UserCertificates {
    UserCertificates::new(authority().load(), 1 << 20, CacheMetrics::default())
}

fn is_same(one: &Arc<IssuedUserCertificate>, other: &Arc<IssuedUserCertificate>) -> bool {
    one.certificate().serial == other.certificate().serial
}

#[tokio::test]
async fn a_certificate_is_used_for_two_thirds_of_its_lifetime() {
    let identities = identities();
    let first = identities.identity(&alice(), Tick::ORIGIN, NOW).await.unwrap();
    let soon = identities.identity(&alice(), Tick::ORIGIN, NOW.plus(Duration::from_secs(199))).await.unwrap();
    assert!(is_same(&first, &soon));
    let late = identities.identity(&alice(), Tick::ORIGIN, NOW.plus(Duration::from_secs(200))).await.unwrap();
    assert!(!is_same(&first, &late));
    assert_eq!(late.certificate().not_after, NOW.plus(Duration::from_secs(500)));
}

#[tokio::test]
async fn two_accounts_never_share_a_certificate() {
    let identities = identities();
    let one = identities.identity(&alice(), Tick::ORIGIN, NOW).await.unwrap();
    let other = identities.identity(&bob(), Tick::ORIGIN, NOW).await.unwrap();
    assert!(!is_same(&one, &other));
    assert!(is_same(&one, &identities.identity(&alice(), Tick::ORIGIN, NOW).await.unwrap()));
}

#[tokio::test]
async fn an_account_that_differs_in_one_name_is_another_account() {
    let identities = identities();
    let named = |upn, sid| {
        crate::delegation::user_certificates::UserCertificateSubject::new("alice", upn, sid).unwrap()
    };
    let both = named(Some("alice@corp.example"), Some("S-1-5-21-1-2-3-1103"));
    let first = identities.identity(&both, Tick::ORIGIN, NOW).await.unwrap();
    for other in [
        named(Some("alice@corp.example"), Some("S-1-5-21-1-2-3-1104")),
        named(Some("alice@other.example"), Some("S-1-5-21-1-2-3-1103")),
        named(Some("alice@corp.example"), None),
        named(None, Some("S-1-5-21-1-2-3-1103")),
    ] {
        assert!(
            !is_same(&first, &identities.identity(&other, Tick::ORIGIN, NOW).await.unwrap()),
            "{other:?}"
        );
    }
}

#[tokio::test]
async fn concurrent_requests_for_one_account_issue_one_certificate() {
    let metrics = CacheMetrics::default();
    let identities = UserCertificates::new(authority().load(), 1 << 20, metrics.clone());
    let subject = alice();
    let demand = || identities.identity(&subject, Tick::ORIGIN, NOW);
    let (one, two, three) = tokio::join!(demand(), demand(), demand());
    let first = one.unwrap();
    assert!(is_same(&first, &two.unwrap()) && is_same(&first, &three.unwrap()));
    assert_eq!((metrics.misses.get(), metrics.hits.get()), (1, 2));
}

#[tokio::test]
async fn an_account_that_was_read_again_gets_a_new_certificate() {
    let identities = identities();
    let first_reading = Tick::next();
    let first = identities.identity(&alice(), first_reading, NOW).await.unwrap();
    assert!(is_same(&first, &identities.identity(&alice(), first_reading, NOW).await.unwrap()));
    let second = identities.identity(&alice(), Tick::next(), NOW).await.unwrap();
    assert!(!is_same(&first, &second));
    assert!(is_same(&second, &identities.identity(&alice(), first_reading, NOW).await.unwrap()));
}

#[tokio::test]
async fn an_error_is_not_cached() {
    let end = NOW.plus(Duration::from_secs(600));
    let ends = changed_authority(|parameters| parameters.not_after = date(end));
    let identities = UserCertificates::new(ends.load(), 1 << 20, CacheMetrics::default());
    let refused = identities.identity(&alice(), Tick::ORIGIN, end).await.unwrap_err();
    assert!(matches!(*refused, IssuanceError::AuthorityEnds { .. }));
    let earlier = before(end, Duration::from_secs(300));
    assert!(identities.identity(&alice(), Tick::ORIGIN, earlier).await.is_ok(), "the clock was put right");
}
