//! The requirements of a realm for certification paths.

use super::budget::MAX_PATH_CERTIFICATES;
use crate::certificate::ObjectIdentifier;
use crate::certificate::signature::{MINIMUM_RSA_BITS, UNSAFE_MINIMUM_RSA_BITS, WeakAlgorithms};

/// A realm's requirements for paths, beyond the rules that always apply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationRule {
    /// The extended key usages that the leaf must name, all of them. If empty, none is required.
    pub extended_key_usages: Vec<ObjectIdentifier>,
    /// The certificate policies, one of which must be valid on the path, in the anchor's domain. If empty, none is
    /// required.
    pub certificate_policies: Vec<ObjectIdentifier>,
    /// The user-initial-policy-set of RFC 5280 6.1.1 c; empty for any-policy. A path outside of it is refused only if a
    /// policy is required.
    pub initial_policies: Vec<ObjectIdentifier>,
    /// Whether a policy of the initial set must be valid on every path (RFC 5280 6.1.1 f, initial-explicit-policy).
    pub explicit_policy_required: bool,
    /// Whether policy mappings are not followed (RFC 5280 6.1.1 e, initial-policy-mapping-inhibit).
    pub policy_mapping_inhibited: bool,
    /// Whether anyPolicy matches no policy (RFC 5280 6.1.1 g, initial-any-policy-inhibit).
    pub any_policy_inhibited: bool,
    /// The maximum number of certificates of a path, leaf and anchor included; at most [`MAX_PATH_CERTIFICATES`].
    pub maximum_path_certificates: usize,
    /// The minimum size of every RSA key of the path, in bits; at least 2,048.
    pub minimum_rsa_bits: u32,
    /// Whether RSA signatures with SHA-1 and RSA keys of 1,024 bits are accepted, in spite of the minimum above. They can be
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

/// TLS client authentication, no required policy, RSA from 2,048 bits.
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
