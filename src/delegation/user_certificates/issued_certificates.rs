//! The cache of user certificates.
//!
//! The cache key is the whole subject, so that no two accounts share a certificate. Each cache belongs to one CA: another
//! CA, or the same one after a reload, starts with an empty cache.

use moka::future::Cache;
use rustls::ClientConfig;
use std::sync::Arc;

use super::authority::{SubordinateCa, UserCertificate};
use super::authority_error::IssuanceError;
use super::client_cert_resolver::{CertificatePresentation, settings_for_one_connection};
use super::subject::UserCertificateSubject;
use crate::clock::{Tick, UnixTime};
use crate::telemetry::CacheMetrics;

/// One account's certificate, which is presented on connections that serve only that account.
#[derive(Debug)]
pub struct IssuedUserCertificate {
    subject: UserCertificateSubject,
    certificate: UserCertificate,
}

/// The certificates of one CA, for all workers. Concurrent requests for one account share one certificate.
#[derive(Clone, Debug)]
pub struct UserCertificates {
    authority: Arc<SubordinateCa>,
    identities: Cache<UserCertificateSubject, CachedUserCertificate>,
    protected_accounts: ProtectedAccounts,
    metrics: CacheMetrics,
}

/// Whether certificates are issued for accounts that may not be delegated: members of Protected Users, and those marked
/// "sensitive and cannot be delegated".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtectedAccounts {
    /// None are issued, as Kerberos delegation issues no ticket.
    #[default]
    Refused,
    /// They are issued as for other accounts.
    UnsafeIssued,
}

#[derive(Clone, Debug)]
struct CachedUserCertificate {
    outcome: Result<Arc<IssuedUserCertificate>, Arc<IssuanceError>>,
    /// When the certificate is no longer used.
    deadline: UnixTime,
    /// When the certificate was requested.
    requested_at: Tick,
}

/// Returns the size of an entry in bytes: the certificates, the key, and the names of the subject twice.
fn weight(subject: &UserCertificateSubject, cached: &CachedUserCertificate) -> u32 {
    const ENTRY: usize = 4096;
    let certificates = cached.outcome.as_ref().map_or(0, |identity| {
        identity.certificate.key.cert.iter().map(|certificate| certificate.len()).sum::<usize>()
    });
    u32::try_from(ENTRY + 2 * subject.length() + certificates).unwrap_or(u32::MAX)
}

impl UserCertificates {
    /// Creates a cache of this size in bytes, with its metrics.
    pub fn new(authority: SubordinateCa, bytes: u64, metrics: CacheMetrics) -> Self {
        // The deadline decides whether a certificate is used; the idle time only frees memory.
        let identities =
            Cache::builder().max_capacity(bytes).weigher(weight).time_to_idle(authority.lifetime()).build();
        let protected_accounts = ProtectedAccounts::default();
        Self { authority: Arc::new(authority), identities, protected_accounts, metrics }
    }

    /// Sets the rule for accounts that may not be delegated.
    #[must_use]
    pub fn for_protected_accounts(self, protected_accounts: ProtectedAccounts) -> Self {
        Self { protected_accounts, ..self }
    }

    /// Returns the rule for accounts that may not be delegated. The caller applies it.
    pub fn protected_accounts(&self) -> ProtectedAccounts {
        self.protected_accounts
    }

    /// Returns the CA.
    pub fn authority(&self) -> &SubordinateCa {
        &self.authority
    }

    /// Returns a certificate for `subject` with at least a third of its lifetime left, from the cache or a new one.
    /// Errors are not cached. A certificate that was requested before `since`, the time at which the account was read,
    /// is not used.
    ///
    /// # Errors
    /// No certificate could be issued.
    pub async fn identity(
        &self,
        subject: &UserCertificateSubject,
        since: Tick,
        now: UnixTime,
    ) -> Result<Arc<IssuedUserCertificate>, Arc<IssuanceError>> {
        let is_over = |old: &CachedUserCertificate| old.deadline <= now || old.requested_at < since;
        loop {
            let issue = async {
                let requested_at = Tick::current();
                let outcome = self.issue(subject.clone(), now).await.map_err(Arc::new);
                let deadline = match outcome {
                    Ok(_) => now.plus(self.authority.lifetime() * 2 / 3),
                    Err(_) => UnixTime::EPOCH,
                };
                CachedUserCertificate { outcome, deadline, requested_at }
            };
            let entry = self.identities.entry_by_ref(subject).or_insert_with_if(issue, is_over).await;
            let counter = if entry.is_fresh() { &self.metrics.misses } else { &self.metrics.hits };
            counter.inc();
            let issued = entry.into_value();
            // A certificate that was being issued for earlier names of the account is discarded. The next one is recent
            // enough, so the loop runs twice at most.
            if issued.requested_at >= since {
                return issued.outcome;
            }
        }
    }

    async fn issue(
        &self,
        subject: UserCertificateSubject,
        now: UnixTime,
    ) -> Result<Arc<IssuedUserCertificate>, IssuanceError> {
        let authority = Arc::clone(&self.authority);
        // A signature with an RSA key takes milliseconds, which would delay every client of the worker.
        let issued = tokio::task::spawn_blocking(move || {
            let certificate = authority.issue(&subject, now)?;
            Ok(Arc::new(IssuedUserCertificate { subject, certificate }))
        });
        issued.await.map_err(|_| IssuanceError::Interrupted)?
    }
}

impl IssuedUserCertificate {
    /// Returns the account that the certificate names.
    pub fn subject(&self) -> &UserCertificateSubject {
        &self.subject
    }

    /// Returns the certificate.
    pub fn certificate(&self) -> &UserCertificate {
        &self.certificate
    }

    /// Returns a copy of the TLS settings `template` for one new connection as this account, and the presentation,
    /// which reports after the handshake whether the certificate was sent. A connection on which it was not
    /// [`PresentationOutcome::Sent`](super::PresentationOutcome::Sent) must not carry a request.
    pub fn settings_for_one_connection(
        &self,
        template: &ClientConfig,
    ) -> (Arc<ClientConfig>, CertificatePresentation) {
        settings_for_one_connection(template, Arc::clone(&self.certificate.key))
    }
}
