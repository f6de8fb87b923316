//! A path from the client's certificate to an anchor, not yet checked against the rules, and the refusal of one.

use super::chain_error::{ChainError, PathViolation};
use crate::certificate::Certificate;

/// A complete path: the client's certificate, intermediates, the anchor.
pub(super) struct CandidatePath<'a> {
    pub(super) leaf: &'a Certificate,
    /// From the leaf's issuer up to the one that the anchor issued.
    pub(super) intermediates: &'a [&'a Certificate],
    pub(super) anchor: &'a Certificate,
}

impl<'a> CandidatePath<'a> {
    /// Returns all certificates with their index, the leaf first.
    pub(super) fn certificates(&self) -> impl Iterator<Item = (usize, &'a Certificate)> {
        let leaf = std::iter::once(self.leaf);
        leaf.chain(self.intermediates.iter().copied()).chain(std::iter::once(self.anchor)).enumerate()
    }

    /// Returns all except the anchor: the certificates of RFC 5280 6.1, in which an anchor is a name and a key only.
    pub(super) fn below_anchor(&self) -> impl Iterator<Item = (usize, &'a Certificate)> {
        self.certificates().take(self.length())
    }

    /// Returns the same in the order of RFC 5280 6.1: the certificate that the anchor issued first, the leaf last.
    pub(super) fn anchor_first(&self) -> impl Iterator<Item = (usize, &'a Certificate)> {
        let authorities = self.intermediates.iter().copied().enumerate().rev();
        authorities.map(|(index, authority)| (index + 1, authority)).chain(std::iter::once((0, self.leaf)))
    }

    /// Returns the number of certificates below the anchor.
    pub(super) fn length(&self) -> usize {
        self.intermediates.len() + 1
    }
}

/// Returns the refusal of a path because of one certificate, as an error.
pub(super) fn refuse<T>(
    index: usize,
    certificate: &Certificate,
    violation: PathViolation,
) -> Result<T, ChainError> {
    Err(ChainError::new(index, certificate, violation))
}
