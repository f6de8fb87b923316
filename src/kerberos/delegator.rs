//! Speaks for users with one of the gate's own accounts, for all workers.
//!
//! Takes an account and a service by name, gives a token for one request. Tickets are remembered by user and service
//! until shortly before they end; of many questions about the same two at once, one goes to the KDC.

use super::account::{Delegation, GateAccount, usable};
use super::encryption_type::AcceptedEncryption;
use super::error::DelegationError;
use super::examination::{self, Finding, Step};
use super::library::Library;
use super::negotiation::Negotiation;
use super::principal::{NameError, ServiceName, UserPrincipal};
use super::threads::Threads;
use moka::Expiry;
use moka::future::Cache;
use std::fmt;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::time::timeout;

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
    /// For how many users and services tickets are remembered. Each takes up some 12 KB.
    pub remembered: u64,
    /// How tickets may be encrypted.
    pub accepted_encryption: AcceptedEncryption,
}

impl DelegatorSettings {
    /// The settings for a gate whose key is in `keytab`: four questions at once, a hundred more that wait, five seconds
    /// for each, and AES only.
    pub fn new(keytab: PathBuf) -> Self {
        Self {
            keytab,
            principal: None,
            threads: const { NonZeroUsize::new(4).unwrap() },
            queue: 100,
            timeout: Duration::from_secs(5),
            remembered: 10_000,
            accepted_encryption: AcceptedEncryption::Aes,
        }
    }
}

/// Whom to speak for.
#[derive(Clone, Copy, Debug)]
pub struct User<'a> {
    /// As Kerberos knows her, `alice@CORP.EXAMPLE`.
    pub principal: &'a str,
    /// Whose name it is now, where that is known: a name may be given to somebody else while a ticket of the one before
    /// still counts, and that ticket would speak for him.
    pub sid: Option<&'a str>,
}

impl<'a> From<&'a str> for User<'a> {
    fn from(principal: &'a str) -> Self {
        Self { principal, sid: None }
    }
}

impl<'a> From<&'a String> for User<'a> {
    fn from(principal: &'a String) -> Self {
        Self { principal, sid: None }
    }
}

/// Speaks for users. Must be used inside a tokio runtime; any number of them may share it.
pub struct Delegator {
    library: Arc<Library>,
    settings: DelegatorSettings,
    /// Where they could not be started, no later question tries again: a process without threads is to be restarted.
    threads: OnceLock<Result<Threads<GateAccount>, DelegationError>>,
    delegations: Cache<Key, Arc<Delegation>>,
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

/// Has a ticket forgotten shortly before its end.
struct TicketEnd;

impl Expiry<Key, Arc<Delegation>> for TicketEnd {
    fn expire_after_create(&self, _: &Key, delegation: &Arc<Delegation>, _: Instant) -> Option<Duration> {
        Some(usable(delegation.lifetime))
    }
}

impl Delegator {
    /// Does nothing yet: the first question starts the threads, and has the keytab read.
    pub fn new(library: Arc<Library>, settings: DelegatorSettings) -> Self {
        let delegations = Cache::builder()
            .max_capacity(settings.remembered)
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
        let key = Key::parse(user.into(), spn)?;
        let after = self.settings.timeout;
        let begun = timeout(after, self.begin(key)).await;
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

    async fn begin(&self, key: Key) -> Result<Negotiation, DelegationError> {
        let delegation = self.delegation(&key).await?;
        let accepted = self.settings.accepted_encryption;
        let begun = self.threads()?.ask(move |_| Negotiation::begin(&delegation, accepted)).await?;
        if begun.is_err() {
            // A ticket that no token can be made of is of no use to the next request either.
            self.delegations.invalidate(&key).await;
        }
        begun
    }

    async fn delegation(&self, key: &Key) -> Result<Arc<Delegation>, DelegationError> {
        let obtain = async {
            let (Key { user, service, .. }, accepted) = (key.clone(), self.settings.accepted_encryption);
            let obtain = move |account: &mut _| Delegation::obtain(account, &user, &service, accepted);
            self.threads()?.ask(obtain).await?.map(Arc::new)
        };
        let obtained = self.delegations.try_get_with_by_ref(key, obtain).await;
        obtained.map_err(|error: Arc<DelegationError>| DelegationError::clone(&error))
    }

    fn threads(&self) -> Result<&Threads<GateAccount>, DelegationError> {
        let start = || {
            let DelegatorSettings { keytab, principal, threads, queue, .. } = self.settings.clone();
            let gssapi = Arc::clone(self.library.gssapi());
            let has_delegated = Arc::default();
            let account = move || {
                let (keytab, principal) = (keytab.clone(), principal.clone());
                GateAccount::new(Arc::clone(&gssapi), keytab, principal, Arc::clone(&has_delegated))
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
