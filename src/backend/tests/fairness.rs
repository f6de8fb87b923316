//! No client keeps the backend's connections from the others.

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

/// A server that reads each request to the end of its body and answers with `length` bytes.
async fn server_of(length: usize) -> ScriptedServer {
    ScriptedServer::start(move |mut peer, _| async move {
        while let Some(head) = peer.head().await {
            if let Some(declared) = field(&head, "content-length") {
                peer.bytes(declared.parse().unwrap()).await;
            }
            peer.say(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n")).await;
            peer.say(vec![b'x'; length]).await;
        }
    })
    .await
}

fn small_pool(server: &ScriptedServer, connections: usize) -> Rc<BackendPool> {
    let shares = ConnectionShares::of(connections);
    Rc::new(pool(BackendSettings { max_connections: connections, shares, ..server.settings() }))
}

/// Reads the body ahead and sends the request, as the pipeline does.
async fn send(
    pool: &BackendPool,
    body: RequestBody,
    requester: Requester,
) -> Result<Response<ResponseBody>, BackendError> {
    let mut request = post(body);
    pool.read_ahead_framed(&mut request, requester).await?;
    let answered = pool.send_framed(request, &UpstreamIdentity::Anonymous, requester).await?;
    Ok(answered.response)
}

/// Sends a request whose body trickles after `head_start` bytes for as long as it is read.
fn trickle(
    pool: &Rc<BackendPool>,
    head_start: usize,
    requester: Requester,
) -> tokio::task::JoinHandle<BackendError> {
    let (feeder, body) = feed(Some(64 << 20));
    if head_start > 0 {
        feeder.give(vec![b'x'; head_start]);
    }
    spawn_local(async move {
        while feeder.give("x") {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
    let body = RequestBody::new(body, u64::MAX, no_strip).with_minimum_rate(MinimumRate::default());
    let pool = Rc::clone(pool);
    spawn_local(async move { send(&pool, body, requester).await.map(drop).unwrap_err() })
}

#[test]
fn a_body_that_trickles_takes_no_connection() {
    in_worker_without_time(async {
        let server = server_of(2).await;
        let pool = small_pool(&server, 1);
        let slow = trickle(&pool, 64 << 10, anonymous(1));
        tokio::time::sleep(seconds(5)).await;
        assert_eq!(pool.stats().open, 0);
        assert!(pool.memory.used() > 0);
        assert_eq!(text(send(&pool, whole("body"), anonymous(2)).await.unwrap()).await, "xx");
        assert!(matches!(slow.await.unwrap(), BackendError::RequestBody(RequestBodyError::TooSlow)));
        assert_eq!(pool.memory.used(), 0);
    });
}

#[test]
fn a_body_that_never_comes_is_given_up_after_the_grace_of_the_minimum_rate() {
    in_worker_without_time(async {
        let server = server_of(2).await;
        let pool = small_pool(&server, 1);
        let (_feeder, body) = feed(Some(10));
        let body = RequestBody::new(body, 10, no_strip).with_minimum_rate(MinimumRate::default());
        let asked = Instant::now();
        let error = send(&pool, body, anonymous(1)).await.map(drop).unwrap_err();
        assert!(matches!(error, BackendError::RequestBody(RequestBodyError::TooSlow)));
        assert_eq!(asked.elapsed().as_secs(), 20);
        assert_eq!(server.accepted.get(), 0);
    });
}

#[test]
fn a_body_too_large_for_its_path_is_refused_before_a_connection_is_taken() {
    in_worker(async {
        let server = server_of(2).await;
        let (feeder, body) = feed(None);
        feeder.give("too large");
        let error = send(&server.pool(), RequestBody::new(body, 8, no_strip), anonymous(1)).await;
        let error = error.map(drop).unwrap_err();
        assert!(matches!(error, BackendError::RequestBody(RequestBodyError::TooLarge { limit: 8 })));
        assert_eq!(server.accepted.get(), 0);
    });
}

#[test]
fn a_body_read_ahead_arrives_whole_with_what_follows_it() {
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
                peer.say(OK).await;
                peer.closed().await;
            }
        })
        .await;
        let (feeder, body) = feed(None);
        for byte in (0..=250).cycle().take(1000) {
            feeder.give(vec![byte; 1000]);
        }
        drop(feeder);
        let pool = server.pool();
        let body = RequestBody::new(body, u64::MAX, no_strip);
        assert_eq!(text(send(&pool, body, anonymous(1)).await.unwrap()).await, "ok");
        assert_eq!(received.get(), 1_000_000);
        assert_eq!((pool.memory.used(), pool.stats().idle), (0, 1));
    });
}

#[test]
fn a_request_that_only_announces_a_body_takes_no_memory() {
    in_worker(async {
        let server = server_of(2).await;
        let pool = small_pool(&server, 1);
        let (feeder, body) = feed(Some(1 << 20));
        let polled = Rc::clone(&body.polled);
        let sending = spawn_local({
            let pool = Rc::clone(&pool);
            async move { send(&pool, RequestBody::new(body, 1 << 20, no_strip), anonymous(1)).await.map(drop) }
        });
        until(|| polled.get()).await;
        assert_eq!(pool.memory.used(), 0);
        feeder.give("x");
        until(|| pool.memory.used() > 0).await;
        assert!(pool.memory.used() < 20_000);
        sending.abort();
    });
}

#[test]
fn a_body_that_gets_no_memory_is_streamed() {
    in_worker(async {
        let server = server_of(2).await;
        let pool = pool_with_memory(server.settings(), 0);
        assert_eq!(text(send(&pool, whole("body"), anonymous(1)).await.unwrap()).await, "xx");
    });
}

#[test]
fn slow_uploads_give_way_when_another_request_waits() {
    in_worker(async {
        let server = server_of(2).await;
        let pool = small_pool(&server, 4);
        let slow: Vec<_> =
            (0..4).map(|number| trickle(&pool, 1 << 20, from(number, number.into()))).collect();
        until(|| pool.stats().open == 3).await;
        tokio::time::sleep(seconds(1)).await;
        let asked = Instant::now();
        for connection in 10..13 {
            assert_eq!(text(send(&pool, whole("body"), anonymous(connection)).await.unwrap()).await, "xx");
        }
        // A request that could not make them give way would wait for 5 seconds and be refused.
        assert!(asked.elapsed() < seconds(4), "{:?}", asked.elapsed());
        assert!(pool.metrics.slow.get() > 0);
        let gave_way = slow.iter().filter(|slow| slow.is_finished()).count();
        assert!(gave_way > 0);
        slow.iter().for_each(tokio::task::JoinHandle::abort);
    });
}

#[test]
fn slow_uploads_go_on_while_no_request_waits() {
    in_worker_without_time(async {
        let server = server_of(2).await;
        let pool = small_pool(&server, 4);
        let _slow: Vec<_> =
            (0..2).map(|number| trickle(&pool, 1 << 20, from(number, number.into()))).collect();
        tokio::time::sleep(seconds(10)).await;
        assert_eq!(text(send(&pool, whole("body"), anonymous(9)).await.unwrap()).await, "xx");
        assert_eq!(pool.metrics.slow.get(), 0);
    });
}

#[test]
fn a_small_response_that_is_not_read_holds_no_connection() {
    in_worker(async {
        let server = server_of(64 << 10).await;
        let pool = small_pool(&server, 1);
        let unread = send(&pool, whole("body"), anonymous(1)).await.unwrap();
        assert_eq!(pool.stats().idle, 1);
        assert_eq!(pool.memory.used(), 64 << 10);
        assert_eq!(unread.body().size_hint().exact(), Some(64 << 10));
        assert_eq!(text(send(&pool, whole("body"), anonymous(2)).await.unwrap()).await.len(), 64 << 10);
        assert_eq!(text(unread).await.len(), 64 << 10);
        assert_eq!((pool.memory.used(), server.accepted.get()), (0, 1));
    });
}

#[test]
fn slow_readers_of_large_responses_give_way_when_another_request_waits() {
    in_worker(async {
        let server = server_of(LARGE).await;
        let pool = small_pool(&server, 4);
        let mut unread = Vec::new();
        for connection in 0..3 {
            unread.push(send(&pool, whole("body"), from(connection, connection.into())).await.unwrap());
        }
        tokio::time::sleep(seconds(1)).await;
        let asked = Instant::now();
        let waiting = send(&pool, whole("body"), anonymous(9)).await.unwrap();
        // A request that could not make them give way would wait for 5 seconds and be refused.
        assert!(asked.elapsed() < seconds(4), "{:?}", asked.elapsed());
        assert_eq!(text(waiting).await.len(), LARGE);
        assert_eq!(pool.metrics.slow.get(), 1);
        let mut broken = 0;
        for response in unread {
            broken += usize::from(response.into_body().collect().await.is_err());
        }
        assert_eq!(broken, 1);
    });
}

/// Requests that the server holds, one for each requester; those that got no connection wait.
async fn hold(
    pool: &Rc<BackendPool>,
    requesters: impl IntoIterator<Item = Requester>,
) -> Vec<PendingRequest> {
    let mut held = Vec::new();
    for requester in requesters {
        let pool = Rc::clone(pool);
        held.push(PendingRequest(spawn_local(async move {
            send(&pool, whole("body"), requester).await.map(drop)
        })));
        for _ in 0..100 {
            yield_now().await;
        }
    }
    held
}

/// Aborted when it is dropped.
struct PendingRequest(tokio::task::JoinHandle<Result<(), BackendError>>);

impl Drop for PendingRequest {
    fn drop(&mut self) {
        self.0.abort();
    }
}

#[test]
fn each_client_keeps_to_its_share() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.closed()).await;
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
            let held = hold(&pool, requesters).await;
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
                    peer.say(OK).await;
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
                let answered =
                    pool.send_framed(request, &UpstreamIdentity::Anonymous, requester).await.unwrap();
                text(answered.response).await
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
        let server = ScriptedServer::start(|peer, _| peer.closed()).await;
        let settings = BackendSettings { max_connections: 1, queue_length: 8, ..server.settings() };
        let pool = Rc::new(pool(settings));
        let _held = hold(&pool, (0..20).map(|number| from(number, 0))).await;
        let _more = hold(&pool, (0..20).map(|number| from(1, number))).await;
        let _anonymous = hold(&pool, (0..20).map(|number| from(number, number.into()))).await;
        assert_eq!(pool.stats().waiting, 6);
        let _account = hold(&pool, [with_account(1, 100)]).await;
        assert_eq!(pool.stats().waiting, 7);
    });
}

#[test]
fn requests_that_leave_the_queue_leave_no_trace() {
    in_worker(async {
        let server = ScriptedServer::start(|peer, _| peer.closed()).await;
        let pool = small_pool(&server, 1);
        for _ in 0..3 {
            let held = hold(&pool, (0..10).map(|number| from(number, number.into()))).await;
            assert_eq!((pool.stats().open, pool.stats().waiting), (1, 9));
            drop(held);
            until(|| pool.stats().open == 0 && pool.stats().waiting == 0).await;
        }
    });
}
