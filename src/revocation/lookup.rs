//! The lookup of one certificate in CRLs (RFC 5280 6.3.3).
//!
//! The lookup is independent of the realm's rule. A certificate counts as not listed only if CRLs for every revocation
//! reason cover it.

use super::crl::{
    CertificatePoint, Crl, RevocationReason, RevokedEntry, SignerCandidates, all_reasons, find_signer,
};
use super::lookup_result::{CleanCrl, CleanCrls, FoundRevocation, LookupOutcome, LookupResult, SignerStatus};
use super::status::{RevocationSource, UnknownReason};
use super::store::CrlStore;
use crate::certificate::{Certificate, Fingerprint, KeyId, ReasonFlags};
use crate::clock::UnixTime;
use std::sync::Arc;

/// The certificate that is looked up.
#[derive(Clone, Copy)]
pub(super) struct LookupQuery<'a> {
    pub(super) certificate: &'a Certificate,
    /// Its issuer and the authorities above, up to the trust anchor.
    pub(super) authorities: &'a [Certificate],
    pub(super) signers: SignerCandidates<'a>,
}

/// The maximum number of CRL signers that are followed, each of which is covered by the CRL of the next.
const MAXIMUM_DEPTH: usize = 3;

/// Looks a certificate up in the CRLs of a realm.
///
/// A CRL is skipped only if another one supersedes it: same key, the same or a wider scope, and certainly newer. All
/// others are consulted, and the certificate is revoked if any of them lists it. A CRL that is dated in the future
/// revokes the certificates that it lists, and shows nothing else.
pub(super) fn look_up(query: LookupQuery<'_>, crls: &CrlStore, now: UnixTime) -> LookupResult {
    CrlLookup::new(query, crls, now, &[]).run()
}

/// Returns whether [`look_up`] may verify a signature that takes long.
pub(super) fn is_slow(query: LookupQuery<'_>, crls: &CrlStore) -> bool {
    let mut points = CertificatePoint::all(query.certificate);
    points.any(|point| crls_at(point, query.certificate, crls).any(Crl::is_slow_to_verify))
}

fn crls_at<'a>(
    point: CertificatePoint<'a>,
    certificate: &'a Certificate,
    crls: &'a CrlStore,
) -> impl Iterator<Item = &'a Crl> {
    point.crl_issuers(certificate).iter().flat_map(|issuer| crls.of_issuer(issuer)).map(Arc::as_ref)
}

/// The state of one lookup.
struct CrlLookup<'a> {
    query: LookupQuery<'a>,
    crls: &'a CrlStore,
    now: UnixTime,
    /// CRL signers whose certificates are being looked up, so that none is looked up by its own CRLs.
    pending_signers: &'a [Fingerprint],
    /// Whether the CRLs of a pending signer count for its own certificate, as those of a root do. They do if no other
    /// CRL covers it.
    accepts_own_crls: bool,
    covered_reasons: ReasonFlags,
    consulted: Vec<ConsultedCrl<'a>>,
    clean: CleanCrls,
    until: UnixTime,
    reason: Option<UnknownReason>,
}

/// A usable complete CRL that does not list the certificate.
struct ConsultedCrl<'a> {
    complete: &'a Crl,
    /// The delta CRLs that were combined with it: several if none is certainly the newest.
    deltas: Vec<&'a Crl>,
    /// The key that signed them.
    key: KeyId,
}

impl ConsultedCrl<'_> {
    /// Returns whether a CRL that `key` signed contains nothing newer than this CRL with its delta CRLs.
    fn supersedes(&self, crl: &Crl, key: KeyId) -> bool {
        if self.key != key {
            return false;
        }
        if !crl.is_delta() {
            return self.complete.supersedes(crl);
        }
        let is_newer =
            || self.complete.is_newer_than(crl) || self.deltas.iter().any(|delta| delta.is_newer_than(crl));
        let is_combined = || self.deltas.iter().any(|delta| std::ptr::eq(*delta, crl));
        is_combined() || self.complete.covers_scope_of(crl) && is_newer()
    }
}

/// The result of one CRL: a revocation, no new information, or why it cannot be used.
type Consulted = Result<Option<FoundRevocation>, UnknownReason>;

impl<'a> CrlLookup<'a> {
    fn new(
        query: LookupQuery<'a>,
        crls: &'a CrlStore,
        now: UnixTime,
        pending_signers: &'a [Fingerprint],
    ) -> Self {
        Self {
            query,
            crls,
            now,
            pending_signers,
            accepts_own_crls: false,
            covered_reasons: ReasonFlags::default(),
            consulted: Vec::new(),
            clean: CleanCrls::default(),
            until: UnixTime::END,
            reason: None,
        }
    }

    fn run(mut self) -> LookupResult {
        let mut revocation = self.consult_complete_crls();
        if revocation.is_none() && !self.pending_signers.is_empty() {
            self.accepts_own_crls = true;
            revocation = self.consult_complete_crls();
        }
        let revocation = revocation.or_else(|| self.consult_all(Crl::is_delta, Self::consult_delta));
        let missing = all_reasons() - self.covered_reasons;
        let outcome = match revocation {
            Some(revocation) => LookupOutcome::Revoked(revocation),
            None if missing.is_empty() => LookupOutcome::NotListed(self.clean),
            None if self.covered_reasons.is_empty() => {
                LookupOutcome::Unknown(self.reason.unwrap_or(UnknownReason::NoCrl))
            }
            None => LookupOutcome::Unknown(UnknownReason::SomeReasons { missing }),
        };
        LookupResult { outcome, until: self.until }
    }

    fn consult_complete_crls(&mut self) -> Option<FoundRevocation> {
        self.consult_all(|crl| !crl.is_delta(), Self::consult_complete)
    }

    /// Consults the chosen CRLs of each distribution point, until one of them lists the certificate.
    fn consult_all(
        &mut self,
        is_chosen: fn(&Crl) -> bool,
        consult: fn(&mut Self, &'a Crl, CertificatePoint<'a>) -> Consulted,
    ) -> Option<FoundRevocation> {
        let LookupQuery { certificate, .. } = self.query;
        for point in CertificatePoint::all(certificate) {
            for crl in crls_at(point, certificate, self.crls).filter(|crl| is_chosen(crl)) {
                match consult(self, crl, point) {
                    Ok(None) => {}
                    Ok(revocation) => return revocation,
                    Err(reason) => self.note(reason),
                }
            }
        }
        None
    }

    /// Records why a CRL cannot be used. Of several, the reason of the one that is closest to usable is reported: a CRL
    /// that another key signed under the issuer's name, or that is for other certificates, may not be meant for this
    /// one.
    fn note(&mut self, reason: UnknownReason) {
        if self.reason.as_ref().is_none_or(|known| closeness(known) < closeness(&reason)) {
            self.reason = Some(reason);
        }
    }

    /// Applies RFC 5280 6.3.3 (b) to (l) to one complete CRL.
    fn consult_complete(&mut self, crl: &'a Crl, point: CertificatePoint<'a>) -> Consulted {
        self.check_scope(crl, point)?;
        let reasons = point.reasons() & crl.scope().reasons;
        if reasons.is_empty() {
            return Err(UnknownReason::SomeReasons { missing: all_reasons() });
        }
        let (signer, signer_status) = self.signer(crl)?;
        if self.pending_signers.contains(&signer.fingerprint()) && !self.accepts_own_crls {
            return Ok(None);
        }
        let key = signer.key_id();
        if self.consulted.iter().any(|consulted| consulted.supersedes(crl, key)) {
            return Ok(None);
        }
        let deltas = self.deltas_of(crl, signer);
        if let Some((entry, crl)) = self.revoked_entry(crl, &deltas) {
            return Ok(Some(revocation(entry, crl)));
        }
        if let Some(why) = crl.unusable() {
            return Err(UnknownReason::Unusable(why));
        }
        let source = crl.source();
        if source.this_update > self.now {
            self.until = self.until.min(source.this_update);
            return Err(UnknownReason::NotYetValid { this_update: source.this_update });
        }
        let expiries = deltas.iter().filter_map(|delta| delta.source().next_update);
        self.until = expiries.filter(|expiry| *expiry > self.now).fold(self.until, UnixTime::min);
        let delta = deltas.first().map(|delta| Arc::clone(delta.source()));
        self.consulted.push(ConsultedCrl { complete: crl, deltas, key });
        // A newer CRL of another scope covers these reasons already.
        if (reasons - self.covered_reasons).is_empty() {
            return Ok(None);
        }
        self.clean.crls.push(CleanCrl { complete: Arc::clone(source), delta });
        if let Some(status) = signer_status {
            // After its last second the signer's certificate is no longer valid.
            let end = UnixTime::from_seconds(status.certificate.not_after().seconds().saturating_add(1));
            self.until = self.until.min(status.result.until).min(end);
            self.clean.signers.push(status);
        }
        self.covered_reasons |= reasons;
        Ok(None)
    }

    /// Consults one delta CRL. Alone it never shows that a certificate is not revoked. Unless a complete CRL supersedes
    /// it, it revokes the certificates that it lists, even if the complete CRL that it is based on is missing.
    fn consult_delta(&mut self, crl: &'a Crl, point: CertificatePoint<'a>) -> Consulted {
        let source = crl.source();
        self.check_scope(crl, point)?;
        let (signer, _) = self.signer(crl)?;
        let key = signer.key_id();
        if self.consulted.iter().any(|consulted| consulted.supersedes(crl, key)) {
            return Ok(None);
        }
        if source.this_update > self.now {
            self.until = self.until.min(source.this_update);
        }
        match self.entry(crl).filter(|entry| entry.reason != RevocationReason::RemoveFromCrl) {
            Some(entry) => Ok(Some(revocation(entry, crl))),
            None => Err(crl.unusable().map_or(UnknownReason::DeltaWithoutBase, UnknownReason::Unusable)),
        }
    }

    fn check_scope(&self, crl: &Crl, point: CertificatePoint<'_>) -> Result<(), UnknownReason> {
        let covers = crl.scope().covers(&crl.source().issuer, self.query.certificate, point);
        covers.then_some(()).ok_or(UnknownReason::Scope)
    }

    /// Returns the signer of a CRL, with the status of its certificate if that is not on the certificate's path.
    fn signer(&self, crl: &'a Crl) -> Result<(&'a Certificate, Option<SignerStatus>), UnknownReason> {
        let LookupQuery { authorities, signers, .. } = self.query;
        let signer = find_signer(crl, authorities, signers, self.now)?;
        let certificate = signer.certificate;
        let Some(authorities) = signer.issued_below else { return Ok((certificate, None)) };
        let Some(issuer) = authorities.first().map(Certificate::key_id) else {
            return Ok((certificate, None));
        };
        if self.pending_signers.contains(&certificate.fingerprint()) {
            return Ok((certificate, None));
        }
        if self.pending_signers.len() == MAXIMUM_DEPTH {
            return Err(UnknownReason::SignerNotTrusted { signer: certificate.subject().clone() });
        }
        let pending = [self.pending_signers, &[certificate.fingerprint()]].concat();
        let query = LookupQuery { certificate, authorities, signers };
        let result = CrlLookup::new(query, self.crls, self.now, &pending).run();
        Ok((certificate, Some(SignerStatus { certificate: certificate.clone(), issuer, result })))
    }

    /// Returns the delta CRLs that may be combined with a complete CRL (RFC 5280 5.2.4, 6.3.3 (c)): of the same
    /// issuer, key and scope, based on it or on an older one, and newer than it. Of these the newest, or several if
    /// none is certainly newer than the others. Empty if the complete CRL is unusable.
    fn deltas_of(&self, complete: &Crl, signer: &Certificate) -> Vec<&'a Crl> {
        let source = complete.source();
        let mut newest: Vec<&'a Crl> = Vec::new();
        let Some(number) = source.number.as_ref().filter(|_| complete.unusable().is_none()) else {
            return newest;
        };
        let fits = |delta: &&Arc<Crl>| {
            let found = delta.source();
            found.base_number.as_ref().is_some_and(|base| base <= number)
                && found.number.as_ref().is_some_and(|newer| number < newer)
                && found.this_update <= self.now
                && delta.unusable().is_none()
                && delta.scope() == complete.scope()
        };
        // The store returns a CRL before those that it is newer than.
        for delta in self.crls.of_issuer(&source.issuer).iter().filter(fits) {
            let is_newest = !newest.iter().any(|newer| newer.is_newer_than(delta));
            if is_newest && delta.verify(signer).is_ok() {
                newest.push(delta);
            }
        }
        newest
    }

    /// Returns the entry by which a complete CRL and its delta CRLs revoke the certificate, and the CRL that has it.
    fn revoked_entry(&self, complete: &'a Crl, deltas: &[&'a Crl]) -> Option<(RevokedEntry, &'a Crl)> {
        let is_removal = |entry: &RevokedEntry| entry.reason == RevocationReason::RemoveFromCrl;
        let mut changes = deltas.iter().filter_map(|delta| Some((self.entry(delta)?, *delta)));
        if let Some(revoking) = changes.find(|(entry, _)| !is_removal(entry)) {
            return Some(revoking);
        }
        let entry = self.entry(complete)?;
        // Only a hold can be lifted (RFC 5280 5.3.1), and only by a fresh delta CRL that no other one contradicts.
        let lifts = |delta: &&Crl| {
            let is_fresh = delta.source().next_update.is_some_and(|expiry| self.now < expiry);
            is_fresh && self.entry(delta).as_ref().is_some_and(is_removal)
        };
        let is_hold = entry.reason == RevocationReason::CertificateHold;
        let is_lifted = is_hold && !deltas.is_empty() && deltas.iter().all(lifts);
        (!is_lifted).then_some((entry, complete))
    }

    fn entry(&self, crl: &Crl) -> Option<RevokedEntry> {
        let certificate = self.query.certificate;
        crl.entry(certificate.issuer(), certificate.serial())
    }
}

/// Returns how close to usable a CRL is that is rejected for this reason. Of equal ones the first is reported.
fn closeness(reason: &UnknownReason) -> u8 {
    match reason {
        UnknownReason::NoCrl => 0,
        UnknownReason::Scope => 1,
        UnknownReason::Signature(_) | UnknownReason::NoSigner { .. } => 2,
        UnknownReason::IssuerMayNotSign
        | UnknownReason::SignerNotTrusted { .. }
        | UnknownReason::Signer(_)
        | UnknownReason::Unusable(_)
        | UnknownReason::DeltaWithoutBase
        | UnknownReason::SomeReasons { .. }
        | UnknownReason::NotYetValid { .. }
        | UnknownReason::Expired { .. }
        | UnknownReason::Ocsp { .. }
        | UnknownReason::Interrupted => 3,
    }
}

fn revocation(entry: RevokedEntry, crl: &Crl) -> FoundRevocation {
    let source = RevocationSource::Crl(Arc::clone(crl.source()));
    FoundRevocation { reason: entry.reason, at: entry.revoked_at, source }
}
