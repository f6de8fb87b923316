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

/// The time for the audit log to write its queue after everything else has ended.
const AUDIT_CLOSE: Duration = Duration::from_secs(10);

/// A running gateway. Dropping it stops it without waiting; [`RunningServer::stop`] is a graceful shutdown.
pub struct RunningServer {
    state: Arc<SharedState>,
    process: ProcessSettings,
    workers: Vec<WorkerThread>,
    listening: BTreeMap<(SocketAddr, ListenerProtocol), SocketAddr>,
    background: Option<BackgroundTasks>,
    admin: Vec<AdminServer>,
    serving: ReadinessCondition,
}

/// The gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The gateway cannot listen on an address.
    #[error(transparent)]
    Bind(#[from] BindError),
    /// The audit log cannot be opened.
    #[error(transparent)]
    Audit(#[from] audit::OpenError),
    /// The system cannot start a thread.
    #[error("cannot start a thread")]
    Thread(#[source] std::io::Error),
}

/// A failed reload, which changed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// The gateway cannot listen on a new address.
    #[error(transparent)]
    Bind(#[from] BindError),
}

/// The result of a shutdown.
#[derive(Debug, PartialEq, Eq)]
pub enum StopOutcome {
    /// Every worker has ended and every audit record is written.
    Complete,
    /// A worker or background task failed, or the audit log was not written in time; with the reasons.
    Incomplete(String),
}

impl RunningServer {
    /// Opens the listeners and starts the workers. `metrics` are those that `compiled` was built with.
    ///
    /// # Errors
    /// [`StartError`]; no listener or thread is left then.
    pub fn start(compiled: CompiledConfig, metrics: Arc<Metrics>, clock: Clock) -> Result<Self, StartError> {
        let CompiledConfig { snapshot, listeners, process, control } = compiled;
        let bound = bind(listeners.iter().copied(), process.workers.get())?;
        let admin_sockets = bind_admin(&process.admin)?;
        let audit = AuditLog::open(process.audit.clone(), process.audit_queue, metrics.audit.clone())?;
        let state = Arc::new(SharedState {
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
        warn_if_descriptors_are_few(&state.connections, &state.snapshot.load().connections);
        let readiness = Readiness::default();
        let serving = readiness.condition("the gateway does not accept requests");
        let crls = CrlReadiness::new(readiness.condition("the CRLs have not been checked"));
        let context = CrlRefreshContext {
            clock: state.clock.clone(),
            metrics: Arc::clone(&state.metrics),
            readiness: crls,
        };
        let background =
            BackgroundTasks::start(&state.snapshot.load(), context, &control).map_err(StartError::Thread)?;
        let workers = (0..process.workers.get())
            .map(|number| WorkerThread::start(number, Arc::clone(&state)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StartError::Thread)?;
        let purged = Arc::clone(&state);
        let purge = move || purged.authenticator.purge_accounts();
        let responses = Arc::new(
            AdminResponses::new(Arc::clone(&state.metrics), readiness, published_keys(&state), purge)
                .with_outages(outages(&state)),
        );
        let admin = admin_sockets
            .into_iter()
            .map(|socket| AdminServer::start(socket, Arc::clone(&responses), &control))
            .collect::<Result<Vec<_>, _>>()
            .map_err(StartError::Thread)?;
        let mut running = Self {
            state,
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

    /// Replaces the configuration. The new listeners are opened first, so that a failure changes nothing; then the
    /// snapshot is replaced, and open connections use it from their next request.
    ///
    /// # Errors
    /// The gateway cannot listen on a new address.
    pub fn reload(&mut self, compiled: CompiledConfig) -> Result<(), ReloadError> {
        let new = compiled.listeners.iter().copied().filter(|key| !self.listening.contains_key(key));
        let bound = bind(new, self.process.workers.get())?;
        let snapshot = Arc::new(compiled.snapshot);
        self.state.snapshot.store(Arc::clone(&snapshot));
        warn_if_descriptors_are_few(&self.state.connections, &snapshot.connections);
        if let Some(background) = &self.background {
            background.replace_realms(&snapshot);
        }
        self.listen(bound);
        let gone: Vec<_> =
            self.listening.keys().copied().filter(|key| !compiled.listeners.contains(key)).collect();
        for key in gone {
            self.listening.remove(&key);
            for worker in &self.workers {
                worker.send(WorkerCommand::Close(key.0, key.1));
            }
        }
        if compiled.process != self.process {
            tracing::warn!(
                "restart required: `workers`, `audit`, `admin`, `log`, `validation_timeout`, `validation_concurrency`, and \
                 `certificates`, `revocation`, `accounts` and `passwords` of `caches` are not changed by a reload"
            );
        }
        Ok(())
    }

    /// Reopens the audit log, after its file was moved away.
    ///
    /// # Errors
    /// The file cannot be opened; the previous one stays in use.
    pub fn reopen_audit(&self) -> Result<(), audit::OpenError> {
        self.state.audit.reopen()
    }

    /// Shuts down gracefully: fails readiness, stops accepting, lets requests in progress end within the shutdown
    /// timeout, and writes every audit record.
    pub fn stop(mut self) -> StopOutcome {
        self.serving.set(false);
        self.state.stopping.cancel();
        let mut failures = Vec::new();
        for worker in std::mem::take(&mut self.workers) {
            if worker.join().is_err() {
                failures.push("a worker panicked".to_owned());
            }
        }
        if let Some(Err(error)) = self.background.take().map(BackgroundTasks::stop) {
            failures.push(error.to_string());
        }
        if let Err(error) = self.state.audit.close(AUDIT_CLOSE) {
            failures.push(error.to_string());
        }
        for admin in std::mem::take(&mut self.admin) {
            admin.stop();
        }
        if failures.is_empty() { StopOutcome::Complete } else { StopOutcome::Incomplete(failures.join("; ")) }
    }

    /// Returns the bound address for a configured one. They differ if port 0 is configured.
    pub fn address(&self, configured: SocketAddr, protocol: ListenerProtocol) -> Option<SocketAddr> {
        self.listening.get(&(configured, protocol)).copied()
    }

    /// Returns the addresses of the admin listeners.
    pub fn admin_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        self.admin.iter().map(AdminServer::local_address)
    }

    /// Returns the generation of the configuration in force.
    pub fn generation(&self) -> u64 {
        self.state.snapshot.load().generation
    }

    fn listen(&mut self, bound: BoundListeners) {
        for ((configured, protocol), listener) in bound {
            self.listening.insert((configured, protocol), listener.address());
            for (worker, socket) in self.workers.iter().zip(listener.into_sockets()) {
                worker.send(WorkerCommand::Listen(configured, protocol, socket));
            }
        }
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.state.stopping.cancel();
    }
}

/// Warns if the system's limit on open files allows fewer connections than the configuration.
fn warn_if_descriptors_are_few(connections: &ConnectionTable, limits: &ConnectionLimits) {
    let most = connections.most(limits);
    if most < limits.total {
        tracing::warn!(
            most,
            max_connections = limits.total,
            "the system's limit on open files allows fewer client connections than `limits.max_connections` (two descriptors \
             for each, and 2,048 more): raise it, such as with LimitNOFILE"
        );
    }
}

type BoundListeners = Vec<((SocketAddr, ListenerProtocol), BoundListener)>;

fn bind(
    listeners: impl Iterator<Item = (SocketAddr, ListenerProtocol)>,
    workers: usize,
) -> Result<BoundListeners, BindError> {
    listeners.map(|key| Ok((key, BoundListener::bind(key.0, workers)?))).collect()
}

/// Returns the servers of the current configuration that do not respond or that reject the gateway: directories and
/// KDCs.
fn outages(state: &Arc<SharedState>) -> impl Fn() -> Vec<String> + Send + Sync + 'static {
    let state = Arc::clone(state);
    move || {
        let snapshot = state.snapshot.load();
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
                outages.push(format!(
                    "backend {name}: cannot obtain Kerberos tickets: {}",
                    display_chain(&error)
                ));
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

/// Returns the public keys of the configuration that is in force at the time of the request.
fn published_keys(state: &Arc<SharedState>) -> PublishedKeys {
    let state = Arc::clone(state);
    Arc::new(move || Some(Arc::clone(state.snapshot.load().assertions.as_ref()?.jwks())))
}

fn bind_admin(addresses: &[SocketAddr]) -> Result<Vec<std::net::TcpListener>, BindError> {
    let one = |address: &SocketAddr| Ok(BoundListener::bind(*address, 1)?.into_sockets());
    Ok(addresses.iter().map(one).collect::<Result<Vec<_>, BindError>>()?.into_iter().flatten().collect())
}
