//! A certification path that passed all rules, and the signers that a CA of such a path authorized.

use super::candidate_path::CandidatePath;
use super::path_rules::check_authority;
use super::policies::ValidPolicies;
use crate::certificate::{Certificate, KeyId, ObjectIdentifier};
use crate::clock::UnixTime;

/// One valid path.
#[derive(Clone, Debug)]
pub struct ValidPath {
    certificates: Vec<Certificate>,
    issuers: Vec<KeyId>,
    policies: ValidPolicies,
}

impl ValidPath {
    /// Returns a path that passed the path rules.
    pub(super) fn new(certificates: Vec<Certificate>, policies: ValidPolicies) -> Self {
        let issuers = certificates.iter().skip(1).map(Certificate::key_id).collect();
        Self { certificates, issuers, policies }
    }

    /// Returns the leaf, its issuer, and so on up to the anchor.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// Returns the certificate policies for which the path is valid, in the anchor's domain; anyPolicy among them if
    /// it remains at the end.
    pub fn policies(&self) -> &[ObjectIdentifier] {
        self.policies.as_slice()
    }

    /// Returns whether the path is valid for this policy, by name or because anyPolicy remains at its end.
    pub fn admits_policy(&self, policy: ObjectIdentifier) -> bool {
        self.policies.admit(policy)
    }

    /// Returns the keys of all CAs of the path, the leaf's issuer first, the anchor last.
    pub fn issuers(&self) -> &[KeyId] {
        &self.issuers
    }

    /// Replaces each certificate except the leaf by an equal one.
    pub(super) fn share_authorities(&mut self, share: impl FnMut(Certificate) -> Certificate) {
        let leaf = self.certificates.first().cloned();
        let authorities = self.certificates.drain(..).skip(1).map(share);
        self.certificates = leaf.into_iter().chain(authorities).collect();
    }

    /// Returns the second after the last one in which every certificate is valid (RFC 5280 4.1.2.5: notAfter is
    /// inclusive).
    pub(super) fn deadline(&self) -> UnixTime {
        let last = self.certificates.iter().map(Certificate::not_after).min().unwrap_or(UnixTime::EPOCH);
        UnixTime::from_seconds(last.seconds().saturating_add(1)).min(UnixTime::END)
    }
}

/// Validates the certificate of a signer that a CA of `path` authorized, such as a CRL issuer. Its usage and its
/// revocation are checked elsewhere.
///
/// Returns the part of `path` from the CA that issued `authority` to the anchor. The signer's path therefore ends at the
/// same anchor, as RFC 5280 6.3.3 (f) requires of a CRL issuer. `None` if no CA of the path issued it, or if RFC 5280 6.1
/// refuses it.
pub(crate) fn validate_authority<'a>(
    authority: &Certificate,
    path: &'a ValidPath,
    now: UnixTime,
) -> Option<&'a [Certificate]> {
    let certificates = path.certificates();
    let issued = |issuer: &Certificate| {
        issuer.subject() == authority.issuer() && authority.verify_signature(issuer.public_key_der()).is_ok()
    };
    let index = certificates.iter().skip(1).position(issued)? + 1;
    let above = certificates.get(index..)?;
    let (anchor, intermediates) = above.split_last()?;
    let intermediates: Vec<_> = intermediates.iter().collect();
    let own_path = CandidatePath { leaf: authority, intermediates: &intermediates, anchor };
    check_authority(&own_path, now).is_ok().then_some(above)
}
