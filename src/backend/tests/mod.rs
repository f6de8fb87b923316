//! Tests of the pool and of pinned connections against scripted servers on loopback, in one thread as in a worker.

mod bodies;
mod early_responses;
mod fairness;
mod pinned;
mod pooling;
mod timeouts;
mod tls;

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use http_body_util::{BodyExt, Empty, Full};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::{LocalSet, spawn_local, yield_now};

use super::*;
use crate::telemetry::BackendConnectionMetrics;
use prometheus_client::metrics::gauge::Gauge;

/// A response that keeps the connection open.
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

fn in_worker(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// Runs `test` with a paused clock, which advances to the next timer if no task can run.
fn in_worker_with_paused_clock(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_all().start_paused(true).build().unwrap();
    LocalSet::new().block_on(&runtime, test);
}

/// Runs other tasks until `reached` returns true.
async fn until(reached: impl Fn() -> bool) {
    for _ in 0..1_000_000 {
        if reached() {
            return;
        }
        yield_now().await;
    }
    panic!("the state was never reached");
}

/// A server that runs a script on each connection.
struct ScriptedServer {
    address: ServerAddress,
    accepted: Rc<Cell<usize>>,
    max_open: Rc<Cell<usize>>,
}

impl ScriptedServer {
    /// `script` receives each connection and its number, counted from 1.
    async fn start<S, F>(script: S) -> Self
    where
        S: Fn(ServerPeer<TcpStream>, usize) -> F + 'static,
        F: Future<Output = ()> + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let accepted = Rc::new(Cell::new(0));
        let max_open = Rc::new(Cell::new(0));
        let (count, most) = (Rc::clone(&accepted), Rc::clone(&max_open));
        spawn_local(async move {
            let open = Rc::new(Cell::new(0));
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                count.set(count.get() + 1);
                open.set(open.get() + 1);
                most.set(open.get().max(most.get()));
                let running = script(ServerPeer(BufReader::new(stream)), count.get());
                let open = Rc::clone(&open);
                spawn_local(async move {
                    running.await;
                    open.set(open.get() - 1);
                });
            }
        });
        let address = ServerAddress { host: "127.0.0.1".into(), port, transport: ServerTransport::Plain };
        Self { address, accepted, max_open }
    }

    fn settings(&self) -> BackendSettings {
        BackendSettings::new("test", vec![self.address.clone()])
    }

    fn pool(&self) -> BackendPool {
        pool(self.settings())
    }
}

fn pool(settings: BackendSettings) -> BackendPool {
    pool_with_memory(settings, 1 << 20)
}

fn pool_with_memory(settings: BackendSettings, bytes: usize) -> BackendPool {
    let memory = BodyMemory::new(bytes, Gauge::default());
    BackendPool::new(Arc::new(settings), memory, Rc::default(), BackendConnectionMetrics::default())
}

/// The numbers of connections and waiting requests of a pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct PoolStats {
    open: i64,
    idle: usize,
    waiting: i64,
}

/// The client of most tests.
const REQUESTER: Requester = Requester { address: None, connection: 0, account: None };

/// Returns an address without a listener.
async fn refusing_address() -> ServerAddress {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    ServerAddress { host: "127.0.0.1".into(), port, transport: ServerTransport::Plain }
}

/// The server's end of a connection.
struct ServerPeer<S>(BufReader<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> ServerPeer<S> {
    /// Returns the head of the next request, without its empty line; `None` if the connection ends.
    async fn head(&mut self) -> Option<String> {
        let mut head = String::new();
        loop {
            let mut line = String::new();
            if self.0.read_line(&mut line).await.ok()? == 0 {
                return None;
            }
            if line == "\r\n" {
                return Some(head);
            }
            head.push_str(&line);
        }
    }

    async fn bytes(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// Returns a chunked body and its trailers.
    async fn chunked(&mut self) -> (Vec<u8>, String) {
        let mut body = Vec::new();
        loop {
            let mut size = String::new();
            self.0.read_line(&mut size).await.unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap();
            if size == 0 {
                return (body, self.head().await.unwrap());
            }
            body.extend(self.bytes(size).await);
            assert_eq!(self.bytes(2).await, b"\r\n");
        }
    }

    async fn send(&mut self, text: impl AsRef<[u8]>) {
        // The client may have closed the connection, which the test detects at its own end.
        let _closed = self.0.write_all(text.as_ref()).await;
        let _closed = self.0.flush().await;
    }

    /// Responds to each request with the value of its `mark` header.
    async fn echo_marks(mut self) {
        while let Some(head) = self.head().await {
            let mark = field(&head, "mark").unwrap_or_default();
            let length = mark.len();
            self.send(format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n{mark}")).await;
        }
    }

    /// Reads until the client closes the connection.
    async fn read_to_end(mut self) {
        let mut rest = Vec::new();
        let _reset = self.0.read_to_end(&mut rest).await;
    }
}

fn field(head: &str, name: &str) -> Option<String> {
    head.lines()
        .filter_map(|line| line.split_once(": "))
        .find(|(field, _)| field.eq_ignore_ascii_case(name))
        .map(|(_, v)| v.into())
}

fn no_strip(_: &mut HeaderMap) {}

fn get(mark: &str) -> Request<RequestBody> {
    let body = RequestBody::new(Empty::new(), 0, no_strip);
    Request::get("/_wmcs/licensing/license.asmx")
        .header("host", "rms")
        .header("mark", mark)
        .body(body)
        .unwrap()
}

fn post(body: RequestBody) -> Request<RequestBody> {
    Request::post("/_wmcs/licensing/license.asmx").header("host", "rms").body(body).unwrap()
}

fn expecting(body: RequestBody) -> Request<RequestBody> {
    let mut request = post(body);
    request.headers_mut().insert("expect", "100-continue".parse().unwrap());
    request
}

fn full_body(body: &'static str) -> RequestBody {
    RequestBody::new(Full::new(Bytes::from_static(body.as_bytes())), u64::MAX, no_strip)
}

async fn text(response: Response<ResponseBody>) -> String {
    String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().into()).unwrap()
}

/// A client's body, the pieces of which are sent by the test.
struct TestBody {
    pieces: mpsc::UnboundedReceiver<io::Result<Frame<Bytes>>>,
    declared: Option<u64>,
    polled: Rc<Cell<bool>>,
    /// The bytes that were read.
    taken: Rc<Cell<usize>>,
}

struct TestBodySender(mpsc::UnboundedSender<io::Result<Frame<Bytes>>>);

impl TestBodySender {
    /// Returns false if the body was dropped.
    fn send_data(&self, data: impl Into<Bytes>) -> bool {
        self.0.send(Ok(Frame::data(data.into()))).is_ok()
    }
}

fn test_body(declared: Option<u64>) -> (TestBodySender, TestBody) {
    let (sender, pieces) = mpsc::unbounded_channel();
    (TestBodySender(sender), TestBody { pieces, declared, polled: Rc::default(), taken: Rc::default() })
}

impl Body for TestBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        self.polled.set(true);
        let piece = self.pieces.poll_recv(cx);
        if let Poll::Ready(Some(Ok(frame))) = &piece {
            self.taken.set(self.taken.get() + frame.data_ref().map_or(0, Bytes::len));
        }
        piece
    }

    fn size_hint(&self) -> SizeHint {
        self.declared.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl BackendPool {
    fn stats(&self) -> PoolStats {
        let (open, waiting) = (self.metrics.open.get(), self.metrics.waiting.get());
        PoolStats { open, idle: self.idle.count(), waiting }
    }

    /// Sends a request that was created without a permit.
    async fn send_without_permit(
        &self,
        request: Request<RequestBody>,
    ) -> Result<Response<ResponseBody>, BackendError> {
        self.send_framed(request, &UpstreamIdentity::Anonymous, REQUESTER)
            .await
            .map(|upstream| upstream.response)
    }
}
