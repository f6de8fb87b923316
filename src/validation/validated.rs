//! Takes a presented chain, what a realm trusts and its rule, gives a [`ValidatedChain`], of which nothing else can make
//! one. Never looks at revocation.

use std::sync::Arc;

use super::chain_error::ChainError;
use super::path_building::{MAX_PATH_CERTIFICATES, find_paths};
use super::policies::ValidPolicies;
use super::presented::PresentedChain;
use super::trust::TrustSet;
use crate::certificate::signature::{MINIMUM_RSA_BITS, UNSAFE_MINIMUM_RSA_BITS, WeakAlgorithms};
use crate::certificate::{Certificate, KeyId, ObjectIdentifier};
use crate::clock::UnixTime;

/// What a realm demands of a path beside the rules that always hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationRule {
    /// The extended key usages that the leaf must name, all of them. Where none is demanded any certificate will do.
    pub extended_key_usages: Vec<ObjectIdentifier>,
    /// The certificate policies of which one must be valid on the path, in the anchor's domain. Where none is demanded
    /// any path will do.
    pub certificate_policies: Vec<ObjectIdentifier>,
    /// The user-initial-policy-set of RFC 5280 6.1.1 c; empty for any-policy. A path outside of it is refused only where
    /// a policy is required.
    pub initial_policies: Vec<ObjectIdentifier>,
    /// Whether a policy of the initial set must be valid on every path (RFC 5280 6.1.1 f, initial-explicit-policy).
    pub explicit_policy_required: bool,
    /// Whether no policy may stand for another (RFC 5280 6.1.1 e, initial-policy-mapping-inhibit).
    pub policy_mapping_inhibited: bool,
    /// Whether anyPolicy stands for nothing (RFC 5280 6.1.1 g, initial-any-policy-inhibit).
    pub any_policy_inhibited: bool,
    /// The most certificates of a path, leaf and anchor included: [`MAX_PATH_CERTIFICATES`], whatever more stands here.
    pub maximum_path_certificates: usize,
    /// The bits that every RSA key of the path must have: 2,048, whatever less stands here.
    pub minimum_rsa_bits: u32,
    /// Whether RSA signatures with SHA-1, and RSA keys of 1,024 bits whatever minimum stands above, count. They can be
    /// forged.
    pub unsafe_allow_sha1_and_rsa_1024: bool,
}

impl ValidationRule {
    pub(super) fn minimum_rsa_bits(&self) -> u32 {
        match self.weak_algorithms() {
            WeakAlgorithms::Refused => self.minimum_rsa_bits.max(MINIMUM_RSA_BITS),
            WeakAlgorithms::UnsafelyAllowed => UNSAFE_MINIMUM_RSA_BITS,
        }
    }

    pub(super) fn weak_algorithms(&self) -> WeakAlgorithms {
        if self.unsafe_allow_sha1_and_rsa_1024 {
            WeakAlgorithms::UnsafelyAllowed
        } else {
            WeakAlgorithms::Refused
        }
    }
}

/// TLS client authentication, no certain policy, RSA from 2,048 bits.
impl Default for ValidationRule {
    fn default() -> Self {
        Self {
            extended_key_usages: vec![const_oid::db::rfc5280::ID_KP_CLIENT_AUTH.into()],
            certificate_policies: Vec::new(),
            initial_policies: Vec::new(),
            explicit_policy_required: false,
            policy_mapping_inhibited: false,
            any_policy_inhibited: false,
            maximum_path_certificates: MAX_PATH_CERTIFICATES,
            minimum_rsa_bits: MINIMUM_RSA_BITS,
            unsafe_allow_sha1_and_rsa_1024: false,
        }
    }
}

/// A chain from which at least one path to an anchor holds. The only proof of it: the field is private and
/// [`validate`] the only way here.
#[derive(Clone, Debug)]
pub struct ValidatedChain {
    leaf: Certificate,
    additional_certificates: Vec<Certificate>,
    paths: Vec<ValidPath>,
    deadline: UnixTime,
}

/// One path that holds.
#[derive(Clone, Debug)]
pub struct ValidPath {
    certificates: Vec<Certificate>,
    issuers: Vec<KeyId>,
    policies: ValidPolicies,
}

/// Judges a presented chain at a time (RFC 5280 6.1). The identity is the leaf's, and certificates that are on no path
/// change nothing.
pub fn validate(
    chain: &Arc<PresentedChain>,
    trust: &TrustSet,
    rule: &ValidationRule,
    now: UnixTime,
) -> Result<ValidatedChain, ChainError> {
    let paths = find_paths(chain, trust, rule, now)?;
    // A later stage picks among the paths by its own conditions, and nobody knows here which it will pick; so the
    // chain is judged anew as soon as one of them ends.
    let deadline = paths.iter().map(ValidPath::deadline).min().unwrap_or(UnixTime::EPOCH);
    let others = chain.certificates().iter().skip(1).filter(|other| *other != chain.leaf());
    let additional_certificates = others.filter(|other| is_used(other, &paths)).cloned().collect();
    Ok(ValidatedChain { leaf: chain.leaf().clone(), additional_certificates, paths, deadline })
}

/// Whether a certificate that was sent along is on a path, or was issued by a CA of one to sign CRLs. Whether it may sign
/// them now is the revocation stage's to say.
fn is_used(other: &Certificate, paths: &[ValidPath]) -> bool {
    let issued = |issuer: &Certificate| {
        issuer.subject() == other.issuer() && other.verify_signature(issuer.public_key_der()).is_ok()
    };
    paths.iter().any(|path| path.certificates.contains(other))
        || other.may_sign_crls() && paths.iter().any(|path| path.certificates.iter().skip(1).any(issued))
}

impl ValidatedChain {
    /// The client's own certificate.
    pub fn leaf(&self) -> &Certificate {
        &self.leaf
    }

    /// Of what the client sent along those that are on a path or may sign CRLs for one, in the client's order. The rest
    /// is not kept.
    pub fn additional_certificates(&self) -> &[Certificate] {
        &self.additional_certificates
    }

    /// How many bytes of memory it takes up beside the certificates of CAs, which many chains share.
    pub(super) fn weight(&self) -> usize {
        const FACTS: usize = 512;
        const SHARED: usize = 64;
        let path = |path: &ValidPath| FACTS + path.certificates.len() * SHARED + size_of_val(path.policies());
        FACTS + self.leaf.weight() + self.paths.iter().map(path).sum::<usize>()
    }

    /// With each certificate but the leaf replaced by an equal one.
    pub(super) fn sharing(mut self, mut share: impl FnMut(Certificate) -> Certificate) -> Self {
        for path in &mut self.paths {
            let (leaf, authorities) =
                (path.certificates.first().cloned(), path.certificates.drain(..).skip(1));
            path.certificates = leaf.into_iter().chain(authorities.map(&mut share)).collect();
        }
        self.additional_certificates = self.additional_certificates.into_iter().map(share).collect();
        self
    }

    /// The paths that hold: one at least, eight at most.
    pub fn paths(&self) -> &[ValidPath] {
        &self.paths
    }

    /// The first moment at which this verdict may no longer be used.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }
}

impl ValidPath {
    /// Of certificates that the path rules have passed.
    pub(super) fn new(certificates: Vec<Certificate>, policies: ValidPolicies) -> Self {
        let issuers = certificates.iter().skip(1).map(Certificate::key_id).collect();
        Self { certificates, issuers, policies }
    }

    /// The leaf, its issuer, and so on up to the anchor.
    pub fn certificates(&self) -> &[Certificate] {
        &self.certificates
    }

    /// The certificate policies for which the path is valid, in the anchor's domain; anyPolicy among them where it is
    /// left at the end.
    pub fn policies(&self) -> &[ObjectIdentifier] {
        self.policies.as_slice()
    }

    /// Whether the path is valid for this policy: by name, or because anyPolicy is left at its end.
    pub fn admits_policy(&self, policy: ObjectIdentifier) -> bool {
        self.policies.admit(policy)
    }

    /// The keys of all CAs of the path, the leaf's issuer first, the anchor last.
    pub fn issuers(&self) -> &[KeyId] {
        &self.issuers
    }

    /// The second after the last one in which every certificate of it is valid (RFC 5280 4.1.2.5: notAfter is
    /// inclusive).
    fn deadline(&self) -> UnixTime {
        let last = self.certificates.iter().map(Certificate::not_after).min().unwrap_or(UnixTime::EPOCH);
        UnixTime::from_seconds(last.seconds().saturating_add(1)).min(UnixTime::END)
    }
}
