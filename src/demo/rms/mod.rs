//! A stand-in for an RMS cluster: takes HTTP/1.1 connections, answers as `/_wmcs` does, shows what it received.
//!
//! Never a licence server: its XrML is of the right shape and size and signed by nobody. Where the real one gets the
//! user from IIS, this one takes `X-Remote-User`, as an IIS module that trusts the gate would.

mod asmx;
mod echo;
mod generated;
mod record;
mod responses;
mod service;
pub mod soap;
mod wire;
mod xrml;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

pub use self::record::{RmsState, Seen};

use self::wire::{Wire, WireStream};

/// How long a connection may be silent, as IIS has it (`connectionTimeout`).
const IDLE_LIMIT: Duration = Duration::from_secs(120);

/// A running stand-in on a thread of its own. It stops when dropped.
pub struct Rms {
    address: SocketAddr,
    state: Arc<RmsState>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Rms {
    /// Starts a stand-in at `address`; port 0 takes any free one.
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
        let served = serve(listener, Arc::clone(&state));
        let thread = std::thread::Builder::new().name("stand-in-rms".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = served => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { address, state, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The requests received so far, oldest first; only the last ones of very many.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen()
    }

    /// How many TCP connections were accepted so far.
    pub fn connections(&self) -> u64 {
        self.state.connections()
    }

    /// Stops listening and breaks every connection off, as a machine that dies does. Returns when all are gone.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the thread has ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // An error means that it ended by a panic, which it has printed.
            let _ = thread.join();
        }
    }
}

impl Drop for Rms {
    fn drop(&mut self) {
        self.end();
    }
}

/// Serves every connection that `listener` accepts, until the future is dropped; that breaks them off.
///
/// Runs on either kind of tokio runtime, with time and I/O switched on.
pub async fn serve(listener: TcpListener, state: Arc<RmsState>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(serve_connection(stream, Arc::clone(&state)));
                }
                // Out of descriptors, most likely: others must end before the next can begin.
                Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve_connection(stream: TcpStream, state: Arc<RmsState>) {
    let connection = state.open_connection();
    let wire = Arc::new(Wire::new(stream));
    let io = TokioIo::new(WireStream::new(Arc::clone(&wire)));
    let requests = std::sync::atomic::AtomicU64::new(0);
    let service = service_fn(|request| {
        let number = requests.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        let seen = Seen::new(connection, number, &request, wire.take_head(request.method()));
        state.log(seen.clone());
        service::answer(request, seen, Arc::clone(&wire))
    });
    // An error is the client's way of leaving; there is nobody to tell.
    let _ = http1::Builder::new()
        .max_headers(4096)
        .timer(TokioTimer::new())
        .header_read_timeout(IDLE_LIMIT)
        .serve_connection(io, service)
        .await;
}

#[cfg(test)]
mod tests;
