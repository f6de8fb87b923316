//! Every wait ends. Time stands still here and jumps to the next timer.

use super::*;
use http_body_util::BodyExt;
use tokio::time::Instant;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_request_that_finds_no_connection_in_time_is_busy() {
    in_worker_without_time(async {
        let server = ScriptedServer::start(|peer, _| peer.closed()).await;
        let pool = Rc::new(pool(BackendSettings { max_connections: 1, ..server.settings() }));
        let first = spawn_local({
            let pool = Rc::clone(&pool);
            async move { pool.send_unjudged(get("first")).await.map(drop) }
        });
        until(|| pool.stats().open == 1).await;
        let asked = Instant::now();
        assert!(matches!(pool.send_unjudged(get("second")).await, Err(BackendError::Busy)));
        assert_eq!(asked.elapsed().as_secs(), 5);
        assert_eq!(pool.stats().waiting, 0);
        first.abort();
    });
}

#[test]
fn an_idle_connection_is_closed_after_its_time() {
    in_worker_without_time(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = server.pool();
        text(pool.send_unjudged(get("")).await.unwrap()).await;
        tokio::time::sleep(seconds(54)).await;
        text(pool.send_unjudged(get("")).await.unwrap()).await;
        tokio::time::sleep(seconds(54)).await;
        assert_eq!(pool.stats().idle, 1);
        tokio::time::sleep(seconds(2)).await;
        assert_eq!(server.accepted.get(), 1);
        assert_eq!(pool.stats(), PoolStats { open: 0, idle: 0, waiting: 0 });
    });
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    in_worker_without_time(async {
        let server = ScriptedServer::start(|peer, _| peer.closed()).await;
        let pool = server.pool();
        let asked = Instant::now();
        assert!(matches!(pool.send_unjudged(get("")).await, Err(BackendError::FirstByteTimeout { .. })));
        assert_eq!(asked.elapsed().as_secs(), 120);
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_client_that_stops_sending_is_given_up_and_its_connection_closed() {
    in_worker_without_time(async {
        let server = ScriptedServer::start(|peer, _| peer.closed()).await;
        let pool = server.pool();
        let (feeder, body) = feed(Some(10));
        feeder.give("half");
        let sent = pool.send_unjudged(post(RequestBody::new(body, 10, no_strip))).await;
        assert!(matches!(sent, Err(BackendError::RequestBody(RequestBodyError::Stalled))));
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_slow_client_is_not_cut_off_while_its_body_moves() {
    in_worker_without_time(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            assert_eq!(peer.bytes(10).await, [b'x'; 10]);
            peer.say(OK).await;
            peer.closed().await;
        })
        .await;
        let (feeder, body) = feed(Some(10));
        spawn_local(async move {
            for _ in 0..10 {
                tokio::time::sleep(seconds(59)).await;
                feeder.give("x");
            }
        });
        let response = server.pool().send_unjudged(post(RequestBody::new(body, 10, no_strip))).await.unwrap();
        assert_eq!(text(response).await, "ok");
    });
}

#[test]
fn an_answer_that_stops_is_an_error_to_its_reader() {
    in_worker_without_time(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
            peer.closed().await;
        })
        .await;
        let pool = server.pool();
        let asked = Instant::now();
        let answer = pool.send_unjudged(get("")).await.unwrap();
        assert!(matches!(answer.into_body().collect().await, Err(ResponseBodyError::Stalled)));
        assert_eq!(asked.elapsed().as_secs(), 60);
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_client_that_stops_reading_does_not_hold_its_backend_connection() {
    in_worker_without_time(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 200 OK\r\n\r\n").await;
            peer.say(vec![b'x'; 8 << 20]).await;
        })
        .await;
        let pool = server.pool();
        let mut answer = pool.send_unjudged(get("")).await.unwrap();
        answer.body_mut().frame().await.unwrap().unwrap();
        tokio::time::sleep(seconds(61)).await;
        until(|| pool.stats().open == 0).await;
        assert!(matches!(answer.into_body().collect().await, Err(ResponseBodyError::Stalled)));
    });
}

#[test]
fn a_client_that_is_told_to_continue_and_keeps_silent_takes_no_connection() {
    in_worker_without_time(async {
        let server = ScriptedServer::start(|peer, _| peer.closed()).await;
        let pool = server.pool();
        let (_feeder, body) = feed(Some(4));
        let polled = Rc::clone(&body.polled);
        let asked = Instant::now();
        let mut request = expecting(RequestBody::new(body, 4, no_strip));
        let sent = pool.read_ahead_framed(&mut request, REQUESTER).await;
        assert!(matches!(sent, Err(BackendError::RequestBody(RequestBodyError::Stalled))));
        assert_eq!((asked.elapsed().as_secs(), server.accepted.get()), (60, 0));
        assert!(polled.get(), "the client was not told to continue");
    });
}

/// A server that reads the head and nothing else.
async fn deaf() -> ScriptedServer {
    ScriptedServer::start(|mut peer, _| async move {
        peer.head().await;
        tokio::time::sleep(seconds(3600)).await;
    })
    .await
}

#[test]
fn a_server_that_takes_no_body_has_the_time_of_the_first_byte() {
    in_worker_without_time(async {
        let server = deaf().await;
        for (declared, length) in [(Some(64 << 20), 64 << 20), (None, 64 << 20), (Some(4), 4), (None, 4)] {
            let limit = seconds(5);
            let pool = pool(BackendSettings { first_byte_timeout: limit, ..server.settings() });
            let (feeder, body) = feed(declared);
            feeder.give(vec![b'x'; length]);
            drop(feeder);
            let asked = Instant::now();
            let sent = pool.send_unjudged(post(RequestBody::new(body, u64::MAX, no_strip))).await;
            assert!(matches!(sent, Err(BackendError::FirstByteTimeout { .. })), "{declared:?} {length}");
            assert_eq!(asked.elapsed().as_secs(), 5, "{declared:?} {length}");
        }
    });
}

#[test]
fn a_server_that_takes_the_body_slowly_is_not_given_up() {
    in_worker_without_time(async {
        const PIECE: usize = 4 << 20;
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            for _ in 0..12 {
                tokio::time::sleep(seconds(20)).await;
                peer.bytes(PIECE).await;
            }
            peer.say(OK).await;
            peer.closed().await;
        })
        .await;
        let (feeder, body) = feed(Some(12 * PIECE as u64));
        feeder.give(vec![b'x'; 12 * PIECE]);
        let request = post(RequestBody::new(body, u64::MAX, no_strip));
        assert_eq!(text(server.pool().send_unjudged(request).await.unwrap()).await, "ok");
    });
}
