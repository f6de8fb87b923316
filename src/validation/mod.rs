//! Takes what a client presented and what a realm trusts, gives a chain with at least one path to an anchor that holds,
//! or the one reason why there is none. Never looks at revocation, never at names for an identity, never at the clock:
//! the time is an argument.
//!
//! This is an own implementation of path validation (RFC 5280 section 6): the validators at hand either ignore
//! certificate policies and key usages or were never reviewed. What it cannot judge it refuses: critical extensions that
//! it does not know, and names of a kind that it cannot compare below a CA that limits this kind.

mod authority;
mod budget;
mod cache;
mod chain_error;
mod name_constraints;
mod name_matching;
mod path_building;
mod path_rules;
mod policies;
mod policy_graph;
mod presented;
mod trust;
mod validated;

#[cfg(test)]
mod tests;

pub use authority::validate_authority;
pub use budget::{MAX_NAME_COMPARISONS, MAX_POLICY_NODES};
pub use cache::{RealmGeneration, ValidationCache};
pub use chain_error::{ChainError, PathViolation};
pub use path_building::{MAX_PATH_CERTIFICATES, MAX_SIGNATURE_CHECKS, MAX_VALID_PATHS};
pub use policies::ValidPolicies;
pub use presented::{
    MAX_ADDITIONAL_BYTES, MAX_CERTIFICATE_BYTES, MAX_PRESENTED_BYTES, MAX_PRESENTED_CERTIFICATES,
    MalformedChain, PresentedChain, within_limits,
};
pub use trust::TrustSet;
pub use validated::{ValidPath, ValidatedChain, ValidationRule, validate};
