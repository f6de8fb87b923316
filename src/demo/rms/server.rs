//! The test RMS server: accepts HTTP/1.1 connections and selects the handler of each request.

use super::body::ResponseBody;
use super::record::{ReceivedRequest, RmsState};
use super::socket::{ClientSocket, SocketIo};
use super::{asmx, echo};
use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// The idle timeout of a connection, as in IIS (`connectionTimeout`).
const IDLE_LIMIT: Duration = Duration::from_secs(120);

/// A test RMS server that runs on a thread of its own. It stops when dropped.
pub struct Rms {
    address: SocketAddr,
    state: Arc<RmsState>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Rms {
    /// Starts a server at `address`; port 0 selects any free port.
    ///
    /// # Errors
    /// If the address cannot be bound, or the thread cannot be started.
    pub fn start(address: SocketAddr) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let state = Arc::new(RmsState::default());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener)?
        };
        let (stop, stopped) = oneshot::channel();
        let serving = serve(listener, Arc::clone(&state));
        let thread = std::thread::Builder::new().name("test-rms".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, state, stop: Some(stop), thread: Some(thread) })
    }

    /// Returns the address of the listener.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the last 16,384 received requests, oldest first.
    pub fn requests(&self) -> Vec<ReceivedRequest> {
        self.state.requests()
    }

    /// Returns the number of accepted TCP connections.
    pub fn connections(&self) -> u64 {
        self.state.connections()
    }

    /// Closes the listener and aborts every connection, as a server that crashes. Returns after all are closed.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread has already ended.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // An error means that the thread panicked, which it has printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Rms {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves every connection that `listener` accepts. Dropping the future aborts the connections.
///
/// It runs on either kind of tokio runtime, with time and I/O enabled.
pub(super) async fn serve(listener: TcpListener, state: Arc<RmsState>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(&state)));
                }
                // Most likely the process is out of file descriptors, and a connection must close first.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, state: Arc<RmsState>) {
    let connection = state.open_connection();
    let socket = Arc::new(ClientSocket::new(stream));
    let io = TokioIo::new(SocketIo::new(Arc::clone(&socket)));
    let requests = std::sync::atomic::AtomicU64::new(0);
    let service = service_fn(|request| {
        let number = requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let seen = ReceivedRequest::new(connection, number, &request, socket.take_head(request.method()));
        state.add(seen.clone());
        respond(request, seen, Arc::clone(&socket))
    });
    // An error means that the client disconnected.
    let _ = http1::Builder::new()
        .max_headers(4096)
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_LIMIT)
        .serve_connection(io, service)
        .await;
}

/// Handles one request: by the echo if the path or a header selects it, otherwise by the SOAP services.
async fn respond(
    request: Request<Incoming>,
    seen: ReceivedRequest,
    socket: Arc<ClientSocket>,
) -> Result<Response<ResponseBody>, Infallible> {
    let (path, query) = raw_target(&request);
    let is_echo = request.headers().get("x-demo-echo").is_some_and(|value| value == "1");
    let last_segment = path.rsplit('/').next().unwrap_or_default();
    if is_echo || last_segment.eq_ignore_ascii_case("echo") {
        return Ok(echo::respond(request, &query, seen, &socket).await);
    }
    Ok(asmx::respond(request, &path, &query).await)
}

#[expect(clippy::disallowed_methods, reason = "a test backend reads its own target")]
fn raw_target(request: &Request<Incoming>) -> (String, String) {
    (request.uri().path().to_owned(), request.uri().query().unwrap_or_default().to_owned())
}
