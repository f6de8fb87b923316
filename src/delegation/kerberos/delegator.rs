//! Speaks for users with one of the gate's own accounts, for all workers.
//!
//! Takes an account and a service by name, gives a token for one request. Tickets are remembered by user and service
//! until shortly before they end; of many questions about the same two at once, one goes to the KDC.

use super::account::{Delegation, GateAccount, usable};
use super::encryption_type::AcceptedEncryption;
use super::error::DelegationError;
use super::examination::{self, Finding, Step};
use super::library::Library;
use super::log_ins::LogIn;
use super::negotiation::Negotiation;
use super::principal::{NameError, ServiceName, UserPrincipal};
use super::threads::Threads;
use crate::clock::Tick;
use moka::Expiry;
use moka::future::Cache;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::time::timeout;

/// What a remembered ticket takes up, most of it in the library's own memory.
const TICKET_BYTES: u32 = 12 * 1024;
/// How long a ticket takes up memory without being used.
const IDLE_LIFETIME: Duration = Duration::from_secs(3600);

/// How the gate speaks for users.
#[derive(Clone, Debug)]
pub struct DelegatorSettings {
    /// The file with the key of the gate's account.
    pub keytab: PathBuf,
    /// That account, with or without its realm; `None` for the one that the keytab is for.
    pub principal: Option<String>,
    /// How many questions may be with the KDC at once: so many threads there are.
    pub threads: NonZeroUsize,
    /// How many questions may wait for a thread.
    pub queue: usize,
    /// How long a question may take, waiting included.
    pub timeout: Duration,
    /// In how many bytes of memory tickets are remembered.
    pub cache_bytes: u64,
    /// How tickets may be encrypted.
    pub accepted_encryption: AcceptedEncryption,
}

impl DelegatorSettings {
    /// The settings for a gate whose key is in `keytab`: four questions at once, a hundred more that wait, ten seconds
    /// for each, and AES only.
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

/// Whom to speak for.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// As Kerberos knows her, `alice@CORP.EXAMPLE`.
    pub principal: &'a str,
    /// The SID of the account that is meant, where it is known: the name may have been given to another account. A ticket
    /// of another account is refused.
    pub sid: Option<&'a str>,
    /// When the account was read. A ticket that was asked for earlier is not used: it would keep groups and names that
    /// the account does not have any more.
    pub since: Tick,
}

impl<'a> From<&'a str> for User<'a> {
    fn from(principal: &'a str) -> Self {
        Self { principal, sid: None, since: Tick::ORIGIN }
    }
}

impl<'a> From<&'a String> for User<'a> {
    fn from(principal: &'a String) -> Self {
        Self { principal, sid: None, since: Tick::ORIGIN }
    }
}

/// Speaks for users. Must be used inside a tokio runtime; any number of them may share it.
pub struct Delegator {
    library: Arc<Library>,
    settings: DelegatorSettings,
    /// Where they could not be started, no later question tries again: a process without threads is to be restarted.
    threads: OnceLock<Result<Threads<GateAccount>, DelegationError>>,
    delegations: Cache<Key, Remembered>,
}

/// All that a ticket follows from beside the settings.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    user: UserPrincipal,
    sid: Option<String>,
    service: ServiceName,
}

impl Key {
    fn parse(user: User<'_>, spn: &str) -> Result<Self, NameError> {
        let sid = user.sid.map(str::to_owned);
        Ok(Self { user: UserPrincipal::parse(user.principal)?, sid, service: ServiceName::parse(spn)? })
    }
}

/// What came of asking for a ticket.
#[derive(Clone)]
struct Remembered {
    outcome: Result<Arc<Delegation>, DelegationError>,
    /// When it was asked for.
    asked: Tick,
}

impl Remembered {
    /// How long it may be used. A failure is only for those who waited for the same answer.
    fn lifetime(&self) -> Duration {
        self.outcome.as_ref().map_or(Duration::ZERO, |delegation| usable(delegation.lifetime))
    }
}

/// Has a ticket forgotten shortly before its end.
struct TicketEnd;

impl Expiry<Key, Remembered> for TicketEnd {
    fn expire_after_create(&self, _: &Key, remembered: &Remembered, _: Instant) -> Option<Duration> {
        Some(remembered.lifetime())
    }

    fn expire_after_update(
        &self,
        _: &Key,
        remembered: &Remembered,
        _: Instant,
        _: Option<Duration>,
    ) -> Option<Duration> {
        Some(remembered.lifetime())
    }
}

impl Delegator {
    /// Does nothing yet: the first question starts the threads, and has the keytab read.
    pub fn new(library: Arc<Library>, settings: DelegatorSettings) -> Self {
        let delegations = Cache::builder()
            .max_capacity(settings.cache_bytes)
            .weigher(|_: &Key, _: &Remembered| TICKET_BYTES)
            .time_to_idle(IDLE_LIFETIME)
            .expire_after(TicketEnd)
            .build();
        Self { library, settings, threads: OnceLock::new(), delegations }
    }

    /// Begins a log-on of `user` (`alice@CORP.EXAMPLE`) to the service `spn` (`HTTP/rms.corp.example`), with a token
    /// that nobody else gets.
    ///
    /// # Errors
    ///
    /// There is no ticket to be had for the two, or not in time.
    pub async fn negotiate(
        &self,
        user: impl Into<User<'_>>,
        spn: &str,
    ) -> Result<Negotiation, DelegationError> {
        let user = user.into();
        let key = Key::parse(user, spn)?;
        let after = self.settings.timeout;
        let begun = timeout(after, self.begin(key, user.since)).await;
        begun.map_err(|_| DelegationError::Timeout { after })?
    }

    /// Forgets the ticket for the two. To be called when the server refuses it, so that a key or a right that was
    /// changed is felt at the next request.
    pub async fn forget(&self, user: impl Into<User<'_>>, spn: &str) {
        // For names that cannot be read there is no ticket.
        if let Ok(key) = Key::parse(user.into(), spn) {
            self.delegations.invalidate(&key).await;
        }
    }

    /// Tries a delegation step by step, and says of each what came of it, for an administrator. The last finding is the
    /// one that failed, if one did.
    pub async fn examine(&self, user: &str, spn: &str) -> Vec<Finding> {
        let Key { user, service, .. } = match Key::parse(user.into(), spn) {
            Ok(key) => key,
            Err(error) => return vec![Finding::bad(Step::Names, error.into())],
        };
        let accepted = self.settings.accepted_encryption;
        let after = self.settings.timeout;
        let examine = async {
            let examine = move |account: &mut _| examination::examine(account, &user, &service, accepted);
            self.threads()?.ask(examine).await
        };
        let found = timeout(after, examine).await.unwrap_or(Err(DelegationError::Timeout { after }));
        found.unwrap_or_else(|error| vec![Finding::bad(Step::Questions, error)])
    }

    /// Why the KDC refuses the gate's own account, where it does; the account is then not tried for a while.
    pub fn own_refusal(&self) -> Option<DelegationError> {
        self.log_in().refusal()
    }

    /// The KDCs that do not answer at the moment, as far as the gate chooses them.
    pub fn unwell_kdcs(&self) -> Vec<String> {
        self.library.unwell_kdcs()
    }

    fn log_in(&self) -> Arc<LogIn> {
        self.library.log_ins().of(&self.settings.keytab, self.settings.principal.as_deref())
    }

    async fn begin(&self, key: Key, since: Tick) -> Result<Negotiation, DelegationError> {
        let delegation = self.delegation(&key, since).await?;
        let accepted = self.settings.accepted_encryption;
        let begun = self.threads()?.ask(move |_| Negotiation::begin(&delegation, accepted)).await?;
        if begun.is_err() {
            // A ticket that no token can be made of is of no use to the next request either.
            self.delegations.invalidate(&key).await;
        }
        begun
    }

    /// A ticket that was asked for at `since` or later. Another request may have asked earlier, and its answer is waited
    /// for; whatever is asked after that is late enough, so this ends with the second answer.
    async fn delegation(&self, key: &Key, since: Tick) -> Result<Arc<Delegation>, DelegationError> {
        let is_over = |old: &Remembered| old.outcome.is_err() || old.asked < since;
        loop {
            let obtain = async {
                let asked = Tick::current();
                Remembered { outcome: self.obtain(key.clone()).await.map(Arc::new), asked }
            };
            let entry = self.delegations.entry_by_ref(key).or_insert_with_if(obtain, is_over).await;
            let Remembered { outcome, asked } = entry.into_value();
            if asked >= since {
                return outcome;
            }
        }
    }

    async fn obtain(&self, Key { user, sid, service }: Key) -> Result<Delegation, DelegationError> {
        let accepted = self.settings.accepted_encryption;
        let obtain =
            move |account: &mut _| Delegation::obtain(account, &user, sid.as_deref(), &service, accepted);
        self.threads()?.ask(obtain).await?
    }

    fn threads(&self) -> Result<&Threads<GateAccount>, DelegationError> {
        let start = || {
            let DelegatorSettings { keytab, principal, threads, queue, .. } = self.settings.clone();
            let gssapi = Arc::clone(self.library.gssapi());
            let log_in = self.log_in();
            let has_delegated = Arc::default();
            let account = move || {
                let (keytab, principal) = (keytab.clone(), principal.clone());
                let shared = (Arc::clone(&log_in), Arc::clone(&has_delegated));
                GateAccount::new(Arc::clone(&gssapi), keytab, principal, shared)
            };
            Threads::start(threads, queue, account)
                .map_err(|error| DelegationError::NoThread(Arc::new(error)))
        };
        self.threads.get_or_init(start).as_ref().map_err(Clone::clone)
    }
}

impl fmt::Debug for Delegator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Delegator").field("settings", &self.settings).finish_non_exhaustive()
    }
}
