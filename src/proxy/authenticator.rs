//! Authenticates clients in a realm: validates a presented chain, checks revocation, and maps an account.
//!
//! Each stage has a cache. One timeout applies to all stages, and the number of concurrent authentications is limited. An
//! authentication that waits for a directory holds no slot, because directories have their own limits.
//!
//! Most chains are validated in a fraction of a millisecond, on the worker. A chain that takes long waits for one of a few
//! slots, which clients get in turn, and is validated on a separate thread, because any client can forge such a chain.

use super::concurrency_limit::{ConcurrencyLimit, LimitError};
use super::password_auth::{PasswordAttempt, PasswordAuthenticator};
use super::pipeline::PipelineObserver;
use crate::clock::{Clock, UnixTime};
use crate::directory::RealmDirectories;
use crate::identity::{AccountCache, MappingScope, MappingSources, MappingTrace};
use crate::limits::AddressKey;
use crate::limits::scheduling::{
    ClientRank, ClientRates, FailingClients, FairSlots, SlotLimits, SlotRequest,
};
use crate::policy::{CertificateRejection, Credential, PasswordCredential, PasswordRejection};
use crate::request::BasicCredentials;
use crate::revocation::{
    CrlGeneration, RevocationCache, RevocationError, RevocationVerdict, UnrevokedChain, check,
};
use crate::site::Realm;
use crate::telemetry::Metrics;
use crate::tls::HandshakeValidator;
use crate::validation::{
    ChainError, PathViolation, PresentedChain, RealmGeneration, ValidatedChain, ValidationCache, validate,
};
use moka::sync::Cache;
use rustls::CertificateError;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;
use tokio::time::timeout;

/// The sizes of the caches in bytes. A certificate with its path takes about 15 KB, an account with fifty groups 8 KB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheSizes {
    /// The cache of validated chains.
    pub certificates: u64,
    /// The cache of revocation statuses.
    pub revocation: u64,
    /// The cache of accounts of certificates.
    pub accounts: u64,
    /// The cache of accepted passwords.
    pub passwords: u64,
}

impl Default for CacheSizes {
    fn default() -> Self {
        Self { certificates: 128 << 20, revocation: 32 << 20, accounts: 128 << 20, passwords: 16 << 20 }
    }
}

/// The maximum number of expensive chains that wait for a slot, in total and of one client.
const EXPENSIVE_WAITING: usize = 1024;
const EXPENSIVE_WAITING_PER_CLIENT: usize = 128;

/// The number of expensive chains of one client per second, and in a burst. Further ones are validated after those of other
/// clients.
const EXPENSIVE_PER_SECOND: NonZeroU32 = NonZeroU32::new(20).expect("20 is not zero");
const EXPENSIVE_BURST: NonZeroU32 = NonZeroU32::new(40).expect("40 is not zero");

/// Authenticates clients, with a cache for each stage. Shared by all workers.
pub struct Authenticator {
    validation: ValidationCache,
    revocation: RevocationCache,
    accounts: AccountCache,
    passwords: PasswordAuthenticator,
    slots: ConcurrencyLimit,
    /// The slots for the validation of expensive chains.
    expensive: FairSlots,
    expensive_rates: ClientRates,
    failing: FailingClients,
    /// Separate from the slots of certificates, because clients without one can occupy all of these while a directory does not
    /// respond.
    password_slots: ConcurrencyLimit,
}

impl Authenticator {
    /// Creates an authenticator. `limit` is the timeout for one chain or password, including the wait for a slot, and `slots`
    /// is the number of chains, and of passwords, that are authenticated concurrently.
    pub fn new(limit: Duration, slots: usize, sizes: CacheSizes, metrics: &Metrics) -> Self {
        Self {
            validation: ValidationCache::new(sizes.certificates, metrics.validation_cache.clone()),
            revocation: RevocationCache::new(sizes.revocation, metrics.revocation_cache.clone()),
            accounts: AccountCache::new(sizes.accounts, metrics.identity_cache.clone()),
            passwords: PasswordAuthenticator::new(sizes.passwords, metrics.passwords.clone()),
            slots: ConcurrencyLimit::new(limit, slots),
            expensive: expensive_slots(),
            expensive_rates: ClientRates::new(EXPENSIVE_PER_SECOND, EXPENSIVE_BURST),
            failing: FailingClients::default(),
            password_slots: ConcurrencyLimit::new(limit, slots),
        }
    }

    /// Authenticates `chain`, which `client` presented, in `realm`, and returns the credential.
    ///
    /// # Errors
    /// The rejection. A timeout is a rejection, too.
    pub async fn authenticate<O: PipelineObserver>(
        &self,
        realm: &Arc<Realm>,
        chain: &Arc<PresentedChain>,
        client: AddressKey,
        now: UnixTime,
        observer: &mut O,
    ) -> Result<Arc<Credential>, Arc<CertificateRejection>> {
        let outcome = self.slots.in_time(async {
            let validated = match self.validated(realm, chain, client, now).await? {
                Ok(validated) => {
                    observer.validated_chain(&validated);
                    validated
                }
                Err(error) => {
                    self.failing.failed(client);
                    return Ok(Err(Arc::new(CertificateRejection::Chain(error))));
                }
            };
            let rank = self.failing.rank(client);
            // Boxed, since every layer around it would move it.
            let unrevoked = Box::pin(self.unrevoked(realm, &validated, now));
            match self.slots.within((client, rank), unrevoked).await? {
                Ok(unrevoked) => Ok(Ok(self.mapped(realm, unrevoked, now, observer).await)),
                Err(error) => Ok(Err(Arc::new(CertificateRejection::Revocation(Arc::new(error))))),
            }
        });
        outcome.await.unwrap_or_else(|error| {
            Err(Arc::new(match error {
                LimitError::Timeout(limit) => CertificateRejection::Timeout(limit),
                LimitError::Overloaded => CertificateRejection::Overloaded,
            }))
        })
    }

    /// Returns the clients whose chains are rejected or whose handshakes fail repeatedly.
    pub fn failing_clients(&self) -> &FailingClients {
        &self.failing
    }

    /// Authenticates a user name and a password from `client` in `realm`, which has `directories`, and returns the credential.
    ///
    /// # Errors
    /// The rejection. A timeout is a rejection, too.
    pub(super) async fn authenticate_password(
        &self,
        realm: &Realm,
        directories: &RealmDirectories,
        credentials: &BasicCredentials,
        client: AddressKey,
        clock: &Clock,
    ) -> Result<Arc<PasswordCredential>, Arc<PasswordRejection>> {
        let attempt = PasswordAttempt { realm, directories, credentials, client, clock };
        self.passwords.authenticate(&self.password_slots, &attempt).await
    }

    async fn validated(
        &self,
        realm: &Realm,
        chain: &Arc<PresentedChain>,
        client: AddressKey,
        now: UnixTime,
    ) -> Result<Result<Arc<ValidatedChain>, Arc<ChainError>>, LimitError> {
        let realm_generation =
            RealmGeneration { realm: Arc::clone(&realm.name), generation: realm.generation };
        let slot = if chain.is_expensive()
            && !self.validation.is_cached(&realm_generation, chain, &realm.trust, now).await
        {
            let in_budget = self.expensive_rates.allows(client);
            let rank = if in_budget { self.failing.rank(client) } else { ClientRank::Last };
            let turn = SlotRequest { client, rank, work: chain.cost() };
            Some(self.expensive.acquire(turn).await.map_err(|_| LimitError::Overloaded)?)
        } else {
            None
        };
        Ok(self
            .validation
            .validate(realm_generation, chain, (&realm.trust, &realm.validation), now, slot)
            .await)
    }

    async fn mapped<O: PipelineObserver>(
        &self,
        realm: &Realm,
        unrevoked: UnrevokedChain,
        now: UnixTime,
        observer: &mut O,
    ) -> Arc<Credential> {
        let scope = MappingScope { realm: Arc::clone(&realm.name), generation: realm.generation };
        let sources = MappingSources {
            settings: &realm.mapping,
            directories: realm.directory.as_deref(),
            lifetimes: realm.account_lifetimes,
        };
        let observe = |mapping: &MappingTrace| observer.mapping(mapping);
        let mapped = self.accounts.map(scope, &unrevoked, sources, now, observe).await;
        let end = now.plus(realm.verdict_cache_ttl).min(mapped.until);
        Arc::new(Credential::new(unrevoked, mapped.outcome, end))
    }

    /// Returns the number of purges of accounts. A verdict from before a purge is no longer valid.
    pub fn account_purges(&self) -> u64 {
        self.accounts.purges()
    }

    /// Removes all accounts and passwords from the caches, so that changes in the directories take effect at the next request,
    /// also on an open connection.
    pub fn purge_accounts(&self) {
        self.accounts.purge();
        self.passwords.purge();
    }

    /// Checks the revocation status of a valid chain. The first request that needs a missing CRL waits until the download has
    /// completed or failed, for at most half of the timeout, so that there is time left for the other stages. Later requests
    /// do not wait.
    async fn unrevoked(
        &self,
        realm: &Realm,
        chain: &Arc<ValidatedChain>,
        now: UnixTime,
    ) -> Result<UnrevokedChain, RevocationError> {
        let check = || async {
            let (crls, ocsp) = (realm.crls.store(), realm.ocsp.as_deref());
            self.revocation.check(chain, &realm.revocation, &realm.trust, &crls, ocsp, now).await
        };
        let awaited = realm.crls.register(chain, &realm.revocation, now);
        let outcome = check().await;
        if awaited.is_empty() || !is_undecided(&outcome) {
            return outcome;
        }
        drop(timeout(self.slots.limit() / 2, awaited.done()).await);
        check().await
    }
}

/// Returns slots for half of the processors, so that the workers always have the other half.
fn expensive_slots() -> FairSlots {
    let slots = available_parallelism().map_or(1, |processors| processors.get().div_ceil(2));
    FairSlots::new(SlotLimits {
        slots,
        slots_per_client: slots.div_ceil(2),
        waiting: EXPENSIVE_WAITING,
        waiting_per_client: EXPENSIVE_WAITING_PER_CLIENT,
    })
}

/// Returns whether another CRL could change the outcome.
fn is_undecided(outcome: &Result<UnrevokedChain, RevocationError>) -> bool {
    match outcome {
        Ok(passed) => passed.status().iter().any(|one| matches!(one.verdict, RevocationVerdict::Unknown(_))),
        Err(RevocationError::Unknown { .. }) => true,
        Err(RevocationError::Revoked { .. }) => false,
    }
}

/// Returns the validator for sites that reject a bad certificate with an alert in the handshake. It validates the chain and
/// checks the available CRLs, without network access. If the realm downloads CRLs or uses OCSP, a status that the available
/// CRLs do not determine is checked at the request.
///
/// It runs on the threads of the handshake's cryptography, not on a worker. Outcomes are cached for a minute, so that a client
/// that reconnects repeatedly causes no further signature checks.
pub fn authenticate_in_handshake(realm: Arc<Realm>, clock: Clock) -> HandshakeValidator {
    let remembered: Cache<[u8; 32], HandshakeOutcome> =
        Cache::builder().max_capacity(MAX_ALERTED).time_to_live(ALERTED_LIFETIME).build();
    Arc::new(move |presented| {
        let now = clock.now();
        let chain = PresentedChain::parse(presented).map_err(|_| CertificateError::BadEncoding)?;
        let (digest, crls) = (chain.digest(), realm.crls.generation());
        let before = remembered.get(&digest);
        if let Some(before) = before.filter(|before| before.crls == crls && now < before.until) {
            return before.outcome;
        }
        let (outcome, until) = checked_in_handshake(&realm, chain, now);
        remembered.insert(digest, HandshakeOutcome { outcome: outcome.clone(), crls, until });
        outcome
    })
}

/// The maximum number of cached outcomes of [`authenticate_in_handshake`], and their lifetime.
const MAX_ALERTED: u64 = 4_096;
const ALERTED_LIFETIME: Duration = Duration::from_secs(60);

/// The outcome of an authentication in the handshake, with the inputs that it depends on.
#[derive(Clone)]
struct HandshakeOutcome {
    outcome: Result<(), CertificateError>,
    crls: CrlGeneration,
    until: UnixTime,
}

fn checked_in_handshake(
    realm: &Realm,
    chain: PresentedChain,
    now: UnixTime,
) -> (Result<(), CertificateError>, UnixTime) {
    let soon = now.plus(ALERTED_LIFETIME);
    let validated = match validate(&Arc::new(chain), &realm.trust, &realm.validation, now) {
        Ok(validated) => Arc::new(validated),
        // The certificate may become valid at any moment, so the outcome is not cached.
        Err(error) if matches!(error.violation, PathViolation::NotYetValid { .. }) => {
            return (Err(alert(&error)), now);
        }
        Err(error) => return (Err(alert(&error)), soon),
    };
    let checked = check(&validated, &realm.revocation, &realm.trust, &realm.crls.store(), now);
    let outcome = match checked {
        Ok(_) => Ok(()),
        Err(RevocationError::Revoked { .. }) => Err(CertificateError::Revoked),
        Err(RevocationError::Unknown { .. }) if realm.crls.fetches() || realm.ocsp.is_some() => Ok(()),
        Err(RevocationError::Unknown { .. }) => Err(CertificateError::UnknownRevocationStatus),
    };
    (outcome, validated.deadline().min(soon))
}

/// Returns the most specific alert for a violation (RFC 8446 6.2).
fn alert(error: &ChainError) -> CertificateError {
    match &error.violation {
        PathViolation::Expired { .. } => CertificateError::Expired,
        PathViolation::NotYetValid { .. } => CertificateError::NotValidYet,
        // A certificate that the CA of this name did not sign is one of an unknown issuer. rustls maps BadSignature to
        // decrypt_error, which is for the signatures of the handshake itself.
        PathViolation::NoIssuer { .. } | PathViolation::Signature { .. } => CertificateError::UnknownIssuer,
        PathViolation::KeyUsage { .. }
        | PathViolation::ExtendedKeyUsage { .. }
        | PathViolation::CertificatePolicy
        | PathViolation::NoPolicy => CertificateError::InvalidPurpose,
        PathViolation::UnknownCriticalExtension { .. } => CertificateError::UnhandledCriticalExtension,
        PathViolation::PathTooLong { .. }
        | PathViolation::TooManyBranches
        | PathViolation::WeakKey { .. }
        | PathViolation::DuplicateExtension { .. }
        | PathViolation::UndecodableExtension { .. }
        | PathViolation::NotCa
        | PathViolation::NameNotPermitted { .. }
        | PathViolation::NameExcluded { .. }
        | PathViolation::NameNotComparable { .. }
        | PathViolation::TooManyNames
        | PathViolation::AnyPolicyMapped
        | PathViolation::TooManyPolicies
        | PathViolation::PathLength { .. }
        | PathViolation::UnusableKey { .. } => CertificateError::ApplicationVerificationFailure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::ControlRuntime;
    use crate::demo::pki::Pki;
    use crate::directory::{AccountSchema, DirectoryLimits, DirectorySettings};
    use crate::identity::{AccountLifetimes, IdentityIssuer, Mapper, MappingSettings};
    use crate::ldap::{LdapEncryption, LdapServer, client_config};
    use crate::revocation::{LiveCrls, RevocationMode, RevocationRule};
    use crate::secret::Secret;
    use crate::site::PasswordSettings;
    use crate::validation::{TrustSet, ValidationRule};
    use std::net::SocketAddr;
    use std::pin::pin;
    use tokio::net::TcpListener;

    const LIMIT: Duration = Duration::from_secs(10);

    fn client() -> AddressKey {
        AddressKey::of([192, 0, 2, 1].into(), 64)
    }

    /// Returns an authenticator with this many slots, a realm, and a valid chain.
    fn test_authenticator(slots: usize) -> (Authenticator, Arc<Realm>, Arc<PresentedChain>) {
        let pki = Pki::create(Clock::system().now()).unwrap();
        let anchor = crate::certificate::Certificate::from_der(pki.root()).unwrap();
        let realm = Realm {
            name: "staff".into(),
            generation: 1,
            trust: Arc::new(TrustSet::new(vec![anchor], Vec::new())),
            validation: Arc::new(ValidationRule::default()),
            revocation: RevocationRule { mode: RevocationMode::Off, ..RevocationRule::default() },
            crls: Arc::new(LiveCrls::load(Vec::new(), None, None, UnixTime::EPOCH).unwrap()),
            ocsp: None,
            mapping: MappingSettings::default(),
            directory: None,
            account_lifetimes: AccountLifetimes::default(),
            passwords: PasswordSettings::default(),
            verdict_cache_ttl: LIMIT,
        };
        let chain = PresentedChain::parse(&pki.card("alice").unwrap().chain).unwrap();
        (
            Authenticator::new(LIMIT, slots, CacheSizes::default(), &Metrics::new("0", &[])),
            Arc::new(realm),
            Arc::new(chain),
        )
    }

    #[tokio::test]
    async fn a_certificate_beyond_the_queue_is_rejected_at_once() {
        let (authenticator, realm, chain) = test_authenticator(0);
        let refusal = authenticator
            .authenticate(&realm, &chain, client(), Clock::system().now(), &mut ())
            .await
            .unwrap_err();
        assert!(matches!(*refusal, CertificateRejection::Overloaded));
    }

    /// Returns a realm that looks up the common names of certificates in the directory at `address`.
    fn with_directory(realm: &Realm, chain: &PresentedChain, address: SocketAddr) -> Arc<Realm> {
        let authority = Pki::create(Clock::system().now()).unwrap();
        let directory = DirectorySettings {
            name: "corp".into(),
            servers: vec![
                LdapServer::new(&address.ip().to_string(), address.port(), LdapEncryption::Ldaps).unwrap(),
            ],
            global_catalog: Vec::new(),
            tls: client_config([authority.root().clone()]).unwrap(),
            bind_dn: "CN=gateway".to_owned(),
            bind_password: Secret::new(b"secret".to_vec()),
            base: "DC=corp,DC=example".to_owned(),
            schema: AccountSchema::ActiveDirectory,
            upn_suffixes: Vec::new(),
            sid_domains: Vec::new(),
            limits: DirectoryLimits {
                connect: LIMIT * 6,
                operation: LIMIT * 6,
                lookup: LIMIT * 6,
                ..DirectoryLimits::default()
            },
        };
        let issuer = IdentityIssuer {
            key: chain.certificates()[1].key_id(),
            upn_suffixes: Vec::new(),
            email_domains: Vec::new(),
            sid_domains: Vec::new(),
            mappers: vec![Mapper::Subject],
            alt_security_forms: Vec::new(),
        };
        Arc::new(Realm {
            name: "visitors".into(),
            mapping: MappingSettings {
                order: vec![Mapper::Subject],
                identity_issuers: vec![issuer],
                ..realm.mapping.clone()
            },
            directory: Some(Arc::new(RealmDirectories::new(
                vec![directory],
                Clock::system(),
                ControlRuntime::default(),
            ))),
            trust: Arc::clone(&realm.trust),
            ..Arc::into_inner(test_authenticator(0).1).unwrap()
        })
    }

    #[tokio::test]
    async fn a_certificate_that_waits_for_a_silent_directory_occupies_no_slot() {
        let (authenticator, realm, chain) = test_authenticator(1);
        let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let visitors = with_directory(&realm, &chain, silent.local_addr().unwrap());
        let now = Clock::system().now();
        let (observer, other) = (&mut (), &mut ());
        let mut waiting = pin!(authenticator.authenticate(&visitors, &chain, client(), now, observer));
        let _connection = tokio::select! {
            _ = &mut waiting => panic!("the directory was not queried"),
            accepted = silent.accept() => accepted.unwrap(),
        };
        tokio::select! {
            _ = waiting => panic!("the directory responded"),
            outcome = authenticator.authenticate(&realm, &chain, client(), now, other) => assert!(outcome.is_ok()),
        }
    }

    /// The future is moved several times before it runs, even if the caches have every result.
    #[test]
    fn the_future_of_an_authentication_is_small() {
        let (authenticator, realm, chain) = test_authenticator(1);
        let now = Clock::system().now();
        let bytes = size_of_val(&authenticator.authenticate(&realm, &chain, client(), now, &mut ()));
        assert!(bytes < 8192, "{bytes}");
    }

    #[tokio::test]
    async fn a_slot_is_free_after_a_verdict() {
        let (authenticator, realm, chain) = test_authenticator(1);
        for _ in 0..20 {
            assert!(
                authenticator
                    .authenticate(&realm, &chain, client(), Clock::system().now(), &mut ())
                    .await
                    .is_ok()
            );
        }
    }
}
