//! The delegator, which obtains tokens in users' names with one gateway account, for all workers.
//!
//! Tickets are cached by user and service until shortly before their end. Concurrent requests for the same user and
//! service share one request to the KDC.

use super::account::{DelegatedTicket, GatewayAccount, usable};
use super::diagnostics::{self, DelegationFinding, DelegationStep};
use super::encryption_type::AcceptedEncryption;
use super::error::DelegationError;
use super::gateway_logins::GatewayLogin;
use super::library::KerberosLibrary;
use super::negotiation::KerberosNegotiation;
use super::principal::{NameError, ServiceName, UserPrincipal};
use super::threads::KdcThreads;
use crate::clock::Tick;
use moka::Expiry;
use moka::future::Cache;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// The size of a cached ticket in bytes, most of it allocated by the library.
const TICKET_BYTES: u32 = 12 * 1024;
/// How long an unused ticket stays in the cache.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);

/// The settings of Kerberos delegation with one gateway account.
#[derive(Clone, Debug)]
pub struct DelegatorSettings {
    /// The keytab of the gateway account.
    pub keytab: PathBuf,
    /// The gateway account, with or without its realm; `None` for the account of the keytab.
    pub principal: Option<String>,
    /// The number of concurrent requests to the KDC, and of threads.
    pub threads: NonZeroUsize,
    /// The length of the queue for the threads.
    pub queue: usize,
    /// The time limit of a request, including its time in the queue.
    pub timeout: Duration,
    /// The size of the ticket cache in bytes.
    pub cache_bytes: u64,
    /// The accepted encryption types.
    pub accepted_encryption: AcceptedEncryption,
}

impl DelegatorSettings {
    /// Returns the defaults for this keytab: four concurrent requests, a queue of a hundred, ten seconds for each
    /// request, AES only.
    pub fn new(keytab: PathBuf) -> Self {
        Self {
            keytab,
            principal: None,
            threads: const { NonZeroUsize::new(4).unwrap() },
            queue: 100,
            timeout: Duration::from_secs(10),
            cache_bytes: 128 << 20,
            accepted_encryption: AcceptedEncryption::Aes,
        }
    }
}

/// The user of a ticket.
#[derive(Clone, Copy, Debug)]
pub struct MappedUser<'a> {
    /// The principal name, `alice@CORP.EXAMPLE`.
    pub principal: &'a str,
    /// The SID of the account, if it is known. The name may have been given to another account, and a ticket of another
    /// account is rejected.
    pub sid: Option<&'a str>,
    /// When the account was read from the directory. A ticket that was requested earlier is not used, because it could
    /// contain groups and names that the account no longer has.
    pub since: Tick,
}

impl<'a> From<&'a str> for MappedUser<'a> {
    fn from(principal: &'a str) -> Self {
        Self { principal, sid: None, since: Tick::ORIGIN }
    }
}

impl<'a> From<&'a String> for MappedUser<'a> {
    fn from(principal: &'a String) -> Self {
        Self { principal, sid: None, since: Tick::ORIGIN }
    }
}

/// Obtains tokens in users' names. It requires a tokio runtime, and any number of runtimes may share it.
pub struct KerberosDelegator {
    library: Arc<KerberosLibrary>,
    settings: DelegatorSettings,
    /// The threads, or the error of their start. No later request tries again: a process that cannot start threads must
    /// be restarted.
    threads: OnceLock<Result<KdcThreads<GatewayAccount>, DelegationError>>,
    delegations: Cache<TicketKey, CachedTicket>,
}

/// The inputs of a ticket in addition to the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct TicketKey {
    user: UserPrincipal,
    sid: Option<String>,
    service: ServiceName,
}

impl TicketKey {
    fn parse(user: MappedUser<'_>, spn: &str) -> Result<Self, NameError> {
        let sid = user.sid.map(str::to_owned);
        Ok(Self { user: UserPrincipal::parse(user.principal)?, sid, service: ServiceName::parse(spn)? })
    }
}

/// The result of a ticket request.
#[derive(Clone)]
struct CachedTicket {
    outcome: Result<Arc<DelegatedTicket>, DelegationError>,
    /// When the ticket was requested.
    requested_at: Tick,
}

impl CachedTicket {
    /// Returns how long the result may be used. An error is returned only to the requests that waited for it.
    fn lifetime(&self) -> Duration {
        self.outcome.as_ref().map_or(Duration::ZERO, |delegation| usable(delegation.lifetime))
    }
}

/// Expires a ticket shortly before its end.
struct TicketEnd;

impl Expiry<TicketKey, CachedTicket> for TicketEnd {
    fn expire_after_create(&self, _: &TicketKey, cached: &CachedTicket, _: Instant) -> Option<Duration> {
        Some(cached.lifetime())
    }

    fn expire_after_update(
        &self,
        _: &TicketKey,
        cached: &CachedTicket,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(cached.lifetime())
    }
}

impl KerberosDelegator {
    /// Creates a delegator. The first request starts the threads and reads the keytab.
    pub fn new(library: Arc<KerberosLibrary>, settings: DelegatorSettings) -> Self {
        let delegations = Cache::builder()
            .max_capacity(settings.cache_bytes)
            .weigher(|_: &TicketKey, _: &CachedTicket| TICKET_BYTES)
            .time_to_idle(IDLE_LIFETIME)
            .expire_after(TicketEnd)
            .build();
        Self { library, settings, threads: OnceLock::new(), delegations }
    }

    /// Begins an authentication of `user` (`alice@CORP.EXAMPLE`) to the service `spn` (`HTTP/rms.corp.example`), with a
    /// new token.
    ///
    /// # Errors
    ///
    /// No ticket could be obtained within the time limit.
    pub async fn negotiate(
        &self,
        user: impl Into<MappedUser<'_>>,
        spn: &str,
    ) -> Result<KerberosNegotiation, DelegationError> {
        let user = user.into();
        let key = TicketKey::parse(user, spn)?;
        let after = self.settings.timeout;
        let begun = timeout(after, self.begin(key, user.since)).await;
        begun.map_err(|_| DelegationError::Timeout { after })?
    }

    /// Removes the ticket from the cache. Called when the server rejects the ticket, so that a changed key or
    /// permission takes effect at the next request.
    pub async fn forget(&self, user: impl Into<MappedUser<'_>>, spn: &str) {
        // There is no ticket for an invalid name.
        if let Ok(key) = TicketKey::parse(user.into(), spn) {
            self.delegations.invalidate(&key).await;
        }
    }

    /// Tries a delegation and returns the result of each step, for an administrator. If a step fails, it is the last
    /// one.
    pub async fn examine(&self, user: &str, spn: &str) -> Vec<DelegationFinding> {
        let TicketKey { user, service, .. } = match TicketKey::parse(user.into(), spn) {
            Ok(key) => key,
            Err(error) => return vec![DelegationFinding::failed(DelegationStep::Names, error.into())],
        };
        let accepted = self.settings.accepted_encryption;
        let after = self.settings.timeout;
        let examine = async {
            let examine = move |account: &mut _| diagnostics::examine(account, &user, &service, accepted);
            self.threads()?.run(examine).await
        };
        let found = timeout(after, examine).await.unwrap_or(Err(DelegationError::Timeout { after }));
        found.unwrap_or_else(|error| vec![DelegationFinding::failed(DelegationStep::Requests, error)])
    }

    /// Returns the error with which the KDC rejected the gateway account, while the account is in backoff.
    pub fn gateway_login_error(&self) -> Option<DelegationError> {
        self.log_in().backoff_error()
    }

    /// Returns the KDCs that did not respond recently, if the relay selects them.
    pub fn unavailable_kdcs(&self) -> Vec<String> {
        self.library.unavailable_kdcs()
    }

    fn log_in(&self) -> Arc<GatewayLogin> {
        self.library.gateway_logins().of(&self.settings.keytab, self.settings.principal.as_deref())
    }

    async fn begin(&self, key: TicketKey, since: Tick) -> Result<KerberosNegotiation, DelegationError> {
        let delegation = self.delegation(&key, since).await?;
        let accepted = self.settings.accepted_encryption;
        let begun = self.threads()?.run(move |_| KerberosNegotiation::begin(&delegation, accepted)).await?;
        if begun.is_err() {
            // No later request could create a token from this ticket either.
            self.delegations.invalidate(&key).await;
        }
        begun
    }

    /// Returns a ticket that was requested at `since` or later. A result that was requested earlier is awaited and
    /// discarded. The next one is recent enough, so the loop runs twice at most.
    async fn delegation(
        &self,
        key: &TicketKey,
        since: Tick,
    ) -> Result<Arc<DelegatedTicket>, DelegationError> {
        let is_over = |old: &CachedTicket| old.outcome.is_err() || old.requested_at < since;
        loop {
            let obtain = async {
                let requested_at = Tick::current();
                CachedTicket { outcome: self.obtain(key.clone()).await.map(Arc::new), requested_at }
            };
            let entry = self.delegations.entry_by_ref(key).or_insert_with_if(obtain, is_over).await;
            let CachedTicket { outcome, requested_at } = entry.into_value();
            if requested_at >= since {
                return outcome;
            }
        }
    }

    async fn obtain(
        &self,
        TicketKey { user, sid, service }: TicketKey,
    ) -> Result<DelegatedTicket, DelegationError> {
        let accepted = self.settings.accepted_encryption;
        let obtain = move |account: &mut _| {
            DelegatedTicket::obtain(account, &user, sid.as_deref(), &service, accepted)
        };
        self.threads()?.run(obtain).await?
    }

    fn threads(&self) -> Result<&KdcThreads<GatewayAccount>, DelegationError> {
        let start = || {
            let DelegatorSettings { keytab, principal, threads, queue, .. } = self.settings.clone();
            let gssapi = Arc::clone(self.library.gssapi());
            let log_in = self.log_in();
            let has_delegated = Arc::default();
            let account = move || {
                let (keytab, principal) = (keytab.clone(), principal.clone());
                let shared = (Arc::clone(&log_in), Arc::clone(&has_delegated));
                GatewayAccount::new(Arc::clone(&gssapi), keytab, principal, shared)
            };
            KdcThreads::start(threads, queue, account)
                .map_err(|error| DelegationError::NoThread(Arc::new(error)))
        };
        self.threads.get_or_init(start).as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for KerberosDelegator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KerberosDelegator").field("settings", &self.settings).finish_non_exhaustive()
    }
}
