//! Connections that belong to one client's: in step through early answers, and gone when either side is.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::limits::AddressKey;

const CHALLENGE: &str = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";

/// A connection of its own to `server`, and the word that it has ended.
async fn pinned(server: &Server) -> (PinnedConnection, CancellationToken) {
    pinned_with(server.settings()).await
}

pub(super) async fn pinned_with(settings: BackendSettings) -> (PinnedConnection, CancellationToken) {
    let retired = CancellationToken::new();
    let settings = Arc::new(settings);
    let place = Arc::new(PinnedPlaces::default())
        .take(Some(AddressKey::of("192.0.2.1".parse().unwrap(), 64)), settings.pinned)
        .unwrap();
    let pin = Pool::new(settings, BodyMemory::new(0)).pin(place, retired.clone()).await.unwrap();
    (pin, retired)
}

fn with_credentials(mark: &str) -> Request<RequestBody> {
    let mut request = get(mark);
    request.headers_mut().insert("authorization", http::HeaderValue::from_static("NTLM TlRMTVNTUAAB"));
    request
}

fn expecting(body: Feed) -> Request<RequestBody> {
    super::expecting(RequestBody::new(body, u64::MAX, no_strip))
}

async fn status(pin: &PinnedConnection, request: Request<RequestBody>) -> u16 {
    let answered = pin.send_framed(request).await.unwrap();
    let status = answered.response.status().as_u16();
    text(answered.response).await;
    status
}

#[test]
fn one_connection_carries_all_requests_of_its_client() {
    in_worker(async {
        let server = Server::start(|peer, _| peer.echo_marks()).await;
        let (pin, retired) = pinned(&server).await;
        for (round, mark) in ["a", "b", "c"].into_iter().enumerate() {
            let answered = pin.send_framed(with_credentials(mark)).await.unwrap();
            assert_eq!(answered.reused, round > 0);
            assert_eq!(text(answered.response).await, mark);
        }
        assert_eq!(server.accepted.get(), 1);
        assert!(!retired.is_cancelled());
    });
}

#[test]
fn a_backend_that_closes_between_two_requests_retires_the_client_at_once() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say(OK).await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        assert_eq!(status(&pin, with_credentials("")).await, 200);
        retired.cancelled().await;
        assert!(!pin.is_replaceable());
        let again = pin.send_framed(get("")).await;
        assert!(matches!(again, Err(BackendError::PinnedConnectionEnded { .. })));
        assert_eq!(server.accepted.get(), 1, "nothing is sent again");
    });
}

#[test]
fn a_connection_that_carried_no_credentials_may_be_replaced_when_it_has_ended() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say(OK).await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        assert!(!pin.is_replaceable());
        assert_eq!(status(&pin, get("")).await, 200);
        retired.cancelled().await;
        assert!(pin.is_replaceable());
    });
}

#[test]
fn a_backend_that_dies_in_the_dialogue_is_not_asked_again() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let lost = pin.send_framed(with_credentials("")).await;
        assert!(matches!(lost, Err(BackendError::ConnectionLost { .. })));
        assert!(retired.is_cancelled());
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn an_answer_that_closes_retires_the_client_with_it() {
    let answers = [
        "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n\r\nok",
    ];
    for answer in answers {
        in_worker(async move {
            let server = Server::start(move |mut peer, _| async move {
                peer.head().await;
                peer.say(answer).await;
            })
            .await;
            let (pin, retired) = pinned(&server).await;
            let answered = pin.send_framed(get("")).await.unwrap();
            assert!(retired.is_cancelled(), "{answer}");
            assert_eq!(text(answered.response).await, "ok");
        });
    }
}

#[test]
fn an_answer_that_is_not_read_to_its_end_retires_the_client() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbeginning").await;
            peer.closed().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        drop(pin.send_framed(get("")).await.unwrap());
        assert!(retired.is_cancelled());
        let again = pin.send_framed(get("")).await;
        assert!(matches!(again, Err(BackendError::PinnedConnectionEnded { .. })));
    });
}

#[test]
fn the_rest_of_a_body_goes_on_after_an_early_answer_and_the_connection_with_it() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say(CHALLENGE).await;
            assert_eq!(peer.bytes(10).await, b"0123456789");
            peer.head().await;
            peer.say(OK).await;
            peer.closed().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let (feeder, body) = feed(Some(10));
        assert!(feeder.give("01234"));
        let answered = pin.send_framed(post(RequestBody::new(body, 10, no_strip))).await.unwrap();
        assert_eq!(answered.response.status(), 401);
        text(answered.response).await;
        assert!(feeder.give("56789"));
        assert_eq!(status(&pin, with_credentials("")).await, 200);
        assert_eq!(server.accepted.get(), 1);
        assert!(!retired.is_cancelled());
    });
}

#[test]
fn a_body_that_does_not_end_after_an_early_answer_ends_both_connections() {
    in_worker_without_time(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say(CHALLENGE).await;
            peer.closed().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let (feeder, body) = feed(Some(10));
        assert!(feeder.give("01234"));
        let begun = tokio::time::Instant::now();
        assert_eq!(status(&pin, post(RequestBody::new(body, 10, no_strip))).await, 401);
        assert!(!retired.is_cancelled());
        retired.cancelled().await;
        assert_eq!(begun.elapsed().as_secs(), 5);
        until(|| !feeder.give("late")).await;
    });
}

#[test]
fn a_body_that_grows_too_large_after_its_answer_does_not_cut_the_answer() {
    in_worker_without_time(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nno").await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            peer.say("pe").await;
            peer.closed().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let (feeder, body) = feed(None);
        assert!(feeder.give("01234"));
        let answered = pin.send_framed(post(RequestBody::new(body, 10, no_strip))).await.unwrap();
        assert!(feeder.give("56789 and more"));
        assert_eq!(text(answered.response).await, "nope");
        retired.cancelled().await;
    });
}

/// Settings with which a body waits long for the backend's word.
fn patient(server: &Server) -> BackendSettings {
    BackendSettings { continue_timeout: Duration::from_secs(3600), ..server.settings() }
}

#[test]
fn a_body_goes_to_a_backend_that_never_says_continue() {
    in_worker_without_time(async {
        let server = Server::start(|mut peer, _| async move {
            assert_eq!(field(&peer.head().await.unwrap(), "expect").unwrap(), "100-continue");
            assert_eq!(peer.bytes(4).await, b"body");
            peer.say(OK).await;
            peer.closed().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let (feeder, body) = feed(Some(4));
        assert!(feeder.give("body"));
        let begun = tokio::time::Instant::now();
        assert_eq!((status(&pin, expecting(body)).await, begun.elapsed().as_secs()), (200, 1));
        assert!(!retired.is_cancelled());
    });
}

#[test]
fn an_answer_in_http_1_0_ends_the_connection_and_is_an_http_1_1_answer_to_the_client() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.0 200 OK\r\n\r\nok").await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let answered = pin.send_framed(get("")).await.unwrap();
        assert_eq!(answered.response.version(), http::Version::HTTP_11);
        assert!(retired.is_cancelled());
        assert_eq!(text(answered.response).await, "ok");
    });
}

#[test]
fn a_body_is_asked_for_when_the_backend_asks_for_it_and_not_before() {
    in_worker_without_time(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            tokio::time::sleep(Duration::from_secs(100)).await;
            peer.say("HTTP/1.1 100 Continue\r\n\r\n").await;
            assert_eq!(peer.bytes(4).await, b"body");
            peer.say(OK).await;
            peer.closed().await;
        })
        .await;
        let (pin, _) = pinned_with(patient(&server)).await;
        let (feeder, body) = feed(Some(4));
        assert!(feeder.give("body"));
        let polled = Rc::clone(&body.polled);
        let begun = tokio::time::Instant::now();
        let watch = async {
            tokio::time::sleep(Duration::from_secs(99)).await;
            assert!(!polled.get());
        };
        let (status, ()) = tokio::join!(status(&pin, expecting(body)), watch);
        assert_eq!((status, begun.elapsed().as_secs()), (200, 100));
    });
}

#[test]
fn a_backend_that_never_says_whether_it_wants_the_body_times_out() {
    in_worker_without_time(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.closed().await;
        })
        .await;
        let (pin, retired) = pinned_with(patient(&server)).await;
        let (feeder, body) = feed(Some(4));
        assert!(feeder.give("body"));
        let begun = tokio::time::Instant::now();
        let answered = pin.send_framed(expecting(body)).await;
        assert!(matches!(answered, Err(BackendError::FirstByteTimeout { .. })));
        assert_eq!(begun.elapsed(), server.settings().first_byte_timeout);
        assert!(retired.is_cancelled());
    });
}

#[test]
fn a_client_that_sends_a_refused_body_all_the_same_stays_in_step() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say(CHALLENGE).await;
            assert_eq!(peer.bytes(4).await, b"body");
            peer.head().await;
            peer.say(OK).await;
            peer.closed().await;
        })
        .await;
        let (pin, _) = pinned(&server).await;
        let (feeder, body) = feed(Some(4));
        assert!(feeder.give("body"));
        assert_eq!(status(&pin, expecting(body)).await, 401);
        assert_eq!(status(&pin, with_credentials("")).await, 200);
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn a_place_is_free_when_the_connection_has_ended_and_not_before() {
    in_worker(async {
        let server = Server::start(|peer, _| peer.echo_marks()).await;
        let settings = Arc::new(BackendSettings {
            pinned: PinnedLimits { total: 1, per_address: 1 },
            ..server.settings()
        });
        let pool = Pool::new(Arc::clone(&settings), BodyMemory::new(0));
        let places = Arc::new(PinnedPlaces::default());
        let take = || places.take(Some(AddressKey::of("192.0.2.1".parse().unwrap(), 64)), settings.pinned);
        let pin = pool.pin(take().unwrap(), CancellationToken::new()).await.unwrap();
        assert_eq!(status(&pin, get("a")).await, 200);
        assert!(matches!(take(), Err(BackendError::Busy)));
        drop(pin);
        until(|| take().is_ok()).await;
    });
}

#[test]
fn a_server_that_cannot_be_reached_is_left_for_the_next() {
    in_worker(async {
        let server = Server::start(|peer, _| peer.echo_marks()).await;
        let mut settings = server.settings();
        settings.servers.insert(0, refusing_address().await);
        let settings = Arc::new(settings);
        let pool = Pool::new(Arc::clone(&settings), BodyMemory::new(0));
        let places = Arc::new(PinnedPlaces::default());
        for _ in 0..2 {
            let place =
                places.take(Some(AddressKey::of("192.0.2.1".parse().unwrap(), 64)), settings.pinned).unwrap();
            let pin = pool.pin(place, CancellationToken::new()).await.unwrap();
            assert_eq!(pin.send_framed(get("a")).await.unwrap().server, server.address.to_string());
        }
    });
}
