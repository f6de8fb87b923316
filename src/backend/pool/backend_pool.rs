//! The connections of one worker to the servers of one backend. Gives a connection for a request, idle or new, within
//! the limits; takes it back when the exchange on it was clean. Reloading makes a new pool: a dropped one closes its
//! idle connections at once and each other with the end of its answer.

use std::rc::{Rc, Weak};
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use crate::backend::body::memory::BodyMemory;
use crate::backend::connection::connect::connect;
use crate::backend::connection::http1::{ConnectionPhase, Http1Connection};
use crate::backend::error::BackendError;
use crate::backend::pinned::connection::{PinnedConnection, PinnedState};
use crate::backend::pinned::limit::PinnedSlot;
use crate::backend::pinned::register::PinnedRegister;
use crate::backend::pool::idle::{ConnectionClass, ConnectionKey, IdleConnections};
use crate::backend::pool::load_balancer::{ConnectionSlot, LoadBalancer, Requester, ServerState};
use crate::backend::settings::BackendSettings;
use crate::delegation::user_certificates::MintedIdentity;
use crate::telemetry::BackendConnectionMetrics;

/// The connections of one worker to one backend. Made and used inside a `LocalSet` or another runtime that can spawn
/// local tasks.
pub struct BackendPool {
    pub(in crate::backend) settings: Arc<BackendSettings>,
    admission: Rc<LoadBalancer>,
    pub(in crate::backend) idle: Rc<IdleConnections>,
    pub(in crate::backend) memory: Rc<BodyMemory>,
    pinned: Rc<PinnedRegister>,
    pub(in crate::backend) metrics: BackendConnectionMetrics,
}

/// The servers that a request may still try, and what became of those it has.
pub(in crate::backend) struct ServerCandidates {
    untried: Vec<Rc<ServerState>>,
    failure: Option<BackendError>,
    /// No idle connection is used.
    fresh: bool,
}

/// A connection that a request may use, and where it came from.
pub(in crate::backend) struct AcquiredConnection {
    pub(in crate::backend) connection: Http1Connection,
    pub(in crate::backend) server: Rc<ServerState>,
    pub(in crate::backend) key: ConnectionKey,
    pub(in crate::backend) reused: bool,
}

/// The use of a connection for one answer. Dropped, it closes the connection.
pub(in crate::backend) struct PooledLease {
    connection: Http1Connection,
    key: ConnectionKey,
    idle: Weak<IdleConnections>,
    reusable: bool,
}

impl BackendPool {
    /// A pool without connections; they come with the requests.
    /// Bodies that wait in it take their memory from `memory`. `pinned` are the worker's pinned connections to the same
    /// backend, those that were opened before a reload included.
    pub fn new(
        settings: Arc<BackendSettings>,
        memory: Rc<BodyMemory>,
        pinned: Rc<PinnedRegister>,
        metrics: BackendConnectionMetrics,
    ) -> Self {
        let admission = LoadBalancer::new(&settings, metrics.clone());
        Self { admission, settings, idle: Rc::default(), memory, pinned, metrics }
    }

    pub(in crate::backend) fn route(&self) -> ServerCandidates {
        ServerCandidates { untried: self.admission.in_turn(), failure: None, fresh: false }
    }

    /// The servers for a request that an idle connection had closed on: over a new one.
    pub(in crate::backend) fn route_afresh(&self) -> ServerCandidates {
        ServerCandidates { fresh: true, ..self.route() }
    }

    /// A connection to the next server of `route`, an idle one if possible; a new one presents the certificate of that
    /// class, where it has one. A server that cannot be reached is left
    /// for the next: nothing of the request has been sent.
    pub(in crate::backend) async fn connection(
        &self,
        class: &ConnectionClass,
        presented: Option<&MintedIdentity>,
        requester: Requester,
        route: &mut ServerCandidates,
    ) -> Result<AcquiredConnection, BackendError> {
        while !route.untried.is_empty() {
            let slot = self.admission.admit(&route.untried, requester).await?;
            let server = Rc::clone(slot.server());
            let key = ConnectionKey { server: server.index, class: class.clone() };
            let idle = if route.fresh { None } else { self.idle.take(&key) };
            if let Some(connection) = idle {
                connection.link.occupy(slot);
                return Ok(AcquiredConnection { connection, server, key, reused: true });
            }
            match self.open(&server, &key, presented, slot).await {
                Ok(connection) => return Ok(AcquiredConnection { connection, server, key, reused: false }),
                Err(failure) => route.give_up(&server, failure),
            }
        }
        Err(route.failure.take().unwrap_or(BackendError::NoServers))
    }

    /// The use of `attempt`'s connection for the answer that came on it. `reusable` says that the answer and the
    /// request allow it to be used again when the answer has ended.
    pub(in crate::backend) fn lease(&self, attempt: AcquiredConnection, reusable: bool) -> PooledLease {
        attempt.connection.link.moved();
        PooledLease {
            connection: attempt.connection,
            key: attempt.key,
            idle: Rc::downgrade(&self.idle),
            reusable,
        }
    }

    /// Opens the one connection that belongs to a client's: to the next server, those that just failed last. It is no
    /// part of the pool, and never becomes one, but counts among the connections to its server, and takes a slot for
    /// each request, as pooled ones do. `retired` is told when the connection ends, for whatever reason.
    ///
    /// # Errors
    /// [`BackendError::Busy`] if there is no slot for its first request, else the failure to connect.
    pub async fn pin(
        &self,
        place: PinnedSlot,
        requester: Requester,
        retired: CancellationToken,
    ) -> Result<PinnedConnection, BackendError> {
        let mut route = self.route();
        while !route.untried.is_empty() {
            let slot = self.admission.admit(&route.untried, requester).await?;
            let server = Rc::clone(slot.server());
            let registered = self.pinned.enter(&server.name, requester.address, &self.metrics);
            // The rest of the connections to a server is kept for requests with an account.
            if self.pinned.count(&server.name) > self.settings.shares.anonymous
                && let Some((_, line)) = self.pinned.least_missed(&server.name)
            {
                self.close_pinned(&line);
            }
            self.make_room(&server);
            match connect(&server.address, None, self.settings.connect_timeout).await {
                Ok(stream) => {
                    server.absolve();
                    let admission = Rc::clone(&self.admission);
                    let settings = Arc::clone(&self.settings);
                    let holds = (slot, registered, place);
                    return PinnedConnection::on(stream, admission, settings, holds, retired).await;
                }
                Err(unreachable) => route.give_up(&server, unreachable),
            }
        }
        Err(route.failure.take().unwrap_or(BackendError::NoServers))
    }

    /// Closes an idle connection to `server` if there is one too many, counting one that is about to be opened: of the
    /// pooled ones the one that has been idle for longest, or a pinned one that has been idle for longer.
    fn make_room(&self, server: &Rc<ServerState>) {
        if server.open() + self.pinned.count(&server.name) <= self.settings.max_connections {
            return;
        }
        let pooled = self.idle.longest(server.index);
        match (pooled, self.pinned.least_missed(&server.name)) {
            (Some(pooled), Some((since, _))) if pooled <= since => self.idle.make_room(server.index),
            (_, Some((_, line))) => self.close_pinned(&line),
            (_, None) => self.idle.make_room(server.index),
        }
    }

    fn close_pinned(&self, line: &PinnedState) {
        line.give_way();
        self.metrics.idle_pinned.inc();
    }

    async fn open(
        &self,
        server: &Rc<ServerState>,
        key: &ConnectionKey,
        presented: Option<&MintedIdentity>,
        slot: ConnectionSlot,
    ) -> Result<Http1Connection, BackendError> {
        let socket = server.count_socket(&self.metrics);
        self.make_room(server);
        let stream = connect(&server.address, presented, self.settings.connect_timeout).await?;
        let idle = Rc::downgrade(&self.idle);
        let own_key = key.clone();
        let forget = move |link: &Rc<_>| {
            drop(socket);
            if let Some(idle) = idle.upgrade() {
                idle.forget(&own_key, link);
            }
        };
        let connection = Http1Connection::establish(stream, &self.settings, slot, forget)
            .await
            .map_err(|source| BackendError::Protocol { server: server.address.to_string(), source })?;
        server.absolve();
        server.watch(&connection.link);
        Ok(connection)
    }
}

impl ServerCandidates {
    /// Whether only new connections are used.
    pub(in crate::backend) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Leaves `server`: nothing could be sent to it. That it refused one user's certificate says nothing of it to others.
    pub(in crate::backend) fn give_up(&mut self, server: &ServerState, failure: BackendError) {
        if !matches!(failure, BackendError::CertificateRefused { .. }) {
            server.penalize();
        }
        self.untried.retain(|untried| untried.index != server.index);
        self.failure = Some(failure);
    }
}

impl PooledLease {
    /// `bytes` of the response were handed on, and the client has to take the next.
    pub(in crate::backend) fn moved(&self, bytes: u64) {
        self.connection.link.handed_on(bytes);
    }

    /// The client has to take what is there.
    pub(in crate::backend) fn waits_for_client(&self) {
        self.connection.link.waits_for_client();
    }

    /// The client has taken all there is.
    pub(in crate::backend) fn waits_for_backend(&self) {
        self.connection.link.waits_for_backend();
    }

    /// Whether the connection was closed because the answer did not move.
    pub(in crate::backend) fn stalled(&self) -> bool {
        self.connection.link.watch() == ConnectionPhase::Stalled
    }

    /// The answer has ended cleanly. The connection goes back to its pool if hyper, too, has found both messages
    /// whole and nothing after them (bytes that nobody asked for close it), else it is closed.
    pub(in crate::backend) fn give_back(self) {
        let Some(idle) = self.idle.upgrade() else { return };
        if !self.reusable || !self.connection.is_ready() {
            return;
        }
        let slot = self.connection.link.vacate();
        idle.put(self.key, self.connection);
        // Only now: who gets the slot shall find the connection.
        drop(slot);
    }
}
