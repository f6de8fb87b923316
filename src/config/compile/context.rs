//! The compiled configuration, and the state that compilations share.

use crate::backend::PinnedLimiter;
use crate::clock::Clock;
use crate::control::ControlRuntime;
use crate::delegation::kerberos::{GatewayLoginMetrics, KerberosLibrary, KerberosLibraryError};
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
pub struct CompiledConfig {
    /// Sites, realms, backends and limits.
    pub snapshot: Snapshot,
    /// The listening addresses.
    pub listeners: BTreeSet<(SocketAddr, ListenerProtocol)>,
    /// The settings that only a restart changes.
    pub process: ProcessSettings,
    /// The runtime for everything except requests.
    pub control: ControlRuntime,
}

/// The protocol of a listening address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListenerProtocol {
    /// HTTP over TLS.
    Tls,
    /// Plain HTTP, of which nothing is forwarded.
    Http,
}

/// The settings that a process keeps until it ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProcessSettings {
    /// Threads that serve requests.
    pub workers: NonZeroUsize,
    /// The destination of audit records.
    pub audit: AuditTarget,
    /// Audit records that may wait to be written.
    pub audit_queue: QueueLimits,
    /// Memory of the caches that all realms share.
    pub caches: CacheSizes,
    /// Addresses of the admin listener.
    pub admin: Vec<SocketAddr>,
    /// The format of log lines.
    pub log_format: LogFormat,
    /// The logged events, in the syntax of `tracing-subscriber`.
    pub log_filter: String,
    /// The time to authenticate one client certificate.
    pub validation_timeout: Duration,
    /// Client certificates that are validated at the same time.
    pub validation_concurrency: usize,
}

/// The state that compilations share and that outlives reloads.
#[derive(Debug)]
pub struct CompileContext {
    /// The time, for the limits of tickets.
    pub clock: Clock,
    /// The counters of sites and backends.
    pub metrics: Arc<Metrics>,
    /// The runtime for everything except requests.
    pub control: ControlRuntime,
    /// Raised by every compilation, so that no verdict outlives its configuration.
    generation: u64,
    /// A site keeps its sessions over reloads: otherwise every user would have to type a PIN after each.
    sessions: HashMap<String, SessionStore>,
    /// A realm keeps its fetched CRLs over reloads.
    crls: HashMap<String, Vec<Weak<LiveCrls>>>,
    /// A backend keeps its count of pinned connections over reloads.
    pinned_limiters: HashMap<String, Arc<PinnedLimiter>>,
    /// The system's Kerberos library, once a configuration has needed it.
    kerberos: Option<Arc<KerberosLibrary>>,
    /// Failed logins are counted over reloads, so that a reload permits no further guesses.
    login_throttles: HashMap<(&'static str, String), (LoginThrottleLimits, Arc<LoginThrottle>)>,
}

impl CompileContext {
    /// Returns a context for a process, or for one check.
    pub fn new(clock: Clock, metrics: Arc<Metrics>) -> Self {
        Self {
            clock,
            metrics,
            control: ControlRuntime::default(),
            generation: 0,
            sessions: HashMap::new(),
            crls: HashMap::new(),
            pinned_limiters: HashMap::new(),
            kerberos: None,
            login_throttles: HashMap::new(),
        }
    }

    pub(super) fn next_generation(&mut self) -> u64 {
        self.generation += 1;
        self.generation
    }

    /// Returns the CRLs of a realm in the latest configuration that is in use. A configuration that was rejected since is not.
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
        let limiter = self.pinned_limiters.entry(backend.to_owned());
        Arc::clone(limiter.or_insert_with(|| Arc::new(PinnedLimiter::new(gauge))))
    }

    /// Returns the throttle of failed logins of a realm or at a backend, according to `kind`. The count goes on while the
    /// limits stay the same.
    pub(super) fn login_throttle(
        &mut self,
        kind: &'static str,
        name: &str,
        limits: LoginThrottleLimits,
    ) -> Arc<LoginThrottle> {
        let fresh = || (limits, Arc::new(LoginThrottle::new(limits)));
        let counted = self.login_throttles.entry((kind, name.to_owned())).or_insert_with(fresh);
        if counted.0 != limits {
            *counted = fresh();
        }
        Arc::clone(&counted.1)
    }

    pub(super) fn kerberos(&mut self) -> Result<Arc<KerberosLibrary>, KerberosLibraryError> {
        if let Some(library) = &self.kerberos {
            return Ok(Arc::clone(library));
        }
        let library = KerberosLibrary::load()?;
        library.count_logins(GatewayLoginMetrics {
            failures: self.metrics.kerberos_login_failures.clone(),
            failing: self.metrics.kerberos_accounts_failing.clone(),
        });
        self.kerberos = Some(Arc::clone(&library));
        Ok(library)
    }

    pub(super) fn sessions(&mut self, site: &str, bytes: u64) -> Result<SessionStore, TicketKeysError> {
        let store = match self.sessions.remove(site) {
            Some(store) => store.bounded(bytes),
            None => SessionStore::new(bytes)?,
        };
        self.sessions.insert(site.to_owned(), store.clone());
        Ok(store)
    }
}
