//! Queries to responders, and the cache of their responses.

use super::super::client::{OcspClient, QueryResult};
use super::responder::{ResponderReply, TestResponder, certificate_naming, client};
use super::*;
use crate::revocation::fetch::{FetchError, FetchRules};

const SECOND: Duration = Duration::from_secs(1);

/// Returns settings without nonces, so that responses can be made in advance, and with a timeout for a loaded machine.
fn settings() -> OcspSettings {
    OcspSettings { nonce: NonceRule::Never, timeout: MINUTE, ..OcspSettings::default() }
}

/// Returns a CA, a responder, and a certificate that names it.
async fn fixture() -> (OcspFixture, TestResponder) {
    let responder = TestResponder::start().await;
    let ca = TestCa::root("Root");
    let leaf = certificate_naming(&ca, SERIAL, &[&responder.url]);
    let fixture = OcspFixture { ca, leaf };
    responder.reply(ResponderReply::Response(fixture.good().sign(&fixture.ca)));
    (fixture, responder)
}

impl OcspFixture {
    async fn query(&self, client: &OcspClient, now: UnixTime) -> QueryResult {
        client.query(&self.leaf, &self.ca.certificate, now).await
    }

    async fn status(&self, client: &OcspClient, now: UnixTime) -> Result<CertStatus, OcspError> {
        self.query(client, now).await.response.map(|response| response.status)
    }
}

fn is_unreachable(result: &Result<CertStatus, OcspError>) -> bool {
    matches!(result, Err(OcspError::Unreachable { .. }))
}

#[tokio::test]
async fn concurrent_queries_for_one_certificate_are_one_request() {
    let (fixture, responder) = fixture().await;
    let client = client(settings());
    let query = || fixture.status(&client, NOW);
    let (a, b, c, d) = tokio::join!(query(), query(), query(), query());
    assert_eq!([a, b, c, d], [const { Ok(CertStatus::Good) }; 4]);
    assert_eq!(responder.requests().len(), 1);
}

#[tokio::test]
async fn a_response_is_cached_until_its_next_update() {
    let (fixture, responder) = fixture().await;
    let client = client(settings());
    let result = fixture.query(&client, NOW).await;
    assert_eq!(result.query_again_at, NOW.plus(HOUR));
    assert_eq!(fixture.status(&client, before(NOW.plus(HOUR), SECOND)).await, Ok(CertStatus::Good));
    assert_eq!(responder.requests().len(), 1);
    assert_eq!(fixture.status(&client, NOW.plus(HOUR)).await, Ok(CertStatus::Good));
    assert_eq!(responder.requests().len(), 2);
}

#[tokio::test]
async fn a_purge_removes_responses() {
    let (fixture, responder) = fixture().await;
    let client = client(settings());
    for result in 1..=2 {
        assert_eq!(fixture.status(&client, NOW).await, Ok(CertStatus::Good));
        assert_eq!(responder.requests().len(), result);
        client.purge();
    }
}

#[tokio::test]
async fn an_unknown_response_is_cached_for_a_minute_at_most() {
    let (fixture, responder) = fixture().await;
    responder
        .reply(ResponderReply::Response(ResponseDraft::about(fixture.single().unknown()).sign(&fixture.ca)));
    let result = fixture.query(&client(settings()), NOW).await;
    assert_eq!(result.query_again_at, NOW.plus(MINUTE));
}

#[tokio::test]
async fn a_failure_is_cached_for_five_seconds() {
    let (fixture, responder) = fixture().await;
    let client = client(settings());
    let good = ResponderReply::Response(fixture.good().sign(&fixture.ca));
    responder.reply(ResponderReply::Response(vec![0x30, 3, 0x0a, 1, 3]));
    let try_later = Err(OcspError::Refused(OcspErrorStatus::TryLater));
    assert_eq!(fixture.status(&client, NOW).await, try_later);
    responder.reply(good);
    assert_eq!(fixture.status(&client, NOW.plus(4 * SECOND)).await, try_later);
    assert_eq!(responder.requests().len(), 1);
    assert_eq!(fixture.status(&client, NOW.plus(5 * SECOND)).await, Ok(CertStatus::Good));
}

#[tokio::test]
async fn while_the_responder_is_down_a_cached_response_is_accepted_until_it_expires() {
    let (fixture, responder) = fixture().await;
    let client = client(OcspSettings { grace: HOUR, ..settings() });
    assert_eq!(fixture.status(&client, NOW).await, Ok(CertStatus::Good));
    responder.reply(ResponderReply::Nothing);
    let end = NOW.plus(2 * HOUR + 5 * MINUTE);
    for now in [NOW.plus(HOUR), before(end, SECOND)] {
        let result = fixture.query(&client, now).await;
        assert_eq!(result.response.unwrap().status, CertStatus::Good);
        assert_eq!(result.query_again_at, now.plus(5 * SECOND).min(end));
    }
    assert!(is_unreachable(&fixture.status(&client, end).await));
}

#[tokio::test]
async fn a_responder_that_repeats_an_expired_response_prolongs_no_other_than_the_cached_one() {
    let (fixture, _responder) = fixture().await;
    let next_update = NOW.plus(HOUR);
    let at = |minutes: u32| next_update.plus(MINUTE * minutes);
    let fresh = client(settings());
    let since = next_update;
    assert_eq!(fixture.status(&fresh, at(4)).await, Err(OcspError::Expired { since }));
    let client = client(settings());
    assert_eq!(fixture.status(&client, NOW).await, Ok(CertStatus::Good));
    assert_eq!(fixture.status(&client, at(4)).await, Ok(CertStatus::Good));
    assert_eq!(fixture.status(&client, at(5)).await, Err(OcspError::Expired { since }));
}

#[tokio::test]
async fn a_responder_that_hangs_delays_one_query_and_not_one_for_each_certificate() {
    let (fixture, responder) = fixture().await;
    responder.reply(ResponderReply::Hang);
    let limit = Duration::from_millis(50);
    let client = client(OcspSettings { timeout: limit, ..settings() });
    let other = certificate_naming(&fixture.ca, &[9], &[&responder.url]);
    let unreachable =
        OcspError::Unreachable { url: responder.url.clone(), cause: FetchError::Timeout { limit } };
    assert_eq!(fixture.status(&client, NOW).await, Err(unreachable.clone()));
    let result = client.query(&other, &fixture.ca.certificate, NOW.plus(4 * SECOND)).await;
    assert_eq!(result.response, Err(unreachable));
    assert_eq!(responder.requests().len(), 1);
}

#[tokio::test]
async fn a_cancelled_query_leaves_its_slot_free() {
    let (fixture, responder) = fixture().await;
    let client = client(OcspSettings { max_concurrent_queries: 1, ..settings() });
    let good = ResponderReply::Response(fixture.good().sign(&fixture.ca));
    responder.reply(ResponderReply::Hang);
    tokio::select! {
        _ = fixture.status(&client, NOW) => panic!("the responder hangs"),
        () = async { while responder.requests().is_empty() { tokio::task::yield_now().await } } => {}
    }
    responder.reply(good);
    assert_eq!(fixture.status(&client, NOW).await, Ok(CertStatus::Good));
}

#[tokio::test]
async fn the_second_responder_is_queried_if_the_first_fails_and_a_third_never() {
    let (fixture, good) = fixture().await;
    let (away, third) = (TestResponder::start().await, TestResponder::start().await);
    let leaf = |urls: &[&str]| certificate_naming(&fixture.ca, SERIAL, urls);
    let client = client(settings());
    let result = client.query(&leaf(&[&away.url, &good.url]), &fixture.ca.certificate, NOW).await;
    assert_eq!(result.response.unwrap().source.url, good.url);
    client.purge();
    let result = client.query(&leaf(&[&away.url, &away.url, &third.url]), &fixture.ca.certificate, NOW).await;
    assert!(is_unreachable(&result.response.map(|response| response.status)));
    assert!(third.requests().is_empty());
}

#[tokio::test]
async fn the_second_responder_is_queried_if_the_first_does_not_know_the_certificate() {
    let (fixture, first) = fixture().await;
    let second = TestResponder::start().await;
    let leaf = certificate_naming(&fixture.ca, SERIAL, &[&first.url, &second.url]);
    let client = client(settings());
    let made = |single| ResponderReply::Response(ResponseDraft::about(single).sign(&fixture.ca));
    let status = async || {
        client.purge();
        let result = client.query(&leaf, &fixture.ca.certificate, NOW).await;
        result.response.map(|response| (response.status, response.source.url.clone()))
    };
    first.reply(made(fixture.single().unknown()));
    second.reply(made(fixture.single()));
    assert_eq!(status().await, Ok((CertStatus::Good, second.url.clone())));
    second.reply(made(fixture.single().revoked(None)));
    assert!(matches!(status().await, Ok((CertStatus::Revoked { .. }, _))));
    // A failure of the second one does not hide what the first one reported.
    second.reply(ResponderReply::Nothing);
    assert_eq!(status().await, Ok((CertStatus::Unknown, first.url.clone())));
    let queried = second.requests().len();
    first.reply(made(fixture.single()));
    assert_eq!(status().await, Ok((CertStatus::Good, first.url.clone())));
    assert_eq!(second.requests().len(), queried);
}

#[tokio::test]
async fn the_configured_responder_is_queried_instead_of_the_named_one() {
    let (fixture, named) = fixture().await;
    let configured = TestResponder::start().await;
    configured.reply(ResponderReply::Response(fixture.good().sign(&fixture.ca)));
    let responder = ConfiguredResponder { url: configured.url.clone(), certificate: None };
    let client = client(OcspSettings { responder: Some(responder), ..settings() });
    assert_eq!(fixture.status(&client, NOW).await, Ok(CertStatus::Good));
    assert_eq!((configured.requests().len(), named.requests().len()), (1, 0));
}

#[tokio::test]
async fn a_responder_that_is_not_allowed_is_never_connected_to() {
    let (fixture, responder) = fixture().await;
    let closed = OcspClient::new(settings(), FetchRules::default());
    let cause = FetchError::HostNotListed { host: "127.0.0.1".to_owned() };
    let unreachable = OcspError::Unreachable { url: responder.url.clone(), cause };
    assert_eq!(fixture.status(&closed, NOW).await, Err(unreachable));
    assert!(responder.requests().is_empty());
}

#[tokio::test]
async fn no_responder_is_queried_for_a_certificate_that_names_none() {
    let result = OcspFixture::new().query(&client(settings()), NOW).await;
    assert_eq!((result.response, result.query_again_at), (Err(OcspError::NoResponder), UnixTime::END));
}

#[tokio::test]
async fn without_a_free_slot_a_query_waits_no_longer_than_the_limit() {
    let (fixture, responder) = fixture().await;
    let limit = Duration::from_millis(10);
    let client = client(OcspSettings { max_concurrent_queries: 0, timeout: limit, ..settings() });
    assert_eq!(fixture.status(&client, NOW).await, Err(OcspError::Busy { limit }));
    assert!(responder.requests().is_empty());
}

#[tokio::test]
async fn a_request_with_a_nonce_is_a_post_and_one_without_a_get() {
    let (fixture, responder) = fixture().await;
    for nonce in [NonceRule::Never, NonceRule::IfReturned] {
        assert_eq!(
            fixture.status(&client(OcspSettings { nonce, ..settings() }), NOW).await,
            Ok(CertStatus::Good)
        );
    }
    let result = responder.requests();
    let [get, post] = result.as_slice() else { panic!("{result:?}") };
    assert!(get.starts_with("get /ocsp/m"), "{get}");
    assert_eq!(post, "post /ocsp http/1.1");
}

#[tokio::test]
async fn of_two_responses_of_one_date_the_one_that_revokes_counts_whichever_comes_first() {
    let (fixture, responder) = fixture().await;
    let later = |minutes: u32| NOW.plus(MINUTE * minutes);
    for this_update in [before(NOW, MINUTE), NOW.plus(4 * MINUTE)] {
        let made = |single: SingleResponseDraft| {
            let single = SingleResponseDraft { this_update, next_update: Some(NOW.plus(MINUTE)), ..single };
            ResponderReply::Response(ResponseDraft::about(single).sign(&fixture.ca))
        };
        let client = client(OcspSettings { grace: HOUR, ..settings() });
        responder.reply(made(fixture.single().revoked(Some(6))));
        assert!(matches!(fixture.status(&client, NOW).await, Ok(CertStatus::Revoked { .. })));
        responder.reply(made(fixture.single()));
        assert!(matches!(fixture.status(&client, later(2)).await, Ok(CertStatus::Revoked { .. })));
        // Nor does an older one if the clock of the responder was fast.
        responder.reply(ResponderReply::Response(fixture.good().sign(&fixture.ca)));
        assert!(matches!(fixture.status(&client, later(3)).await, Ok(CertStatus::Revoked { .. })));
        client.purge();
        responder.reply(made(fixture.single()));
        assert_eq!(fixture.status(&client, NOW).await, Ok(CertStatus::Good));
        responder.reply(made(fixture.single().revoked(Some(6))));
        assert!(matches!(fixture.status(&client, later(4)).await, Ok(CertStatus::Revoked { .. })));
    }
}

#[tokio::test]
async fn a_replayed_older_response_does_not_replace_a_newer_one() {
    let (fixture, responder) = fixture().await;
    let made = |age: Duration, single: SingleResponseDraft| {
        let single = SingleResponseDraft {
            this_update: before(NOW, age),
            next_update: Some(NOW.plus(MINUTE)),
            ..single
        };
        ResponderReply::Response(ResponseDraft::about(single).sign(&fixture.ca))
    };
    let client = client(OcspSettings { grace: HOUR, ..settings() });
    // Past its nextUpdate a response is queried again, and accepted during the grace.
    let later = |minutes: u32| NOW.plus(MINUTE * minutes);
    responder.reply(made(MINUTE, fixture.single().revoked(Some(6))));
    assert!(matches!(fixture.status(&client, NOW).await, Ok(CertStatus::Revoked { .. })));
    responder.reply(made(HOUR, fixture.single()));
    assert!(matches!(fixture.status(&client, later(2)).await, Ok(CertStatus::Revoked { .. })));
    assert_eq!(responder.requests().len(), 2);
    // A newer one lifts the hold.
    responder.reply(made(MINUTE / 2, fixture.single()));
    assert_eq!(fixture.status(&client, later(3)).await, Ok(CertStatus::Good));
    // An older "revoked" can only deny.
    responder.reply(made(HOUR, fixture.single().revoked(None)));
    assert!(matches!(fixture.status(&client, later(5)).await, Ok(CertStatus::Revoked { .. })));
}
