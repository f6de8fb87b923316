//! The servers of one directory, which all hold the same entries: connection reuse and failover.

mod backoff;

use self::backoff::ServerBackoff;
use super::active_directory::domains::DomainNames;
use super::error::{DirectoryError, UnavailableReason};
use super::password_verdict::{PasswordFailure, PasswordVerdict};
use super::settings::DirectoryLimits;
use crate::ldap::result_code::{INVALID_CREDENTIALS, NO_SUCH_OBJECT, SUCCESS};
use crate::ldap::{
    BindCredentials, ConnectionError, LdapConnection, LdapEntry, LdapError, LdapOperation, LdapRefusal,
    LdapServer, SearchFilter, SearchRequest, SearchResult, SearchScope, connect,
};
use crate::secret::Secret;
use rustls::ClientConfig;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The parameters of connections to the servers of a directory.
#[derive(Debug)]
pub(super) struct ServerAccess {
    pub(super) directory: Arc<str>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) bind_dn: String,
    pub(super) bind_password: Secret,
    pub(super) limits: DirectoryLimits,
    /// Whether the names of the forest's domains are read on each new connection.
    pub(super) has_domains: bool,
    /// Cancels connection attempts in the background.
    pub(super) cancellation: CancellationToken,
}

/// Servers with the same entries, in order of preference. Displayed as their URLs.
#[derive(Debug)]
pub(super) struct ReplicaSet {
    access: ServerAccess,
    replicas: Vec<ReplicaServer>,
}

/// One server.
#[derive(Debug)]
struct ReplicaServer {
    server: LdapServer,
    state: Mutex<ReplicaState>,
    /// Held while a connection is opened. A task that waited for the lock finds an open connection, or the server in
    /// backoff, so that concurrent lookups do not open several.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct ReplicaState {
    session: Option<Arc<DirectorySession>>,
    backoff: ServerBackoff,
}

/// A connection on which the gateway's account is bound.
#[derive(Debug)]
pub(super) struct DirectorySession {
    connection: LdapConnection,
    pub(super) domains: Arc<DomainNames>,
    /// Whether a search on this connection has succeeded.
    worked: AtomicBool,
}

/// The result of a search, with its server.
#[derive(Clone, Debug)]
pub(super) struct ServerResult {
    pub(super) found: SearchResult,
    pub(super) domains: Arc<DomainNames>,
    directory: Arc<str>,
    server: String,
}

/// The number of attempts of a search beyond the number of servers: an idle connection may have been closed unnoticed.
const EXTRA_ATTEMPTS: usize = 1;

impl ReplicaSet {
    pub(super) fn new(access: ServerAccess, servers: Vec<LdapServer>) -> Arc<Self> {
        let replicas = servers.into_iter().map(|server| ReplicaServer {
            server,
            state: Mutex::default(),
            opening: tokio::sync::Mutex::new(()),
        });
        Arc::new(Self { access, replicas: replicas.collect() })
    }

    /// Searches on the first available server. If that fails, the next one is tried, except if the server refused the
    /// search.
    pub(super) async fn search(
        self: &Arc<Self>,
        request: &SearchRequest,
    ) -> Result<ServerResult, DirectoryError> {
        let mut last_error = None;
        for _ in 0..self.replicas.len() + EXTRA_ATTEMPTS {
            let (replica, session) = match self.session().await {
                Ok(session) => session,
                // The cause of the last failure is more useful than the backoff that it led to.
                Err(error) => return Err(last_error.unwrap_or(error)),
            };
            match session.connection.search(request.clone(), self.access.limits.operation).await {
                Ok(found) => {
                    session.worked.store(true, Ordering::Relaxed);
                    replica.lock().backoff.succeeded();
                    let directory = Arc::clone(&self.access.directory);
                    let (domains, server) = (Arc::clone(&session.domains), replica.server.to_string());
                    return Ok(ServerResult { found, domains, directory, server });
                }
                Err(error @ LdapError::Refused { .. }) => return Err(self.error(replica, error)),
                Err(error) => {
                    replica.discard(&session, &error);
                    last_error = Some(self.error(replica, error));
                }
            }
        }
        Err(last_error.unwrap_or_else(|| self.no_server()))
    }

    /// Searches for one entry. Returns `None` if it does not exist or does not match the filter.
    pub(super) async fn search_entry(
        self: &Arc<Self>,
        request: &SearchRequest,
    ) -> Result<Option<(LdapEntry, ServerResult)>, DirectoryError> {
        let mut result = match self.search(request).await {
            Ok(result) => result,
            Err(DirectoryError::Refused {
                source: LdapRefusal::Result { code: NO_SUCH_OBJECT, .. }, ..
            }) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(result.found.entries.pop().map(|entry| (entry, result)))
    }

    /// Returns the names of the forest's domains, from the first available server.
    pub(super) async fn domains(self: &Arc<Self>) -> Result<Arc<DomainNames>, DirectoryError> {
        self.session().await.map(|(_, session)| Arc::clone(&session.domains))
    }

    /// Binds with an account's password on a new connection to the first server that accepts one. The password is sent
    /// to one server only: if two servers rejected it, one wrong password would count twice towards the lockout.
    pub(super) async fn check_password(
        &self,
        credentials: BindCredentials<'_>,
    ) -> Result<PasswordVerdict, DirectoryError> {
        let limits = &self.access.limits;
        let mut last_error = None;
        for replica in &self.replicas {
            if let Some(backoff) = replica.backoff() {
                last_error.get_or_insert_with(|| self.unavailable(replica, backoff));
                continue;
            }
            let mut stream = match connect(&replica.server, &self.access.tls, limits.connect).await {
                Ok(stream) => stream,
                Err(error) => {
                    replica.lock().backoff.failed(Instant::now(), &error);
                    last_error = Some(self.error(replica, error));
                    continue;
                }
            };
            let result = stream.bind(credentials, limits.operation).await.map_err(|error| {
                replica.lock().backoff.failed(Instant::now(), &error);
                self.error(replica, error)
            })?;
            stream.close(limits.operation).await;
            return match result.code {
                SUCCESS => Ok(PasswordVerdict::Correct),
                INVALID_CREDENTIALS => {
                    Ok(PasswordVerdict::Wrong(PasswordFailure::from_diagnostic(&result.text)))
                }
                _ => Err(self.error(replica, result.error(LdapOperation::Bind))),
            };
        }
        Err(last_error.unwrap_or_else(|| self.no_server()))
    }

    /// Returns the failures of all servers; `None` if one of them is available as far as is known.
    pub(super) fn outage(&self) -> Option<String> {
        let failures: Option<Vec<_>> = self.replicas.iter().map(ReplicaServer::failure).collect();
        failures.filter(|failures| !failures.is_empty()).map(|failures| failures.join("; "))
    }

    /// Searches for an entry that every server has, so that [`outage`](Self::outage) returns the current state
    /// afterwards.
    pub(super) async fn probe(self: &Arc<Self>) {
        let root = SearchRequest {
            base: String::new(),
            scope: SearchScope::Base,
            filter: SearchFilter::present("objectClass"),
            attributes: vec!["1.1".to_owned()],
            size_limit: 1,
        };
        drop(self.search(&root).await);
    }

    /// Opens a new connection to each server in turn, including those in backoff.
    pub(super) async fn open_each(&self) -> Vec<(String, Result<DirectorySession, DirectoryError>)> {
        let mut sessions = Vec::new();
        for replica in &self.replicas {
            let session = self.open(replica).await.map_err(|error| self.error(replica, error));
            sessions.push((replica.server.to_string(), session));
        }
        sessions
    }

    /// Returns the first open connection, or opens one to the first server that accepts it. While a later server is
    /// used, preferred ones whose backoff is over are tried in the background, so that no lookup waits for them.
    async fn session(self: &Arc<Self>) -> Result<(&ReplicaServer, Arc<DirectorySession>), DirectoryError> {
        for (index, replica) in self.replicas.iter().enumerate() {
            if let Some(session) = replica.session() {
                self.retry_before(index);
                return Ok((replica, session));
            }
        }
        let mut last_error = None;
        for replica in &self.replicas {
            match self.session_of(replica).await {
                Ok(session) => return Ok((replica, session)),
                Err(
                    error @ DirectoryError::Unavailable { source: UnavailableReason::Backoff { .. }, .. },
                ) => {
                    last_error.get_or_insert(error);
                }
                Err(error) => last_error = Some(error),
            }
        }
        Err(last_error.unwrap_or_else(|| self.no_server()))
    }

    /// Connects to the servers before `index` in the background, except to those in backoff.
    fn retry_before(self: &Arc<Self>, index: usize) {
        for (index, replica) in self.replicas.iter().enumerate().take(index) {
            if replica.backoff().is_none() && replica.opening.try_lock().is_ok() {
                let set = Arc::clone(self);
                let cancellation = self.access.cancellation.clone();
                // Ends within the limits of connecting and binding. The replica keeps its failure.
                tokio::spawn(cancellation.run_until_cancelled_owned(async move {
                    if let Some(replica) = set.replicas.get(index) {
                        drop(set.session_of(replica).await);
                    }
                }));
            }
        }
    }

    /// Returns the open connection to a server, or opens one.
    async fn session_of(&self, replica: &ReplicaServer) -> Result<Arc<DirectorySession>, DirectoryError> {
        let _opening = replica.opening.lock().await;
        if let Some(session) = replica.session() {
            return Ok(session);
        }
        if let Some(backoff) = replica.backoff() {
            return Err(self.unavailable(replica, backoff));
        }
        match self.open(replica).await {
            Ok(session) => {
                let session = Arc::new(session);
                replica.lock().session = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(error) => {
                replica.lock().backoff.failed(Instant::now(), &error);
                Err(self.error(replica, error))
            }
        }
    }

    async fn open(&self, replica: &ReplicaServer) -> Result<DirectorySession, LdapError> {
        let ServerAccess { tls, bind_dn, bind_password, limits, .. } = &self.access;
        let credentials = BindCredentials::new(bind_dn, bind_password)?;
        let mut stream = connect(&replica.server, tls, limits.connect).await?;
        let result = stream.bind(credentials, limits.operation).await?;
        if result.code != SUCCESS {
            return Err(result.error(LdapOperation::Bind));
        }
        let connection = LdapConnection::start(stream);
        let domains = match self.access.has_domains {
            true => DomainNames::read(&connection, limits.operation).await?,
            false => DomainNames::default(),
        };
        Ok(DirectorySession { connection, domains: Arc::new(domains), worked: AtomicBool::new(false) })
    }

    fn error(&self, replica: &ReplicaServer, error: LdapError) -> DirectoryError {
        DirectoryError::at_server(error, &self.access.directory, &replica.server.to_string())
    }

    fn unavailable(&self, replica: &ReplicaServer, source: UnavailableReason) -> DirectoryError {
        let (directory, server) = (Arc::clone(&self.access.directory), replica.server.to_string());
        DirectoryError::Unavailable { directory, server, source }
    }

    fn no_server(&self) -> DirectoryError {
        let directory = Arc::clone(&self.access.directory);
        DirectoryError::Unavailable { directory, server: String::new(), source: UnavailableReason::NoServer }
    }
}

impl fmt::Display for ReplicaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.replicas.iter().map(|replica| replica.server.to_string()).collect();
        f.write_str(&servers.join(", "))
    }
}

impl ServerResult {
    /// Returns the directory error for a result that cannot be used.
    pub(super) fn error(&self, error: impl Into<LdapError>) -> DirectoryError {
        DirectoryError::at_server(error.into(), &self.directory, &self.server)
    }
}

impl DirectorySession {
    pub(super) async fn search(
        &self,
        request: SearchRequest,
        limits: &DirectoryLimits,
    ) -> Result<SearchResult, LdapError> {
        self.connection.search(request, limits.operation).await
    }
}

impl ReplicaServer {
    /// Returns the server with its last failure; `None` if an operation has succeeded since.
    fn failure(&self) -> Option<String> {
        if self.session().is_some() {
            return None;
        }
        let state = self.lock();
        Some(format!("{}: {}", self.server, state.backoff.last_failure()?))
    }

    fn session(&self) -> Option<Arc<DirectorySession>> {
        let mut state = self.lock();
        state.session = state.session.take().filter(|session| session.connection.is_open());
        state.session.clone()
    }

    /// Drops a connection that failed. If the server closed an idle connection on which a search had succeeded, it is
    /// used again at once; any other failure begins a backoff.
    fn discard(&self, session: &Arc<DirectorySession>, error: &LdapError) {
        session.connection.close();
        let mut state = self.lock();
        if !state.session.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            // A concurrent search on the same connection has reported it already.
            return;
        }
        state.session = None;
        let closed = matches!(error, LdapError::Connection(ConnectionError::Closed | ConnectionError::Io(_)));
        if !(closed && session.worked.load(Ordering::Relaxed)) {
            state.backoff.failed(Instant::now(), error);
        }
    }

    fn backoff(&self) -> Option<UnavailableReason> {
        let state = self.lock();
        let reason = state.backoff.active_reason(Instant::now())?.to_owned();
        Some(UnavailableReason::Backoff { reason })
    }

    /// Locks the state. A poisoned lock is used: no change of the state can panic half-way.
    fn lock(&self) -> MutexGuard<'_, ReplicaState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
