//! The connections of one worker to the servers of one backend. A request gets a connection, idle or new, within the
//! limits; the connection returns if the exchange on it was clean. A reload creates a new pool: the old one closes its
//! idle connections when it is dropped, and the others when their responses have ended.

use std::rc::Rc;
use std::sync::Arc;

use super::idle::{ConnectionKey, IdleConnections};
use super::lease::PooledLease;
use super::load_balancer::{ConnectionSlot, LoadBalancer};
use super::server::ServerState;
use crate::backend::body::memory::BodyMemory;
use crate::backend::connection::connect::connect;
use crate::backend::connection::http1::Http1Connection;
use crate::backend::error::BackendError;
use crate::backend::pinned::register::PinnedRegister;
use crate::backend::pinned::state::PinnedState;
use crate::backend::requester::Requester;
use crate::backend::settings::BackendSettings;
use crate::backend::upstream_identity::identity::ConnectionClass;
use crate::delegation::user_certificates::IssuedUserCertificate;
use crate::telemetry::BackendConnectionMetrics;

/// The connections of one worker to one backend. Used inside a `LocalSet` or another runtime that can spawn local tasks.
pub(crate) struct BackendPool {
    pub(in crate::backend) settings: Arc<BackendSettings>,
    pub(in crate::backend) balancer: Rc<LoadBalancer>,
    pub(in crate::backend) idle: Rc<IdleConnections>,
    pub(in crate::backend) memory: Rc<BodyMemory>,
    pub(in crate::backend) pinned: Rc<PinnedRegister>,
    pub(in crate::backend) metrics: BackendConnectionMetrics,
}

/// The servers that a request can still try, and the last failure.
pub(in crate::backend) struct ServerCandidates {
    untried: Vec<Rc<ServerState>>,
    failure: Option<BackendError>,
    new_connection: bool,
}

/// A connection for one request, and where it came from.
pub(in crate::backend) struct AcquiredConnection {
    pub(in crate::backend) connection: Http1Connection,
    pub(in crate::backend) server: Rc<ServerState>,
    pub(in crate::backend) key: ConnectionKey,
    pub(in crate::backend) reused: bool,
}

impl BackendPool {
    /// A pool without connections, which are opened as requests need them. Bodies that are buffered use `memory`.
    /// `pinned` has the worker's pinned connections to the same backend, including those opened before a reload.
    pub(crate) fn new(
        settings: Arc<BackendSettings>,
        memory: Rc<BodyMemory>,
        pinned: Rc<PinnedRegister>,
        metrics: BackendConnectionMetrics,
    ) -> Self {
        let balancer = LoadBalancer::new(&settings, metrics.clone());
        Self { balancer, settings, idle: Rc::default(), memory, pinned, metrics }
    }

    /// The servers for a request, beginning with the next in turn.
    pub(in crate::backend) fn candidates(&self) -> ServerCandidates {
        ServerCandidates { untried: self.balancer.servers_in_turn(), failure: None, new_connection: false }
    }

    /// The servers for a request that was lost on an idle connection. It uses a new connection: other idle ones may have
    /// been closed at the same time.
    pub(super) fn candidates_for_resend(&self) -> ServerCandidates {
        ServerCandidates { new_connection: true, ..self.candidates() }
    }

    /// Acquires a connection of `class` to the next server, an idle one if possible. A new one presents the
    /// `user_certificate` of the class, if any. If a server cannot be reached, the next one is tried: nothing of the
    /// request has been sent.
    ///
    /// # Errors
    /// [`BackendError::Busy`], or the failure of the server that was tried last.
    pub(in crate::backend) async fn acquire(
        &self,
        class: &ConnectionClass,
        user_certificate: Option<&IssuedUserCertificate>,
        requester: Requester,
        candidates: &mut ServerCandidates,
    ) -> Result<AcquiredConnection, BackendError> {
        while candidates.has_untried() {
            let slot = self.balancer.acquire(&candidates.untried, requester).await?;
            let server = Rc::clone(slot.server());
            let key = ConnectionKey { server: server.index, class: class.clone() };
            let idle = if candidates.new_connection { None } else { self.idle.take(&key) };
            if let Some(connection) = idle {
                connection.occupy(slot);
                return Ok(AcquiredConnection { connection, server, key, reused: true });
            }
            match self.open(&server, &key, user_certificate, slot).await {
                Ok(connection) => return Ok(AcquiredConnection { connection, server, key, reused: false }),
                Err(failure) => candidates.give_up(&server, failure),
            }
        }
        Err(candidates.take_failure())
    }

    /// The lease of a connection whose response has begun.
    pub(in crate::backend) fn lease(&self, acquired: AcquiredConnection, reusable: bool) -> PooledLease {
        PooledLease::new(acquired.connection, acquired.key, &self.idle, reusable)
    }

    /// Closes an idle connection to `server` if there is one too many, counting the one that is about to be opened: the
    /// pooled or pinned one that has been idle for longest.
    pub(in crate::backend) fn make_room(&self, server: &Rc<ServerState>) {
        if server.open_sockets() + self.pinned.count(&server.name) <= self.settings.max_connections {
            return;
        }
        let pooled = self.idle.oldest(server.index);
        match (pooled, self.pinned.eviction_candidate(&server.name)) {
            (Some(pooled), Some((since, _))) if pooled <= since => self.idle.make_room(server.index),
            (_, Some((_, pinned))) => self.close_pinned(&pinned),
            (_, None) => self.idle.make_room(server.index),
        }
    }

    /// Closes an idle pinned connection.
    pub(in crate::backend) fn close_pinned(&self, pinned: &PinnedState) {
        pinned.yield_connection();
        self.metrics.idle_pinned.inc();
    }

    async fn open(
        &self,
        server: &Rc<ServerState>,
        key: &ConnectionKey,
        user_certificate: Option<&IssuedUserCertificate>,
        slot: ConnectionSlot,
    ) -> Result<Http1Connection, BackendError> {
        let socket = server.count_socket(&self.metrics);
        self.make_room(server);
        let stream = connect(&server.address, user_certificate, self.settings.connect_timeout).await?;
        let idle = Rc::downgrade(&self.idle);
        let own_key = key.clone();
        let on_close = move |state: &Rc<_>| {
            drop(socket);
            if let Some(idle) = idle.upgrade() {
                idle.remove(&own_key, state);
            }
        };
        let connection = Http1Connection::establish(stream, &self.settings, slot, on_close)
            .await
            .map_err(|source| BackendError::Protocol { server: server.address.to_string(), source })?;
        server.mark_healthy();
        server.add_connection(&connection.state);
        Ok(connection)
    }
}

impl ServerCandidates {
    /// Whether a server is left to try.
    pub(in crate::backend) fn has_untried(&self) -> bool {
        !self.untried.is_empty()
    }

    pub(in crate::backend) fn untried(&self) -> &[Rc<ServerState>] {
        &self.untried
    }

    /// Whether only new connections are used.
    pub(super) fn requires_new_connection(&self) -> bool {
        self.new_connection
    }

    /// Excludes `server`, to which nothing could be sent, and prefers others for a while. A server that rejected one
    /// user's certificate is still good for the requests of others.
    pub(in crate::backend) fn give_up(&mut self, server: &ServerState, failure: BackendError) {
        if !matches!(failure, BackendError::CertificateRejected { .. }) {
            server.mark_failed();
        }
        self.untried.retain(|untried| untried.index != server.index);
        self.failure = Some(failure);
    }

    /// Removes and returns the last failure.
    pub(in crate::backend) fn take_failure(&mut self) -> BackendError {
        self.failure.take().unwrap_or(BackendError::NoServers)
    }
}
