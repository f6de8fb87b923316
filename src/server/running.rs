//! Starts the gateway, replaces its configuration atomically, and shuts it down.

use super::background::{BackgroundTasks, CrlReadiness, CrlRefreshContext};
use super::worker_thread::{WorkerCommand, WorkerThread};
use crate::clock::Clock;
use crate::config::{CompiledConfig, ListenerProtocol, ProcessSettings};
use crate::limits::{AccountRates, ConnectionLimits, ConnectionTable, KnownHolders, descriptors};
use crate::proxy::{Authenticator, FailedHandshakes, RequestLog, SharedState};
use crate::server::admin::{AdminResponses, AdminServer, PublishedKeys, Readiness, ReadinessCondition};
use crate::server::listener::{BindError, BoundListener};
use crate::site::BackendIdentity;
use crate::telemetry::audit::{self, AuditLog};
use crate::telemetry::{CountedLine, Metrics, display_chain};
use crate::tls::HandshakePool;
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long the audit log has to write what it holds when everything else has ended.
const AUDIT_CLOSE: Duration = Duration::from_secs(10);

/// A running gate. Dropped, it stops at once; [`RunningServer::stop`] lets the requests in progress end.
pub struct RunningServer {
    gate: Arc<SharedState>,
    process: ProcessSettings,
    workers: Vec<WorkerThread>,
    listening: BTreeMap<(SocketAddr, ListenerProtocol), SocketAddr>,
    background: Option<BackgroundTasks>,
    admin: Vec<AdminServer>,
    serving: ReadinessCondition,
}

/// A gate that cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The audit log cannot be opened.
    #[error(transparent)]
    Audit(#[from] audit::OpenError),
    /// The system gives no thread or no runtime.
    #[error("a thread cannot be started")]
    Thread(#[source] std::io::Error),
}

/// A reload that changed nothing: the configuration before it stays in force whole.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// A new address cannot be listened on.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// How a stop went.
#[derive(Debug, PartialEq, Eq)]
pub enum StopOutcome {
    /// Every worker ended and every record is written.
    Whole,
    /// Something was cut off: a worker panicked, or the audit log was too slow.
    CutOff(String),
}

impl RunningServer {
    /// Opens the listeners and starts the workers. `metrics` is the one that `compiled` was built with.
    ///
    /// # Errors
    /// [`StartError`]; nothing runs then.
    pub fn start(compiled: CompiledConfig, metrics: Arc<Metrics>, clock: Clock) -> Result<Self, StartError> {
        let CompiledConfig { snapshot, listeners, process, control } = compiled;
        let bound = bind(listeners.iter().copied(), process.workers.get())?;
        let admin_sockets = bind_admin(&process.admin)?;
        let audit = AuditLog::open(process.audit.clone(), process.audit_queue, metrics.audit.clone())?;
        let gate = Arc::new(SharedState {
            clock,
            snapshot: ArcSwap::from_pointee(snapshot),
            authenticator: Authenticator::new(
                process.validation_timeout,
                process.validation_concurrency,
                process.caches,
                &metrics,
            ),
            handshakes: HandshakePool::default(),
            failed_handshakes: FailedHandshakes::default(),
            audit,
            request_log: RequestLog::new(Instant::now()),
            metrics,
            connections: Arc::new(ConnectionTable::new(descriptors::connections())),
            accounts: AccountRates::default(),
            known_holders: KnownHolders::default(),
            http2_floods: CountedLine::default(),
            stopping: CancellationToken::new(),
        });
        warn_of_descriptors(&gate.connections, &gate.snapshot.load().connections);
        let readiness = Readiness::default();
        let serving = readiness.condition("the gate takes no requests");
        let crls = CrlReadiness::new(readiness.condition("the CRLs were not looked at"));
        let surroundings = CrlRefreshContext {
            clock: gate.clock.clone(),
            metrics: Arc::clone(&gate.metrics),
            readiness: crls,
        };
        let background = BackgroundTasks::start(&gate.snapshot.load(), surroundings, &control)
            .map_err(StartError::Thread)?;
        let workers = (0..process.workers.get())
            .map(|number| WorkerThread::start(number, Arc::clone(&gate)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StartError::Thread)?;
        let purged = Arc::clone(&gate);
        let purge = move || purged.authenticator.purge_accounts();
        let answers = Arc::new(
            AdminResponses::new(Arc::clone(&gate.metrics), readiness, published_keys(&gate), purge)
                .with_outages(outages(&gate)),
        );
        let admin = admin_sockets
            .into_iter()
            .map(|socket| AdminServer::start(socket, Arc::clone(&answers), &control))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StartError::Thread)?;
        let mut running = Self {
            gate,
            process,
            workers,
            listening: BTreeMap::new(),
            background: Some(background),
            admin,
            serving,
        };
        running.listen(bound);
        running.serving.set(true);
        Ok(running)
    }

    /// Puts another configuration in force. New addresses are opened first, so that a failure changes nothing; then
    /// the snapshot is swapped, and open connections feel it at their next request.
    ///
    /// # Errors
    /// Where a new address cannot be listened on.
    pub fn reload(&mut self, compiled: CompiledConfig) -> Result<(), ReloadError> {
        let new = compiled.listeners.iter().copied().filter(|key| !self.listening.contains_key(key));
        let bound = bind(new, self.process.workers.get())?;
        let snapshot = Arc::new(compiled.snapshot);
        self.gate.snapshot.store(Arc::clone(&snapshot));
        warn_of_descriptors(&self.gate.connections, &snapshot.connections);
        if let Some(background) = &self.background {
            background.turn_to(&snapshot);
        }
        self.listen(bound);
        let gone: Vec<_> =
            self.listening.keys().copied().filter(|key| !compiled.listeners.contains(key)).collect();
        for key in gone {
            self.listening.remove(&key);
            for worker in &self.workers {
                worker.tell(WorkerCommand::Close(key.0, key.1));
            }
        }
        if compiled.process != self.process {
            tracing::warn!(
                "workers, audit, admin, log, caches and judging limits change only with a restart"
            );
        }
        Ok(())
    }

    /// Opens the audit log anew, for a file that was moved away.
    ///
    /// # Errors
    /// The log's; the old file stays in use then.
    pub fn reopen_audit(&self) -> Result<(), audit::OpenError> {
        self.gate.audit.reopen()
    }

    /// Stops: not ready any more, no new connections, running requests end within the drain limit, every record is
    /// written.
    pub fn stop(mut self) -> StopOutcome {
        self.serving.set(false);
        self.gate.stopping.cancel();
        let mut cut_off = Vec::new();
        for worker in std::mem::take(&mut self.workers) {
            if worker.join().is_err() {
                cut_off.push("a worker panicked".to_owned());
            }
        }
        if let Some(Err(error)) = self.background.take().map(BackgroundTasks::stop) {
            cut_off.push(error.to_string());
        }
        if let Err(error) = self.gate.audit.close(AUDIT_CLOSE) {
            cut_off.push(error.to_string());
        }
        for admin in std::mem::take(&mut self.admin) {
            admin.stop();
        }
        if cut_off.is_empty() { StopOutcome::Whole } else { StopOutcome::CutOff(cut_off.join("; ")) }
    }

    /// The address in use for one of the configuration; they differ where the configuration asks for port 0.
    pub fn address(&self, configured: SocketAddr, speech: ListenerProtocol) -> Option<SocketAddr> {
        self.listening.get(&(configured, speech)).copied()
    }

    /// The addresses of the admin listeners.
    pub fn admin_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.admin.iter().map(AdminServer::local_address)
    }

    /// The generation of the configuration in force.
    pub fn generation(&self) -> u64 {
        self.gate.snapshot.load().generation
    }

    fn listen(&mut self, bound: Vec<((SocketAddr, ListenerProtocol), BoundListener)>) {
        for ((configured, speech), listener) in bound {
            self.listening.insert((configured, speech), listener.address());
            for (worker, socket) in self.workers.iter().zip(listener.into_sockets()) {
                worker.tell(WorkerCommand::Listen(configured, speech, socket));
            }
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.gate.stopping.cancel();
    }
}

/// Says where the system's limit on open files allows fewer connections than the configuration.
fn warn_of_descriptors(connections: &ConnectionTable, limits: &ConnectionLimits) {
    let most = connections.most(limits);
    if most < limits.total {
        tracing::warn!(
            most,
            max_connections = limits.total,
            "fewer client connections than `limits.max_connections` are possible: the system's limit on open files is too low \
             (two for each connection, and 2,048 more); raise it, such as with LimitNOFILE"
        );
    }
}

type Bound = Vec<((SocketAddr, ListenerProtocol), BoundListener)>;

fn bind(
    listeners: impl Iterator<Item = (SocketAddr, ListenerProtocol)>,
    workers: usize,
) -> Result<Bound, BindError> {
    listeners.map(|key| Ok((key, BoundListener::bind(key.0, workers)?))).collect()
}

/// What of the configuration in force does not answer: directories, domain controllers, and those that refuse the gate.
fn outages(gate: &Arc<SharedState>) -> impl Fn() -> Vec<String> + Send + Sync + 'static {
    let gate = Arc::clone(gate);
    move || {
        let snapshot = gate.snapshot.load();
        let sites = snapshot.sites.tls.values().flat_map(|listener| &listener.sites);
        let realms: BTreeMap<_, _> = sites
            .filter_map(|site| site.realm.as_ref())
            .filter_map(|realm| Some((Arc::clone(&realm.name), realm.directory.clone()?)))
            .collect();
        let mut outages: Vec<_> = realms.values().flat_map(|directories| directories.outages()).collect();
        for backend in &snapshot.backends {
            let BackendIdentity::Kerberos(delegation) = &backend.identity else { continue };
            let name = &backend.settings.name;
            if let Some(error) = delegation.delegator.gateway_login_error() {
                outages
                    .push(format!("the backend {name} cannot be told of users: {}", display_chain(&error)));
            }
            outages.extend(
                delegation
                    .delegator
                    .unavailable_kdcs()
                    .iter()
                    .map(|kdc| format!("KDC {kdc} does not respond")),
            );
        }
        outages.sort();
        outages.dedup();
        outages
    }
}

/// Those of the configuration in force when they are asked for.
fn published_keys(gate: &Arc<SharedState>) -> PublishedKeys {
    let gate = Arc::clone(gate);
    Arc::new(move || Some(Arc::clone(gate.snapshot.load().assertions.as_ref()?.jwks())))
}

fn bind_admin(addresses: &[SocketAddr]) -> Result<Vec<std::net::TcpListener>, BindError> {
    let one = |address: &SocketAddr| Ok(BoundListener::bind(*address, 1)?.into_sockets());
    Ok(addresses.iter().map(one).collect::<Result<Vec<_>, BindError>>()?.into_iter().flatten().collect())
}
