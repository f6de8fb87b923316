//! The client certificate of one connection: authenticated when a rule requires it, and checked again at every
//! request. Between authentications the connection keeps the certificates as received, within bounds, and no decoded
//! form.

use super::observer::PipelineObserver;
use crate::backend::IdentityHeaderCache;
use crate::certificate::{Certificate, Fingerprint};
use crate::clock::{Clock, UnixTime};
use crate::limits::AddressKey;
use crate::policy::{AbsentReason, AccessRule, CertificateRejection, Credential, Evidence};
use crate::proxy::authenticator::Authenticator;
use crate::revocation::CrlGeneration;
use crate::site::{Realm, Site};
use crate::telemetry::BoundedText;
use crate::telemetry::audit::CertificateFacts;
use crate::tls::HandshakeFacts;
use crate::validation::{PresentedChain, within_limits};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a connection keeps a rejection before it uses the caches of the authenticator again.
const REJECTION_KEPT: Duration = Duration::from_secs(5);

/// The client certificate of one connection, and the last verdict on it.
pub(crate) struct ConnectionCredential {
    tls: HandshakeFacts,
    is_presented: bool,
    /// Why the presented chain is rejected without being decoded. None of it is kept then.
    unread: Option<Arc<CertificateRejection>>,
    client: AddressKey,
    /// The certificate as audit records contain it.
    recorded: OnceCell<Arc<CertificateFacts>>,
    verdict: RefCell<Option<KeptVerdict>>,
    identity_headers: IdentityHeaderCache,
    /// The authentication in progress, for which other streams of the connection wait: a hundred of them present the same
    /// chain and must not occupy a hundred slots.
    in_progress: RefCell<Option<Rc<SharedAuthentication>>>,
}

type AuthenticationOutcome = Result<Arc<Credential>, Arc<CertificateRejection>>;

/// One authentication and its outcome. The streams that waited for it use an outcome that must not be kept, too.
struct SharedAuthentication {
    inputs: VerdictInputs,
    outcome: OnceCell<AuthenticationOutcome>,
    /// Has no permits, and is closed at the end.
    end: Semaphore,
}

/// A verdict with the inputs that it depends on: while they are unchanged, a request on the connection needs no lookup.
#[derive(Clone)]
struct KeptVerdict {
    outcome: AuthenticationOutcome,
    inputs: VerdictInputs,
    until: UnixTime,
}

/// What a verdict depends on beside the chain: the configuration, the CRLs, and the purges of the account cache.
#[derive(Clone, Copy, PartialEq, Eq)]
struct VerdictInputs {
    generation: u64,
    crls: CrlGeneration,
    account_purges: u64,
}

/// Gathers evidence, and returns it with the time for which it is current.
///
/// If the evidence expires between the lookup and this function's return, it is gathered once more. If it then has expired
/// again, it is returned as it is, and the decision rejects it.
pub(super) async fn current(
    clock: &Clock,
    mut gather: impl AsyncFnMut() -> Evidence,
) -> (Evidence, UnixTime) {
    let evidence = gather().await;
    let now = clock.now();
    if evidence.is_current(now) {
        return (evidence, now);
    }
    let evidence = gather().await;
    (evidence, clock.now())
}

impl ConnectionCredential {
    /// The certificate of a handshake with `client`, not authenticated.
    pub(crate) fn new(mut tls: HandshakeFacts, client: AddressKey) -> Self {
        let is_presented = !tls.certificates.is_empty();
        let mut unread = None;
        if is_presented {
            tls.certificates = match within_limits(&tls.certificates) {
                Ok(kept) => kept.into_iter().cloned().collect(),
                Err(error) => {
                    unread = Some(Arc::new(CertificateRejection::Malformed(error)));
                    Vec::new()
                }
            };
        }
        Self {
            tls,
            client,
            is_presented,
            unread,
            recorded: OnceCell::new(),
            verdict: RefCell::new(None),
            identity_headers: IdentityHeaderCache::default(),
            in_progress: RefCell::new(None),
        }
    }

    /// Returns the identity headers of the last request on the connection.
    pub(super) fn identity_headers(&self) -> &IdentityHeaderCache {
        &self.identity_headers
    }

    /// When the key of the certificate last signed a handshake.
    pub(crate) fn proven_at(&self) -> UnixTime {
        self.tls.proven_at
    }

    /// The SHA-256 of the leaf certificate, if the client presented one that can be used.
    pub(crate) fn fingerprint(&self) -> Option<Fingerprint> {
        self.tls.certificates.first().map(|certificate| Fingerprint::of(certificate))
    }

    /// Whether the client presented a certificate, valid or not.
    pub(crate) fn is_presented(&self) -> bool {
        self.is_presented
    }

    /// Whether the client presented no certificate under TLS 1.3 although one was requested, as a smartcard does that
    /// cannot sign RSA-PSS.
    pub(crate) fn may_lack_rsa_pss(&self) -> bool {
        !self.is_presented && self.tls.requested_without_certificate_in_tls13()
    }

    /// The evidence for one request under `rule`. For a path that ignores certificates none is authenticated.
    pub(super) async fn evidence<O: PipelineObserver>(
        &self,
        rule: &AccessRule,
        site: &Site,
        authenticator: &Authenticator,
        clock: &Clock,
        observer: &mut O,
    ) -> Evidence {
        let now = clock.now();
        let realm = match self.realm(rule, site, now) {
            Ok(realm) => realm,
            Err(absent) => return Evidence::None(absent),
        };
        if let Some(recorded) = self.recorded.get() {
            observer.certificate(recorded);
        }
        // Taken before the authentication: a change in the meantime has the certificate authenticated again at the next
        // request.
        let inputs = VerdictInputs {
            generation: realm.generation,
            crls: realm.crls.generation(),
            account_purges: authenticator.account_purges(),
        };
        let started = Instant::now();
        loop {
            let kept = self.verdict.borrow().as_ref().filter(|verdict| verdict.holds(inputs, now)).cloned();
            if let Some(verdict) = kept {
                return Evidence::from(verdict.outcome);
            }
            let awaited = self.in_progress.borrow().clone();
            let Some(awaited) = awaited.filter(|awaited| awaited.inputs == inputs) else {
                let chain = match self.presented_chain() {
                    Ok(chain) => chain,
                    Err(rejection) => return Evidence::Rejected(rejection),
                };
                observer.certificate(self.recorded.get_or_init(|| certificate_facts(chain.leaf())));
                observer.presented_chain(realm, &chain);
                // Boxed, so that no connection has room for it: it is large, and most requests need none.
                let outcome =
                    Box::pin(self.authenticate(realm, &chain, inputs, authenticator, now, observer)).await;
                observer.authentication_time(started.elapsed());
                return Evidence::from(outcome);
            };
            drop(awaited.end.acquire().await);
            // There is no outcome if the stream that had begun the authentication was reset; the next one begins it anew.
            if let Some(outcome) = awaited.outcome.get() {
                if let Some(recorded) = self.recorded.get() {
                    observer.certificate(recorded);
                }
                observer.authentication_time(started.elapsed());
                return Evidence::from(outcome.clone());
            }
        }
    }

    /// Authenticates the chain, and lets the other streams of the connection wait for the outcome.
    async fn authenticate<O: PipelineObserver>(
        &self,
        realm: &Arc<Realm>,
        chain: &Arc<PresentedChain>,
        inputs: VerdictInputs,
        authenticator: &Authenticator,
        now: UnixTime,
        observer: &mut O,
    ) -> AuthenticationOutcome {
        let shared = SharedAuthentication { inputs, outcome: OnceCell::new(), end: Semaphore::new(0) };
        let shared = Rc::new(shared);
        self.in_progress.replace(Some(Rc::clone(&shared)));
        let ended = AuthenticationEnd { credential: self, shared };
        let outcome = authenticator.authenticate(realm, chain, self.client, now, observer).await;
        let until = match &outcome {
            Ok(credential) if credential.is_transient() => now,
            Ok(credential) => credential.deadline(),
            Err(rejection) if rejection.denial().id().is_transient() => now,
            Err(_) => now.plus(REJECTION_KEPT),
        };
        self.verdict.replace(Some(KeptVerdict { outcome: outcome.clone(), inputs, until }));
        // It is empty: only this function sets it, once for each authentication.
        let _ = ended.shared.outcome.set(outcome.clone());
        outcome
    }

    /// The realm in which the certificate is authenticated under `rule`.
    fn realm<'a>(
        &self,
        rule: &AccessRule,
        site: &'a Site,
        now: UnixTime,
    ) -> Result<&'a Arc<Realm>, AbsentReason> {
        if !rule.uses_certificate() {
            return Err(AbsentReason::Ignored);
        }
        match (site.tls.requests_certificate(), self.tls.asked) {
            (false, _) => return Err(AbsentReason::NotRequested),
            (true, false) => return Err(AbsentReason::RequestedSinceReload),
            (true, true) => {}
        }
        if !self.is_presented {
            return Err(AbsentReason::NotPresented);
        }
        // The connection ends when the proof expires; this catches a request that arrives in between.
        if self.is_proof_expired(site, now) {
            return Err(AbsentReason::ProofExpired);
        }
        site.realm.as_ref().ok_or(AbsentReason::NotRequested)
    }

    /// Whether the key of the certificate last signed longer ago than the site accepts.
    pub(crate) fn is_proof_expired(&self, site: &Site, now: UnixTime) -> bool {
        self.is_presented && self.tls.proven_at.plus(site.card_reauth_interval) <= now
    }

    fn presented_chain(&self) -> Result<Arc<PresentedChain>, Arc<CertificateRejection>> {
        if let Some(rejection) = &self.unread {
            return Err(Arc::clone(rejection));
        }
        match PresentedChain::parse(&self.tls.certificates) {
            Ok(chain) => Ok(Arc::new(chain)),
            Err(error) => Err(Arc::new(CertificateRejection::Malformed(error))),
        }
    }
}

fn certificate_facts(leaf: &Certificate) -> Arc<CertificateFacts> {
    Arc::new(CertificateFacts {
        sha256: BoundedText::of(leaf.fingerprint()),
        subject: BoundedText::of(leaf.subject()),
        issuer: BoundedText::of(leaf.issuer()),
        serial: BoundedText::of(leaf.serial()),
        not_after: leaf.not_after(),
    })
}

impl KeptVerdict {
    fn holds(&self, inputs: VerdictInputs, now: UnixTime) -> bool {
        self.inputs == inputs && now < self.until
    }
}

/// Wakes the streams that wait, also if the authentication was cancelled.
struct AuthenticationEnd<'a> {
    credential: &'a ConnectionCredential,
    shared: Rc<SharedAuthentication>,
}

impl Drop for AuthenticationEnd<'_> {
    fn drop(&mut self) {
        let mut current = self.credential.in_progress.borrow_mut();
        if current.as_ref().is_some_and(|current| Rc::ptr_eq(current, &self.shared)) {
            *current = None;
        }
        self.shared.end.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::test_evidence::{TestCredential, alice, password_of};
    use std::cell::Cell;
    use std::future::ready;

    /// How often evidence is gathered if it takes a second and each verdict has one of `lifetimes`; and whether it is
    /// current then.
    async fn gathered(lifetimes: &[Duration], password: bool) -> (usize, bool) {
        let clock = Clock::system();
        let rounds = Cell::new(0);
        let (evidence, now) = current(&clock, async || {
            let end = clock.now().plus(lifetimes[rounds.get()]);
            rounds.set(rounds.get() + 1);
            clock.advance(Duration::from_secs(1));
            ready(if password { password_of(alice(), end) } else { TestCredential::until(end).evidence() })
                .await
        })
        .await;
        (rounds.get(), evidence.is_current(now))
    }

    #[tokio::test]
    async fn a_verdict_that_expires_between_lookup_and_decision_is_looked_up_again() {
        const LONG: Duration = Duration::from_secs(60);
        const SHORT: Duration = Duration::from_millis(500);
        for password in [false, true] {
            assert_eq!(gathered(&[LONG], password).await, (1, true));
            assert_eq!(gathered(&[SHORT, LONG], password).await, (2, true));
            assert_eq!(gathered(&[SHORT, SHORT], password).await, (2, false));
        }
    }

    fn size<'a, Running>(
        _: impl FnOnce(
            &'a ConnectionCredential,
            &'a AccessRule,
            &'a Site,
            &'a Authenticator,
            &'a Clock,
            &'a mut (),
        ) -> Running,
    ) -> usize {
        size_of::<Running>()
    }

    /// Tens of thousands of connections stay open.
    #[test]
    fn no_connection_has_room_for_an_authentication() {
        let bytes = size(ConnectionCredential::evidence);
        assert!(bytes < 2048, "{bytes}");
    }
}
