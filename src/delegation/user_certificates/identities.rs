//! Certificates for accounts, remembered for all workers as long as they are fresh: the stage's own door for a running
//! gate.
//!
//! The key is the whole subject, so that no two accounts share a certificate, and the cache belongs to one CA: another
//! CA, or the same one loaded again, begins with an empty cache.

use moka::future::Cache;
use rustls::ClientConfig;
use std::sync::Arc;

use super::authority::{SubordinateCa, UserCertificate};
use super::authority_error::IssuanceError;
use super::client_cert_resolver::{CertificatePresentation, settings_for_one_connection};
use super::subject::UserCertificateSubject;
use crate::clock::{Tick, UnixTime};
use crate::telemetry::CacheMetrics;

/// One account's certificate, to be presented on connections that are that account's alone.
#[derive(Debug)]
pub struct IssuedIdentity {
    subject: UserCertificateSubject,
    certificate: UserCertificate,
}

/// The certificates of one CA, for all workers. Concurrent demands for one account issue once.
#[derive(Clone, Debug)]
pub struct UserCertificates {
    authority: Arc<SubordinateCa>,
    identities: Cache<UserCertificateSubject, CachedIdentity>,
    protected_accounts: ProtectedAccounts,
    metrics: CacheMetrics,
}

/// Whether accounts get certificates in whose name nobody may act: Protected Users, and those that are marked "sensitive and
/// cannot be delegated".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtectedAccounts {
    /// They get none, as they would get no ticket by Kerberos delegation.
    #[default]
    Refused,
    /// They get certificates like everybody else.
    UnsafeIssued,
}

#[derive(Clone, Debug)]
struct CachedIdentity {
    outcome: Result<Arc<IssuedIdentity>, Arc<IssuanceError>>,
    /// The first moment at which it is used no more.
    deadline: UnixTime,
    /// When it was asked for.
    asked: Tick,
}

/// How many bytes an entry takes up: the certificates, the key, the names in the subject twice.
fn weight(subject: &UserCertificateSubject, remembered: &CachedIdentity) -> u32 {
    const ENTRY: usize = 4096;
    let certificates = remembered.outcome.as_ref().map_or(0, |identity| {
        identity.certificate.key.cert.iter().map(|certificate| certificate.len()).sum::<usize>()
    });
    u32::try_from(ENTRY + 2 * subject.length() + certificates).unwrap_or(u32::MAX)
}

impl UserCertificates {
    /// Certificates in so many bytes; counts its look-ups.
    pub fn new(authority: SubordinateCa, bytes: u64, metrics: CacheMetrics) -> Self {
        // Deadlines decide whether one may be used; this only frees memory.
        let identities =
            Cache::builder().max_capacity(bytes).weigher(weight).time_to_idle(authority.lifetime()).build();
        let protected_accounts = ProtectedAccounts::default();
        Self { authority: Arc::new(authority), identities, protected_accounts, metrics }
    }

    /// The same, with another rule for accounts in whose name nobody may act.
    #[must_use]
    pub fn for_protected_accounts(self, protected_accounts: ProtectedAccounts) -> Self {
        Self { protected_accounts, ..self }
    }

    /// What holds for accounts in whose name nobody may act. The caller knows which these are.
    pub fn protected_accounts(&self) -> ProtectedAccounts {
        self.protected_accounts
    }

    /// The CA.
    pub fn authority(&self) -> &SubordinateCa {
        &self.authority
    }

    /// A certificate for `subject` that has at least a third of its life before it: the one remembered, or a new one,
    /// issued on a thread that may take its time. Failures are not remembered, and neither is what was asked for before
    /// `since`, when the account was read.
    pub async fn identity(
        &self,
        subject: &UserCertificateSubject,
        since: Tick,
        now: UnixTime,
    ) -> Result<Arc<IssuedIdentity>, Arc<IssuanceError>> {
        let is_over = |old: &CachedIdentity| old.deadline <= now || old.asked < since;
        loop {
            let issue = async {
                let asked = Tick::current();
                let outcome = self.issue(subject.clone(), now).await.map_err(Arc::new);
                let deadline = match outcome {
                    Ok(_) => now.plus(self.authority.lifetime() * 2 / 3),
                    Err(_) => UnixTime::EPOCH,
                };
                CachedIdentity { outcome, deadline, asked }
            };
            let entry = self.identities.entry_by_ref(subject).or_insert_with_if(issue, is_over).await;
            let counter = if entry.is_fresh() { &self.metrics.misses } else { &self.metrics.hits };
            counter.inc();
            let issued = entry.into_value();
            // One that was being issued for an earlier reading of the account is passed over; whatever begins after it
            // is late enough, so this ends with the second one.
            if issued.asked >= since {
                return issued.outcome;
            }
        }
    }

    async fn issue(
        &self,
        subject: UserCertificateSubject,
        now: UnixTime,
    ) -> Result<Arc<IssuedIdentity>, IssuanceError> {
        let authority = Arc::clone(&self.authority);
        // An RSA key of the CA takes milliseconds, in which a worker would serve nobody.
        let issued = tokio::task::spawn_blocking(move || {
            let certificate = authority.issue(&subject, now)?;
            Ok(Arc::new(IssuedIdentity { subject, certificate }))
        });
        issued.await.map_err(|_| IssuanceError::Interrupted)?
    }
}

impl IssuedIdentity {
    /// Whom it names.
    pub fn subject(&self) -> &UserCertificateSubject {
        &self.subject
    }

    /// The certificate that is presented.
    pub fn certificate(&self) -> &UserCertificate {
        &self.certificate
    }

    /// TLS settings as `template`'s for one new connection as this account, and what to ask after the handshake whether
    /// the server took the certificate. A connection on which it was not [`PresentationOutcome::Sent`](super::PresentationOutcome::Sent)
    /// must not carry a request.
    pub fn settings_for_one_connection(
        &self,
        template: &ClientConfig,
    ) -> (Arc<ClientConfig>, CertificatePresentation) {
        settings_for_one_connection(template, Arc::clone(&self.certificate.key))
    }
}
