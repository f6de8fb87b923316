//! Password authentication: returns the account for a user name and password, or the reason why there is none.
//!
//! The directory is queried only while the account and the address have attempts left, and once for concurrent
//! requests with the same password. An accepted password is cached for a short time as a keyed hash. Passwords are
//! never logged or stored, and a directory that does not respond never counts as a verdict.

use super::concurrency_limit::{ConcurrencyLimit, LimitError};
use crate::clock::{Clock, Tick, UnixTime};
use crate::directory::{Directories, DirectoryAccount, DirectoryError, LoginName, PasswordVerdict};
use crate::identity::{Account, MappingMethod, MappingStrength};
use crate::limits::AddressKey;
use crate::limits::scheduling::Rank;
use crate::login_throttle::{AttemptPermit, LoginThrottled};
use crate::policy::{PasswordCredential, PasswordRejection};
use crate::request::BasicCredentials;
use crate::site::{PasswordSettings, Realm};
use crate::telemetry::PasswordMetrics;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use moka::future::Cache;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The longest that one is remembered, whatever the configuration says.
const LONGEST: Duration = Duration::from_secs(600);

/// How long a verdict may be on its way to the decision where nothing is to be remembered.
const IN_USE: Duration = Duration::from_secs(10);

/// Judges passwords, for all workers.
pub(super) struct PasswordAuthenticator {
    taken: Cache<Digest, Taken>,
    /// Made for each process, so that what is remembered is of no use to anybody else.
    key: hmac::Key,
    /// Raised by every purge.
    purges: AtomicU64,
    metrics: PasswordMetrics,
}

/// An HMAC-SHA-256 of a realm with its generation, a user name and a password.
type Digest = [u8; 32];

/// A password that the directory took.
#[derive(Clone)]
struct Taken {
    credential: Arc<PasswordCredential>,
    /// From then on the directory is asked again.
    until: UnixTime,
}

/// One question, with all that its answer follows from.
struct Question<'a> {
    directories: &'a Directories,
    policy: &'a PasswordSettings,
    login: LoginName,
    /// The user name as failed attempts are counted for it.
    counted_as: String,
    offered: &'a BasicCredentials,
    from: AddressKey,
    clock: &'a Clock,
}

impl PasswordAuthenticator {
    /// Remembers nothing yet, and later in so many bytes. Fails where the system has no random numbers, with which nothing can be kept secret.
    pub(super) fn new(bytes: u64, metrics: PasswordMetrics) -> Self {
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).expect(
            "aws-lc aborts the process where the system gives no entropy, and fails for nothing else here",
        );
        let taken = Cache::builder()
            .max_capacity(bytes)
            .weigher(|_: &Digest, taken: &Taken| weight(taken.credential.account().weight()))
            .time_to_live(LONGEST)
            .build();
        Self { taken, key, purges: AtomicU64::new(0), metrics }
    }

    /// The credential that `offered` is in `realm`, whose directory is `directories`.
    ///
    /// # Errors
    /// The refusal. Too many attempts, too little time and a silent directory are some.
    pub(super) async fn judge(
        &self,
        places: &ConcurrencyLimit,
        (realm, directories): (&Realm, &Directories),
        offered: &BasicCredentials,
        from: AddressKey,
        clock: &Clock,
    ) -> Result<Arc<PasswordCredential>, Arc<PasswordRejection>> {
        let policy = &realm.passwords;
        let outcome = match LoginName::parse(&offered.user, policy.default_domain.as_deref()) {
            Err(error) => Err(Arc::new(PasswordRejection::Name(error))),
            Ok(login) => {
                let counted_as = counted_as(&login);
                let question = Question { directories, policy, login, counted_as, offered, from, clock };
                self.remembered_or_asked(places, self.digest(realm, &question), &question).await
            }
        };
        if let Err(refusal) = &outcome {
            self.count(refusal);
        }
        outcome
    }

    /// Forgets every password, so that the directories are asked again.
    pub(super) fn purge(&self) {
        self.purges.fetch_add(1, Ordering::AcqRel);
        self.taken.invalidate_all();
    }

    async fn remembered_or_asked(
        &self,
        places: &ConcurrencyLimit,
        digest: Digest,
        question: &Question<'_>,
    ) -> Result<Arc<PasswordCredential>, Arc<PasswordRejection>> {
        let now = question.clock.now();
        // Before anything else: what is remembered answers guesses too.
        let attempts = &question.policy.login_throttle;
        attempts.check(&question.counted_as, question.from, now).map_err(too_many)?;
        match self.taken.get(&digest).await {
            Some(taken) if now < taken.until => {
                self.metrics.cached.inc();
                return Ok(taken.credential);
            }
            Some(_) => self.taken.invalidate(&digest).await,
            None => {}
        }
        // Boxed, so that no connection has room for a question that few ever ask.
        let client = (question.from, Rank::Normal);
        let asking = Box::pin(places.within(client, self.taken.try_get_with(digest, question.ask())));
        let taken = asking.await.map_err(|not_judged| {
            Arc::new(match not_judged {
                LimitError::Timeout(limit) => PasswordRejection::Timeout(limit),
                LimitError::Overloaded => PasswordRejection::Overloaded,
            })
        })??;
        self.metrics.accepted.inc();
        Ok(taken.credential)
    }

    fn digest(&self, realm: &Realm, question: &Question<'_>) -> Digest {
        let mut context = hmac::Context::with_key(&self.key);
        let numbers = [realm.generation, self.purges.load(Ordering::Acquire)].map(u64::to_be_bytes);
        let parts: [&[u8]; 4] = [
            numbers.as_flattened(),
            realm.name.as_bytes(),
            question.offered.user.as_bytes(),
            question.offered.password.expose(),
        ];
        for part in parts {
            // With its length, so that no two lists of parts are one text.
            context.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            context.update(part);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.sign().as_ref());
        digest
    }

    fn count(&self, refusal: &PasswordRejection) {
        match refusal {
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

impl Question<'_> {
    /// Asks the directory.
    async fn ask(&self) -> Result<Taken, PasswordRejection> {
        let asked = self.clock.now();
        let read_at = Tick::next();
        let attempt =
            self.policy.login_throttle.begin(self.from, asked).map_err(PasswordRejection::LoginThrottled)?;
        let attempt = attempt.not_sent();
        let attempt =
            attempt.for_account(&self.counted_as, asked).map_err(PasswordRejection::LoginThrottled)?;
        let (attempt, found) = self.found(attempt).await?;
        self.verify(attempt, &found).await?;
        let [person] = found.as_slice() else { return Err(PasswordRejection::NoAccount) };
        let account = Account { read_at, ..account(person) };
        let end = person
            .status
            .check(asked)
            .map_err(|status| PasswordRejection::Unusable { user: account.user.clone(), status })?;
        let end = end.unwrap_or(UnixTime::END);
        let remembered = self.policy.cache_ttl.min(LONGEST);
        let credential =
            PasswordCredential::new(Arc::new(account), end.min(asked.plus(remembered.max(IN_USE))));
        Ok(Taken { credential: Arc::new(credential), until: end.min(asked.plus(remembered)) })
    }

    /// Whose account the name is. The attempt counts for that account from then on, by whatever name it is meant: else
    /// `CORP\sam`, `sam` and `sam@corp.example` would be three accounts with as many attempts each.
    async fn found(
        &self,
        attempt: AttemptPermit,
    ) -> Result<(AttemptPermit, Vec<DirectoryAccount>), PasswordRejection> {
        let found = match self.directories.by_login(&self.login).await {
            Ok(found) => found,
            Err(error) => {
                attempt.cancelled(self.clock.now());
                return Err(PasswordRejection::Directory(error));
            }
        };
        let attempt = match found.as_slice() {
            [person] => attempt.for_account(&identity(person), self.clock.now()),
            [] | [_, _, ..] => Ok(attempt),
        };
        Ok((attempt.map_err(PasswordRejection::LoginThrottled)?, found))
    }

    /// Whether the directory takes the password of whom the name has found. It is asked also where that is nobody: how
    /// long the answer takes is to tell nothing either.
    async fn verify(
        &self,
        attempt: AttemptPermit,
        found: &[DirectoryAccount],
    ) -> Result<(), PasswordRejection> {
        let (clock, attempt) = (self.clock.clone(), attempt.sent());
        let settle = move |verdict: &Result<PasswordVerdict, DirectoryError>| match verdict {
            Ok(PasswordVerdict::Correct) => attempt.succeeded(clock.now()),
            Ok(PasswordVerdict::Wrong(_)) => attempt.failed(clock.now()),
            // Nobody learns anything by it, and a directory that was down must not leave its users locked out here.
            Err(_) => attempt.cancelled(clock.now()),
        };
        match self.directories.verify_password_of(&self.login, found, &self.offered.password, settle).await {
            Ok(PasswordVerdict::Correct) => Ok(()),
            Ok(PasswordVerdict::Wrong(reason)) => Err(match found {
                [] => PasswordRejection::Unknown,
                [person] => PasswordRejection::Wrong { user: account(person).user, reason },
                [_, _, ..] => PasswordRejection::Ambiguous { count: found.len() },
            }),
            Err(error) => Err(PasswordRejection::Directory(error)),
        }
    }
}

/// What a remembered password takes up, its place in the cache included.
fn weight(account: usize) -> u32 {
    const ENTRY: usize = 256;
    u32::try_from(ENTRY + account).unwrap_or(u32::MAX)
}

fn too_many(too_many: LoginThrottled) -> Arc<PasswordRejection> {
    Arc::new(PasswordRejection::LoginThrottled(too_many))
}

/// A password is known to more than one card ever is, so what it names is named weakly.
fn account(person: &DirectoryAccount) -> Account {
    Account::from_directory(person, MappingMethod::Password, MappingStrength::Weak)
}

fn counted_as(login: &LoginName) -> String {
    match login {
        LoginName::Upn(name) | LoginName::Name(name) => name.clone(),
        LoginName::DomainAndName { domain, name } => format!("{domain}\\{name}"),
    }
}

/// What an account is counted by, whatever it is called: no user name has a blank at its beginning.
fn identity(person: &DirectoryAccount) -> String {
    match &person.sid {
        Some(sid) => format!(" {sid}"),
        None => format!(" {} {}", person.directory, person.dn),
    }
}
