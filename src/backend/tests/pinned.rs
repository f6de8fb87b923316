//! Pinned connections: after an early response both connections can still be used, and the end of either one ends the
//! other.

use tokio_util::sync::CancellationToken;

use super::*;
use crate::limits::AddressKey;

const CHALLENGE: &str = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n";

/// Opens a pinned connection to `server`. Returns it with the token that is cancelled when it ends.
async fn pinned(server: &ScriptedServer) -> (PinnedConnection, CancellationToken) {
    pinned_with(server.settings()).await
}

pub(super) async fn pinned_with(settings: BackendSettings) -> (PinnedConnection, CancellationToken) {
    pinned_from(&pool(settings), 1).await.unwrap()
}

/// Opens a pinned connection of `pool` for a client with this address.
async fn pinned_from(
    pool: &BackendPool,
    client: u8,
) -> Result<(PinnedConnection, CancellationToken), BackendError> {
    let retired = CancellationToken::new();
    let address = Some(AddressKey::of([192, 0, 2, client].into(), 64));
    let slot = Arc::new(PinnedLimiter::default()).take(address, pool.settings.pinned)?;
    let requester = Requester { address, connection: client.into(), account: None };
    Ok((pool.pin(slot, requester, retired.clone()).await?, retired))
}

fn with_authorization(mark: &str) -> Request<RequestBody> {
    let mut request = get(mark);
    request.headers_mut().insert("authorization", http::HeaderValue::from_static("NTLM TlRMTVNTUAAB"));
    request
}

fn expecting(body: TestBody) -> Request<RequestBody> {
    super::expecting(RequestBody::new(body, u64::MAX, no_strip))
}

async fn status(pin: &PinnedConnection, request: Request<RequestBody>) -> u16 {
    let upstream = pin.send_framed(request).await.unwrap();
    let status = upstream.response.status().as_u16();
    text(upstream.response).await;
    status
}

#[test]
fn one_connection_carries_all_requests_of_its_client() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let (pin, retired) = pinned(&server).await;
        for (round, mark) in ["a", "b", "c"].into_iter().enumerate() {
            let upstream = pin.send_framed(with_authorization(mark)).await.unwrap();
            assert_eq!(upstream.reused, round > 0);
            assert_eq!(text(upstream.response).await, mark);
        }
        assert_eq!(server.accepted.get(), 1);
        assert!(!retired.is_cancelled());
    });
}

#[test]
fn a_backend_that_closes_between_two_requests_ends_the_client_connection_at_once() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send(OK).await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        assert_eq!(status(&pin, with_authorization("")).await, 200);
        retired.cancelled().await;
        assert!(!pin.is_replaceable());
        let again = pin.send_framed(get("")).await;
        assert!(matches!(again, Err(BackendError::PinnedConnectionEnded { .. })));
        assert_eq!(server.accepted.get(), 1, "no request is sent again");
    });
}

#[test]
fn a_connection_that_carried_no_credentials_can_be_replaced_when_it_has_ended() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send(OK).await;
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
fn a_request_lost_during_a_login_is_not_sent_again() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let lost = pin.send_framed(with_authorization("")).await;
        assert!(matches!(lost, Err(BackendError::ConnectionLost { .. })));
        assert!(retired.is_cancelled());
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn a_response_that_closes_the_connection_ends_the_client_connection() {
    let responses = [
        "HTTP/1.1 200 OK\r\nConnection: x, Close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\n\r\nok",
    ];
    for response in responses {
        in_worker(async move {
            let server = ScriptedServer::start(move |mut peer, _| async move {
                peer.head().await;
                peer.send(response).await;
            })
            .await;
            let (pin, retired) = pinned(&server).await;
            let received = pin.send_framed(get("")).await.unwrap();
            assert!(retired.is_cancelled(), "{response}");
            assert_eq!(text(received.response).await, "ok");
        });
    }
}

#[test]
fn a_response_that_is_not_read_to_its_end_ends_the_client_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\nbeginning").await;
            peer.read_to_end().await;
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
fn the_rest_of_a_body_is_forwarded_after_an_early_response_and_the_connection_kept() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send(CHALLENGE).await;
            assert_eq!(peer.bytes(10).await, b"0123456789");
            peer.head().await;
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let (sender, body) = test_body(Some(10));
        assert!(sender.send_data("01234"));
        let upstream = pin.send_framed(post(RequestBody::new(body, 10, no_strip))).await.unwrap();
        assert_eq!(upstream.response.status(), 401);
        text(upstream.response).await;
        assert!(sender.send_data("56789"));
        assert_eq!(status(&pin, with_authorization("")).await, 200);
        assert_eq!(server.accepted.get(), 1);
        assert!(!retired.is_cancelled());
    });
}

#[test]
fn a_body_that_does_not_end_after_an_early_response_ends_both_connections() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send(CHALLENGE).await;
            peer.read_to_end().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let (sender, body) = test_body(Some(10));
        assert!(sender.send_data("01234"));
        let started = tokio::time::Instant::now();
        assert_eq!(status(&pin, post(RequestBody::new(body, 10, no_strip))).await, 401);
        assert!(!retired.is_cancelled());
        retired.cancelled().await;
        assert_eq!(started.elapsed().as_secs(), 5);
        until(|| !sender.send_data("late")).await;
    });
}

#[test]
fn a_body_that_exceeds_its_limit_after_the_response_does_not_truncate_the_response() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send("HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\n\r\nno").await;
            tokio::time::sleep(Duration::from_secs(3)).await;
            peer.send("pe").await;
            peer.read_to_end().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let (sender, body) = test_body(None);
        assert!(sender.send_data("01234"));
        let upstream = pin.send_framed(post(RequestBody::new(body, 10, no_strip))).await.unwrap();
        assert!(sender.send_data("56789 and more"));
        assert_eq!(text(upstream.response).await, "nope");
        retired.cancelled().await;
    });
}

/// Returns settings with a long timeout for the backend's 100.
fn patient(server: &ScriptedServer) -> BackendSettings {
    BackendSettings { continue_timeout: Duration::from_secs(3600), ..server.settings() }
}

#[test]
fn a_body_is_forwarded_without_a_100_after_the_timeout() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            assert_eq!(field(&peer.head().await.unwrap(), "expect").unwrap(), "100-continue");
            assert_eq!(peer.bytes(4).await, b"body");
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let (sender, body) = test_body(Some(4));
        assert!(sender.send_data("body"));
        let started = tokio::time::Instant::now();
        assert_eq!((status(&pin, expecting(body)).await, started.elapsed().as_secs()), (200, 1));
        assert!(!retired.is_cancelled());
    });
}

#[test]
fn a_response_in_http_1_0_ends_the_connection_and_is_forwarded_as_http_1_1() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send("HTTP/1.0 200 OK\r\n\r\nok").await;
        })
        .await;
        let (pin, retired) = pinned(&server).await;
        let upstream = pin.send_framed(get("")).await.unwrap();
        assert_eq!(upstream.response.version(), http::Version::HTTP_11);
        assert!(retired.is_cancelled());
        assert_eq!(text(upstream.response).await, "ok");
    });
}

#[test]
fn a_body_is_not_read_before_the_backends_100() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            tokio::time::sleep(Duration::from_secs(100)).await;
            peer.send("HTTP/1.1 100 Continue\r\n\r\n").await;
            assert_eq!(peer.bytes(4).await, b"body");
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        let (pin, _) = pinned_with(patient(&server)).await;
        let (sender, body) = test_body(Some(4));
        assert!(sender.send_data("body"));
        let polled = Rc::clone(&body.polled);
        let started = tokio::time::Instant::now();
        let check = async {
            tokio::time::sleep(Duration::from_secs(99)).await;
            assert!(!polled.get());
        };
        let (status, ()) = tokio::join!(status(&pin, expecting(body)), check);
        assert_eq!((status, started.elapsed().as_secs()), (200, 100));
    });
}

#[test]
fn a_backend_that_responds_to_no_expectation_times_out() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.read_to_end().await;
        })
        .await;
        let (pin, retired) = pinned_with(patient(&server)).await;
        let (sender, body) = test_body(Some(4));
        assert!(sender.send_data("body"));
        let started = tokio::time::Instant::now();
        let response = pin.send_framed(expecting(body)).await;
        assert!(matches!(response, Err(BackendError::FirstByteTimeout { .. })));
        assert_eq!(started.elapsed(), server.settings().first_byte_timeout);
        assert!(retired.is_cancelled());
    });
}

#[test]
fn a_client_that_sends_a_rejected_body_can_send_the_next_request() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send(CHALLENGE).await;
            assert_eq!(peer.bytes(4).await, b"body");
            peer.head().await;
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        let (pin, _) = pinned(&server).await;
        let (sender, body) = test_body(Some(4));
        assert!(sender.send_data("body"));
        assert_eq!(status(&pin, expecting(body)).await, 401);
        assert_eq!(status(&pin, with_authorization("")).await, 200);
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn a_pinned_slot_is_released_when_the_connection_has_ended() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let settings = Arc::new(BackendSettings {
            pinned: PinnedLimits { total: 1, per_address: 1 },
            ..server.settings()
        });
        let pool = pool(BackendSettings::clone(&settings));
        let limiter = Arc::new(PinnedLimiter::default());
        let take = || limiter.take(Some(AddressKey::of("192.0.2.1".parse().unwrap(), 64)), settings.pinned);
        let pin = pool.pin(take().unwrap(), REQUESTER, CancellationToken::new()).await.unwrap();
        assert_eq!(status(&pin, get("a")).await, 200);
        assert!(matches!(take(), Err(BackendError::Busy)));
        drop(pin);
        until(|| take().is_ok()).await;
    });
}

#[test]
fn the_next_server_is_used_if_one_cannot_be_reached() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let mut settings = server.settings();
        settings.servers.insert(0, refusing_address().await);
        let settings = Arc::new(settings);
        let pool = pool(BackendSettings::clone(&settings));
        let limiter = Arc::new(PinnedLimiter::default());
        for _ in 0..2 {
            let slot = limiter
                .take(Some(AddressKey::of("192.0.2.1".parse().unwrap(), 64)), settings.pinned)
                .unwrap();
            let pin = pool.pin(slot, REQUESTER, CancellationToken::new()).await.unwrap();
            assert_eq!(pin.send_framed(get("a")).await.unwrap().server, server.address.to_string());
        }
    });
}

/// Creates a pool with four connections, three of which can be pinned ones.
fn pool_of_four(server: &ScriptedServer) -> Rc<BackendPool> {
    let queue_timeout = Duration::from_secs(10);
    let settings = BackendSettings { queue_timeout, max_connections: 4, ..server.settings() };
    Rc::new(pool(BackendSettings { shares: ConnectionShares::of(4), ..settings }))
}

fn account(name: &str) -> Requester {
    let account = crate::limits::AccountRates::default().key(name);
    Requester { address: None, connection: 1000, account: Some(account) }
}

#[test]
fn idle_pinned_connections_yield_to_another_client_and_to_an_account() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = pool_of_four(&server);
        let mut pins = Vec::new();
        for client in 0..10 {
            let (pin, retired) = pinned_from(&pool, client).await.unwrap();
            assert_eq!(status(&pin, get("")).await, 200);
            pins.push((pin, retired));
            until(|| pool.stats().open <= 3).await;
        }
        let alive = |pins: &[(PinnedConnection, CancellationToken)]| {
            pins.iter().filter(|(pin, _)| !pin.is_replaceable()).count()
        };
        assert_eq!((alive(&pins), server.max_open.get()), (3, 4));
        for _ in 0..2 {
            let behalf = UpstreamIdentity::Anonymous;
            let upstream = pool.send_framed(get("x"), &behalf, account("alice")).await.unwrap();
            assert_eq!(text(upstream.response).await, "x");
        }
        assert_eq!((alive(&pins), pool.stats().open), (3, 4));
        // None of them carried credentials, so no client connection has to end.
        assert!(pins.iter().all(|(_, retired)| !retired.is_cancelled()));
        assert_eq!(pool.metrics.idle_pinned.get(), 7);
    });
}

#[test]
fn closing_an_idle_connection_that_carried_credentials_ends_its_client_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = pool_of_four(&server);
        let (pin, retired) = pinned_from(&pool, 1).await.unwrap();
        assert_eq!(status(&pin, with_authorization("")).await, 200);
        let mut others = Vec::new();
        for client in 2..5 {
            others.push(pinned_from(&pool, client).await.unwrap());
        }
        assert!(retired.is_cancelled());
        assert!(!pin.is_replaceable());
        let again = pin.send_framed(get("")).await;
        assert!(matches!(again, Err(BackendError::PinnedConnectionEnded { .. })));
    });
}

#[test]
fn the_address_with_most_connections_yields_first() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = pool_of_four(&server);
        let mut pins = Vec::new();
        // The first client has been idle for longest, and has one connection only.
        for client in [1, 2, 2, 3] {
            let (pin, retired) = pinned_from(&pool, client).await.unwrap();
            assert_eq!(status(&pin, with_authorization("")).await, 200);
            pins.push((pin, retired));
        }
        let closed: Vec<_> = pins.iter().map(|(_, retired)| retired.is_cancelled()).collect();
        assert_eq!(closed, [false, true, false, false]);
    });
}

/// Starts a server that reads each request and never responds.
async fn server_without_response() -> ScriptedServer {
    ScriptedServer::start(|peer, _| peer.read_to_end()).await
}

#[test]
fn pinned_requests_leave_connections_to_requests_with_an_account() {
    in_worker(async {
        let server = server_without_response().await;
        let pool = pool_of_four(&server);
        let mut held = Vec::new();
        for client in 0..10 {
            let pool = Rc::clone(&pool);
            held.push(spawn_local(async move {
                let (pin, _retired) = pinned_from(&pool, client).await?;
                pin.send_framed(get("")).await.map(drop)
            }));
        }
        until(|| pool.stats().waiting == 7 && server.accepted.get() == 3).await;
        let with_account = {
            let pool = Rc::clone(&pool);
            spawn_local(async move {
                pool.send_framed(get(""), &UpstreamIdentity::Anonymous, account("alice")).await.map(drop)
            })
        };
        until(|| server.accepted.get() == 4).await;
        assert_eq!(pool.stats(), PoolStats { open: 4, idle: 0, waiting: 7 });
        held.iter().chain([&with_account]).for_each(tokio::task::JoinHandle::abort);
    });
}

#[test]
fn a_request_without_a_slot_leaves_its_pinned_connection_unchanged() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, number| async move {
            if number == 1 {
                return peer.echo_marks().await;
            }
            peer.head().await;
            tokio::time::sleep(Duration::from_secs(7)).await;
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        let shares = ConnectionShares { anonymous: 1, ..ConnectionShares::of(2) };
        let pool = Rc::new(pool(BackendSettings { max_connections: 2, shares, ..server.settings() }));
        let (pin, retired) = pinned_from(&pool, 1).await.unwrap();
        assert_eq!(status(&pin, with_authorization("")).await, 200);
        let other = {
            let pool = Rc::clone(&pool);
            spawn_local(async move {
                let requester = Requester { connection: 2, ..REQUESTER };
                text(
                    pool.send_framed(get(""), &UpstreamIdentity::Anonymous, requester)
                        .await
                        .unwrap()
                        .response,
                )
                .await
            })
        };
        until(|| server.accepted.get() == 2).await;
        assert!(matches!(pin.send_framed(get("")).await, Err(BackendError::Busy)));
        assert_eq!(other.await.unwrap(), "ok");
        assert_eq!(status(&pin, get("")).await, 200);
        assert!(!retired.is_cancelled());
    });
}

#[test]
fn a_slow_pinned_upload_yields_and_a_login_gets_its_result_first() {
    for is_login in [false, true] {
        in_worker_with_paused_clock(async move {
            let server = ScriptedServer::start(|mut peer, number| async move {
                peer.head().await;
                if number == 1 {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                    peer.send(CHALLENGE).await;
                } else {
                    peer.send(OK).await;
                }
                peer.read_to_end().await;
            })
            .await;
            let shares = ConnectionShares { anonymous: 1, ..ConnectionShares::of(2) };
            let pool = pool(BackendSettings { max_connections: 2, shares, ..server.settings() });
            let (pin, _retired) = pinned_from(&pool, 1).await.unwrap();
            let (_feeder, body) = test_body(Some(1000));
            let request = post(RequestBody::new(body, 1000, no_strip));
            if is_login {
                request.body().progress().await_login_result();
            }
            let slow = spawn_local(async move { pin.send_framed(request).await });
            until(|| server.accepted.get() == 1).await;
            let requester = Requester { connection: 2, ..REQUESTER };
            let waiting = pool.send_framed(get(""), &UpstreamIdentity::Anonymous, requester).await.unwrap();
            assert_eq!(waiting.response.status(), 200);
            assert!(pool.metrics.slow.get() > 0);
            match (is_login, slow.await.unwrap()) {
                (true, Ok(upstream)) => assert_eq!(upstream.response.status(), 401),
                (false, Err(BackendError::RequestBody(RequestBodyError::TooSlow))) => {}
                (_, Ok(_) | Err(_)) => panic!("{is_login}"),
            }
        });
    }
}

const SECOND_MESSAGE: &str =
    "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: NTLM TlRMTVNTUAAC\r\nContent-Length: 0\r\n\r\n";

#[test]
fn a_login_keeps_its_connection_for_two_seconds_while_others_wait() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send(SECOND_MESSAGE).await;
            peer.head().await;
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        let shares = ConnectionShares { anonymous: 1, ..ConnectionShares::of(2) };
        let pool = pool(BackendSettings { max_connections: 2, shares, ..server.settings() });
        let (pin, retired) = pinned_from(&pool, 1).await.unwrap();
        assert_eq!(status(&pin, with_authorization("")).await, 401);
        let started = tokio::time::Instant::now();
        let (next, (other, _)) = tokio::join!(
            async {
                tokio::time::sleep(Duration::from_millis(1_900)).await;
                status(&pin, with_authorization("")).await
            },
            async { pinned_from(&pool, 2).await.unwrap() }
        );
        assert_eq!((next, retired.is_cancelled()), (200, true), "closed after the login");
        assert_eq!(status(&other, with_authorization("")).await, 401);
        let (_third, _) = pinned_from(&pool, 3).await.unwrap();
        // 1.9 seconds for the first and 2 for the second, each noticed at the next tenth of a second.
        assert!((39..=42).contains(&(started.elapsed().as_millis() / 100)), "{:?}", started.elapsed());
        let closed = other.send_framed(with_authorization("")).await;
        assert!(matches!(closed, Err(BackendError::PinnedConnectionEnded { .. })));
    });
}
