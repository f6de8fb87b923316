//! Authenticates a user name and password against the directories of a realm.
//!
//! The directory is queried only while the account and the address have attempts left, and once for concurrent requests with
//! the same password. An accepted password is cached for a short time as a keyed hash. Passwords are never logged or stored,
//! and a directory that does not respond never counts as a verdict.

use super::concurrency_limit::{ConcurrencyLimit, LimitError};
use crate::clock::{Clock, Tick, UnixTime};
use crate::directory::{DirectoryAccount, DirectoryError, LoginName, PasswordVerdict, RealmDirectories};
use crate::identity::{Account, MappingMethod, MappingStrength};
use crate::limits::AddressKey;
use crate::limits::scheduling::ClientRank;
use crate::login_throttle::{AttemptPermit, LoginThrottled};
use crate::policy::{PasswordCredential, PasswordRejection};
use crate::request::BasicCredentials;
use crate::site::Realm;
use crate::telemetry::PasswordMetrics;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use moka::future::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The maximum time for which an accepted password is cached, regardless of the configuration.
const MAXIMUM_CACHED: Duration = Duration::from_secs(600);

/// The lifetime of a credential that is not cached, which is long enough for the decision on its request.
const UNCACHED_LIFETIME: Duration = Duration::from_secs(10);

/// The size of a cache entry in bytes, without its account.
const ENTRY_BYTES: usize = 256;

/// Authenticates passwords. Shared by all workers.
pub(super) struct PasswordAuthenticator {
    accepted: Cache<PasswordDigest, AcceptedPassword>,
    /// Generated for each process, so that a digest is worthless outside of it.
    key: hmac::Key,
    /// Incremented by every purge.
    purges: AtomicU64,
    metrics: PasswordMetrics,
}

/// A user name and password that a client sent, and the inputs that the verdict on them depends on.
pub(super) struct PasswordAttempt<'a> {
    pub(super) realm: &'a Realm,
    /// The directories of the realm.
    pub(super) directories: &'a RealmDirectories,
    pub(super) credentials: &'a BasicCredentials,
    pub(super) client: AddressKey,
    pub(super) clock: &'a Clock,
}

/// The HMAC-SHA-256 of a realm with its generation, a user name and a password.
type PasswordDigest = [u8; 32];

/// A password that the directory accepted.
#[derive(Clone)]
struct AcceptedPassword {
    credential: Arc<PasswordCredential>,
    /// The time from which the directory is queried again.
    until: UnixTime,
}

/// An attempt with a well-formed user name.
struct NamedAttempt<'a> {
    attempt: &'a PasswordAttempt<'a>,
    login: LoginName,
    /// The user name under which failed attempts are counted.
    counted_as: String,
}

impl PasswordAuthenticator {
    /// Creates an authenticator with a cache of this many bytes.
    pub(super) fn new(bytes: u64, metrics: PasswordMetrics) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).expect(
            "aws-lc aborts the process if the system has no entropy, and fails for nothing else here",
        );
        let accepted = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_: &PasswordDigest, accepted: &AcceptedPassword| {
                u32::try_from(ENTRY_BYTES + accepted.credential.account().weight()).unwrap_or(u32::MAX)
            })
            .time_to_live(MAXIMUM_CACHED)
            .build();
        Self { accepted, key, purges: AtomicU64::new(0), metrics }
    }

    /// Authenticates the user name and password of `attempt` in one of `slots`, and returns the credential.
    ///
    /// # Errors
    /// The rejection. A throttled client, a timeout and a directory that does not respond cause rejections, too.
    pub(super) async fn authenticate(
        &self,
        slots: &ConcurrencyLimit,
        attempt: &PasswordAttempt<'_>,
    ) -> Result<Arc<PasswordCredential>, Arc<PasswordRejection>> {
        let default_domain = attempt.realm.passwords.default_domain.as_deref();
        let outcome = match LoginName::parse(&attempt.credentials.user, default_domain) {
            Err(error) => Err(Arc::new(PasswordRejection::Name(error))),
            Ok(login) => {
                let counted_as = counted_as(&login);
                self.cached_or_verified(slots, &NamedAttempt { attempt, login, counted_as }).await
            }
        };
        if let Err(rejection) = &outcome {
            self.count(rejection);
        }
        outcome
    }

    /// Removes every password from the cache, so that the directories are queried again.
    pub(super) fn purge(&self) {
        self.purges.fetch_add(1, Ordering::AcqRel);
        self.accepted.invalidate_all();
    }

    async fn cached_or_verified(
        &self,
        slots: &ConcurrencyLimit,
        named: &NamedAttempt<'_>,
    ) -> Result<Arc<PasswordCredential>, Arc<PasswordRejection>> {
        let attempt = named.attempt;
        let now = attempt.clock.now();
        // Before the cache is used: otherwise a throttled client could use it to verify guesses without limit.
        let throttle = &attempt.realm.passwords.login_throttle;
        throttle.check(&named.counted_as, attempt.client, now).map_err(throttled)?;
        let digest = self.digest(attempt);
        match self.accepted.get(&digest).await {
            Some(accepted) if now < accepted.until => {
                self.metrics.cached.inc();
                return Ok(accepted.credential);
            }
            Some(_) => self.accepted.invalidate(&digest).await,
            None => {}
        }
        // Boxed, so that the future of a connection does not include a query that few clients cause.
        let client = (attempt.client, ClientRank::Normal);
        let query = Box::pin(slots.within(client, self.accepted.try_get_with(digest, named.query())));
        let accepted = query.await.map_err(|error| {
            Arc::new(match error {
                LimitError::Timeout(limit) => PasswordRejection::Timeout(limit),
                LimitError::Overloaded => PasswordRejection::Overloaded,
            })
        })??;
        self.metrics.accepted.inc();
        Ok(accepted.credential)
    }

    fn digest(&self, attempt: &PasswordAttempt<'_>) -> PasswordDigest {
        let mut context = hmac::Context::with_key(&self.key);
        let numbers = [attempt.realm.generation, self.purges.load(Ordering::Acquire)].map(u64::to_be_bytes);
        let parts: [&[u8]; 4] = [
            numbers.as_flattened(),
            attempt.realm.name.as_bytes(),
            attempt.credentials.user.as_bytes(),
            attempt.credentials.password.expose(),
        ];
        for part in parts {
            // With its length, so that different parts never have the same input.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn count(&self, rejection: &PasswordRejection) {
        match rejection {
            PasswordRejection::Malformed(_)
            | PasswordRejection::Name(_)
            | PasswordRejection::Wrong { .. }
            | PasswordRejection::Unknown
            | PasswordRejection::Ambiguous { .. } => &self.metrics.wrong,
            PasswordRejection::NoAccount | PasswordRejection::Unusable { .. } => &self.metrics.unusable,
            PasswordRejection::LoginThrottled(_) => &self.metrics.throttled,
            PasswordRejection::Directory(_)
            | PasswordRejection::Timeout(_)
            | PasswordRejection::Overloaded => &self.metrics.directory_unavailable,
        }
        .inc();
    }
}

impl NamedAttempt<'_> {
    /// Looks up the user name and has the directory verify the password. Returns the account.
    async fn query(&self) -> Result<AcceptedPassword, PasswordRejection> {
        let PasswordAttempt { realm, client, clock, .. } = *self.attempt;
        let policy = &realm.passwords;
        let began = clock.now();
        let read_at = Tick::next();
        let permit =
            policy.login_throttle.begin(client, began).map_err(PasswordRejection::LoginThrottled)?.not_sent();
        let permit =
            permit.for_account(&self.counted_as, began).map_err(PasswordRejection::LoginThrottled)?;
        let (permit, found) = self.look_up(permit).await?;
        self.verify(permit, &found).await?;
        let [entry] = found.as_slice() else { return Err(PasswordRejection::NoAccount) };
        let account = Account { read_at, ..account(entry) };
        let end = entry
            .status
            .check(began)
            .map_err(|status| PasswordRejection::Unusable { user: account.user.clone(), status })?;
        let end = end.unwrap_or(UnixTime::END);
        let cached = policy.cache_ttl.min(MAXIMUM_CACHED);
        let deadline = end.min(began.plus(cached.max(UNCACHED_LIFETIME)));
        let credential = Arc::new(PasswordCredential::new(Arc::new(account), deadline));
        Ok(AcceptedPassword { credential, until: end.min(began.plus(cached)) })
    }

    /// Returns the accounts with the user name. If there is one, the attempt counts for this account from then on, under any
    /// name: otherwise `CORP\sam`, `sam` and `sam@corp.example` would have three times as many attempts.
    async fn look_up(
        &self,
        permit: AttemptPermit,
    ) -> Result<(AttemptPermit, Vec<DirectoryAccount>), PasswordRejection> {
        let clock = self.attempt.clock;
        let found = match self.attempt.directories.by_login(&self.login).await {
            Ok(found) => found,
            Err(error) => {
                permit.cancelled(clock.now());
                return Err(PasswordRejection::Directory(error));
            }
        };
        let permit = match found.as_slice() {
            [entry] => permit.for_account(&throttle_key(entry), clock.now()),
            [] | [_, _, ..] => Ok(permit),
        };
        Ok((permit.map_err(PasswordRejection::LoginThrottled)?, found))
    }

    /// Has the directory verify the password, also if no account was found, so that the time of the response does not
    /// reveal which accounts exist.
    async fn verify(
        &self,
        permit: AttemptPermit,
        found: &[DirectoryAccount],
    ) -> Result<(), PasswordRejection> {
        let PasswordAttempt { directories, credentials, clock, .. } = *self.attempt;
        let (clock, permit) = (clock.clone(), permit.sent());
        let settle = move |verdict: &Result<PasswordVerdict, DirectoryError>| match verdict {
            Ok(PasswordVerdict::Correct) => permit.succeeded(clock.now()),
            Ok(PasswordVerdict::Wrong(_)) => permit.failed(clock.now()),
            // The client does not learn a verdict, and an outage of the directory must not throttle its users.
            Err(_) => permit.cancelled(clock.now()),
        };
        match directories.verify_password_of(&self.login, found, &credentials.password, settle).await {
            Ok(PasswordVerdict::Correct) => Ok(()),
            Ok(PasswordVerdict::Wrong(reason)) => Err(match found {
                [] => PasswordRejection::Unknown,
                [entry] => PasswordRejection::Wrong { user: account(entry).user, reason },
                [_, _, ..] => PasswordRejection::Ambiguous { count: found.len() },
            }),
            Err(error) => Err(PasswordRejection::Directory(error)),
        }
    }
}

fn throttled(error: LoginThrottled) -> Arc<PasswordRejection> {
    Arc::new(PasswordRejection::LoginThrottled(error))
}

/// Returns the account of a directory entry. A password can be shared or guessed, so the mapping is weak.
fn account(entry: &DirectoryAccount) -> Account {
    Account::from_directory(entry, MappingMethod::Password, MappingStrength::Weak)
}

fn counted_as(login: &LoginName) -> String {
    match login {
        LoginName::Upn(name) | LoginName::Name(name) => name.clone(),
        LoginName::DomainAndName { domain, name } => format!("{domain}\\{name}"),
    }
}

/// Returns the key of an account in the throttle, under whatever name it is used. It begins with a space, as no user
/// name does.
fn throttle_key(entry: &DirectoryAccount) -> String {
    match &entry.sid {
        Some(sid) => format!(" {sid}"),
        None => format!(" {} {}", entry.directory, entry.dn),
    }
}
