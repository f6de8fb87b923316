//! The client certificate of one connection: authenticated when a rule requires it, and checked again at every
//! request. Between authentications the connection keeps the certificates as received, within bounds, and no decoded
//! form.

use super::record::{RequestRecord, certificate_facts};
use super::state::SharedState;
use crate::certificate::Fingerprint;
use crate::clock::{Clock, UnixTime};
use crate::limits::AddressKey;
use crate::policy::{AbsentReason, AccessRule, CertificateRejection, Credential, Evidence};
use crate::revocation::CrlGeneration;
use crate::site::{Realm, Site};
use crate::telemetry::audit::CertificateFacts;
use crate::tls::TlsFacts;
use crate::validation::{PresentedChain, within_limits};
use std::cell::{OnceCell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long a connection believes in a refusal before it asks the judge's caches again.
const REFUSAL_HELD: Duration = Duration::from_secs(5);

/// What a connection knows about the card behind it.
pub struct ConnectionCredential {
    tls: TlsFacts,
    is_given: bool,
    /// Why what was presented is refused unread; nothing of it is kept then.
    unread: Option<Arc<CertificateRejection>>,
    client: AddressKey,
    /// What each record says of the certificate.
    recorded: OnceCell<Arc<CertificateFacts>>,
    verdict: RefCell<Option<Verdict>>,
    /// The judging in progress, which the connection's other streams wait for: a hundred of them present the same chain
    /// and must not take a hundred places.
    judging: RefCell<Option<Rc<Judging>>>,
}

type Outcome = Result<Arc<Credential>, Arc<CertificateRejection>>;

/// One judging and what came of it. An outcome that must not be remembered is shared with those who waited for it.
struct Judging {
    stands: VerdictInputs,
    outcome: OnceCell<Outcome>,
    /// Has no permits, and is closed at the end.
    end: Semaphore,
}

/// A verdict with what it holds for: a kept-alive request costs no look-up while that still stands.
#[derive(Clone)]
struct Verdict {
    outcome: Outcome,
    stands: VerdictInputs,
    until: UnixTime,
}

/// What a verdict rests on: the configuration, the CRLs, and what has been asked to be forgotten of accounts.
#[derive(Clone, Copy, PartialEq, Eq)]
struct VerdictInputs {
    generation: u64,
    crls: CrlGeneration,
    account_purges: u64,
}

/// Evidence on which a request may be decided, and the time at which it holds.
///
/// A verdict has ended a moment after it was looked up when its deadline falls in between: it is then asked for once
/// more. One that ends while it is being made again has ended for good.
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
    /// The card that a handshake with `client` told about, not looked at yet.
    pub fn new(mut tls: TlsFacts, client: AddressKey) -> Self {
        let is_given = !tls.certificates.is_empty();
        let mut unread = None;
        if is_given {
            tls.certificates = match within_limits(&tls.certificates) {
                Ok(kept) => kept.into_iter().cloned().collect(),
                Err(error) => {
                    unread = Some(Arc::new(CertificateRejection::Malformed(error)));
                    Vec::new()
                }
            };
        }
        let (verdict, judging) = (RefCell::new(None), RefCell::new(None));
        Self { tls, client, is_given, unread, recorded: OnceCell::new(), verdict, judging }
    }

    /// When the card's key last signed.
    pub(super) fn proven_at(&self) -> UnixTime {
        self.tls.proven_at
    }

    /// The SHA-256 of the client's own certificate, if it presented one that is read.
    pub(super) fn fingerprint(&self) -> Option<Fingerprint> {
        self.tls.certificates.first().map(|certificate| Fingerprint::of(certificate))
    }

    /// Whether the client presented a certificate, whatever it is worth.
    pub(super) fn is_presented(&self) -> bool {
        self.is_given
    }

    /// Whether the client was asked and stayed silent under TLS 1.3, as a card does that cannot sign RSA-PSS.
    pub(super) fn may_be_silent(&self) -> bool {
        !self.is_given && self.tls.requested_without_certificate_in_tls13()
    }

    /// The evidence for one request under `rule`. Nothing is judged for a path that does not look at cards.
    pub(super) async fn evidence(
        &self,
        rule: &AccessRule,
        site: &Site,
        gate: &SharedState,
        record: &mut RequestRecord,
    ) -> Evidence {
        let now = gate.clock.now();
        let realm = match self.realm(rule, site, now) {
            Ok(realm) => realm,
            Err(evidence) => return evidence,
        };
        if let Some(recorded) = self.recorded.get() {
            record.certificate(recorded);
        }
        // Taken before judging: what changes meanwhile has the card judged again at the next request.
        let stands = VerdictInputs {
            generation: realm.generation,
            crls: realm.crls.generation(),
            account_purges: gate.judge.account_purges(),
        };
        let started = Instant::now();
        loop {
            let held = self.verdict.borrow().as_ref().filter(|verdict| verdict.holds(stands, now)).cloned();
            if let Some(verdict) = held {
                return Evidence::from(verdict.outcome);
            }
            let awaited = self.judging.borrow().clone();
            let Some(awaited) = awaited.filter(|judging| judging.stands == stands) else {
                let chain = match self.presented() {
                    Ok(chain) => chain,
                    Err(refusal) => return Evidence::Rejected(refusal),
                };
                record.certificate(self.recorded.get_or_init(|| certificate_facts(chain.leaf())));
                // Boxed, so that no connection keeps room for it: it is large, and most requests need none.
                let outcome = Box::pin(self.judge((realm, &chain), stands, gate, now)).await;
                record.judged(started.elapsed());
                return Evidence::from(outcome);
            };
            drop(awaited.end.acquire().await);
            // Without an outcome the stream that had it judged was reset, and the next one takes over.
            if let Some(outcome) = awaited.outcome.get() {
                if let Some(recorded) = self.recorded.get() {
                    record.certificate(recorded);
                }
                record.judged(started.elapsed());
                return Evidence::from(outcome.clone());
            }
        }
    }

    /// Has the chain judged, and lets the connection's other streams wait for it.
    async fn judge(
        &self,
        (realm, chain): (&Arc<Realm>, &Arc<PresentedChain>),
        stands: VerdictInputs,
        gate: &SharedState,
        now: UnixTime,
    ) -> Outcome {
        let judging = Rc::new(Judging { stands, outcome: OnceCell::new(), end: Semaphore::new(0) });
        self.judging.replace(Some(Rc::clone(&judging)));
        let ended = EndOfJudging { card: self, judging };
        let outcome = gate.judge.judge(realm, chain, self.client, now).await;
        let until = match &outcome {
            Ok(credential) if credential.is_transient() => now,
            Ok(credential) => credential.deadline(),
            Err(refusal) if refusal.denial().id().is_transient() => now,
            Err(_) => now.plus(REFUSAL_HELD),
        };
        self.verdict.replace(Some(Verdict { outcome: outcome.clone(), stands, until }));
        // Nothing else sets it.
        let _ = ended.judging.outcome.set(outcome.clone());
        outcome
    }

    /// The chain that is to be judged under `rule`, and the realm to judge it in.
    ///
    /// # Errors
    /// The evidence, where nothing is to be judged: no card, one that does not count, or one that cannot be read.
    pub fn to_judge<'a>(
        &'a self,
        rule: &AccessRule,
        site: &'a Site,
        now: UnixTime,
    ) -> Result<(Arc<PresentedChain>, &'a Arc<Realm>), Evidence> {
        let realm = self.realm(rule, site, now)?;
        Ok((self.presented().map_err(Evidence::Rejected)?, realm))
    }

    /// The realm to judge the card in under `rule`.
    fn realm<'a>(
        &self,
        rule: &AccessRule,
        site: &'a Site,
        now: UnixTime,
    ) -> Result<&'a Arc<Realm>, Evidence> {
        if let Some(absent) = self.absent(rule, site, now) {
            return Err(Evidence::None(absent));
        }
        site.realm.as_ref().ok_or(Evidence::None(AbsentReason::NotRequested))
    }

    /// Why there is nothing to judge, if there is nothing.
    fn absent(&self, rule: &AccessRule, site: &Site, now: UnixTime) -> Option<AbsentReason> {
        if !rule.uses_certificate() {
            return Some(AbsentReason::Ignored);
        }
        match (site.tls.requests_certificate(), self.tls.asked) {
            (false, _) => return Some(AbsentReason::NotRequested),
            (true, false) => return Some(AbsentReason::RequestedSinceReload),
            (true, true) => {}
        }
        if !self.is_given {
            return Some(AbsentReason::NotPresented);
        }
        // The connection ends when the proof does; this catches the request that was faster.
        self.proof_ended(site, now).then_some(AbsentReason::ProofExpired)
    }

    /// Whether the card's key signed longer ago than the site admits.
    pub(super) fn proof_ended(&self, site: &Site, now: UnixTime) -> bool {
        self.is_given && self.tls.proven_at.plus(site.card_reauth_interval) <= now
    }

    fn presented(&self) -> Result<Arc<PresentedChain>, Arc<CertificateRejection>> {
        if let Some(refusal) = &self.unread {
            return Err(Arc::clone(refusal));
        }
        match PresentedChain::parse(&self.tls.certificates) {
            Ok(chain) => Ok(Arc::new(chain)),
            Err(error) => Err(Arc::new(CertificateRejection::Malformed(error))),
        }
    }
}

impl Verdict {
    fn holds(&self, stands: VerdictInputs, now: UnixTime) -> bool {
        self.stands == stands && now < self.until
    }
}

/// Wakes those who wait, also where the judging was given up.
struct EndOfJudging<'a> {
    card: &'a ConnectionCredential,
    judging: Rc<Judging>,
}

impl Drop for EndOfJudging<'_> {
    fn drop(&mut self) {
        let mut current = self.card.judging.borrow_mut();
        if current.as_ref().is_some_and(|current| Rc::ptr_eq(current, &self.judging)) {
            *current = None;
        }
        self.judging.end.close();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::test_evidence::{Card, alice, password_of};
    use std::cell::Cell;
    use std::future::ready;

    /// How often evidence is gathered whose verdict ends as long after its gathering as `lives` says each time, when
    /// deciding begins a second later; and whether it holds then.
    async fn gathered(lives: &[Duration], password: bool) -> (usize, bool) {
        let clock = Clock::system();
        let rounds = Cell::new(0);
        let (evidence, now) = current(&clock, async || {
            let end = clock.now().plus(lives[rounds.get()]);
            rounds.set(rounds.get() + 1);
            clock.advance(Duration::from_secs(1));
            ready(if password { password_of(alice(), end) } else { Card::until(end).evidence() }).await
        })
        .await;
        (rounds.get(), evidence.is_current(now))
    }

    #[tokio::test]
    async fn a_verdict_that_ends_between_look_up_and_decision_is_asked_for_again() {
        const LONG: Duration = Duration::from_secs(60);
        const SHORT: Duration = Duration::from_millis(500);
        for password in [false, true] {
            assert_eq!(gathered(&[LONG], password).await, (1, true));
            assert_eq!(gathered(&[SHORT, LONG], password).await, (2, true));
            assert_eq!(gathered(&[SHORT, SHORT], password).await, (2, false));
        }
    }

    fn size<'a, Looking>(
        _: impl FnOnce(
            &'a ConnectionCredential,
            &'a AccessRule,
            &'a Site,
            &'a SharedState,
            &'a mut RequestRecord,
        ) -> Looking,
    ) -> usize {
        size_of::<Looking>()
    }

    /// Tens of thousands of connections stay open.
    #[test]
    fn no_connection_has_room_for_a_judging() {
        let bytes = size(ConnectionCredential::evidence);
        assert!(bytes < 2048, "{bytes}");
    }
}
