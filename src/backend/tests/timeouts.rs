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
        let server = Server::start(|peer, _| peer.closed()).await;
        let pool = Rc::new(Pool::new(Arc::new(BackendSettings { max_connections: 1, ..server.settings() })));
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
        let server = Server::start(|peer, _| peer.echo_marks()).await;
        let pool = server.pool();
        text(pool.send_unjudged(get("")).await.unwrap()).await;
        tokio::time::sleep(seconds(54)).await;
        text(pool.send_unjudged(get("")).await.unwrap()).await;
        tokio::time::sleep(seconds(54)).await;
        assert_eq!(pool.stats().idle, 1);
        tokio::time::sleep(seconds(2)).await;
        assert_eq!(pool.stats(), PoolStats { connects: 1, reuses: 1, open: 0, idle: 0, waiting: 0 });
    });
}

#[test]
fn a_server_that_never_answers_is_given_up() {
    in_worker_without_time(async {
        let server = Server::start(|peer, _| peer.closed()).await;
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
        let server = Server::start(|peer, _| peer.closed()).await;
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
        let server = Server::start(|mut peer, _| async move {
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
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
            peer.closed().await;
        })
        .await;
        let pool = server.pool();
        let answer = pool.send_unjudged(get("")).await.unwrap();
        let asked = Instant::now();
        assert!(matches!(answer.into_body().collect().await, Err(ResponseBodyError::Stalled)));
        assert_eq!(asked.elapsed().as_secs(), 60);
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_client_that_stops_reading_does_not_hold_its_backend_connection() {
    in_worker_without_time(async {
        let server = Server::start(|mut peer, _| async move {
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
fn a_body_is_sent_without_100_continue_after_a_while() {
    in_worker_without_time(async {
        let server = Server::start(|mut peer, _| async move {
            assert_eq!(field(&peer.head().await.unwrap(), "expect").unwrap(), "100-continue");
            assert_eq!(peer.bytes(4).await, b"body");
            peer.say(OK).await;
            peer.closed().await;
        })
        .await;
        let mut request = post(whole("body"));
        request.headers_mut().insert("expect", "100-continue".parse().unwrap());
        let asked = Instant::now();
        assert_eq!(text(server.pool().send_unjudged(request).await.unwrap()).await, "ok");
        assert_eq!(asked.elapsed().as_secs(), 1);
    });
}
