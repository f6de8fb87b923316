//! Takes a presented chain and a trust set, finds the paths from the leaf to an anchor, depth first, and keeps those
//! that hold. Never follows a path in a circle, and never works without a bound: what a client presents, or two PKIs
//! that cross-certify each other, may hold more paths than there is time (RUSTSEC-2023-0052, CVE-2025-58187).

use std::collections::{HashMap, HashSet};

use super::budget::Budget;
use super::chain_error::{ChainError, PathViolation};
use super::path_rules::{self, CandidatePath, Refusal};
use super::presented::PresentedChain;
use super::trust::TrustSet;
use super::validated::{ValidPath, ValidationRule};
use crate::certificate::signature::SignatureError;
use crate::certificate::{Certificate, Fingerprint, KeyId};
use crate::clock::UnixTime;

/// The most paths that are kept.
pub const MAX_VALID_PATHS: usize = 8;
/// The most certificates of one path, leaf and anchor included.
pub const MAX_PATH_CERTIFICATES: usize = 10;
/// The most signatures that are verified for one chain.
pub const MAX_SIGNATURE_CHECKS: usize = 64;

/// The valid paths, at least one, or the refusal of the path that got furthest.
pub(super) fn find_paths(
    chain: &PresentedChain,
    trust: &TrustSet,
    rule: &ValidationRule,
    now: UnixTime,
) -> Result<Vec<ValidPath>, ChainError> {
    Search::new(chain, trust, rule, now).run().0
}

/// How far a path got: those that reach an anchor before those that do not; among the first the one that passed more
/// steps, among the others the one that is longer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Reach {
    /// No certificate of the issuer leads on.
    Unfinished { length: usize },
    /// An issuer was there, but its signature does not hold.
    Unsigned { length: usize },
    /// The bounds were met.
    Bounded,
    /// An anchor was reached, and then a rule was broken.
    Anchored { steps_passed: usize },
}

/// One search, used up by [`Search::run`].
pub(super) struct Search<'a> {
    chain: &'a PresentedChain,
    trust: &'a TrustSet,
    rule: &'a ValidationRule,
    now: UnixTime,
    /// The path so far, without the leaf.
    intermediates: Vec<&'a Certificate>,
    /// By certificate and key; its length is the number of signatures verified.
    verified: HashMap<(Fingerprint, KeyId), Result<(), SignatureError>>,
    budget: Budget,
    found: Vec<ValidPath>,
    furthest: (Reach, ChainError),
}

#[derive(Clone, Copy)]
struct Candidate<'a> {
    certificate: &'a Certificate,
    is_anchor: bool,
}

impl<'a> Search<'a> {
    pub(super) fn new(
        chain: &'a PresentedChain,
        trust: &'a TrustSet,
        rule: &'a ValidationRule,
        now: UnixTime,
    ) -> Self {
        let leaf = chain.leaf();
        let nothing = refusal(0, leaf, PathViolation::NoIssuer { issuer: leaf.issuer().clone() });
        Self {
            chain,
            trust,
            rule,
            now,
            intermediates: Vec::new(),
            verified: HashMap::new(),
            budget: Budget::default(),
            found: Vec::new(),
            furthest: (Reach::Unfinished { length: 0 }, nothing),
        }
    }

    /// The outcome, how many signatures were verified for it, and what else was done.
    pub(super) fn run(mut self) -> (Result<Vec<ValidPath>, ChainError>, usize, Budget) {
        self.extend();
        let outcome = if self.found.is_empty() { Err(self.furthest.1) } else { Ok(self.found) };
        (outcome, self.verified.len(), self.budget)
    }

    /// Tries every issuer of the last certificate of the path.
    fn extend(&mut self) {
        let last = self.last();
        let length = self.intermediates.len() + 1;
        let limit = self.rule.maximum_path_certificates.min(MAX_PATH_CERTIFICATES);
        if length >= limit {
            return self.note(Reach::Bounded, last, PathViolation::PathTooLong { limit });
        }
        let mut has_issuer = false;
        for candidate in self.candidates(last) {
            if self.found.len() == MAX_VALID_PATHS || self.is_on_path(candidate.certificate) {
                continue;
            }
            has_issuer = true;
            match self.verify(last, candidate.certificate) {
                None => return self.note(Reach::Bounded, last, PathViolation::TooManyBranches),
                Some(Err(cause)) => {
                    let issuer = candidate.certificate.subject().clone();
                    self.note(Reach::Unsigned { length }, last, PathViolation::Signature { issuer, cause });
                }
                Some(Ok(())) if candidate.is_anchor => self.judge(candidate.certificate),
                Some(Ok(())) => {
                    self.intermediates.push(candidate.certificate);
                    self.extend();
                    self.intermediates.pop();
                }
            }
        }
        if !has_issuer {
            self.note(
                Reach::Unfinished { length },
                last,
                PathViolation::NoIssuer { issuer: last.issuer().clone() },
            );
        }
    }

    fn last(&self) -> &'a Certificate {
        self.intermediates.last().copied().unwrap_or(self.chain.leaf())
    }

    /// Anchors and intermediates whose subject is the issuer, those first that the key identifiers point to. A key
    /// identifier only orders and never excludes (RFC 4158 3.5.12): CAs have written wrong ones.
    fn candidates(&self, child: &Certificate) -> Vec<Candidate<'a>> {
        let (chain, trust) = (self.chain, self.trust);
        let name = child.issuer();
        let presented =
            chain.certificates().iter().skip(1).filter(|certificate| certificate.subject() == name);
        let intermediates = presented.chain(trust.intermediates_named(name));
        let anchors = trust.anchors_named(name).iter();
        let mut seen = HashSet::new();
        let mut candidates: Vec<_> = anchors
            .map(|certificate| Candidate { certificate, is_anchor: true })
            .chain(intermediates.map(|certificate| Candidate { certificate, is_anchor: false }))
            .filter(|candidate| seen.insert(candidate.certificate.fingerprint()))
            .collect();
        candidates.sort_by_key(|candidate| key_identifier_order(child, candidate.certificate));
        candidates
    }

    /// RFC 4158 2.4.2: a path never passes the same name and key twice, in whichever certificates they stand.
    fn is_on_path(&self, certificate: &Certificate) -> bool {
        let same = |other: &Certificate| {
            other.key_id() == certificate.key_id() && other.subject() == certificate.subject()
        };
        same(self.chain.leaf()) || self.intermediates.iter().any(|other| same(other))
    }

    /// Nothing where the bounds are met.
    fn verify(&mut self, child: &Certificate, issuer: &Certificate) -> Option<Result<(), SignatureError>> {
        self.budget.step().ok()?;
        let edge = (child.fingerprint(), issuer.key_id());
        if let Some(known) = self.verified.get(&edge) {
            return Some(known.clone());
        }
        if self.verified.len() == MAX_SIGNATURE_CHECKS {
            return None;
        }
        let verdict = child.verify_signature_with(issuer.public_key_der(), self.rule.weak_algorithms());
        self.verified.insert(edge, verdict.clone());
        Some(verdict)
    }

    fn judge(&mut self, anchor: &'a Certificate) {
        let path = CandidatePath { leaf: self.chain.leaf(), intermediates: &self.intermediates, anchor };
        match path_rules::judge(&path, self.rule, self.now, &mut self.budget) {
            Ok(policies) => {
                let certificates = path.certificates().map(|(_, certificate)| certificate.clone()).collect();
                self.found.push(ValidPath::new(certificates, policies));
            }
            Err(Refusal { steps_passed, error }) => {
                self.keep_furthest(Reach::Anchored { steps_passed }, error);
            }
        }
    }

    fn note(&mut self, reach: Reach, certificate: &Certificate, violation: PathViolation) {
        self.keep_furthest(reach, refusal(self.intermediates.len(), certificate, violation));
    }

    /// The first of equals stays: it was on the path that the key identifiers point to.
    fn keep_furthest(&mut self, reach: Reach, error: ChainError) {
        if reach > self.furthest.0 {
            self.furthest = (reach, error);
        }
    }
}

fn key_identifier_order(child: &Certificate, issuer: &Certificate) -> u8 {
    match (child.authority_key_identifier(), issuer.subject_key_identifier()) {
        (Some(wanted), Some(has)) if wanted == has => 0,
        (Some(_), Some(_)) => 2,
        (None, _) | (_, None) => 1,
    }
}

fn refusal(index: usize, certificate: &Certificate, violation: PathViolation) -> ChainError {
    ChainError { index, subject: certificate.subject().clone(), violation }
}
