//! Path validation (RFC 5280 section 6): from a presented chain and a realm's trust anchors to a chain with at least one
//! valid path, or the reason for the refusal.
//!
//! This folder implements it because the existing validators either ignore certificate policies and key usages or were
//! never reviewed. It refuses a chain with any unknown critical extension, and with names of a kind that it cannot
//! compare if a CA constrains this kind. Revocation and mapping are later stages; the time is an argument.

mod budget;
mod cache;
mod candidate_path;
mod chain_error;
mod name_constraints;
mod name_matching;
mod path_building;
mod path_rules;
mod policies;
mod policy_graph;
mod presented;
mod rule;
mod trust;
mod valid_path;
mod validated;

#[cfg(test)]
mod tests;

pub(crate) use budget::MAX_PATH_CERTIFICATES;
#[cfg(test)]
pub(crate) use budget::{MAX_NAME_COMPARISONS, MAX_POLICY_NODES, MAX_SIGNATURE_CHECKS, MAX_VALID_PATHS};
pub(crate) use cache::{RealmGeneration, ValidationCache};
pub use chain_error::{ChainError, PathViolation};
pub use presented::PresentedChain;
#[cfg(test)]
pub(crate) use presented::{MAX_CERTIFICATE_BYTES, MAX_PRESENTED_BYTES, MAX_PRESENTED_CERTIFICATES};
pub(crate) use presented::{MalformedChain, within_limits};
pub use rule::ValidationRule;
pub use trust::TrustSet;
pub(crate) use valid_path::{ValidPath, validate_authority};
pub use validated::{ValidatedChain, validate};
