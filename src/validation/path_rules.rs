//! Checks one path, whose signatures are verified, against a rule and the time, and reports the first violation.
//!
//! The steps are ordered by severity. A path that fails only at the last one, the dates, is otherwise valid, so "expired" is
//! never reported of a certificate that would not have been trusted anyway.

use super::budget::ValidationBudget;
use super::candidate_path::{CandidatePath, refuse};
use super::chain_error::{ChainError, PathViolation};
use super::name_constraints;
use super::policies::{self, ValidPolicies};
use super::rule::ValidationRule;
use crate::certificate::{Certificate, KeyAlgorithm, ObjectIdentifier};
use crate::clock::UnixTime;
use const_oid::db::rfc5280::{ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE, ID_CE_NAME_CONSTRAINTS};

/// The refusal of a path, and the number of steps passed before it.
pub(super) struct PathRefusal {
    pub(super) steps_passed: usize,
    pub(super) error: ChainError,
}

/// Checks one path. Returns the policies that are valid on it.
pub(super) fn check(
    path: &CandidatePath<'_>,
    rule: &ValidationRule,
    now: UnixTime,
    budget: &mut ValidationBudget,
) -> Result<ValidPolicies, PathRefusal> {
    let at = |steps_passed| move |error| PathRefusal { steps_passed, error };
    extensions(path).map_err(at(0))?;
    authorities(path).map_err(at(1))?;
    name_constraints::check(path, budget).map_err(at(2))?;
    key_strength(path, rule).map_err(at(3))?;
    usages(path, rule).map_err(at(4))?;
    let policies = policies::valid_policies(path, rule, budget).map_err(at(5))?;
    dates(path, now).map_err(at(6))?;
    Ok(policies)
}

/// Checks the path of a certificate that signs for a CA and is not a client's: as [`check`], except for the leaf's
/// usages and policies.
pub(super) fn check_authority(path: &CandidatePath<'_>, now: UnixTime) -> Result<(), ChainError> {
    extensions(path)?;
    authorities(path)?;
    name_constraints::check(path, &mut ValidationBudget::default())?;
    key_strength(path, &ValidationRule::default())?;
    dates(path, now)
}

/// The anchor's extensions that are applied to the path below it.
const READ_OF_ANCHOR: [const_oid::ObjectIdentifier; 3] =
    [ID_CE_NAME_CONSTRAINTS, ID_CE_BASIC_CONSTRAINTS, ID_CE_KEY_USAGE];

/// Rejects unknown critical extensions. A known extension is processed, critical or not (RFC 5280 4.2). Of an anchor,
/// an extension that is used here must be readable and a critical one must be understood: an anchor is trusted as its
/// certificate describes it, or not at all (RFC 5937).
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

/// Checks RFC 5280 6.1.4 k to n for every intermediate. Of the anchor only constraints that its certificate has are
/// applied (RFC 5280 6.2 leaves that open): an anchor that the administrator configured needs no extension.
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

/// Checks every key of the path, including the anchor's, since it signed. The leaf's key has signed nothing on the path,
/// so this is the only place that finds a key with which no handshake can succeed.
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

/// Checks that the leaf names every required usage, and that no CA above it forbids one.
fn usages(path: &CandidatePath<'_>, rule: &ValidationRule) -> Result<(), ChainError> {
    // In the handshake the key signs (RFC 8446 4.4.2.2).
    if path.leaf.key_usage().is_some_and(|usage| !usage.digital_signature()) {
        return refuse(0, path.leaf, PathViolation::KeyUsage { needed: "digitalSignature" });
    }
    for &missing in &rule.extended_key_usages {
        // anyExtendedKeyUsage is not enough: RFC 5280 4.2.1.12 allows an application to require the usage by name. A realm
        // does so to distinguish certificates that were issued for this purpose from those issued for any.
        if !path.leaf.names_usage(missing) {
            return refuse(0, path.leaf, PathViolation::ExtendedKeyUsage { missing });
        }
        for (index, authority) in path.below_anchor().skip(1) {
            // In a CA the extension limits the usages of the certificates below, as Windows and the CA/Browser Forum read it. There
            // anyExtendedKeyUsage means "no limit", like an absent extension; the leaf must name the usage in any case.
            if !authority.allows_usage(missing) {
                return refuse(index, authority, PathViolation::ExtendedKeyUsage { missing });
            }
        }
    }
    Ok(())
}

/// Checks the validity period of every certificate. RFC 5280 6.1.3 a.2 requires this of all below the anchor, since an
/// anchor need not be a certificate. If it is one, its owner intended it to be retired on that day, and IIS rejects it
/// from then on.
fn dates(path: &CandidatePath<'_>, now: UnixTime) -> Result<(), ChainError> {
    for (index, certificate) in path.certificates() {
        let (not_before, not_after) = (certificate.not_before(), certificate.not_after());
        // In whole seconds: the last second belongs to the validity period (RFC 5280 4.1.2.5).
        if now.seconds() > not_after.seconds() {
            return refuse(index, certificate, PathViolation::Expired { not_after });
        }
        if now < not_before {
            return refuse(index, certificate, PathViolation::NotYetValid { not_before });
        }
    }
    Ok(())
}
