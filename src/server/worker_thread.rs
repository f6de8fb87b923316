//! The thread of one worker: accepts connections on its own sockets and serves each to its end.

use crate::config::ListenerProtocol;
use crate::limits::{ConnectionLimitReached, OpenConnection};
use crate::proxy::{ConnectionEndpoints, SharedState, Worker, serve_plain, serve_tls};
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::rc::Rc;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::LocalSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// The pause after a failed accept, when the process may have no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A command to a worker.
#[derive(Debug)]
pub(super) enum WorkerCommand {
    /// Accepts on this socket. The address is the one in proxy.toml.
    Listen(SocketAddr, ListenerProtocol, TcpListener),
    /// Stops accepting on this address. Open connections stay.
    Close(SocketAddr, ListenerProtocol),
}

/// A running worker.
#[derive(Debug)]
pub(super) struct WorkerThread {
    commands: mpsc::UnboundedSender<WorkerCommand>,
    thread: JoinHandle<()>,
}

impl WorkerThread {
    /// Starts the thread. It ends after `stopping`, when its connections have ended or the shutdown timeout has passed.
    pub(super) fn start(number: usize, state: Arc<SharedState>) -> io::Result<Self> {
        let (commands, received) = mpsc::unbounded_channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let name = format!("worker-{number}");
        let thread = std::thread::Builder::new().name(name).spawn(move || {
            LocalSet::new().block_on(&runtime, work(state, received));
        })?;
        Ok(Self { commands, thread })
    }

    /// Sends a command to the worker. A worker that has ended ignores it.
    pub(super) fn send(&self, command: WorkerCommand) {
        drop(self.commands.send(command));
    }

    /// Waits until the thread has ended.
    pub(super) fn join(self) -> std::thread::Result<()> {
        self.thread.join()
    }
}

async fn work(state: Arc<SharedState>, mut commands: mpsc::UnboundedReceiver<WorkerCommand>) {
    let worker = Rc::new(Worker::new(Arc::clone(&state)));
    let connections = TaskTracker::new();
    let mut listening: HashMap<(SocketAddr, ListenerProtocol), CancellationToken> = HashMap::new();
    loop {
        let command = tokio::select! {
            command = commands.recv() => command,
            () = state.stopping.cancelled() => None,
        };
        match command {
            Some(WorkerCommand::Listen(address, protocol, socket)) => {
                let closing = state.stopping.child_token();
                listening.insert((address, protocol), closing.clone());
                let (worker, connections) = (Rc::clone(&worker), connections.clone());
                tokio::task::spawn_local(async move {
                    if let Err(error) =
                        accept(&worker, &connections, address, protocol, socket, &closing).await
                    {
                        tracing::error!(target: "portcullis::server::listener", %address, %error, "the listener failed");
                    }
                });
            }
            Some(WorkerCommand::Close(address, protocol)) => {
                if let Some(closing) = listening.remove(&(address, protocol)) {
                    closing.cancel();
                }
            }
            None => break,
        }
    }
    connections.close();
    let drain = state.snapshot.load().limits.drain;
    if timeout(drain, connections.wait()).await.is_err() {
        let open = connections.len();
        tracing::warn!(target: "portcullis::server::listener", open, "connections closed after the shutdown timeout");
    }
}

async fn accept(
    worker: &Rc<Worker>,
    connections: &TaskTracker,
    address: SocketAddr,
    protocol: ListenerProtocol,
    socket: TcpListener,
    closing: &CancellationToken,
) -> io::Result<()> {
    let socket = tokio::net::TcpListener::from_std(socket)?;
    loop {
        let accepted = tokio::select! {
            accepted = socket.accept() => accepted,
            () = closing.cancelled() => return Ok(()),
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // The connection is closed (ECONNABORTED) or there is no descriptor for it (EMFILE): neither is a
                // reason to stop listening, and without a pause the second would spin.
                tracing::warn!(target: "portcullis::server::listener", %address, %error, "cannot accept a connection");
                sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(open) = admit(worker.state(), address, peer) else { continue };
        // Small responses must not wait for the acknowledgement of the previous one. Without the option the connection still works.
        drop(stream.set_nodelay(true));
        let endpoints = ConnectionEndpoints { listener: address, peer };
        let worker = Rc::clone(worker);
        match protocol {
            ListenerProtocol::Tls => connections.spawn_local(serve_tls(worker, stream, endpoints, open)),
            ListenerProtocol::Http => connections.spawn_local(serve_plain(worker, stream, endpoints, open)),
        };
    }
}

/// Counts a connection. Returns `None` if a limit is reached: the connection is then closed before anything is read
/// from it.
fn admit(state: &SharedState, listener: SocketAddr, peer: SocketAddr) -> Option<OpenConnection> {
    let limit = match state.connections.admit(peer.ip(), &state.snapshot.load().connections) {
        Ok((open, made_room)) => {
            state.metrics.connections.evicted.inc_by(u64::from(made_room));
            return Some(open);
        }
        Err(limit) => limit,
    };
    let counters = &state.metrics.connections;
    match limit {
        ConnectionLimitReached::Total(_) => &counters.rejected_total,
        ConnectionLimitReached::Address(_) => &counters.rejected_address,
        ConnectionLimitReached::Network(_) => &counters.rejected_network,
    }
    .inc();
    if let Some(number) = state.connections.rejected.count() {
        tracing::warn!(
            target: "portcullis::limits",
            rejected = number,
            last_client = %peer,
            %listener,
            reason = %limit,
            "connections rejected"
        );
    }
    None
}
