//! Takes one path whose signatures hold, a rule and the time, says which rule it breaks first. Never verifies a
//! signature and never looks for another path.
//!
//! The steps stand in the order of how much is wrong: a path that fails only at the last one, the dates, is right in
//! everything else, so "expired" is never said of a certificate that would not have been trusted anyway.

use super::budget::Budget;
use super::chain_error::{ChainError, PathViolation};
use super::name_constraints;
use super::policies::{self, ValidPolicies};
use super::validated::ValidationRule;
use crate::certificate::{Certificate, KeyAlgorithm, ObjectIdentifier};
use crate::clock::UnixTime;
use const_oid::db::rfc5280::{ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE, ID_CE_NAME_CONSTRAINTS};

/// A complete path, the client's certificate first, the anchor last; at least these two.
pub(super) struct CandidatePath<'a> {
    pub(super) leaf: &'a Certificate,
    /// From the leaf's issuer up to the one that the anchor issued.
    pub(super) intermediates: &'a [&'a Certificate],
    pub(super) anchor: &'a Certificate,
}

/// A refusal, and how many steps were passed before.
pub(super) struct Refusal {
    pub(super) steps_passed: usize,
    pub(super) error: ChainError,
}

/// Judges one path. Gives the policies that are valid on it.
pub(super) fn judge(
    path: &CandidatePath<'_>,
    rule: &ValidationRule,
    now: UnixTime,
    budget: &mut Budget,
) -> Result<ValidPolicies, Refusal> {
    let at = |steps_passed| move |error| Refusal { steps_passed, error };
    extensions(path).map_err(at(0))?;
    authorities(path).map_err(at(1))?;
    name_constraints::judge(path, budget).map_err(at(2))?;
    key_strength(path, rule).map_err(at(3))?;
    usages(path, rule).map_err(at(4))?;
    let policies = policies::prove(path, rule, budget).map_err(at(5))?;
    dates(path, now).map_err(at(6))?;
    Ok(policies)
}

/// Judges the path of somebody who signs for a CA and is no client: all of [`judge`] but what the leaf is for.
pub(super) fn judge_authority(path: &CandidatePath<'_>, now: UnixTime) -> Result<(), ChainError> {
    extensions(path)?;
    authorities(path)?;
    name_constraints::judge(path, &mut Budget::default())?;
    key_strength(path, &ValidationRule::default())?;
    dates(path, now)
}

impl<'a> CandidatePath<'a> {
    /// All certificates with their index, the leaf first.
    pub(super) fn certificates(&self) -> impl Iterator<Item = (usize, &'a Certificate)> {
        let leaf = std::iter::once(self.leaf);
        leaf.chain(self.intermediates.iter().copied()).chain(std::iter::once(self.anchor)).enumerate()
    }

    /// All but the anchor: the certificates of RFC 5280 6.1, for which an anchor is a name and a key and no more.
    pub(super) fn below_anchor(&self) -> impl Iterator<Item = (usize, &'a Certificate)> {
        self.certificates().take(self.length())
    }

    /// The same in the order of RFC 5280 6.1: the certificate that the anchor issued first, the leaf last.
    pub(super) fn anchor_first(&self) -> impl Iterator<Item = (usize, &'a Certificate)> {
        let authorities = self.intermediates.iter().copied().enumerate().rev();
        authorities.map(|(index, authority)| (index + 1, authority)).chain(std::iter::once((0, self.leaf)))
    }

    /// How many certificates stand below the anchor.
    pub(super) fn length(&self) -> usize {
        self.intermediates.len() + 1
    }
}

/// What is read of an anchor's certificate against the path below it.
const READ_OF_ANCHOR: [const_oid::ObjectIdentifier; 3] =
    [ID_CE_NAME_CONSTRAINTS, ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE];

/// What cannot be judged is refused. Critical or not makes no difference for extensions that are understood: RFC 5280
/// 4.2 says that a recognised extension must be processed. Of the anchor nothing may be lost that would be used, nor
/// what its issuer marked as indispensable: an anchor is trusted as its certificate says, or not at all (RFC 5937).
fn extensions(path: &CandidatePath<'_>) -> Result<(), ChainError> {
    for (index, certificate) in path.below_anchor() {
        if let Some(violation) = unread_extension(certificate, |_| true) {
            return refuse(index, certificate, violation);
        }
    }
    let is_read = |extension: ObjectIdentifier| READ_OF_ANCHOR.iter().any(|read| extension == *read);
    let critical = path.anchor.unknown_critical_extensions().first();
    let critical =
        critical.map(|extension| PathViolation::UnknownCriticalExtension { extension: *extension });
    match unread_extension(path.anchor, is_read).or(critical) {
        Some(violation) => refuse(path.length(), path.anchor, violation),
        None => Ok(()),
    }
}

fn unread_extension(
    certificate: &Certificate,
    matters: impl Fn(ObjectIdentifier) -> bool,
) -> Option<PathViolation> {
    let first = |found: &[ObjectIdentifier]| found.iter().copied().find(|extension| matters(*extension));
    if let Some(extension) = first(certificate.duplicate_extensions()) {
        return Some(PathViolation::DuplicateExtension { extension });
    }
    if let Some(extension) = first(certificate.undecodable_extensions()) {
        return Some(PathViolation::UndecodableExtension { extension });
    }
    let unknown = first(certificate.unknown_critical_extensions());
    unknown.map(|extension| PathViolation::UnknownCriticalExtension { extension })
}

/// RFC 5280 6.1.4 k to n for every intermediate. Of the anchor only what its certificate says against this path is
/// held (RFC 5280 6.2 leaves that open): one that the administrator named needs no extension to be an anchor.
fn authorities(path: &CandidatePath<'_>) -> Result<(), ChainError> {
    let anchor_index = path.length();
    let mut below = 0;
    for (index, authority) in path.certificates().skip(1) {
        let constraints = authority.basic_constraints();
        let is_ca = authority.version() == 3 && constraints.is_some_and(|constraints| constraints.ca);
        if index != anchor_index && !is_ca {
            return refuse(index, authority, PathViolation::NotCa);
        }
        if let Some(allowed) = constraints.and_then(|constraints| constraints.path_length)
            && usize::try_from(allowed).is_ok_and(|allowed| below > allowed)
        {
            return refuse(index, authority, PathViolation::PathLength { below, allowed });
        }
        if authority.key_usage().is_some_and(|usage| !usage.key_cert_sign()) {
            return refuse(index, authority, PathViolation::KeyUsage { needed: "keyCertSign" });
        }
        if !authority.is_self_issued() {
            below += 1;
        }
    }
    Ok(())
}

/// Of every key of the path, the anchor's too, since it signed. The leaf's own has signed nothing on the path, so only here
/// it is seen that no handshake with it can succeed.
fn key_strength(path: &CandidatePath<'_>, rule: &ValidationRule) -> Result<(), ChainError> {
    if !path.leaf.has_usable_key() {
        return refuse(0, path.leaf, PathViolation::UnusableKey { key: path.leaf.key_algorithm() });
    }
    let minimum = rule.minimum_rsa_bits();
    for (index, certificate) in path.certificates() {
        if let KeyAlgorithm::Rsa { bits } = certificate.key_algorithm()
            && bits < minimum
        {
            return refuse(index, certificate, PathViolation::WeakKey { bits, minimum });
        }
    }
    Ok(())
}

/// The leaf names every demanded usage, and no CA above it forbids one.
fn usages(path: &CandidatePath<'_>, rule: &ValidationRule) -> Result<(), ChainError> {
    // In the handshake the key signs: RFC 8446 4.4.2.2.
    if path.leaf.key_usage().is_some_and(|usage| !usage.digital_signature()) {
        return refuse(0, path.leaf, PathViolation::KeyUsage { needed: "digitalSignature" });
    }
    for &missing in &rule.extended_key_usages {
        // anyExtendedKeyUsage does not count here: RFC 5280 4.2.1.12 lets an application ask for the usage by name,
        // and a realm does so to tell certificates that were issued for this from those that were issued for anything.
        if !path.leaf.names_usage(missing) {
            return refuse(0, path.leaf, PathViolation::ExtendedKeyUsage { missing });
        }
        for (index, authority) in path.below_anchor().skip(1) {
            // In a CA the extension limits what it may issue for, as Windows and the CA/Browser Forum read it. There
            // anyExtendedKeyUsage says "no limit", like an absent extension, and the leaf must name the usage anyway.
            if !authority.allows_usage(missing) {
                return refuse(index, authority, PathViolation::ExtendedKeyUsage { missing });
            }
        }
    }
    Ok(())
}

/// The validity of every certificate. RFC 5280 6.1.3 a.2 asks it of all below the anchor only, since an anchor need
/// not be a certificate; where it is one, its owner meant it to be given up on that day, and IIS refuses it then.
fn dates(path: &CandidatePath<'_>, now: UnixTime) -> Result<(), ChainError> {
    for (index, certificate) in path.certificates() {
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        // Whole seconds: the last second of the validity belongs to it (RFC 5280 4.1.2.5).
        if now.seconds() > not_after.seconds() {
            return refuse(index, certificate, PathViolation::Expired { not_after });
        }
        if now < not_before {
            return refuse(index, certificate, PathViolation::NotYetValid { not_before });
        }
    }
    Ok(())
}

pub(super) fn refuse<T>(
    index: usize,
    certificate: &Certificate,
    violation: PathViolation,
) -> Result<T, ChainError> {
    Err(ChainError { index, subject: certificate.subject().clone(), violation })
}
