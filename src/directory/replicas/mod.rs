//! The servers of one directory, which all hold the same. Takes searches and passwords, gives the answer of the first
//! server that is well, with its connection kept; leaves alone for a while those that are not.

use super::connection::{Connection, Found, Search};
use super::dial::dial;
pub(super) mod backoff;

use self::backoff::ServerBackoff;
use super::active_directory::domains::Domains;
use super::entry::Entry;
use super::error::{DirectoryError, Refusal, Step, Unreachable};
use super::failure::Failure;
use super::filter::SearchFilter;
use super::message::{INVALID_CREDENTIALS, NO_SUCH_OBJECT, SUCCESS};
use super::password_verdict::{Credentials, PasswordRefusal, PasswordVerdict};
use super::settings::{DirectoryLimits, LdapServer};
use crate::secret::Secret;
use ldap3::Scope;
use rustls::ClientConfig;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// How a server is spoken to.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) directory: Arc<str>,
    pub(super) tls: Arc<ClientConfig>,
    pub(super) bind_dn: String,
    pub(super) bind_password: Secret,
    pub(super) limits: DirectoryLimits,
    /// Whether its domains are to be read before it is used.
    pub(super) has_domains: bool,
}

/// Servers that hold the same.
#[derive(Debug)]
pub(super) struct ReplicaSet {
    access: Access,
    slots: Vec<Slot>,
}

/// One server.
#[derive(Debug)]
struct Slot {
    server: LdapServer,
    state: Mutex<State>,
    /// Held while a connection is made: whoever waits for it finds one made, or the server left alone.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    session: Option<Arc<Session>>,
    rest: ServerBackoff,
}

/// A connection on which the gate's account is bound.
#[derive(Debug)]
pub(super) struct Session {
    connection: Connection,
    pub(super) domains: Arc<Domains>,
    /// Whether it has answered yet.
    worked: AtomicBool,
}

/// What a server found, and what it takes to read it.
#[derive(Clone, Debug)]
pub(super) struct Answered {
    pub(super) found: Found,
    pub(super) domains: Arc<Domains>,
    directory: Arc<str>,
    server: String,
}

impl Answered {
    /// The error where what it found cannot be used.
    pub(super) fn error(&self, failure: impl Into<Failure>) -> DirectoryError {
        failure.into().at(&self.directory, &self.server)
    }
}

/// How often a search is tried beyond once for each server: a connection may have ended unnoticed since it was used.
const SECOND_CHANCES: usize = 1;

impl ReplicaSet {
    pub(super) fn new(access: Access, servers: Vec<LdapServer>) -> Arc<Self> {
        let slots = servers.into_iter().map(|server| Slot {
            server,
            state: Mutex::default(),
            opening: tokio::sync::Mutex::new(()),
        });
        Arc::new(Self { access, slots: slots.collect() })
    }

    /// Searches on the first server that is well.
    pub(super) async fn search(self: &Arc<Self>, search: &Search) -> Result<Answered, DirectoryError> {
        let mut failed = None;
        for _ in 0..self.slots.len() + SECOND_CHANCES {
            let (slot, session) = match self.session().await {
                Ok(found) => found,
                // What went wrong a moment ago says more than that the server is left alone for it.
                Err(error) => return Err(failed.unwrap_or(error)),
            };
            match session.connection.search(search.clone(), self.access.limits.operation).await {
                Ok(found) => {
                    session.worked.store(true, Ordering::Relaxed);
                    slot.lock().rest.worked();
                    let (directory, server) = (Arc::clone(&self.access.directory), slot.server.to_string());
                    return Ok(Answered { found, domains: Arc::clone(&session.domains), directory, server });
                }
                Err(failure @ Failure::Refused { .. }) => return Err(self.error(slot, failure)),
                Err(failure) => {
                    slot.give_up(&session, &failure);
                    failed = Some(self.error(slot, failure));
                }
            }
        }
        Err(failed.unwrap_or_else(|| self.nobody()))
    }

    /// The one entry that a search is for. `None` where it is not there, or the filter does not fit it.
    pub(super) async fn search_entry(
        self: &Arc<Self>,
        search: &Search,
    ) -> Result<Option<(Entry, Answered)>, DirectoryError> {
        let mut answered = match self.search(search).await {
            Ok(answered) => answered,
            Err(DirectoryError::Refused { source: Refusal::Result { code: NO_SUCH_OBJECT, .. }, .. }) => {
                return Ok(None);
            }
            Err(error) => return Err(error),
        };
        Ok(answered.found.entries.pop().map(|entry| (entry, answered)))
    }

    /// What the first server that is well knows of its domains.
    pub(super) async fn domains(self: &Arc<Self>) -> Result<Arc<Domains>, DirectoryError> {
        self.session().await.map(|(_, session)| Arc::clone(&session.domains))
    }

    /// Asks the first server that can be reached whether the password is the account's, on a connection of its own. A
    /// password goes to one server only: tried on two, one mistake would count twice towards the lock-out.
    pub(super) async fn verify(
        &self,
        credentials: Credentials<'_>,
    ) -> Result<PasswordVerdict, DirectoryError> {
        let mut failed = None;
        for slot in &self.slots {
            if let Some(reason) = slot.left_alone() {
                failed.get_or_insert_with(|| self.error(slot, reason));
                continue;
            }
            let mut line = match dial(&slot.server, &self.access.tls, &self.access.limits).await {
                Ok(line) => line,
                Err(failure) => {
                    slot.lock().rest.failed(Instant::now(), &failure);
                    failed = Some(self.error(slot, failure));
                    continue;
                }
            };
            let bound = line.bind(credentials, self.access.limits.operation).await;
            let outcome = bound.map_err(|failure| {
                slot.lock().rest.failed(Instant::now(), &failure);
                self.error(slot, failure)
            })?;
            line.close(self.access.limits.operation).await;
            return match outcome.code {
                SUCCESS => Ok(PasswordVerdict::Correct),
                INVALID_CREDENTIALS => {
                    Ok(PasswordVerdict::Wrong(PasswordRefusal::from_diagnostic(&outcome.text)))
                }
                _ => Err(self.error(slot, outcome.failure(Step::Bind))),
            };
        }
        Err(failed.unwrap_or_else(|| self.nobody()))
    }

    /// Why none of the servers answers, where none does as far as is known.
    pub(super) fn outage(&self) -> Option<String> {
        let failures: Option<Vec<_>> = self.slots.iter().map(Slot::failure).collect();
        failures.filter(|failures| !failures.is_empty()).map(|failures| failures.join("; "))
    }

    /// Asks for what every server has, so that [`ReplicaSet::outage`] is up to date when that ends.
    pub(super) async fn probe(self: &Arc<Self>) {
        let root = Search {
            base: String::new(),
            scope: Scope::Base,
            filter: SearchFilter::has("objectClass"),
            attributes: vec!["1.1".to_owned()],
            limit: 1,
        };
        drop(self.search(&root).await);
    }

    /// A connection of its own to each server, in their order, whether or not it is left alone.
    pub(super) async fn each(&self) -> Vec<(String, Result<Session, DirectoryError>)> {
        let mut sessions = Vec::new();
        for slot in &self.slots {
            let session = self.open(slot).await.map_err(|failure| self.error(slot, failure));
            sessions.push((slot.server.to_string(), session));
        }
        sessions
    }

    /// The first server's connection that there is, or else the first that comes about. While a later server answers, a
    /// better one whose rest is over is tried beside the questions and not by one of them.
    async fn session(self: &Arc<Self>) -> Result<(&Slot, Arc<Session>), DirectoryError> {
        for (place, slot) in self.slots.iter().enumerate() {
            if let Some(session) = slot.session() {
                self.try_again_before(place);
                return Ok((slot, session));
            }
        }
        let mut failed = None;
        for slot in &self.slots {
            match self.reach(slot).await {
                Ok(session) => return Ok((slot, session)),
                Err(failure @ Failure::Unreachable(Unreachable::LeftAlone { .. })) => {
                    failed.get_or_insert_with(|| self.error(slot, failure));
                }
                Err(failure) => failed = Some(self.error(slot, failure)),
            }
        }
        Err(failed.unwrap_or_else(|| self.nobody()))
    }

    fn try_again_before(self: &Arc<Self>, place: usize) {
        for (place, slot) in self.slots.iter().enumerate().take(place) {
            if slot.left_alone().is_none() && slot.opening.try_lock().is_ok() {
                let replicas = Arc::clone(self);
                // Ends within the limits of connecting and binding. Its failure is kept in the slot.
                tokio::spawn(async move {
                    if let Some(slot) = replicas.slots.get(place) {
                        drop(replicas.reach(slot).await);
                    }
                });
            }
        }
    }

    /// The slot's connection, made now if there is none.
    async fn reach(&self, slot: &Slot) -> Result<Arc<Session>, Failure> {
        let _alone = slot.opening.lock().await;
        if let Some(session) = slot.session() {
            return Ok(session);
        }
        if let Some(reason) = slot.left_alone() {
            return Err(reason);
        }
        match self.open(slot).await {
            Ok(session) => {
                let session = Arc::new(session);
                slot.lock().session = Some(Arc::clone(&session));
                Ok(session)
            }
            Err(failure) => {
                slot.lock().rest.failed(Instant::now(), &failure);
                Err(failure)
            }
        }
    }

    async fn open(&self, slot: &Slot) -> Result<Session, Failure> {
        let Access { tls, bind_dn, bind_password, limits, .. } = &self.access;
        let credentials = Credentials::new(bind_dn, bind_password)?;
        let mut line = dial(&slot.server, tls, limits).await?;
        let outcome = line.bind(credentials, limits.operation).await?;
        if outcome.code != SUCCESS {
            return Err(outcome.failure(Step::Bind));
        }
        let connection = Connection::over(line).await?;
        let domains = match self.access.has_domains {
            true => Domains::read(&connection, limits.operation).await?,
            false => Domains::default(),
        };
        Ok(Session { connection, domains: Arc::new(domains), worked: AtomicBool::new(false) })
    }

    fn error(&self, slot: &Slot, failure: Failure) -> DirectoryError {
        failure.at(&self.access.directory, &slot.server.to_string())
    }

    fn nobody(&self) -> DirectoryError {
        Failure::from(Unreachable::NoServer).at(&self.access.directory, "")
    }
}

/// The servers, for people to read.
impl fmt::Display for ReplicaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<_> = self.slots.iter().map(|slot| slot.server.to_string()).collect();
        f.write_str(&servers.join(", "))
    }
}

impl Session {
    pub(super) async fn search(&self, search: Search, limits: &DirectoryLimits) -> Result<Found, Failure> {
        self.connection.search(search, limits.operation).await
    }
}

impl Slot {
    /// The server and why it failed, where it did and has not worked since.
    fn failure(&self) -> Option<String> {
        if self.session().is_some() {
            return None;
        }
        let state = self.lock();
        Some(format!("{}: {}", self.server, state.rest.last_failure()?))
    }

    fn session(&self) -> Option<Arc<Session>> {
        let mut state = self.lock();
        state.session = state.session.take().filter(|session| session.connection.is_open());
        state.session.clone()
    }

    /// Drops a connection that failed. A server that hung up between two questions did nothing wrong; any other
    /// failure has it left alone.
    fn give_up(&self, session: &Arc<Session>, failure: &Failure) {
        session.connection.close();
        let mut state = self.lock();
        if !state.session.as_ref().is_some_and(|current| Arc::ptr_eq(current, session)) {
            // Another question on the same connection has told already.
            return;
        }
        state.session = None;
        let hung_up = matches!(failure, Failure::Unreachable(Unreachable::Closed | Unreachable::Broken(_)));
        if !(hung_up && session.worked.load(Ordering::Relaxed)) {
            state.rest.failed(Instant::now(), failure);
        }
    }

    fn left_alone(&self) -> Option<Failure> {
        let state = self.lock();
        let reason = state.rest.reason(Instant::now())?.to_owned();
        Some(Unreachable::LeftAlone { reason }.into())
    }

    /// What is in it is never left half changed, so a panic elsewhere does it no harm.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
