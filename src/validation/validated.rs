//! Validation of a presented chain, and the proof of it, a [`ValidatedChain`].

use std::sync::Arc;

use super::chain_error::ChainError;
use super::path_building::find_paths;
use super::presented::PresentedChain;
use super::rule::ValidationRule;
use super::trust::TrustSet;
use super::valid_path::ValidPath;
use crate::certificate::Certificate;
use crate::clock::UnixTime;

/// A chain with at least one valid path to an anchor. Only [`validate`] can make one.
#[derive(Clone, Debug)]
pub struct ValidatedChain {
    leaf: Certificate,
    additional_certificates: Vec<Certificate>,
    paths: Vec<ValidPath>,
    deadline: UnixTime,
}

/// Validates a presented chain at the time `now` (RFC 5280 6.1). The identity is the leaf's; certificates that are on no
/// path have no effect.
///
/// # Errors
/// There is no valid path; the error is the refusal of the path that came closest.
pub fn validate(
    chain: &Arc<PresentedChain>,
    trust: &TrustSet,
    rule: &ValidationRule,
    now: UnixTime,
) -> Result<ValidatedChain, ChainError> {
    let paths = find_paths(chain, trust, rule, now)?;
    // A later stage chooses among the paths by its own conditions, so the verdict expires when the first of them does.
    let deadline = paths.iter().map(ValidPath::deadline).min().unwrap_or(UnixTime::EPOCH);
    let others = chain.certificates().iter().skip(1).filter(|other| *other != chain.leaf());
    let additional_certificates = others.filter(|other| is_used(other, &paths)).cloned().collect();
    Ok(ValidatedChain { leaf: chain.leaf().clone(), additional_certificates, paths, deadline })
}

/// Returns whether another presented certificate is on a path, or was issued by a CA of a path to sign CRLs. Whether
/// it may sign them now is checked by the revocation stage.
fn is_used(other: &Certificate, paths: &[ValidPath]) -> bool {
    let issued = |issuer: &Certificate| {
        issuer.subject() == other.issuer() && other.verify_signature(issuer.public_key_der()).is_ok()
    };
    paths.iter().any(|path| path.certificates().contains(other))
        || other.may_sign_crls() && paths.iter().any(|path| path.certificates().iter().skip(1).any(issued))
}

impl ValidatedChain {
    /// Returns the client's own certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Returns the other presented certificates that are on a path or may sign CRLs for one, in the client's order.
    /// The rest is not kept.
    pub fn additional_certificates(&self) -> &[Certificate] {
        &self.additional_certificates
    }

    /// Returns how many bytes of memory it takes up, except for CA certificates, which many chains share.
    pub(super) fn weight(&self) -> usize {
        const FACTS: usize = 512;
        const SHARED: usize = 64;
        let path =
            |path: &ValidPath| FACTS + path.certificates().len() * SHARED + size_of_val(path.policies());
        FACTS + self.leaf.weight() + self.paths.iter().map(path).sum::<usize>()
    }

    /// Replaces each certificate except the leaf by an equal one.
    pub(super) fn sharing(mut self, mut share: impl FnMut(Certificate) -> Certificate) -> Self {
        for path in &mut self.paths {
            path.share_authorities(&mut share);
        }
        self.additional_certificates = self.additional_certificates.into_iter().map(share).collect();
        self
    }

    /// Returns the valid paths: at least one, at most eight.
    pub fn paths(&self) -> &[ValidPath] {
        &self.paths
    }

    /// Returns the time from which on this verdict must not be used.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }
}
