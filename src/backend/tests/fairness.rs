//! No client can use the connections or the memory of other clients.

use super::*;
use crate::limits::{AccountKey, AccountRates, AddressKey};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::LazyLock;
use tokio::time::Instant;

const LARGE: usize = 8 << 20;

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn anonymous(connection: u64) -> Requester {
    from(1, connection)
}

fn from(last: u8, connection: u64) -> Requester {
    let address = IpAddr::V4(Ipv4Addr::new(192, 0, 2, last));
    Requester { address: Some(AddressKey::of(address, 64)), connection, account: None }
}

fn account(number: u64) -> AccountKey {
    static ACCOUNTS: LazyLock<AccountRates> = LazyLock::new(AccountRates::default);
    ACCOUNTS.key(&number.to_string())
}

fn with_account(number: u64, connection: u64) -> Requester {
    Requester { account: Some(account(number)), ..anonymous(connection) }
}

/// Starts a server that reads each request to its end and responds with `length` bytes.
async fn server_sending(length: usize) -> ScriptedServer {
    ScriptedServer::start(move |mut peer, _| async move {
        while let Some(head) = peer.head().await {
            if let Some(declared) = field(&head, "content-length") {
                peer.bytes(declared.parse().unwrap()).await;
            }
            peer.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await;
            peer.send(vec![b'x'; length]).await;
        }
    })
    .await
}

fn small_pool(server: &ScriptedServer, connections: usize) -> Rc<BackendPool> {
    let shares = ConnectionShares::of(connections);
    Rc::new(pool(BackendSettings { max_connections: connections, shares, ..server.settings() }))
}

/// Reads ahead and sends the request, as the pipeline does.
async fn send(
    pool: &BackendPool,
    body: RequestBody,
    requester: Requester,
) -> Result<Response<ResponseBody>, BackendError> {
    let mut request = post(body);
    pool.read_ahead_framed(&mut request, requester).await?;
    let upstream = pool.send_framed(request, &UpstreamIdentity::Anonymous, requester).await?;
    Ok(upstream.response)
}

/// Sends a request whose body continues with ten bytes per second after `head_start` bytes.
fn send_slowly(
    pool: &Rc<BackendPool>,
    head_start: usize,
    requester: Requester,
) -> tokio::task::JoinHandle<BackendError> {
    let (sender, body) = test_body(Some(64 << 20));
    if head_start > 0 {
        sender.send_data(vec![b'x'; head_start]);
    }
    spawn_local(async move {
        while sender.send_data("x") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let body = RequestBody::new(body, u64::MAX, no_strip).with_minimum_rate(MinimumRate::default());
    let pool = Rc::clone(pool);
    spawn_local(async move { send(&pool, body, requester).await.map(drop).unwrap_err() })
}

#[test]
fn a_slow_body_occupies_no_connection() {
    in_worker_with_paused_clock(async {
        let server = server_sending(2).await;
        let pool = small_pool(&server, 1);
        let slow = send_slowly(&pool, 64 << 10, anonymous(1));
        tokio::time::sleep(seconds(5)).await;
        assert_eq!(pool.stats().open, 0);
        assert!(pool.memory.used() > 0);
        assert_eq!(text(send(&pool, full_body("body"), anonymous(2)).await.unwrap()).await, "xx");
        assert!(matches!(slow.await.unwrap(), BackendError::RequestBody(RequestBodyError::TooSlow)));
        assert_eq!(pool.memory.used(), 0);
    });
}

#[test]
fn a_body_that_never_starts_is_an_error_after_the_grace_period() {
    in_worker_with_paused_clock(async {
        let server = server_sending(2).await;
        let pool = small_pool(&server, 1);
        let (_feeder, body) = test_body(Some(10));
        let body = RequestBody::new(body, 10, no_strip).with_minimum_rate(MinimumRate::default());
        let started = Instant::now();
        let error = send(&pool, body, anonymous(1)).await.map(drop).unwrap_err();
        assert!(matches!(error, BackendError::RequestBody(RequestBodyError::TooSlow)));
        assert_eq!(started.elapsed().as_secs(), 20);
        assert_eq!(server.accepted.get(), 0);
    });
}

#[test]
fn a_body_over_its_limit_is_rejected_before_a_connection_is_acquired() {
    in_worker(async {
        let server = server_sending(2).await;
        let (sender, body) = test_body(None);
        sender.send_data("too large");
        let error = send(&server.pool(), RequestBody::new(body, 8, no_strip), anonymous(1)).await;
        let error = error.map(drop).unwrap_err();
        assert!(matches!(error, BackendError::RequestBody(RequestBodyError::TooLarge { limit: 8 })));
        assert_eq!(server.accepted.get(), 0);
    });
}

#[test]
fn a_body_read_ahead_is_forwarded_before_the_rest_of_it() {
    in_worker(async {
        let received = Rc::new(Cell::new(0));
        let seen = Rc::clone(&received);
        let server = ScriptedServer::start(move |mut peer, _| {
            let seen = Rc::clone(&seen);
            async move {
                peer.head().await;
                let (body, trailers) = peer.chunked().await;
                assert!(body.chunks(1000).zip((0..=250).cycle()).all(|(piece, byte)| *piece == [byte; 1000]));
                assert_eq!(trailers, "");
                seen.set(body.len());
                peer.send(OK).await;
                peer.read_to_end().await;
            }
        })
        .await;
        let (sender, body) = test_body(None);
        for byte in (0..=250).cycle().take(1000) {
            sender.send_data(vec![byte; 1000]);
        }
        drop(sender);
        let pool = server.pool();
        let body = RequestBody::new(body, u64::MAX, no_strip);
        assert_eq!(text(send(&pool, body, anonymous(1)).await.unwrap()).await, "ok");
        assert_eq!(received.get(), 1_000_000);
        assert_eq!((pool.memory.used(), pool.stats().idle), (0, 1));
    });
}

#[test]
fn a_request_that_only_announces_a_body_reserves_no_memory() {
    in_worker(async {
        let server = server_sending(2).await;
        let pool = small_pool(&server, 1);
        let (sender, body) = test_body(Some(1 << 20));
        let polled = Rc::clone(&body.polled);
        let sending = spawn_local({
            let pool = Rc::clone(&pool);
            async move { send(&pool, RequestBody::new(body, 1 << 20, no_strip), anonymous(1)).await.map(drop) }
        });
        until(|| polled.get()).await;
        assert_eq!(pool.memory.used(), 0);
        sender.send_data("x");
        until(|| pool.memory.used() > 0).await;
        assert!(pool.memory.used() < 20_000);
        sending.abort();
    });
}

#[test]
fn a_body_without_memory_is_streamed() {
    in_worker(async {
        let server = server_sending(2).await;
        let pool = pool_with_memory(server.settings(), 0);
        assert_eq!(text(send(&pool, full_body("body"), anonymous(1)).await.unwrap()).await, "xx");
    });
}

#[test]
fn slow_uploads_yield_to_a_waiting_request() {
    in_worker(async {
        let server = server_sending(2).await;
        let pool = small_pool(&server, 4);
        let slow: Vec<_> =
            (0..4).map(|number| send_slowly(&pool, 1 << 20, from(number, number.into()))).collect();
        until(|| pool.stats().open == 3).await;
        tokio::time::sleep(seconds(1)).await;
        let started = Instant::now();
        for connection in 10..13 {
            assert_eq!(
                text(send(&pool, full_body("body"), anonymous(connection)).await.unwrap()).await,
                "xx"
            );
        }
        // A request to which they did not yield would wait for 5 seconds and then fail.
        assert!(started.elapsed() < seconds(4), "{:?}", started.elapsed());
        assert!(pool.metrics.slow.get() > 0);
        let yielded = slow.iter().filter(|slow| slow.is_finished()).count();
        assert!(yielded > 0);
        slow.iter().for_each(tokio::task::JoinHandle::abort);
    });
}

#[test]
fn slow_uploads_continue_while_no_request_waits() {
    in_worker_with_paused_clock(async {
        let server = server_sending(2).await;
        let pool = small_pool(&server, 4);
        let _slow: Vec<_> =
            (0..2).map(|number| send_slowly(&pool, 1 << 20, from(number, number.into()))).collect();
        tokio::time::sleep(seconds(10)).await;
        assert_eq!(text(send(&pool, full_body("body"), anonymous(9)).await.unwrap()).await, "xx");
        assert_eq!(pool.metrics.slow.get(), 0);
    });
}

#[test]
fn an_unread_small_response_occupies_no_connection() {
    in_worker(async {
        let server = server_sending(64 << 10).await;
        let pool = small_pool(&server, 1);
        let unread = send(&pool, full_body("body"), anonymous(1)).await.unwrap();
        assert_eq!(pool.stats().idle, 1);
        assert_eq!(pool.memory.used(), 64 << 10);
        assert_eq!(unread.body().size_hint().exact(), Some(64 << 10));
        assert_eq!(text(send(&pool, full_body("body"), anonymous(2)).await.unwrap()).await.len(), 64 << 10);
        assert_eq!(text(unread).await.len(), 64 << 10);
        assert_eq!((pool.memory.used(), server.accepted.get()), (0, 1));
    });
}

#[test]
fn slow_readers_of_large_responses_yield_to_a_waiting_request() {
    in_worker(async {
        let server = server_sending(LARGE).await;
        let pool = small_pool(&server, 4);
        let mut unread = Vec::new();
        for connection in 0..3 {
            unread.push(send(&pool, full_body("body"), from(connection, connection.into())).await.unwrap());
        }
        tokio::time::sleep(seconds(1)).await;
        let started = Instant::now();
        let waiting = send(&pool, full_body("body"), anonymous(9)).await.unwrap();
        // A request to which they did not yield would wait for 5 seconds and then fail.
        assert!(started.elapsed() < seconds(4), "{:?}", started.elapsed());
        assert_eq!(text(waiting).await.len(), LARGE);
        assert_eq!(pool.metrics.slow.get(), 1);
        let mut broken = 0;
        for response in unread {
            broken += usize::from(response.into_body().collect().await.is_err());
        }
        assert_eq!(broken, 1);
    });
}

/// Sends requests to which the server does not respond, one for each requester; those without a connection wait.
async fn send_pending(
    pool: &Rc<BackendPool>,
    requesters: impl IntoIterator<Item = Requester>,
) -> Vec<PendingRequest> {
    let mut held = Vec::new();
    for requester in requesters {
        let pool = Rc::clone(pool);
        held.push(PendingRequest(spawn_local(async move {
            send(&pool, full_body("body"), requester).await.map(drop)
        })));
        for _ in 0..100 {
            yield_now().await;
        }
    }
    held
}

/// A request, which is aborted on drop.
struct PendingRequest(tokio::task::JoinHandle<Result<(), BackendError>>);

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[test]
fn no_client_exceeds_its_share() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let of_many = |number: u8| from(number, number.into());
        let behind_a_balancer =
            |connection| Requester { address: None, ..with_account(connection, connection) };
        let cases: [(Vec<Requester>, i64); 6] = [
            ((0..20).map(behind_a_balancer).collect(), 8),
            (vec![anonymous(1); 20], 2),
            ((0..20).map(anonymous).collect(), 4),
            ((0..20).map(|number| with_account(1, number)).collect(), 4),
            ((0..20).map(of_many).collect(), 6),
            (
                (0..20)
                    .map(|number| Requester { account: Some(account(number.into())), ..of_many(number) })
                    .collect(),
                8,
            ),
        ];
        for (requesters, share) in cases {
            let pool = small_pool(&server, 8);
            let held = send_pending(&pool, requesters).await;
            assert_eq!((pool.stats().open, pool.stats().waiting), (share, 20 - share));
            drop(held);
            until(|| pool.stats().open == 0 && pool.stats().waiting == 0).await;
        }
    });
}

#[test]
fn waiting_requests_take_turns_by_account_address_and_connection() {
    in_worker(async {
        let order = Rc::new(std::cell::RefCell::new(Vec::new()));
        let (seen, (release, released)) = (Rc::clone(&order), mpsc::unbounded_channel::<()>());
        let released = Rc::new(tokio::sync::Mutex::new(released));
        let server = ScriptedServer::start(move |mut peer, _| {
            let (seen, released) = (Rc::clone(&seen), Rc::clone(&released));
            async move {
                while let Some(head) = peer.head().await {
                    seen.borrow_mut().push(field(&head, "mark").unwrap());
                    released.lock().await.recv().await;
                    peer.send(OK).await;
                }
            }
        })
        .await;
        let pool = small_pool(&server, 1);
        let requests = [
            ("first", anonymous(0)),
            ("a1", with_account(1, 1)),
            ("a2", with_account(1, 1)),
            ("a3", with_account(1, 2)),
            ("b1", with_account(2, 3)),
            ("anonymous1", from(1, 4)),
            ("anonymous2", from(1, 4)),
            ("anonymous3", from(2, 5)),
        ];
        let mut sent = Vec::new();
        for (mark, requester) in requests {
            let pool = Rc::clone(&pool);
            sent.push(spawn_local(async move {
                let request = get(mark);
                let upstream =
                    pool.send_framed(request, &UpstreamIdentity::Anonymous, requester).await.unwrap();
                text(upstream.response).await
            }));
            for _ in 0..100 {
                yield_now().await;
            }
        }
        until(|| pool.stats().waiting == 7).await;
        for _ in requests {
            release.send(()).unwrap();
        }
        for sent in sent {
            sent.await.unwrap();
        }
        let expected = ["first", "a1", "anonymous1", "b1", "anonymous3", "a3", "anonymous2", "a2"];
        assert_eq!(*order.borrow(), expected);
    });
}

#[test]
fn one_client_cannot_fill_the_queue() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let settings = BackendSettings { max_connections: 1, queue_length: 8, ..server.settings() };
        let pool = Rc::new(pool(settings));
        let _held = send_pending(&pool, (0..20).map(|number| from(number, 0))).await;
        let _more = send_pending(&pool, (0..20).map(|number| from(1, number))).await;
        let _anonymous = send_pending(&pool, (0..20).map(|number| from(number, number.into()))).await;
        assert_eq!(pool.stats().waiting, 6);
        let _account = send_pending(&pool, [with_account(1, 100)]).await;
        assert_eq!(pool.stats().waiting, 7);
    });
}

#[test]
fn requests_that_stop_waiting_leave_nothing_in_the_queue() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.read_to_end()).await;
        let pool = small_pool(&server, 1);
        for _ in 0..3 {
            let held = send_pending(&pool, (0..10).map(|number| from(number, number.into()))).await;
            assert_eq!((pool.stats().open, pool.stats().waiting), (1, 9));
            drop(held);
            until(|| pool.stats().open == 0 && pool.stats().waiting == 0).await;
        }
    });
}
