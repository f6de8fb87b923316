//! What is asked, how often, and what is remembered.

use super::super::client::{OcspClient, QueryResult};
use super::responder::{ResponderReply, TestResponder, card_asking, client};
use super::*;
use crate::revocation::fetch::{FetchError, FetchRules};

const SECOND: Duration = Duration::from_secs(1);

/// Without nonces, so that answers can be made beforehand. Time enough for a loaded machine.
fn settings() -> OcspSettings {
    OcspSettings { nonce: NonceRule::Never, limit: MINUTE, ..OcspSettings::default() }
}

/// A CA, a responder, and a card that names it.
async fn scene() -> (OcspFixture, TestResponder) {
    let responder = TestResponder::start().await;
    let ca = TestCa::root("Root");
    let card = card_asking(&ca, CARD, &[&responder.url]);
    let scene = OcspFixture { ca, card };
    responder.reply(ResponderReply::Answer(scene.good().sign(&scene.ca)));
    (scene, responder)
}

impl OcspFixture {
    async fn ask(&self, client: &OcspClient, now: UnixTime) -> QueryResult {
        client.query(&self.card, &self.ca.certificate, now).await
    }

    async fn status(&self, client: &OcspClient, now: UnixTime) -> Result<CertStatus, OcspError> {
        self.ask(client, now).await.response.map(|answer| answer.status)
    }
}

fn is_unreachable(result: &Result<CertStatus, OcspError>) -> bool {
    matches!(result, Err(OcspError::Unreachable { .. }))
}

#[tokio::test]
async fn of_many_who_ask_about_one_card_at_once_one_asks_the_responder() {
    let (scene, responder) = scene().await;
    let client = client(settings());
    let ask = || scene.status(&client, NOW);
    let (a, b, c, d) = tokio::join!(ask(), ask(), ask(), ask());
    assert_eq!([a, b, c, d], [const { Ok(CertStatus::Good) }; 4]);
    assert_eq!(responder.asked().len(), 1);
}

#[tokio::test]
async fn an_answer_is_remembered_until_its_next_update() {
    let (scene, responder) = scene().await;
    let client = client(settings());
    let asked = scene.ask(&client, NOW).await;
    assert_eq!(asked.query_again_at, NOW.plus(HOUR));
    assert_eq!(scene.status(&client, before(NOW.plus(HOUR), SECOND)).await, Ok(CertStatus::Good));
    assert_eq!(responder.asked().len(), 1);
    assert_eq!(scene.status(&client, NOW.plus(HOUR)).await, Ok(CertStatus::Good));
    assert_eq!(responder.asked().len(), 2);
}

#[tokio::test]
async fn a_purge_forgets_answers() {
    let (scene, responder) = scene().await;
    let client = client(settings());
    for asked in 1..=2 {
        assert_eq!(scene.status(&client, NOW).await, Ok(CertStatus::Good));
        assert_eq!(responder.asked().len(), asked);
        client.purge();
    }
}

#[tokio::test]
async fn unknown_is_remembered_for_a_minute_at_most() {
    let (scene, responder) = scene().await;
    responder.reply(ResponderReply::Answer(ResponseDraft::about(scene.single().unknown()).sign(&scene.ca)));
    let asked = scene.ask(&client(settings()), NOW).await;
    assert_eq!(asked.query_again_at, NOW.plus(MINUTE));
}

#[tokio::test]
async fn a_failure_is_remembered_for_five_seconds() {
    let (scene, responder) = scene().await;
    let client = client(settings());
    let good = ResponderReply::Answer(scene.good().sign(&scene.ca));
    responder.reply(ResponderReply::Answer(vec![0x30, 3, 0x0a, 1, 3]));
    let try_later = Err(OcspError::Refused(OcspErrorStatus::TryLater));
    assert_eq!(scene.status(&client, NOW).await, try_later);
    responder.reply(good);
    assert_eq!(scene.status(&client, NOW.plus(4 * SECOND)).await, try_later);
    assert_eq!(responder.asked().len(), 1);
    assert_eq!(scene.status(&client, NOW.plus(5 * SECOND)).await, Ok(CertStatus::Good));
}

#[tokio::test]
async fn while_the_responder_is_away_an_old_answer_counts_to_its_end() {
    let (scene, responder) = scene().await;
    let client = client(OcspSettings { grace: HOUR, ..settings() });
    assert_eq!(scene.status(&client, NOW).await, Ok(CertStatus::Good));
    responder.reply(ResponderReply::Nothing);
    let end = NOW.plus(2 * HOUR + 5 * MINUTE);
    for now in [NOW.plus(HOUR), before(end, SECOND)] {
        let asked = scene.ask(&client, now).await;
        assert_eq!(asked.response.unwrap().status, CertStatus::Good);
        assert_eq!(asked.query_again_at, now.plus(5 * SECOND).min(end));
    }
    assert!(is_unreachable(&scene.status(&client, end).await));
}

#[tokio::test]
async fn a_responder_that_hangs_costs_its_time_once_and_not_once_for_each_card() {
    let (scene, responder) = scene().await;
    responder.reply(ResponderReply::Hang);
    let limit = Duration::from_millis(50);
    let client = client(OcspSettings { limit, ..settings() });
    let other = card_asking(&scene.ca, &[9], &[&responder.url]);
    let unreachable =
        OcspError::Unreachable { url: responder.url.clone(), cause: FetchError::Timeout { limit } };
    assert_eq!(scene.status(&client, NOW).await, Err(unreachable.clone()));
    let asked = client.query(&other, &scene.ca.certificate, NOW.plus(4 * SECOND)).await;
    assert_eq!(asked.response, Err(unreachable));
    assert_eq!(responder.asked().len(), 1);
}

#[tokio::test]
async fn somebody_who_leaves_while_asking_takes_nothing_with_them() {
    let (scene, responder) = scene().await;
    let client = client(OcspSettings { places: 1, ..settings() });
    let good = ResponderReply::Answer(scene.good().sign(&scene.ca));
    responder.reply(ResponderReply::Hang);
    tokio::select! {
        _ = scene.status(&client, NOW) => panic!("the responder hangs"),
        () = async { while responder.asked().is_empty() { tokio::task::yield_now().await } } => {}
    }
    responder.reply(good);
    assert_eq!(scene.status(&client, NOW).await, Ok(CertStatus::Good));
}

#[tokio::test]
async fn the_second_responder_is_asked_where_the_first_tells_nothing_and_a_third_never() {
    let (scene, good) = scene().await;
    let (away, third) = (TestResponder::start().await, TestResponder::start().await);
    let card = |urls: &[&str]| card_asking(&scene.ca, CARD, urls);
    let client = client(settings());
    let asked = client.query(&card(&[&away.url, &good.url]), &scene.ca.certificate, NOW).await;
    assert_eq!(asked.response.unwrap().source.url, good.url);
    client.purge();
    let asked = client.query(&card(&[&away.url, &away.url, &third.url]), &scene.ca.certificate, NOW).await;
    assert!(is_unreachable(&asked.response.map(|answer| answer.status)));
    assert!(third.asked().is_empty());
}

#[tokio::test]
async fn the_configured_responder_is_asked_instead_of_the_named_one() {
    let (scene, named) = scene().await;
    let configured = TestResponder::start().await;
    configured.reply(ResponderReply::Answer(scene.good().sign(&scene.ca)));
    let responder = ConfiguredResponder { url: configured.url.clone(), certificate: None };
    let client = client(OcspSettings { responder: Some(responder), ..settings() });
    assert_eq!(scene.status(&client, NOW).await, Ok(CertStatus::Good));
    assert_eq!((configured.asked().len(), named.asked().len()), (1, 0));
}

#[tokio::test]
async fn a_host_that_is_not_listed_is_never_connected_to() {
    let (scene, responder) = scene().await;
    let closed = OcspClient::new(settings(), FetchRules::default());
    let cause = FetchError::HostNotListed { host: "127.0.0.1".to_owned() };
    let unreachable = OcspError::Unreachable { url: responder.url.clone(), cause };
    assert_eq!(scene.status(&closed, NOW).await, Err(unreachable));
    assert!(responder.asked().is_empty());
}

#[tokio::test]
async fn a_certificate_that_names_no_responder_is_asked_about_nowhere() {
    let asked = OcspFixture::new().ask(&client(settings()), NOW).await;
    assert_eq!((asked.response, asked.query_again_at), (Err(OcspError::NoResponder), UnixTime::END));
}

#[tokio::test]
async fn without_a_free_place_nobody_waits_longer_than_the_limit() {
    let (scene, responder) = scene().await;
    let limit = Duration::from_millis(10);
    let client = client(OcspSettings { places: 0, limit, ..settings() });
    assert_eq!(scene.status(&client, NOW).await, Err(OcspError::Busy { limit }));
    assert!(responder.asked().is_empty());
}

#[tokio::test]
async fn a_request_with_a_nonce_is_posted_and_one_without_travels_in_the_url() {
    let (scene, responder) = scene().await;
    for nonce in [NonceRule::Never, NonceRule::IfReturned] {
        assert_eq!(
            scene.status(&client(OcspSettings { nonce, ..settings() }), NOW).await,
            Ok(CertStatus::Good)
        );
    }
    let asked = responder.asked();
    let [get, post] = asked.as_slice() else { panic!("{asked:?}") };
    assert!(get.starts_with("get /ocsp/m"), "{get}");
    assert_eq!(post, "post /ocsp http/1.1");
}

#[tokio::test]
async fn of_two_responses_of_one_date_the_one_that_revokes_counts_whichever_comes_first() {
    let (scene, responder) = scene().await;
    let later = |minutes: u32| NOW.plus(MINUTE * minutes);
    for this_update in [before(NOW, MINUTE), NOW.plus(4 * MINUTE)] {
        let made = |single: SingleResponseDraft| {
            let single = SingleResponseDraft { this_update, next_update: Some(NOW.plus(MINUTE)), ..single };
            ResponderReply::Answer(ResponseDraft::about(single).sign(&scene.ca))
        };
        let client = client(settings());
        responder.reply(made(scene.single().revoked(Some(6))));
        assert!(matches!(scene.status(&client, NOW).await, Ok(CertStatus::Revoked { .. })));
        responder.reply(made(scene.single()));
        assert!(matches!(scene.status(&client, later(2)).await, Ok(CertStatus::Revoked { .. })));
        // Nor does one from before a "revoked" of a fast clock.
        responder.reply(ResponderReply::Answer(scene.good().sign(&scene.ca)));
        assert!(matches!(scene.status(&client, later(3)).await, Ok(CertStatus::Revoked { .. })));
        client.purge();
        responder.reply(made(scene.single()));
        assert_eq!(scene.status(&client, NOW).await, Ok(CertStatus::Good));
        responder.reply(made(scene.single().revoked(Some(6))));
        assert!(matches!(scene.status(&client, later(4)).await, Ok(CertStatus::Revoked { .. })));
    }
}

#[tokio::test]
async fn an_older_answer_played_again_does_not_replace_a_newer_one() {
    let (scene, responder) = scene().await;
    let made = |age: Duration, single: SingleResponseDraft| {
        let single = SingleResponseDraft {
            this_update: before(NOW, age),
            next_update: Some(NOW.plus(MINUTE)),
            ..single
        };
        ResponderReply::Answer(ResponseDraft::about(single).sign(&scene.ca))
    };
    let client = client(settings());
    // Past its nextUpdate an answer is asked for anew, and counts for five minutes more.
    let later = |minutes: u32| NOW.plus(MINUTE * minutes);
    responder.reply(made(MINUTE, scene.single().revoked(Some(6))));
    assert!(matches!(scene.status(&client, NOW).await, Ok(CertStatus::Revoked { .. })));
    responder.reply(made(HOUR, scene.single()));
    assert!(matches!(scene.status(&client, later(2)).await, Ok(CertStatus::Revoked { .. })));
    assert_eq!(responder.asked().len(), 2);
    // A newer one lifts the hold.
    responder.reply(made(MINUTE / 2, scene.single()));
    assert_eq!(scene.status(&client, later(3)).await, Ok(CertStatus::Good));
    // An older "revoked" can only refuse.
    responder.reply(made(HOUR, scene.single().revoked(None)));
    assert!(matches!(scene.status(&client, later(5)).await, Ok(CertStatus::Revoked { .. })));
}
