//! Finds the paths from the leaf to an anchor, depth first, and keeps the valid ones.
//!
//! No path has a loop, and the work is bounded: a client's certificates, or two PKIs that cross-certify each other, may
//! have more paths than can be followed (RUSTSEC-2023-0052, CVE-2025-58187).

use std::collections::{HashMap, HashSet};

use super::budget::{MAX_PATH_CERTIFICATES, MAX_SIGNATURE_CHECKS, MAX_VALID_PATHS, ValidationBudget};
use super::candidate_path::CandidatePath;
use super::chain_error::{ChainError, PathViolation};
use super::path_rules::{self, PathRefusal};
use super::presented::PresentedChain;
use super::rule::ValidationRule;
use super::trust::TrustSet;
use super::valid_path::ValidPath;
use crate::certificate::signature::SignatureError;
use crate::certificate::{Certificate, Fingerprint, KeyId};
use crate::clock::UnixTime;

/// Returns the valid paths, at least one, or the refusal of the path that came closest to being valid.
pub(super) fn find_paths(
    chain: &PresentedChain,
    trust: &TrustSet,
    rule: &ValidationRule,
    now: UnixTime,
) -> Result<Vec<ValidPath>, ChainError> {
    PathSearch::new(chain, trust, rule, now).run().0
}

/// How close a path came to being valid: paths that reach an anchor come before others; of those, the one that passed
/// more steps; of the others, the longer one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PathProgress {
    /// No certificate of the issuer was found.
    Unfinished { length: usize },
    /// An issuer was found, but the signature is not valid.
    Unsigned { length: usize },
    /// A limit was reached.
    Bounded,
    /// An anchor was reached, and a rule was violated.
    Anchored { steps_passed: usize },
}

/// One search, used up by [`PathSearch::run`].
pub(super) struct PathSearch<'a> {
    chain: &'a PresentedChain,
    trust: &'a TrustSet,
    rule: &'a ValidationRule,
    now: UnixTime,
    /// The path so far, without the leaf.
    intermediates: Vec<&'a Certificate>,
    /// By certificate and key; its length is the number of signatures verified.
    verified: HashMap<(Fingerprint, KeyId), Result<(), SignatureError>>,
    budget: ValidationBudget,
    found: Vec<ValidPath>,
    furthest: (PathProgress, ChainError),
}

#[derive(Clone, Copy)]
struct IssuerCandidate<'a> {
    certificate: &'a Certificate,
    is_anchor: bool,
}

impl<'a> PathSearch<'a> {
    pub(super) fn new(
        chain: &'a PresentedChain,
        trust: &'a TrustSet,
        rule: &'a ValidationRule,
        now: UnixTime,
    ) -> Self {
        let leaf = chain.leaf();
        let nothing = ChainError::new(0, leaf, PathViolation::NoIssuer { issuer: leaf.issuer().clone() });
        Self {
            chain,
            trust,
            rule,
            now,
            intermediates: Vec::new(),
            verified: HashMap::new(),
            budget: ValidationBudget::default(),
            found: Vec::new(),
            furthest: (PathProgress::Unfinished { length: 0 }, nothing),
        }
    }

    /// Returns the outcome, the number of signatures verified, and the rest of the work.
    pub(super) fn run(mut self) -> (Result<Vec<ValidPath>, ChainError>, usize, ValidationBudget) {
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
            return self.note(PathProgress::Bounded, last, PathViolation::PathTooLong { limit });
        }
        let mut has_issuer = false;
        for candidate in self.candidates(last) {
            if self.found.len() == MAX_VALID_PATHS || self.is_on_path(candidate.certificate) {
                continue;
            }
            has_issuer = true;
            match self.verify(last, candidate.certificate) {
                None => return self.note(PathProgress::Bounded, last, PathViolation::TooManyBranches),
                Some(Err(cause)) => {
                    let issuer = candidate.certificate.subject().clone();
                    self.note(
                        PathProgress::Unsigned { length },
                        last,
                        PathViolation::Signature { issuer, cause },
                    );
                }
                Some(Ok(())) if candidate.is_anchor => self.check_rules(candidate.certificate),
                Some(Ok(())) => {
                    self.intermediates.push(candidate.certificate);
                    self.extend();
                    self.intermediates.pop();
                }
            }
        }
        if !has_issuer {
            self.note(
                PathProgress::Unfinished { length },
                last,
                PathViolation::NoIssuer { issuer: last.issuer().clone() },
            );
        }
    }

    fn last(&self) -> &'a Certificate {
        self.intermediates.last().copied().unwrap_or(self.chain.leaf())
    }

    /// Returns the anchors and intermediates whose subject is the issuer; those to which the key identifiers point
    /// come first. Key identifiers only order the candidates and exclude none (RFC 4158 3.5.12): some CAs write wrong
    /// ones.
    fn candidates(&self, child: &Certificate) -> Vec<IssuerCandidate<'a>> {
        let (chain, trust) = (self.chain, self.trust);
        let name = child.issuer();
        let presented =
            chain.certificates().iter().skip(1).filter(|certificate| certificate.subject() == name);
        let intermediates = presented.chain(trust.intermediates_named(name));
        let anchors = trust.anchors_named(name).iter();
        let mut seen = HashSet::new();
        let mut candidates: Vec<_> = anchors
            .map(|certificate| IssuerCandidate { certificate, is_anchor: true })
            .chain(intermediates.map(|certificate| IssuerCandidate { certificate, is_anchor: false }))
            .filter(|candidate| seen.insert(candidate.certificate.fingerprint()))
            .collect();
        candidates.sort_by_key(|candidate| key_identifier_order(child, candidate.certificate));
        candidates
    }

    /// Returns whether the path has this name and key already. RFC 4158 2.4.2: a path never contains the same name
    /// and key twice, in whichever certificates.
    fn is_on_path(&self, certificate: &Certificate) -> bool {
        let same = |other: &Certificate| {
            other.key_id() == certificate.key_id() && other.subject() == certificate.subject()
        };
        same(self.chain.leaf()) || self.intermediates.iter().any(|other| same(other))
    }

    /// Verifies that `issuer` signed `child`. Returns `None` if a limit is reached.
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

    fn check_rules(&mut self, anchor: &'a Certificate) {
        let path = CandidatePath { leaf: self.chain.leaf(), intermediates: &self.intermediates, anchor };
        match path_rules::check(&path, self.rule, self.now, &mut self.budget) {
            Ok(policies) => {
                let certificates = path.certificates().map(|(_, certificate)| certificate.clone()).collect();
                self.found.push(ValidPath::new(certificates, policies));
            }
            Err(PathRefusal { steps_passed, error }) => {
                self.keep_furthest(PathProgress::Anchored { steps_passed }, error);
            }
        }
    }

    fn note(&mut self, reach: PathProgress, certificate: &Certificate, violation: PathViolation) {
        self.keep_furthest(reach, ChainError::new(self.intermediates.len(), certificate, violation));
    }

    /// Keeps the refusal of the path that came closest. Of two equal ones the first is kept: its candidates were ordered
    /// by the key identifiers.
    fn keep_furthest(&mut self, reach: PathProgress, error: ChainError) {
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
