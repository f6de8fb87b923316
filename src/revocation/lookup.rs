//! Takes one certificate, its issuers and the CRLs, gives what the CRLs say of it (RFC 5280 6.3.3).
//!
//! Never knows the realm's rule, and never takes silence for good that does not cover every reason for revocation.

use super::source::RevocationSource;
use crate::certificate::{Certificate, Fingerprint, KeyId, ReasonFlags};
use crate::clock::UnixTime;
use crate::revocation::crl::entry::RevocationReason;
use crate::revocation::crl::index::RevokedEntry;
use crate::revocation::crl::list::Crl;
use crate::revocation::crl::scope::{CertificatePoint, all_reasons};
use crate::revocation::crl::signer::{SignerCandidates, signer};
use crate::revocation::lookup_result::{
    CleanCrl, CleanCrls, FoundRevocation, LookupOutcome, LookupResult, SignerStatus, UnknownReason,
};
use crate::revocation::store::snapshot::CrlStore;
use std::sync::Arc;

/// One certificate that CRLs are asked about.
#[derive(Clone, Copy)]
pub(super) struct LookupQuery<'a> {
    pub(super) certificate: &'a Certificate,
    /// Its issuer and what is above that one, up to the anchor.
    pub(super) authorities: &'a [Certificate],
    pub(super) surroundings: SignerCandidates<'a>,
}

/// How far the signers of CRLs about the signers of CRLs are followed.
const MAXIMUM_DEPTH: usize = 3;

/// What `crls` say of a certificate.
///
/// A CRL is passed over only if another one supersedes it: same key, the same or a wider scope, and certainly newer. All
/// others are consulted, and "revoked" by any of them counts. One that is dated in the future counts only if it says revoked.
pub(super) fn look_up(query: LookupQuery<'_>, crls: &CrlStore, now: UnixTime) -> LookupResult {
    CrlLookup::new(query, crls, now, &[]).run()
}

/// Whether [`look_up`] might verify a signature that takes long.
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

/// One look-up, used up by [`CrlLookup::run`].
struct CrlLookup<'a> {
    query: LookupQuery<'a>,
    crls: &'a CrlStore,
    now: UnixTime,
    /// Signers of CRLs whose own certificates are being looked up.
    asked: &'a [Fingerprint],
    /// Whether what one of those signed counts for itself, as with a root. It does where nobody else speaks of it.
    may_vouch: bool,
    covered: ReasonFlags,
    heard: Vec<HeardCrl<'a>>,
    silent: CleanCrls,
    until: UnixTime,
    flaw: Option<UnknownReason>,
}

/// A complete CRL in force that does not list the certificate.
struct HeardCrl<'a> {
    complete: &'a Crl,
    /// The delta CRLs that were combined with it: several if none is certainly the newest.
    deltas: Vec<&'a Crl>,
    /// The key that signed them.
    key: KeyId,
}

impl HeardCrl<'_> {
    /// Whether a CRL that `key` signed adds nothing to it and to its delta CRLs.
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

impl<'a> CrlLookup<'a> {
    fn new(query: LookupQuery<'a>, crls: &'a CrlStore, now: UnixTime, asked: &'a [Fingerprint]) -> Self {
        Self {
            query,
            crls,
            now,
            asked,
            may_vouch: false,
            covered: ReasonFlags::default(),
            heard: Vec::new(),
            silent: CleanCrls::default(),
            until: UnixTime::END,
            flaw: None,
        }
    }

    fn run(mut self) -> LookupResult {
        let mut revocation = self.ask_all(false, Self::ask_complete);
        if revocation.is_none() && !self.asked.is_empty() {
            self.may_vouch = true;
            revocation = self.ask_all(false, Self::ask_complete);
        }
        let revocation = revocation.or_else(|| self.ask_all(true, Self::ask_delta));
        let finding = match revocation {
            Some(revocation) => LookupOutcome::Revoked(revocation),
            None if self.covered == all_reasons() => LookupOutcome::NotListed(self.silent),
            None if self.covered.is_empty() => {
                LookupOutcome::Unknown(self.flaw.unwrap_or(UnknownReason::NoCrl))
            }
            None => {
                LookupOutcome::Unknown(UnknownReason::SomeReasons { missing: all_reasons() - self.covered })
            }
        };
        LookupResult { finding, until: self.until }
    }

    /// Asks the complete or the delta CRLs of each point in turn, until one says revoked.
    fn ask_all(
        &mut self,
        deltas: bool,
        ask: fn(&mut Self, &'a Crl, CertificatePoint<'a>) -> Result<Option<FoundRevocation>, UnknownReason>,
    ) -> Option<FoundRevocation> {
        let LookupQuery { certificate, .. } = self.query;
        for point in CertificatePoint::all(certificate) {
            for crl in crls_at(point, certificate, self.crls).filter(|crl| crl.is_delta() == deltas) {
                match ask(self, crl, point) {
                    Ok(None) => {}
                    Ok(revocation) => return revocation,
                    Err(flaw) => self.note(flaw),
                }
            }
        }
        None
    }

    /// Of several CRLs that do not help, the flaw of the one that came nearest is reported: what another key signed
    /// under the issuer's name, or what is for other certificates, was perhaps never meant for this one.
    fn note(&mut self, flaw: UnknownReason) {
        if self.flaw.as_ref().is_none_or(|known| nearness(known) < nearness(&flaw)) {
            self.flaw = Some(flaw);
        }
    }

    /// RFC 5280 6.3.3 (b) to (l) for one complete CRL.
    fn ask_complete(
        &mut self,
        crl: &'a Crl,
        point: CertificatePoint<'a>,
    ) -> Result<Option<FoundRevocation>, UnknownReason> {
        self.demand_scope(crl, point)?;
        let reasons = point.reasons() & crl.scope().reasons;
        if reasons.is_empty() {
            return Err(UnknownReason::SomeReasons { missing: all_reasons() });
        }
        let (signer, signer_finding) = self.signer(crl)?;
        if self.asked.contains(&signer.fingerprint()) && !self.may_vouch {
            return Ok(None);
        }
        let key = signer.key_id();
        if self.heard.iter().any(|heard| heard.supersedes(crl, key)) {
            return Ok(None);
        }
        let deltas = self.deltas_of(crl, signer);
        if let Some((listed, crl)) = self.listed(crl, &deltas) {
            return Ok(Some(revocation(listed, crl)));
        }
        if let Some(why) = crl.unusable() {
            return Err(UnknownReason::Unusable(why));
        }
        let source = crl.source();
        if source.this_update > self.now {
            self.until = self.until.min(source.this_update);
            return Err(UnknownReason::NotYetValid { this_update: source.this_update });
        }
        let dues = deltas.iter().filter_map(|delta| delta.source().next_update);
        self.until = dues.filter(|due| *due > self.now).fold(self.until, UnixTime::min);
        let delta = deltas.first().map(|delta| Arc::clone(delta.source()));
        self.heard.push(HeardCrl { complete: crl, deltas, key });
        // Its silence adds nothing to that of a newer one of another scope.
        if (reasons - self.covered).is_empty() {
            return Ok(None);
        }
        self.silent.by.push(CleanCrl { complete: Arc::clone(source), delta });
        if let Some(finding) = signer_finding {
            // Past its last second the signer's certificate is not valid any more.
            let ends = UnixTime::from_seconds(finding.certificate.not_after().seconds().saturating_add(1));
            self.until = self.until.min(finding.found.until).min(ends);
            self.silent.signers.push(finding);
        }
        self.covered |= reasons;
        Ok(None)
    }

    /// A delta CRL never says that a certificate is good, but one that no complete CRL supersedes may say that it is
    /// revoked, also if it belongs to a complete one that is not at hand.
    fn ask_delta(
        &mut self,
        crl: &'a Crl,
        point: CertificatePoint<'a>,
    ) -> Result<Option<FoundRevocation>, UnknownReason> {
        let source = crl.source();
        self.demand_scope(crl, point)?;
        let (signer, _) = self.signer(crl)?;
        let key = signer.key_id();
        if self.heard.iter().any(|heard| heard.supersedes(crl, key)) {
            return Ok(None);
        }
        if source.this_update > self.now {
            self.until = self.until.min(source.this_update);
        }
        match self.entry(crl).filter(|listed| listed.reason != RevocationReason::RemoveFromCrl) {
            Some(listed) => Ok(Some(revocation(listed, crl))),
            None => Err(crl.unusable().map_or(UnknownReason::DeltaWithoutBase, UnknownReason::Unusable)),
        }
    }

    fn demand_scope(&self, crl: &Crl, point: CertificatePoint<'_>) -> Result<(), UnknownReason> {
        let covers = crl.scope().covers(&crl.source().issuer, self.query.certificate, point);
        covers.then_some(()).ok_or(UnknownReason::Scope)
    }

    /// Who signed a CRL, with what is known of that certificate, where it is none of the path.
    fn signer(&self, crl: &'a Crl) -> Result<(&'a Certificate, Option<SignerStatus>), UnknownReason> {
        let LookupQuery { authorities, surroundings, .. } = self.query;
        let signer = signer(crl, authorities, surroundings, self.now)?;
        let certificate = signer.certificate;
        let Some(authorities) = signer.issued_below else { return Ok((certificate, None)) };
        let Some(issuer) = authorities.first().map(Certificate::key_id) else {
            return Ok((certificate, None));
        };
        if self.asked.contains(&certificate.fingerprint()) {
            return Ok((certificate, None));
        }
        if self.asked.len() == MAXIMUM_DEPTH {
            return Err(UnknownReason::SignerNotTrusted { signer: certificate.subject().clone() });
        }
        let asked = [self.asked, &[certificate.fingerprint()]].concat();
        let query = LookupQuery { certificate, authorities, surroundings };
        let found = CrlLookup::new(query, self.crls, self.now, &asked).run();
        Ok((certificate, Some(SignerStatus { certificate: certificate.clone(), issuer, found })))
    }

    /// The delta CRLs that may be combined with a complete one (RFC 5280 5.2.4, 6.3.3 (c)): of the same issuer and key, the
    /// same scope, based on it or an older one, and newer than it. Of these the newest, or several if none is certainly
    /// newer than the others. None if the complete one is set aside.
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
        // The store returns one that is newer before those that it is newer than.
        for delta in self.crls.of_issuer(&source.issuer).iter().filter(fits) {
            let is_newest = !newest.iter().any(|newer| newer.is_newer_than(delta));
            if is_newest && delta.verify(signer).is_ok() {
                newest.push(delta);
            }
        }
        newest
    }

    /// What a complete CRL and its delta CRLs say together, with the one of them that says so.
    fn listed(&self, complete: &'a Crl, deltas: &[&'a Crl]) -> Option<(RevokedEntry, &'a Crl)> {
        let is_removal = |listed: &RevokedEntry| listed.reason == RevocationReason::RemoveFromCrl;
        let mut changes = deltas.iter().filter_map(|delta| Some((self.entry(delta)?, *delta)));
        if let Some(revoking) = changes.find(|(listed, _)| !is_removal(listed)) {
            return Some(revoking);
        }
        let before = self.entry(complete)?;
        // Only a hold can be lifted (RFC 5280 5.3.1), and only by a fresh delta CRL that no other one contradicts.
        let lifts = |delta: &&Crl| {
            let is_fresh = delta.source().next_update.is_some_and(|due| self.now < due);
            is_fresh && self.entry(delta).as_ref().is_some_and(is_removal)
        };
        let is_hold = before.reason == RevocationReason::CertificateHold;
        let is_lifted = is_hold && !deltas.is_empty() && deltas.iter().all(lifts);
        (!is_lifted).then_some((before, complete))
    }

    fn entry(&self, crl: &Crl) -> Option<RevokedEntry> {
        let certificate = self.query.certificate;
        crl.entry(certificate.issuer(), certificate.serial())
    }
}

/// How near a CRL with this flaw came to deciding. Of equal ones the first is reported.
fn nearness(flaw: &UnknownReason) -> u8 {
    match flaw {
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

fn revocation(listed: RevokedEntry, crl: &Crl) -> FoundRevocation {
    let source = RevocationSource::Crl(Arc::clone(crl.source()));
    FoundRevocation { reason: listed.reason, at: listed.revoked_at, source }
}
