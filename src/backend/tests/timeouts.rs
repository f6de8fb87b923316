//! Every wait has a time limit. The clock is paused and advances to the next timer.

use super::*;
use http_body_util::BodyExt;
use tokio::time::Instant;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

#[test]
fn a_request_without_a_connection_in_time_is_busy() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let pool = Rc::new(pool(BackendSettings { max_connections: 1, ..server.settings() }));
        let first = spawn_local({
            let pool = Rc::clone(&pool);
            async move { pool.send_without_permit(get("first")).await.map(drop) }
        });
        until(|| pool.stats().open == 1).await;
        let started = Instant::now();
        assert!(matches!(pool.send_without_permit(get("second")).await, Err(BackendError::Busy)));
        assert_eq!(started.elapsed().as_secs(), 5);
        assert_eq!(pool.stats().waiting, 0);
        first.abort();
    });
}

#[test]
fn an_idle_connection_is_closed_after_the_idle_timeout() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = server.pool();
        text(pool.send_without_permit(get("")).await.unwrap()).await;
        tokio::time::sleep(seconds(54)).await;
        text(pool.send_without_permit(get("")).await.unwrap()).await;
        tokio::time::sleep(seconds(54)).await;
        assert_eq!(pool.stats().idle, 1);
        tokio::time::sleep(seconds(2)).await;
        assert_eq!(server.accepted.get(), 1);
        assert_eq!(pool.stats(), PoolStats { open: 0, idle: 0, waiting: 0 });
    });
}

#[test]
fn a_server_that_never_responds_is_a_first_byte_timeout() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let pool = server.pool();
        let started = Instant::now();
        assert!(matches!(
            pool.send_without_permit(get("")).await,
            Err(BackendError::FirstByteTimeout { .. })
        ));
        assert_eq!(started.elapsed().as_secs(), 120);
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_client_that_stops_sending_is_an_error_and_closes_the_connection() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let pool = server.pool();
        let (sender, body) = test_body(Some(10));
        sender.send_data("half");
        let sent = pool.send_without_permit(post(RequestBody::new(body, 10, no_strip))).await;
        assert!(matches!(sent, Err(BackendError::RequestBody(RequestBodyError::Stalled))));
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_slow_client_is_not_disconnected_while_its_body_makes_progress() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            assert_eq!(peer.bytes(10).await, [b'x'; 10]);
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        let (sender, body) = test_body(Some(10));
        spawn_local(async move {
            for _ in 0..10 {
                tokio::time::sleep(seconds(59)).await;
                sender.send_data("x");
            }
        });
        let response =
            server.pool().send_without_permit(post(RequestBody::new(body, 10, no_strip))).await.unwrap();
        assert_eq!(text(response).await, "ok");
    });
}

#[test]
fn a_response_that_stalls_is_an_error() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
            peer.read_to_end().await;
        })
        .await;
        let pool = server.pool();
        let started = Instant::now();
        let response = pool.send_without_permit(get("")).await.unwrap();
        assert!(matches!(response.into_body().collect().await, Err(ResponseBodyError::Stalled)));
        assert_eq!(started.elapsed().as_secs(), 60);
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_client_that_stops_reading_does_not_keep_its_backend_connection() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send("HTTP/1.1 200 OK\r\n\r\n").await;
            peer.send(vec![b'x'; 8 << 20]).await;
        })
        .await;
        let pool = server.pool();
        let mut response = pool.send_without_permit(get("")).await.unwrap();
        response.body_mut().frame().await.unwrap().unwrap();
        tokio::time::sleep(seconds(61)).await;
        until(|| pool.stats().open == 0).await;
        assert!(matches!(response.into_body().collect().await, Err(ResponseBodyError::Stalled)));
    });
}

#[test]
fn a_client_that_sends_nothing_after_its_100_occupies_no_connection() {
    in_worker_with_paused_clock(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let pool = server.pool();
        let (_feeder, body) = test_body(Some(4));
        let polled = Rc::clone(&body.polled);
        let started = Instant::now();
        let mut request = expecting(RequestBody::new(body, 4, no_strip));
        let sent = pool.read_ahead_framed(&mut request, REQUESTER).await;
        assert!(matches!(sent, Err(BackendError::RequestBody(RequestBodyError::Stalled))));
        assert_eq!((started.elapsed().as_secs(), server.accepted.get()), (60, 0));
        assert!(polled.get(), "the client received no 100");
    });
}

/// Starts a server that reads request heads only.
async fn server_that_reads_no_body() -> ScriptedServer {
    ScriptedServer::start(|mut peer, _| async move {
        peer.head().await;
        tokio::time::sleep(seconds(3600)).await;
    })
    .await
}

#[test]
fn a_server_that_reads_no_body_is_a_first_byte_timeout() {
    in_worker_with_paused_clock(async {
        let server = server_that_reads_no_body().await;
        for (declared, length) in [(Some(64 << 20), 64 << 20), (None, 64 << 20), (Some(4), 4), (None, 4)] {
            let limit = seconds(5);
            let pool = pool(BackendSettings { first_byte_timeout: limit, ..server.settings() });
            let (sender, body) = test_body(declared);
            sender.send_data(vec![b'x'; length]);
            drop(sender);
            let started = Instant::now();
            let sent = pool.send_without_permit(post(RequestBody::new(body, u64::MAX, no_strip))).await;
            assert!(matches!(sent, Err(BackendError::FirstByteTimeout { .. })), "{declared:?} {length}");
            assert_eq!(started.elapsed().as_secs(), 5, "{declared:?} {length}");
        }
    });
}

#[test]
fn a_server_that_reads_the_body_slowly_does_not_time_out() {
    in_worker_with_paused_clock(async {
        const PIECE: usize = 4 << 20;
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            for _ in 0..12 {
                tokio::time::sleep(seconds(20)).await;
                peer.bytes(PIECE).await;
            }
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        let (sender, body) = test_body(Some(12 * PIECE as u64));
        sender.send_data(vec![b'x'; 12 * PIECE]);
        let request = post(RequestBody::new(body, u64::MAX, no_strip));
        assert_eq!(text(server.pool().send_without_permit(request).await.unwrap()).await, "ok");
    });
}
