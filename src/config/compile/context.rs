//! What a configuration becomes: the snapshot that requests are judged under, the addresses to listen on, and what
//! is settled once for a process.

use crate::backend::PinnedLimiter;
use crate::clock::Clock;
use crate::control::ControlRuntime;
use crate::delegation::kerberos::{self, LogInMetrics};
use crate::login_throttle::{LoginThrottle, LoginThrottleLimits};
use crate::proxy::{CacheSizes, Snapshot};
use crate::revocation::LiveCrls;
use crate::telemetry::Metrics;
use crate::telemetry::audit::{AuditTarget, QueueLimits};
use crate::telemetry::logging::LogFormat;
use crate::tls::{SessionStore, TicketKeysError};
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// A configuration that can run.
#[derive(Debug)]
pub struct Compiled {
    /// Sites, realms, backends and limits.
    pub snapshot: Snapshot,
    /// Where to listen, and for what.
    pub listeners: BTreeSet<(SocketAddr, Speech)>,
    /// What only a restart changes.
    pub process: Process,
    /// The runtime for everything beside the requests.
    pub control: ControlRuntime,
}

/// What a listening address speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Speech {
    /// TLS, and HTTP inside it.
    Tls,
    /// Plain HTTP, answered with 403.4.
    Plain,
}

/// What is settled when the process starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Threads that serve requests.
    pub workers: NonZeroUsize,
    /// Where audit records go.
    pub audit: AuditTarget,
    /// Audit records that may wait to be written.
    pub audit_queue: QueueLimits,
    /// Memory of the caches that all realms share.
    pub caches: CacheSizes,
    /// Addresses of the admin listener.
    pub admin: Vec<SocketAddr>,
    /// How the log is written.
    pub log_format: LogFormat,
    /// What the log tells.
    pub log_filter: String,
    /// The time that judging one card may take in all.
    pub judging_limit: Duration,
    /// Cards that are judged at once.
    pub judging_places: usize,
}

/// Bytes of the caches of each realm and of each backend.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct OwnCaches {
    pub(super) ocsp: u64,
    pub(super) tickets: u64,
    pub(super) issued_certificates: u64,
}

/// What a configuration is compiled in: it outlives reloads.
#[derive(Debug)]
pub struct Context {
    /// The time, for the limits of tickets.
    pub clock: Clock,
    /// Where sites and backends get their counters.
    pub metrics: Arc<Metrics>,
    /// The runtime for everything beside the requests.
    pub control: ControlRuntime,
    /// Memory of the caches that realms and backends have of their own.
    pub(super) own_caches: OwnCaches,
    /// Raised by every compilation, so that no verdict outlives the configuration it came from.
    generation: u64,
    /// A site keeps its sessions over reloads: otherwise everybody would have to type a PIN after each.
    sessions: HashMap<String, SessionStore>,
    /// What a realm has fetched is not fetched again after a reload.
    crls: HashMap<String, Vec<Weak<LiveCrls>>>,
    /// Who has a connection of his own to a backend has it over reloads.
    pinned_limiter: HashMap<String, Arc<PinnedLimiter>>,
    /// The system's Kerberos, once a configuration has needed it.
    kerberos: Option<Arc<kerberos::Library>>,
    /// A reload is no pardon: nobody is to guess again because of one.
    attempts: HashMap<(&'static str, String), (LoginThrottleLimits, Arc<LoginThrottle>)>,
}

impl Context {
    /// A context for a process, or for one check.
    pub fn new(clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self {
            clock,
            metrics,
            control: ControlRuntime::default(),
            own_caches: OwnCaches::default(),
            generation: 0,
            sessions: HashMap::new(),
            crls: HashMap::new(),
            pinned_limiter: HashMap::new(),
            kerberos: None,
            attempts: HashMap::new(),
        }
    }

    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// The CRLs of a realm as the last configuration has them that is still in use: one that was refused since is not.
    pub(super) fn crls(&self, realm: &str) -> Option<Arc<LiveCrls>> {
        self.crls.get(realm)?.iter().rev().find_map(Weak::upgrade)
    }

    pub(super) fn remember_crls(&mut self, realm: &str, crls: &Arc<LiveCrls>) {
        let remembered = self.crls.entry(realm.to_owned()).or_default();
        remembered.retain(|before| before.strong_count() > 0);
        remembered.push(Arc::downgrade(crls));
    }

    pub(super) fn pinned_limiter(&mut self, backend: &str) -> Arc<PinnedLimiter> {
        let gauge = self.metrics.backend(backend).pinned;
        let places = self.pinned_limiter.entry(backend.to_owned());
        Arc::clone(places.or_insert_with(|| Arc::new(PinnedLimiter::new(gauge))))
    }

    /// The failed log-ins of a realm or at a backend, as `kind` says, counted on while the limits stay.
    pub(super) fn attempts(
        &mut self,
        kind: &'static str,
        name: &str,
        limits: LoginThrottleLimits,
    ) -> Arc<LoginThrottle> {
        let fresh = || (limits, Arc::new(LoginThrottle::new(limits)));
        let counted = self.attempts.entry((kind, name.to_owned())).or_insert_with(fresh);
        if counted.0 != limits {
            *counted = fresh();
        }
        Arc::clone(&counted.1)
    }

    pub(super) fn kerberos(&mut self) -> Result<Arc<kerberos::Library>, kerberos::LibraryError> {
        if let Some(library) = &self.kerberos {
            return Ok(Arc::clone(library));
        }
        let library = kerberos::Library::load()?;
        library.count_log_ins(LogInMetrics {
            refusals: self.metrics.kerberos_login_failures.clone(),
            refused: self.metrics.kerberos_accounts_failing.clone(),
        });
        self.kerberos = Some(Arc::clone(&library));
        Ok(library)
    }

    pub(super) fn sessions(&mut self, site: &str, bytes: u64) -> Result<SessionStore, TicketKeysError> {
        let keeper = match self.sessions.remove(site) {
            Some(keeper) => keeper.bounded(bytes),
            None => SessionStore::new(bytes)?,
        };
        self.sessions.insert(site.to_owned(), keeper.clone());
        Ok(keeper)
    }
}
