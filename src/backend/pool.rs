//! The connections of one worker to the servers of one backend. Gives a connection for a request, idle or new, within
//! the limits; takes it back when the exchange on it was clean. Reloading makes a new pool: a dropped one closes its
//! idle connections at once and each other with the end of its answer.

use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::admission::{Admission, Requester, Server, Slot};
use super::connect::connect;
use super::connection::{Connection, Watch};
use super::error::BackendError;
use super::idle::{Class, ConnectionKey, IdleConnections};
use super::memory::BodyMemory;
use super::pinned::PinnedConnection;
use super::pinned_places::PinnedPlace;
use super::settings::BackendSettings;
use crate::delegation::user_certificates::MintedIdentity;

/// The connections of one worker to one backend. Made and used inside a `LocalSet` or another runtime that can spawn
/// local tasks.
pub struct Pool {
    pub(super) settings: Arc<BackendSettings>,
    admission: Rc<Admission>,
    pub(super) idle: Rc<IdleConnections>,
    pub(super) memory: Rc<BodyMemory>,
    connects: Cell<u64>,
    reuses: Cell<u64>,
}

/// What a pool has done and holds now, for the metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Connections opened since the pool was made.
    pub connects: u64,
    /// Requests sent on a connection that had carried one before.
    pub reuses: u64,
    /// Sockets open now, idle ones included.
    pub open: usize,
    /// Connections that wait for a request.
    pub idle: usize,
    /// Requests that wait for a connection.
    pub waiting: usize,
    /// Connections closed since the pool was made because their clients delayed a server while others waited.
    pub evictions: u64,
}

/// The servers that a request may still try, and what became of those it has.
pub(super) struct Route {
    untried: Vec<Rc<Server>>,
    failure: Option<BackendError>,
    /// No idle connection is used.
    fresh: bool,
}

/// A connection that a request may use, and where it came from.
pub(super) struct Attempt {
    pub(super) connection: Connection,
    pub(super) server: Rc<Server>,
    pub(super) key: ConnectionKey,
    pub(super) reused: bool,
}

/// The use of a connection for one answer. Dropped, it closes the connection.
pub(super) struct Lease {
    connection: Connection,
    key: ConnectionKey,
    idle: Weak<IdleConnections>,
    reusable: bool,
}

impl Pool {
    /// A pool without connections; they come with the requests.
    /// Bodies that wait in it take their memory from `memory`.
    pub fn new(settings: Arc<BackendSettings>, memory: Rc<BodyMemory>) -> Self {
        Self {
            admission: Admission::new(&settings),
            settings,
            idle: Rc::default(),
            memory,
            connects: Cell::new(0),
            reuses: Cell::new(0),
        }
    }

    /// What the pool has done and holds now.
    pub fn stats(&self) -> PoolStats {
        PoolStats {
            connects: self.connects.get(),
            reuses: self.reuses.get(),
            open: self.admission.open(),
            idle: self.idle.count(),
            waiting: self.admission.waiting(),
            evictions: self.admission.evictions(),
        }
    }

    pub(super) fn route(&self) -> Route {
        Route { untried: self.admission.in_turn(), failure: None, fresh: false }
    }

    /// The servers for a request that an idle connection had closed on: over a new one.
    pub(super) fn route_afresh(&self) -> Route {
        Route { fresh: true, ..self.route() }
    }

    /// A connection to the next server of `route`, an idle one if possible; a new one presents the certificate of that
    /// class, where it has one. A server that cannot be reached is left
    /// for the next: nothing of the request has been sent.
    pub(super) async fn connection(
        &self,
        class: &Class,
        presented: Option<&MintedIdentity>,
        requester: Requester,
        route: &mut Route,
    ) -> Result<Attempt, BackendError> {
        while !route.untried.is_empty() {
            let slot = self.admission.admit(&route.untried, requester).await?;
            let server = Rc::clone(slot.server());
            let key = ConnectionKey { server: server.index, class: class.clone() };
            let idle = if route.fresh { None } else { self.idle.take(&key) };
            if let Some(connection) = idle {
                connection.link.occupy(slot);
                self.reuses.set(self.reuses.get() + 1);
                return Ok(Attempt { connection, server, key, reused: true });
            }
            match self.open(&server, &key, presented, slot).await {
                Ok(connection) => return Ok(Attempt { connection, server, key, reused: false }),
                Err(failure) => route.give_up(&server, failure),
            }
        }
        Err(route.failure.take().unwrap_or(BackendError::NoServers))
    }

    /// The use of `attempt`'s connection for the answer that came on it. `reusable` says that the answer and the
    /// request allow it to be used again when the answer has ended.
    pub(super) fn lease(&self, attempt: Attempt, reusable: bool) -> Lease {
        attempt.connection.link.moved();
        Lease { connection: attempt.connection, key: attempt.key, idle: Rc::downgrade(&self.idle), reusable }
    }

    /// Opens the one connection that belongs to a client's: to the next server, those that just failed last. It is no
    /// part of the pool, and never becomes one. `retired` is told when the connection ends, for whatever reason.
    pub async fn pin(
        &self,
        place: PinnedPlace,
        retired: CancellationToken,
    ) -> Result<PinnedConnection, BackendError> {
        let mut failure = BackendError::NoServers;
        for server in self.admission.healthy_first() {
            match connect(&server.address, None, self.settings.connect_timeout).await {
                Ok(stream) => {
                    server.absolve();
                    self.connects.set(self.connects.get() + 1);
                    let name = server.address.to_string();
                    let settings = Arc::clone(&self.settings);
                    return PinnedConnection::on(stream, name, settings, place, retired).await;
                }
                Err(unreachable) => {
                    server.penalize();
                    failure = unreachable;
                }
            }
        }
        Err(failure)
    }

    async fn open(
        &self,
        server: &Rc<Server>,
        key: &ConnectionKey,
        presented: Option<&MintedIdentity>,
        slot: Slot,
    ) -> Result<Connection, BackendError> {
        if server.open.get() >= self.settings.max_connections {
            self.idle.make_room(server.index);
        }
        let stream = connect(&server.address, presented, self.settings.connect_timeout).await?;
        let idle = Rc::downgrade(&self.idle);
        let own_key = key.clone();
        let forget = move |link: &Rc<_>| {
            if let Some(idle) = idle.upgrade() {
                idle.forget(&own_key, link);
            }
        };
        let connection = Connection::establish(stream, &self.settings, Some(slot), &server.open, forget)
            .await
            .map_err(|source| BackendError::Protocol { server: server.address.to_string(), source })?;
        server.absolve();
        server.watch(&connection.link);
        self.connects.set(self.connects.get() + 1);
        Ok(connection)
    }
}

impl Route {
    /// Whether only new connections are used.
    pub(super) fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Leaves `server`: nothing could be sent to it. That it refused one user's certificate says nothing of it to others.
    pub(super) fn give_up(&mut self, server: &Server, failure: BackendError) {
        if !matches!(failure, BackendError::CertificateRefused { .. }) {
            server.penalize();
        }
        self.untried.retain(|untried| untried.index != server.index);
        self.failure = Some(failure);
    }
}

impl Lease {
    /// `bytes` of the response were handed on, and the client has to take the next.
    pub(super) fn moved(&self, bytes: u64) {
        let link = &self.connection.link;
        link.moved();
        link.reading().moved(bytes, Instant::now());
        link.reading().wait();
    }

    /// The client has to take what is there.
    pub(super) fn waits_for_client(&self) {
        self.connection.link.reading().wait();
    }

    /// The client has taken all there is.
    pub(super) fn waits_for_backend(&self) {
        self.connection.link.reading().stop_waiting(Instant::now());
    }

    /// Whether the connection was closed because the answer did not move.
    pub(super) fn stalled(&self) -> bool {
        self.connection.link.watch() == Watch::Stalled
    }

    /// The answer has ended cleanly. The connection goes back to its pool if hyper, too, has found both messages
    /// whole and nothing after them (bytes that nobody asked for close it), else it is closed.
    pub(super) fn give_back(self) {
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
