//! Serves the admin listener on the control runtime, so that busy workers do not make the gateway appear dead. One
//! request per connection, each with a time limit; if too many connections are open, the slowest is closed.

use super::responses::AdminResponses;
use crate::control::{ControlRuntime, ControlTask};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The time for a client to send its request head.
const HEAD_LIMIT: Duration = Duration::from_secs(5);
/// The maximum age of a connection.
const CONNECTION_LIMIT: Duration = Duration::from_secs(10);
/// The maximum number of connections. One more closes the oldest that has not sent its request, or the oldest if all
/// have sent theirs: slow clients must not make a probe of `/livez` wait.
const CONNECTIONS: usize = 64;
/// The time for responses in progress to complete after [`AdminServer::stop`].
const STOP_LIMIT: Duration = Duration::from_secs(1);
/// The pause after a failed accept: without it, the accept would fail again at once while the process has no file
/// descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The running admin listener. It serves until [`AdminServer::stop`], or until it is dropped, which does not wait for
/// responses in progress.
#[derive(Debug)]
pub(crate) struct AdminServer {
    address: SocketAddr,
    serving: ControlTask,
}

impl AdminServer {
    /// Starts to serve on a bound socket.
    ///
    /// # Errors
    /// The system cannot start a thread, or rejects the socket.
    pub(crate) fn start(
        listener: std::net::TcpListener,
        responses: Arc<AdminResponses>,
        control: &ControlRuntime,
    ) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let listener = {
            let handle = control.handle()?;
            let _context = handle.enter();
            TcpListener::from_std(listener)?
        };
        let serving = control.start(|stopping| serve(listener, responses, stopping))?;
        Ok(Self { address, serving })
    }

    /// Returns the address of the listener.
    pub(crate) fn local_address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, waits at most one second for responses in progress, and returns when the task has ended.
    pub(crate) fn stop(self) {
        // If it panicked, the panic hook has reported it, and nothing is left to stop.
        self.serving.stop().ok();
    }
}

async fn serve(listener: TcpListener, responses: Arc<AdminResponses>, stopping: CancellationToken) {
    let connections = TaskTracker::new();
    let open = Arc::new(AdminConnections::default());
    let accepting = async {
        loop {
            match listener.accept().await {
                Ok((stream, _)) => {
                    let connection = open.register();
                    let responses = Arc::clone(&responses);
                    connections.spawn(async move {
                        let served =
                            timeout(CONNECTION_LIMIT, serve_connection(stream, responses, &connection));
                        connection.closed.run_until_cancelled(served).await
                    });
                }
                Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
            }
        }
    };
    stopping.run_until_cancelled(accepting).await;
    drop(listener);
    connections.close();
    // Connections that have not ended by then are dropped with the runtime.
    timeout(STOP_LIMIT, connections.wait()).await.ok();
}

/// The open connections, oldest first.
#[derive(Default)]
struct AdminConnections(Mutex<VecDeque<Arc<AdminConnection>>>);

#[derive(Default)]
struct AdminConnection {
    closed: CancellationToken,
    requested: AtomicBool,
}

/// An entry of [`AdminConnections`], removed when this is dropped.
struct OpenAdminConnection {
    connection: Arc<AdminConnection>,
    closed: CancellationToken,
    open: Arc<AdminConnections>,
}

impl AdminConnections {
    fn register(self: &Arc<Self>) -> OpenAdminConnection {
        let connection = Arc::new(AdminConnection::default());
        let mut open = self.lock();
        if open.len() >= CONNECTIONS {
            let silent = open.iter().position(|other| !other.requested.load(Ordering::Relaxed));
            if let Some(slowest) = open.remove(silent.unwrap_or(0)) {
                slowest.closed.cancel();
            }
        }
        open.push_back(Arc::clone(&connection));
        drop(open);
        OpenAdminConnection { closed: connection.closed.clone(), connection, open: Arc::clone(self) }
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Arc<AdminConnection>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for OpenAdminConnection {
    fn drop(&mut self) {
        self.open.lock().retain(|other| !Arc::ptr_eq(other, &self.connection));
    }
}

async fn serve_connection(stream: TcpStream, responses: Arc<AdminResponses>, open: &OpenAdminConnection) {
    let service = service_fn(|request| {
        open.connection.requested.store(true, Ordering::Relaxed);
        let response = responses.respond_to(&request);
        async move { Ok::<_, Infallible>(response) }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service)
        .await
        // Errors of clients are not logged: any client could fill the log.
        .ok();
}

#[cfg(test)]
mod tests {
    use super::super::Readiness;
    use super::*;
    use crate::telemetry::Metrics;
    use std::io::{Read, Write};

    /// Returns a server on a free port, with one condition.
    fn started(ready: bool) -> AdminServer {
        started_with_keys(ready, None)
    }

    fn started_with_keys(ready: bool, keys: Option<&str>) -> AdminServer {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let readiness = Readiness::default();
        readiness.condition("the configuration is not loaded").set(ready);
        let keys: Option<Arc<str>> = keys.map(Arc::from);
        let metrics = Arc::new(Metrics::new("1.2.3", &[]));
        let published = Arc::new(move || keys.clone());
        let responses = Arc::new(AdminResponses::new(metrics, readiness, published, || {}));
        AdminServer::start(listener, responses, &ControlRuntime::default()).unwrap()
    }

    /// Sends the bytes and reads until the server closes. Returns the whole response without its `date` line.
    fn exchange(server: &AdminServer, request: &str) -> String {
        let mut stream = std::net::TcpStream::connect(server.local_address()).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (head, body) = response.split_once("\r\n\r\n").unwrap();
        let head: Vec<&str> = head.lines().filter(|line| !line.starts_with("date:")).collect();
        format!("{}\n\n{body}", head.join("\n"))
    }

    fn status_line(server: &AdminServer, request: &str) -> String {
        exchange(server, request).lines().next().unwrap().to_owned()
    }

    #[test]
    fn livez_succeeds_while_the_gateway_is_not_ready() {
        let server = started(false);
        let expected = "HTTP/1.1 200 OK\ncontent-type: text/plain; charset=utf-8\ncache-control: no-store\n\
                        connection: close\ncontent-length: 3\n\nok\n";
        assert_eq!(exchange(&server, "GET /livez HTTP/1.1\r\nHost: anything\r\n\r\n"), expected);
        server.stop();
    }

    #[test]
    fn readyz_returns_503_and_the_reason_while_the_gateway_is_not_ready() {
        let server = started(false);
        let response = exchange(&server, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(response.starts_with("HTTP/1.1 503 "), "{response}");
        assert!(response.ends_with("\n\nthe configuration is not loaded\n"), "{response}");
        server.stop();
    }

    #[test]
    fn readyz_returns_200_if_all_conditions_hold() {
        let server = started(true);
        let response = exchange(&server, "GET /readyz?verbose HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(response.starts_with("HTTP/1.1 200 ") && response.ends_with("\n\nready\n"), "{response}");
        server.stop();
    }

    #[test]
    fn metrics_are_openmetrics_text() {
        let server = started(true);
        let response = exchange(&server, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(
            response.contains("\ncontent-type: application/openmetrics-text; version=1.0.0; charset=utf-8\n"),
            "{response}"
        );
        assert!(response.ends_with("# EOF\n"), "{response}");
        server.stop();
    }

    #[test]
    fn jwks_returns_the_public_keys_or_404_without_any() {
        let server = started_with_keys(true, Some("{\"keys\":[]}"));
        let response = exchange(&server, "GET /jwks.json HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(response.contains("\ncontent-type: application/jwk-set+json\n"), "{response}");
        assert!(response.ends_with("\n\n{\"keys\":[]}"), "{response}");
        server.stop();
        let server = started(true);
        let status = status_line(&server, "GET /jwks.json HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(status, "HTTP/1.1 404 Not Found");
        server.stop();
    }

    #[test]
    fn head_returns_the_headers_of_get_without_a_body() {
        let server = started(true);
        let get = exchange(&server, "GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
        let head = exchange(&server, "HEAD /readyz HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_eq!(head, get.strip_suffix("ready\n").unwrap());
        server.stop();
    }

    #[test]
    fn unknown_paths_methods_and_bodies_are_rejected() {
        let server = started(true);
        let status = |request| status_line(&server, request);
        assert_eq!(status("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 Not Found");
        assert_eq!(status("GET /livez/ HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 Not Found");
        assert_eq!(status("GET /LIVEZ HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 404 Not Found");
        let body = "GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody";
        assert_eq!(status(body), "HTTP/1.1 413 Payload Too Large");
        assert_eq!(status("no HTTP at all\r\n\r\n"), "HTTP/1.1 400 Bad Request");
        let post = exchange(&server, "POST /livez HTTP/1.1\r\nHost: x\r\n\r\n");
        assert!(post.starts_with("HTTP/1.1 405 ") && post.contains("\nallow: GET, HEAD\n"), "{post}");
        server.stop();
    }

    #[test]
    fn a_silent_client_does_not_prevent_the_stop() {
        let server = started(true);
        let silent = std::net::TcpStream::connect(server.local_address()).unwrap();
        assert_eq!(status_line(&server, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n"), "HTTP/1.1 200 OK");
        let address = server.local_address();
        server.stop();
        drop(silent);
        assert!(std::net::TcpStream::connect(address).is_err());
    }

    #[test]
    fn slow_clients_do_not_delay_others() {
        let server = started(true);
        let address = server.local_address();
        let silent: Vec<_> = (0..3 * CONNECTIONS)
            .map(|number| {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                // Some have begun a request, some have sent nothing.
                stream.write_all(&b"GET /livez HTTP/1.1\r\nHost: x\r\n"[..number % 30]).unwrap();
                stream
            })
            .collect();
        let begun = std::time::Instant::now();
        for _ in 0..10 {
            let status = status_line(&server, "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(status, "HTTP/1.1 200 OK");
        }
        // Far less than any limit of a connection: no slow client was waited for.
        assert!(begun.elapsed() < HEAD_LIMIT, "{:?}", begun.elapsed());
        server.stop();
        drop(silent);
    }
}
