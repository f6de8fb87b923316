//! Answers that come before the request's body, and those that are not answers.

use super::*;

const TOO_LARGE: &str = "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge";

fn expecting(body: RequestBody) -> Request<RequestBody> {
    let mut request = post(body);
    request.headers_mut().insert("expect", "100-Continue".parse().unwrap());
    request
}

#[test]
fn an_early_answer_arrives_and_its_connection_is_not_used_again() {
    in_worker(async {
        let server = Server::start(|mut peer, number| async move {
            peer.head().await;
            if number == 1 {
                peer.bytes(1).await;
                peer.say(TOO_LARGE).await;
            } else {
                peer.say(OK).await;
            }
            peer.closed().await;
        })
        .await;
        let pool = server.pool();
        let (feeder, body) = feed(None);
        feeder.give(vec![b'x'; 100_000]);
        let request = post(RequestBody::new(body, u64::MAX, no_strip));
        let upload = request.body().upload();
        let answer = pool.send_unjudged(request).await.unwrap();
        assert_eq!(answer.status(), 413);
        assert_eq!(text(answer).await, "large");
        assert!(!upload.is_whole());
        until(|| pool.stats().open == 0).await;
        assert!(!feeder.give("more"));
        text(pool.send_unjudged(get("")).await.unwrap()).await;
        assert_eq!(server.accepted.get(), 2);
    });
}

#[test]
fn an_early_answer_arrives_although_the_next_write_fails() {
    in_worker(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answered, mut has_answered) = mpsc::unbounded_channel::<()>();
        // A thread of its own: it answers and resets the connection while the worker's only thread is busy, so that
        // the next write fails before the answer was read.
        let server = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut stream, _) = listener.accept().unwrap();
            assert_eq!(stream.read(&mut [0; 10]).unwrap(), 10);
            stream.write_all(TOO_LARGE.as_bytes()).unwrap();
            // Dropped with the rest unread, which the kernel tells the peer by a reset.
            drop(stream);
            answered.send(()).unwrap();
        });
        let address = ServerAddress { host: "127.0.0.1".into(), port, transport: Transport::Plain };
        let pool = Rc::new(Pool::new(Arc::new(BackendSettings::new("test", vec![address]))));
        let (feeder, body) = feed(None);
        feeder.give("first");
        let request = post(RequestBody::new(body, u64::MAX, no_strip));
        let upload = request.body().upload();
        let sending = spawn_local({
            let pool = Rc::clone(&pool);
            async move { pool.send_unjudged(request).await }
        });
        until(|| upload.bytes() == 5).await;
        while has_answered.try_recv().is_err() {
            std::thread::yield_now();
        }
        feeder.give("second");
        let answer = sending.await.unwrap().unwrap();
        assert_eq!((answer.status().as_u16(), text(answer).await), (413, "large".into()));
        until(|| pool.stats().open == 0).await;
        server.join().unwrap();
    });
}

#[test]
fn the_body_is_not_read_before_the_server_asks_for_it() {
    in_worker(async {
        let (feeder, body) = feed(Some(4));
        feeder.give("body");
        let polled = Rc::clone(&body.polled);
        let polled_early = Rc::new(Cell::new(None));
        let early = Rc::clone(&polled_early);
        let server = Server::start(move |mut peer, _| {
            let (polled, early) = (Rc::clone(&polled), Rc::clone(&early));
            async move {
                peer.head().await;
                early.set(Some(polled.get()));
                peer.say("HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n").await;
                assert_eq!(peer.bytes(4).await, b"body");
                peer.say(OK).await;
                peer.closed().await;
            }
        })
        .await;
        let settings = BackendSettings { continue_timeout: Duration::from_secs(3600), ..server.settings() };
        let pool = Pool::new(Arc::new(settings));
        let answer = pool.send_unjudged(expecting(RequestBody::new(body, 4, no_strip))).await.unwrap();
        assert_eq!(text(answer).await, "ok");
        assert_eq!(polled_early.get(), Some(false));
        assert_eq!(pool.stats().idle, 1);
    });
}

#[test]
fn a_body_that_the_server_does_not_want_is_never_read() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 2\r\n\r\nno").await;
            peer.closed().await;
        })
        .await;
        let (feeder, body) = feed(Some(4));
        feeder.give("body");
        let polled = Rc::clone(&body.polled);
        let pool = server.pool();
        let answer = pool.send_unjudged(expecting(RequestBody::new(body, 4, no_strip))).await.unwrap();
        assert_eq!((answer.status().as_u16(), text(answer).await), (417, "no".into()));
        until(|| pool.stats().open == 0).await;
        assert!(!polled.get());
    });
}

/// hyper's server before the pool, as the gate has it. Gives the client's side of a connection to it.
async fn through_a_front(pool: Pool) -> Peer<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pool = Rc::new(pool);
    spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let pool = Rc::clone(&pool);
            async move { pool.send_unjudged(request.map(|body| RequestBody::new(body, 1 << 20, no_strip))).await }
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
    });
    Peer(BufReader::new(TcpStream::connect(address).await.unwrap()))
}

const EXPECTING_HEAD: &str =
    "POST / HTTP/1.1\r\nHost: rms\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn a_client_is_told_to_continue_when_the_server_says_so() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 100 Continue\r\n\r\n").await;
            assert_eq!(peer.bytes(4).await, b"body");
            peer.say(OK).await;
            peer.closed().await;
        })
        .await;
        let settings = BackendSettings { continue_timeout: Duration::from_secs(3600), ..server.settings() };
        let mut client = through_a_front(Pool::new(Arc::new(settings))).await;
        client.say(EXPECTING_HEAD).await;
        assert_eq!(client.head().await.unwrap(), "HTTP/1.1 100 Continue\r\n");
        client.say("body").await;
        assert!(client.head().await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
        assert_eq!(client.bytes(2).await, b"ok");
    });
}

#[test]
fn a_client_is_not_told_to_continue_when_the_server_refuses() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n").await;
            peer.closed().await;
        })
        .await;
        let mut client = through_a_front(server.pool()).await;
        client.say(EXPECTING_HEAD).await;
        assert!(client.head().await.unwrap().starts_with("HTTP/1.1 401 Unauthorized\r\n"));
    });
}

#[test]
fn switching_protocols_is_refused_and_the_connection_closed() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").await;
            peer.closed().await;
        })
        .await;
        let pool = server.pool();
        assert!(matches!(pool.send_unjudged(get("")).await, Err(BackendError::UpgradeRefused { .. })));
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn an_answer_of_ambiguous_length_is_refused_and_the_connection_closed() {
    in_worker(async {
        let server = Server::start(|mut peer, _| async move {
            peer.head().await;
            peer.say("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                .await;
            peer.closed().await;
        })
        .await;
        let pool = server.pool();
        assert!(matches!(pool.send_unjudged(get("")).await, Err(BackendError::AmbiguousFraming { .. })));
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn an_answer_that_is_not_http_or_has_too_large_a_head_is_a_protocol_error() {
    for answer in
        ["SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(), format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(70_000))]
    {
        in_worker(async move {
            let server = Server::start(move |mut peer, _| {
                let answer = answer.clone();
                async move {
                    peer.head().await;
                    peer.say(answer).await;
                    peer.closed().await;
                }
            })
            .await;
            assert!(matches!(server.pool().send_unjudged(get("")).await, Err(BackendError::Protocol { .. })));
        });
    }
}
