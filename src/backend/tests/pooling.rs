//! The choice of a connection for each request, the closing of connections, and the requests that are sent again.

use super::*;
use crate::backend::body::response_body::ConnectionLease;
use crate::backend::upstream_identity::identity::ConnectionClass;
use crate::certificate::SerialNumber;
use crate::clock::Tick;
use crate::delegation::user_certificates::UserCertificateSubject;
use std::io::{Read, Write};

#[test]
fn a_second_request_uses_the_same_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = server.pool();
        assert_eq!(text(pool.send_without_permit(get("one")).await.unwrap()).await, "one");
        assert_eq!(text(pool.send_without_permit(get("two")).await.unwrap()).await, "two");
        assert_eq!(pool.stats(), PoolStats { open: 1, idle: 1, waiting: 0 });
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn connections_are_limited_and_each_request_gets_its_own_response() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = Rc::new(pool(BackendSettings { max_connections: 2, ..server.settings() }));
        let request = |number: usize| {
            let pool = Rc::clone(&pool);
            spawn_local(async move {
                let mark = format!("user-{number}");
                assert_eq!(text(pool.send_without_permit(get(&mark)).await.unwrap()).await, mark);
            })
        };
        for task in (0..20).map(request).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert_eq!(server.max_open.get(), 2);
        assert_eq!(server.accepted.get(), 2);
        assert_eq!(pool.stats(), PoolStats { open: 2, idle: 2, waiting: 0 });
    });
}

#[test]
fn requests_mixed_with_dropped_responses_get_their_own_responses_within_the_limit() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = Rc::new(pool(BackendSettings { max_connections: 3, ..server.settings() }));
        let request = |number: usize| {
            let pool = Rc::clone(&pool);
            spawn_local(async move {
                let mark = format!("user-{number}");
                let response = pool.send_without_permit(get(&mark)).await.unwrap();
                if !number.is_multiple_of(3) {
                    assert_eq!(text(response).await, mark);
                }
            })
        };
        for task in (0..200).map(request).collect::<Vec<_>>() {
            task.await.unwrap();
        }
        assert!(server.max_open.get() <= 3);
    });
}

#[test]
fn a_full_queue_is_busy_at_once() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let settings = BackendSettings { max_connections: 1, queue_length: 0, ..server.settings() };
        let pool = Rc::new(pool(settings));
        let first = spawn_local({
            let pool = Rc::clone(&pool);
            async move { pool.send_without_permit(get("first")).await.map(drop) }
        });
        until(|| pool.stats().open == 1).await;
        assert!(matches!(pool.send_without_permit(get("second")).await, Err(BackendError::Busy)));
        first.abort();
    });
}

#[test]
fn an_idle_connection_that_the_server_closes_is_removed() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, number| async move {
            peer.head().await;
            peer.send(OK).await;
            if number > 1 {
                peer.read_to_end().await;
            }
        })
        .await;
        let pool = server.pool();
        text(pool.send_without_permit(get("")).await.unwrap()).await;
        until(|| pool.stats().open == 0).await;
        assert_eq!(pool.stats().idle, 0);
        text(pool.send_without_permit(get("")).await.unwrap()).await;
        assert_eq!(server.accepted.get(), 2);
    });
}

/// Calls `disturb` on an idle connection while the worker's only thread is busy, so that the pool still uses it. Returns
/// the request that the server receives on another connection.
fn resent_after(disturb: fn(&mut std::net::TcpStream)) -> String {
    let (request, requested) = std::sync::mpsc::channel();
    in_worker(async move {
        let (idle, is_idle) = std::sync::mpsc::channel::<()>();
        let (disturbed, is_disturbed) = std::sync::mpsc::channel::<()>();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            let (mut first, _) = listener.accept().unwrap();
            assert!(first.read(&mut buffer).unwrap() > 0);
            first.write_all(OK.as_bytes()).unwrap();
            is_idle.recv().unwrap();
            disturb(&mut first);
            disturbed.send(()).unwrap();
            let (mut second, _) = listener.accept().unwrap();
            let length = second.read(&mut buffer).unwrap();
            second.write_all(OK.as_bytes()).unwrap();
            request.send(String::from_utf8(buffer[..length].to_vec()).unwrap()).unwrap();
        });
        let address = ServerAddress { host: "127.0.0.1".into(), port, transport: ServerTransport::Plain };
        let settings = BackendSettings::new("test", vec![address]);
        let settings = BackendSettings { max_connections: 1, queue_length: 0, ..settings };
        let pool = pool(settings);
        text(pool.send_without_permit(get("one")).await.unwrap()).await;
        idle.send(()).unwrap();
        is_disturbed.recv().unwrap();
        assert_eq!(pool.stats().idle, 1);
        assert_eq!(text(pool.send_without_permit(get("two")).await.unwrap()).await, "ok");
        server.join().unwrap();
    });
    requested.recv().unwrap()
}

#[test]
fn a_request_returned_unsent_by_a_closed_connection_is_sent_on_a_new_one() {
    let request = resent_after(|first| first.shutdown(std::net::Shutdown::Both).unwrap());
    assert_eq!(field(&request, "mark").unwrap(), "two");
}

#[test]
fn a_request_returned_unsent_by_a_poisoned_connection_is_sent_on_a_new_one() {
    let request = resent_after(|first| {
        first.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison").unwrap();
    });
    assert_eq!(field(&request, "mark").unwrap(), "two");
}

#[test]
fn a_request_that_was_written_is_never_sent_again() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.bytes(4).await;
        })
        .await;
        let lost = server.pool().send_without_permit(post(full_body("body"))).await;
        assert!(matches!(lost, Err(BackendError::ConnectionLost { .. })));
        assert_eq!(server.accepted.get(), 1);
    });
}

/// Starts a server that responds to the first request on each connection and closes it after reading the second.
async fn server_closing_on_second_request() -> ScriptedServer {
    ScriptedServer::start(|peer, _| async move {
        let mut peer = peer;
        peer.head().await;
        peer.send(OK).await;
        peer.head().await;
    })
    .await
}

#[test]
fn an_idempotent_request_lost_on_an_idle_connection_is_sent_once_more_on_a_new_one() {
    use http::Method;
    for method in [Method::GET, Method::HEAD, Method::OPTIONS, Method::PUT, Method::DELETE] {
        in_worker(async move {
            let server = server_closing_on_second_request().await;
            let pool = Rc::new(server.pool());
            // Two idle connections, both of which close on the next request.
            let send = || {
                let pool = Rc::clone(&pool);
                spawn_local(async move { text(pool.send_without_permit(get("")).await.unwrap()).await })
            };
            let both = [send(), send()];
            for one in both {
                assert_eq!(one.await.unwrap(), "ok");
            }
            assert_eq!(pool.stats().idle, 2);
            let mut request = get("two");
            *request.method_mut() = method;
            assert_eq!(pool.send_without_permit(request).await.unwrap().status(), 200);
            assert_eq!(server.accepted.get(), 3);
            let request = get("three");
            assert_eq!(text(pool.send_without_permit(request).await.unwrap()).await, "ok");
        });
    }
}

#[test]
fn a_request_that_is_not_idempotent_or_has_a_body_is_not_sent_twice() {
    let with_method = |method, mut request: Request<RequestBody>| {
        *request.method_mut() = method;
        request
    };
    let requests: [fn() -> Request<RequestBody>; 3] =
        [|| get("two"), || post(full_body("body")), || post(full_body("body"))];
    let methods = [http::Method::POST, http::Method::PUT, http::Method::DELETE];
    for (method, request) in methods.into_iter().zip(requests) {
        in_worker(async move {
            let server = server_closing_on_second_request().await;
            let pool = server.pool();
            text(pool.send_without_permit(get("one")).await.unwrap()).await;
            let sent = pool.send_without_permit(with_method(method, request())).await;
            assert!(matches!(sent, Err(BackendError::ConnectionLost { .. })));
            assert_eq!(server.accepted.get(), 1);
        });
    }
}

#[test]
fn a_request_is_not_sent_again_after_the_first_byte_of_its_response() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, _| async move {
            peer.head().await;
            peer.send(OK).await;
            peer.head().await;
            peer.send("H").await;
        })
        .await;
        let pool = server.pool();
        text(pool.send_without_permit(get("one")).await.unwrap()).await;
        assert!(matches!(
            pool.send_without_permit(get("two")).await,
            Err(BackendError::ConnectionLost { .. })
        ));
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn a_request_is_sent_twice_at_most() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, number| async move {
            peer.head().await;
            if number == 1 {
                peer.send(OK).await;
                peer.head().await;
            }
        })
        .await;
        let pool = server.pool();
        text(pool.send_without_permit(get("one")).await.unwrap()).await;
        assert!(matches!(
            pool.send_without_permit(get("two")).await,
            Err(BackendError::ConnectionLost { .. })
        ));
        assert_eq!(server.accepted.get(), 2);
    });
}

#[test]
fn the_next_server_is_tried_if_one_fails_and_the_failed_one_backs_off() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let servers = vec![refusing_address().await, server.address.clone()];
        let pool = pool(BackendSettings::new("test", servers));
        for mark in ["one", "two", "three"] {
            assert_eq!(text(pool.send_without_permit(get(mark)).await.unwrap()).await, mark);
        }
        assert_eq!(server.accepted.get(), 1);
    });
}

#[test]
fn the_last_failure_is_returned_if_no_server_can_be_reached() {
    in_worker(async {
        let address = refusing_address().await;
        let name = address.to_string();
        let pool = pool(BackendSettings::new("test", vec![address]));
        let Err(BackendError::Unreachable { server, source }) = pool.send_without_permit(get("")).await
        else {
            panic!("there is no listener")
        };
        assert_eq!((server, source.kind()), (name, io::ErrorKind::ConnectionRefused));
    });
}

#[test]
fn servers_are_used_in_turn() {
    in_worker(async {
        let one = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let two = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let servers = vec![one.address.clone(), two.address.clone()];
        let pool = pool(BackendSettings::new("test", servers));
        for mark in ["a", "b", "c", "d"] {
            text(pool.send_without_permit(get(mark)).await.unwrap()).await;
        }
        assert_eq!((one.accepted.get(), two.accepted.get()), (1, 1));
    });
}

#[test]
fn unexpected_bytes_close_an_idle_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, number| async move {
            peer.head().await;
            peer.send(OK).await;
            if number == 1 {
                peer.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison").await;
            }
            peer.read_to_end().await;
        })
        .await;
        let pool = server.pool();
        text(pool.send_without_permit(get("one")).await.unwrap()).await;
        until(|| pool.stats().open == 0).await;
        assert_eq!(text(pool.send_without_permit(get("two")).await.unwrap()).await, "ok");
        assert_eq!(server.accepted.get(), 2);
    });
}

#[test]
fn bytes_after_a_response_in_the_same_packet_close_the_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|mut peer, number| async move {
            peer.head().await;
            let poison = if number == 1 { "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison" } else { "" };
            peer.send(format!("{OK}{poison}")).await;
            peer.read_to_end().await;
        })
        .await;
        let pool = server.pool();
        assert_eq!(text(pool.send_without_permit(get("one")).await.unwrap()).await, "ok");
        assert_eq!(text(pool.send_without_permit(get("two")).await.unwrap()).await, "ok");
        assert_eq!(server.accepted.get(), 2);
    });
}

#[test]
fn a_dropped_response_closes_its_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = pool(BackendSettings { body_buffer: 0, ..server.settings() });
        drop(pool.send_without_permit(get("one")).await.unwrap());
        until(|| pool.stats().open == 0).await;
        assert_eq!(text(pool.send_without_permit(get("two")).await.unwrap()).await, "two");
        assert_eq!(server.accepted.get(), 2);
    });
}

#[test]
fn a_dropped_request_closes_its_connection() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let pool = Rc::new(server.pool());
        let sending = spawn_local({
            let pool = Rc::clone(&pool);
            async move { pool.send_without_permit(get("")).await.map(drop) }
        });
        until(|| pool.stats().open == 1).await;
        sending.abort();
        until(|| pool.stats().open == 0).await;
    });
}

#[test]
fn a_response_with_close_or_in_http_1_0_is_the_last_on_its_connection() {
    for head in ["HTTP/1.1 200 OK\r\nConnection: close\r\n", "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n"]
    {
        in_worker(async move {
            let server = ScriptedServer::start(move |mut peer, _| async move {
                while peer.head().await.is_some() {
                    peer.send(format!("{head}Content-Length: 2\r\n\r\nok")).await;
                }
            })
            .await;
            let pool = server.pool();
            text(pool.send_without_permit(get("one")).await.unwrap()).await;
            text(pool.send_without_permit(get("two")).await.unwrap()).await;
            assert_eq!(server.accepted.get(), 2, "{head}");
        });
    }
}

#[test]
fn a_dropped_pool_closes_its_idle_connections_and_completes_its_responses() {
    in_worker(async {
        let ended = Rc::new(Cell::new(0));
        let count = Rc::clone(&ended);
        let server = ScriptedServer::start(move |peer, _| {
            let count = Rc::clone(&count);
            async move {
                peer.echo_marks().await;
                count.set(count.get() + 1);
            }
        })
        .await;
        let pool = pool(BackendSettings { body_buffer: 0, ..server.settings() });
        let under_way = pool.send_without_permit(get("under way")).await.unwrap();
        text(pool.send_without_permit(get("idle")).await.unwrap()).await;
        drop(pool);
        until(|| ended.get() == 1).await;
        assert_eq!(text(under_way).await, "under way");
        until(|| ended.get() == 2).await;
    });
}

/// Uses a connection of `class` once and returns it to the pool. Returns whether it was reused.
async fn used(pool: &BackendPool, class: &ConnectionClass) -> bool {
    let mut acquired = pool.acquire(class, None, REQUESTER, &mut pool.candidates()).await.unwrap();
    let reused = acquired.reused;
    let response = acquired.connection.sender.try_send_request(get("mark")).await.ok().unwrap();
    let lease = pool.lease(acquired, true);
    drop(text(response.map(|body| ResponseBody::new(body, ConnectionLease::Pooled(lease)))).await);
    reused
}

fn account(name: &str) -> ConnectionClass {
    ConnectionClass::Account(name.into(), None, Tick::ORIGIN)
}

fn certified(upn: &str, serial: &[u8]) -> ConnectionClass {
    let subject = UserCertificateSubject::new("user", Some(upn), None).unwrap();
    ConnectionClass::Certified(subject, SerialNumber::from_bytes(serial))
}

#[test]
fn a_connection_is_used_for_the_account_and_the_certificate_that_opened_it() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = server.pool();
        let classes = [
            certified("alice@corp.example", &[1]),
            certified("alice@corp.example", &[2]),
            certified("bob@corp.example", &[1]),
            account("alice@corp.example"),
            ConnectionClass::Plain,
        ];
        for class in &classes {
            assert!(!used(&pool, class).await, "{class:?}");
        }
        for class in &classes {
            assert!(used(&pool, class).await, "{class:?}");
        }
    });
}

#[test]
fn a_connection_of_one_account_carries_no_request_of_another_or_of_none() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = server.pool();
        let (alice, bob) = (account("alice@CORP.EXAMPLE"), account("bob@CORP.EXAMPLE"));
        for class in [&alice, &bob, &ConnectionClass::Plain] {
            assert!(!pool.idle.has(class));
            assert!(!used(&pool, class).await, "{class:?}");
            assert!(pool.idle.has(class));
        }
        for class in [&alice, &bob, &ConnectionClass::Plain] {
            assert!(used(&pool, class).await, "{class:?}");
        }
        assert_eq!(server.accepted.get(), 3);
    });
}

#[test]
fn the_longest_idle_connection_is_closed_for_another_account() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.echo_marks()).await;
        let pool = pool(BackendSettings { max_connections: 2, ..server.settings() });
        let accounts = ["a", "b", "c"].map(account);
        for class in &accounts {
            used(&pool, class).await;
        }
        assert_eq!(accounts.map(|class| pool.idle.has(&class)), [false, true, true]);
    });
}
