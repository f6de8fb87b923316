//! Responses before the end of the request body, and responses that cannot be forwarded.

use super::*;

const TOO_LARGE: &str = "HTTP/1.1 413 Too Large\r\nContent-Length: 5\r\n\r\nlarge";

#[test]
fn an_early_response_is_returned_and_its_connection_not_reused() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, number| async move {
            peer.head().await;
            if number == 1 {
                peer.bytes(1).await;
                peer.send(TOO_LARGE).await;
            } else {
                peer.send(OK).await;
            }
            peer.read_to_end().await;
        })
        .await;
        let pool = server.pool();
        let (sender, body) = test_body(None);
        sender.send_data(vec![b'x'; 100_000]);
        let request = post(RequestBody::new(body, u64::MAX, no_strip));
        let upload = request.body().progress();
        let response = pool.send_without_permit(request).await.unwrap();
        assert_eq!(response.status(), 413);
        assert_eq!(text(response).await, "large");
        assert!(!upload.is_whole());
        until(|| pool.stats().open == 0).await;
        assert!(!sender.send_data("more"));
        text(pool.send_without_permit(get("")).await.unwrap()).await;
        assert_eq!(server.accepted.get(), 2);
    });
}

#[test]
fn the_rest_of_a_body_is_discarded_during_the_response_up_to_its_limit() {
    in_worker(async {
        const MOST: usize = 1 << 20;
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 9\r\n\r\nno").await;
            peer.bytes(1).await;
            tokio::time::sleep(Duration::from_secs(3600)).await;
        })
        .await;
        let pool = server.pool();
        let (sender, body) = test_body(None);
        let taken = Rc::clone(&body.taken);
        let request = post(RequestBody::new(body, MOST as u64, no_strip));
        let mut response = pool.send_without_permit(request).await.unwrap();
        assert_eq!(response.status(), 403);
        response.body_mut().frame().await.unwrap().unwrap();
        for _ in 0..4 * MOST / 65_536 {
            sender.send_data(vec![b'x'; 65_536]);
        }
        until(|| taken.get() > MOST).await;
        for _ in 0..1000 {
            yield_now().await;
        }
        assert_eq!(taken.get(), MOST + 65_536);
    });
}

#[test]
fn an_early_response_is_returned_although_the_next_write_fails() {
    in_worker(async {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (responded, mut has_responded) = mpsc::unbounded_channel::<()>();
        // A thread of its own: it responds and resets the connection while the worker's only thread is busy, so that
        // the next write fails before the response is read.
        let server = std::thread::spawn(move || {
            use std::io::{Read, Write};
            let (mut stream, _) = listener.accept().unwrap();
            assert_eq!(stream.read(&mut [0; 10]).unwrap(), 10);
            stream.write_all(TOO_LARGE.as_bytes()).unwrap();
            // Dropped with unread bytes, for which the kernel sends a reset.
            drop(stream);
            responded.send(()).unwrap();
        });
        let address = ServerAddress { host: "127.0.0.1".into(), port, transport: ServerTransport::Plain };
        let pool = Rc::new(pool(BackendSettings::new("test", vec![address])));
        let (sender, body) = test_body(None);
        sender.send_data("first");
        let request = post(RequestBody::new(body, u64::MAX, no_strip));
        let upload = request.body().progress();
        let sending = spawn_local({
            let pool = Rc::clone(&pool);
            async move { pool.send_without_permit(request).await }
        });
        until(|| upload.bytes() == 5).await;
        while has_responded.try_recv().is_err() {
            std::thread::yield_now();
        }
        sender.send_data("second");
        let response = sending.await.unwrap().unwrap();
        assert_eq!((response.status().as_u16(), text(response).await), (413, "large".into()));
        until(|| pool.stats().open == 0).await;
        server.join().unwrap();
    });
}

#[test]
fn an_expectation_is_met_by_the_gateway_and_the_connection_acquired_after_the_body_was_read() {
    in_worker(async {
        let server = ScriptedServer::start(move |mut peer, _| async move {
            let head = peer.head().await.unwrap();
            assert_eq!(field(&head, "expect"), None);
            let body = match field(&head, "content-length") {
                Some(_) => peer.bytes(8).await,
                None => peer.chunked().await.0,
            };
            assert_eq!(body, b"the body");
            peer.send(OK).await;
            peer.read_to_end().await;
        })
        .await;
        for declared in [Some(8), None] {
            let (sender, body) = test_body(declared);
            let polled = Rc::clone(&body.polled);
            let pool = Rc::new(server.pool());
            let mut request = expecting(RequestBody::new(body, 8, no_strip));
            let sending = spawn_local({
                let pool = Rc::clone(&pool);
                async move {
                    pool.read_ahead_framed(&mut request, REQUESTER).await.unwrap();
                    text(pool.send_without_permit(request).await.unwrap()).await
                }
            });
            until(|| polled.get()).await;
            sender.send_data("the ");
            for _ in 0..1000 {
                yield_now().await;
            }
            assert_eq!(pool.stats().open, 0);
            sender.send_data("body");
            drop(sender);
            assert_eq!(sending.await.unwrap(), "ok");
        }
    });
}

/// Runs hyper's server in front of the pool, as in the gateway. Returns the client's end of a connection to it.
async fn gateway_client(pool: BackendPool) -> ServerPeer<TcpStream> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pool = Rc::new(pool);
    spawn_local(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
            let pool = Rc::clone(&pool);
            let mut request = request.map(|body| RequestBody::new(body, 64 << 20, no_strip));
            async move {
                pool.read_ahead_framed(&mut request, REQUESTER).await?;
                pool.send_without_permit(request).await
            }
        });
        let io = hyper_util::rt::TokioIo::new(stream);
        hyper::server::conn::http1::Builder::new().serve_connection(io, service).await
    });
    ServerPeer(BufReader::new(TcpStream::connect(address).await.unwrap()))
}

const EXPECTING_HEAD: &str =
    "POST / HTTP/1.1\r\nHost: rms\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n";

#[test]
fn a_client_receives_one_100_and_keeps_its_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            for _ in 0..2 {
                peer.head().await;
                assert_eq!(peer.bytes(4).await, b"body");
                peer.send(OK).await;
            }
            peer.read_to_end().await;
        })
        .await;
        let mut client = gateway_client(server.pool()).await;
        for _ in 0..2 {
            client.send(EXPECTING_HEAD).await;
            assert_eq!(client.head().await.unwrap(), "HTTP/1.1 100 Continue\r\n");
            client.send("body").await;
            assert!(client.head().await.unwrap().starts_with("HTTP/1.1 200 OK\r\n"));
            assert_eq!(client.bytes(2).await, b"ok");
        }
    });
}

#[test]
fn switching_protocols_is_an_error_and_closes_the_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n").await;
            peer.read_to_end().await;
        })
        .await;
        let pool = server.pool();
        assert!(matches!(
            pool.send_without_permit(get("")).await,
            Err(BackendError::UnexpectedUpgrade { .. })
        ));
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_response_of_ambiguous_length_is_an_error_and_closes_the_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
                .await;
            peer.read_to_end().await;
        })
        .await;
        let pool = server.pool();
        assert!(matches!(
            pool.send_without_permit(get("")).await,
            Err(BackendError::AmbiguousFraming { .. })
        ));
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_response_that_is_not_http_or_has_too_large_a_head_is_a_protocol_error() {
    for response in
        ["SSH-2.0-OpenSSH_9.6\r\n\r\n".to_owned(), format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(70_000))]
    {
        in_worker(async move {
            let server = ScriptedServer::start(move |mut peer, _| {
                let response = response.clone();
                async move {
                    peer.head().await;
                    peer.send(response).await;
                    peer.read_to_end().await;
                }
            })
            .await;
            assert!(matches!(
                server.pool().send_without_permit(get("")).await,
                Err(BackendError::Protocol { .. })
            ));
        });
    }
}

/// Returns the response to a request if the server sends `message`.
async fn response_to(
    message: String,
    settings: impl Fn(BackendSettings) -> BackendSettings,
) -> Result<Response<ResponseBody>, BackendError> {
    let server = ScriptedServer::start(move |mut peer, _| {
        let message = message.clone();
        async move {
            peer.head().await;
            peer.send(message).await;
        }
    })
    .await;
    pool(settings(server.settings())).send_without_permit(get("")).await
}

#[test]
fn whitespace_before_the_colon_of_a_field_is_removed() {
    in_worker(async {
        let message =
            "HTTP/1.1 200 OK\r\nX-Legacy : yes\r\nSet-Cookie\t: a=b\r\nContent-Length : 2\r\n\r\nok";
        let response = response_to(message.to_owned(), |settings| settings).await.unwrap();
        assert_eq!(response.headers()["x-legacy"], "yes");
        assert_eq!(response.headers()["set-cookie"], "a=b");
        assert_eq!(text(response).await, "ok");
    });
}

#[test]
fn a_response_of_ambiguous_length_with_whitespace_is_an_error() {
    for lines in
        ["Content-Length : 2\r\nContent-Length: 3", "Transfer-Encoding : chunked\r\nContent-Length: 2"]
    {
        in_worker(async move {
            let message = format!("HTTP/1.1 200 OK\r\n{lines}\r\n\r\nok");
            assert!(response_to(message, |settings| settings).await.is_err(), "{lines}");
        });
    }
}

#[test]
fn a_response_in_http_1_0_is_forwarded_as_http_1_1() {
    for message in ["HTTP/1.0 200 OK\r\n\r\nok", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"] {
        in_worker(async move {
            let response = response_to(message.to_owned(), |settings| settings).await.unwrap();
            assert_eq!(response.version(), http::Version::HTTP_11, "{message}");
            assert_eq!(text(response).await, "ok");
        });
    }
}

#[test]
fn response_heads_are_limited_in_fields_and_bytes() {
    let fields = |count: usize| "a: b\r\n".repeat(count);
    for (max_header_fields, count, passes) in
        [(256, 105, true), (256, 256, true), (256, 257, false), (16, 17, false)]
    {
        in_worker(async move {
            let message = format!("HTTP/1.1 204 No Content\r\n{}\r\n", fields(count));
            let settings = |settings| BackendSettings { max_header_fields, ..settings };
            assert_eq!(
                response_to(message, settings).await.is_ok(),
                passes,
                "{count} of {max_header_fields}"
            );
        });
    }
    for (max_header_bytes, length, passes) in
        [(8 << 10, 8_000, true), (8 << 10, 9_000, false), (1 << 20, 900_000, true)]
    {
        in_worker(async move {
            let message = format!("HTTP/1.1 204 No Content\r\nx: {}\r\n\r\n", "y".repeat(length));
            let settings = |settings| BackendSettings { max_header_bytes, ..settings };
            assert_eq!(
                response_to(message, settings).await.is_ok(),
                passes,
                "{length} of {max_header_bytes}"
            );
        });
    }
}

#[test]
fn header_names_are_written_in_title_case() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            let head = peer.head().await.unwrap();
            let length = head.len();
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{head}")).await;
        })
        .await;
        let head = text(server.pool().send_without_permit(get("x")).await.unwrap()).await;
        assert!(head.ends_with("\r\nHost: rms\r\nMark: x\r\n"), "{head}");
    });
}

#[test]
fn a_client_that_writes_everything_before_it_reads_receives_a_long_early_response() {
    in_worker(async move {
        const LENGTH: usize = 16 << 20;
        let server = ScriptedServer::start(move |mut peer, _| async move {
            peer.head().await;
            peer.send(format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {LENGTH}\r\n\r\n")).await;
            peer.send(vec![b'y'; LENGTH]).await;
            // No byte of the body is read, and the connection stays open.
            tokio::time::sleep(Duration::from_secs(3600)).await;
        })
        .await;
        let mut client = gateway_client(server.pool()).await;
        client.send("POST / HTTP/1.1\r\nHost: rms\r\nContent-Length: 8388608\r\n\r\n").await;
        for _ in 0..128 {
            client.send(vec![b'x'; 65_536]).await;
        }
        assert!(client.head().await.unwrap().starts_with("HTTP/1.1 403 Forbidden\r\n"));
        assert!(client.bytes(LENGTH).await.iter().all(|byte| *byte == b'y'));
    });
}

/// Returns the number of bytes that the server's socket with this port has sent and the client's kernel has not
/// received.
fn unreceived_bytes(port: u16) -> u64 {
    let local = format!("0100007F:{port:04X} ");
    let sockets = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let is_connected = |line: &&str| line.contains(&local) && !line.contains("00000000:0000");
    let queues = sockets.lines().filter(is_connected).filter_map(|line| {
        let mut fields = line.split_whitespace().skip(1);
        (fields.next()? == local.trim()).then(|| fields.nth(2))?
    });
    queues.filter_map(|queue| u64::from_str_radix(queue.split(':').next()?, 16).ok()).sum()
}

/// Starts a server that responds with `length` bytes before it has read the body, and resets the connection when they
/// were received.
fn server_responding_then_resetting(length: usize) -> (BackendSettings, std::thread::JoinHandle<()>) {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // A thread of its own: the worker's only thread is busy with the body meanwhile.
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 10]).unwrap() > 0);
        let head = format!("HTTP/1.1 403 Forbidden\r\nContent-Length: {length}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&vec![b'y'; length]).unwrap();
        while unreceived_bytes(port) > 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
        // Dropped with the body unread, for which the kernel sends a reset.
    });
    let address = ServerAddress { host: "127.0.0.1".into(), port, transport: ServerTransport::Plain };
    (BackendSettings::new("test", vec![address]), server)
}

#[test]
fn a_large_early_response_before_a_reset_is_returned_as_far_as_received() {
    const LENGTH: usize = 4 << 20;
    let upload = || post(RequestBody::new(Full::new(vec![b'x'; 32 << 20].into()), u64::MAX, no_strip));
    let is_whole = |body: &str| body.len() == LENGTH && body.bytes().all(|byte| byte == b'y');
    in_worker(async move {
        let (settings, server) = server_responding_then_resetting(LENGTH);
        let response = pool(settings).send_without_permit(upload()).await.unwrap();
        assert_eq!(response.status(), 403);
        assert!(is_whole(&text(response).await));
        server.join().unwrap();
    });
    in_worker(async move {
        let (settings, server) = server_responding_then_resetting(LENGTH);
        let (pin, _) = pinned::pinned_with(settings).await;
        let upstream = pin.send_framed(upload()).await.unwrap();
        assert_eq!(upstream.response.status(), 403);
        assert!(is_whole(&text(upstream.response).await));
        server.join().unwrap();
    });
}
