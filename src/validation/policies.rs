//! The certificate policies that are valid on a path in the anchor's domain (RFC 5280 6.1, with the graph of RFC 9618).
//! Qualifiers are not decoded.
//!
//! The anchor's own certificate is not considered: in RFC 5280 6.1 an anchor is a name and a key, and real roots name
//! policies that were never meant to limit the certificates below them.

use super::budget::{BudgetExceeded, ValidationBudget};
use super::candidate_path::{CandidatePath, refuse};
use super::chain_error::{ChainError, PathViolation};
use super::policy_graph::{AnyPolicy, MappingMode, PolicyGraph};
use super::rule::ValidationRule;
use crate::certificate::{ANY_POLICY, Certificate, ObjectIdentifier, PolicyMapping};

/// The certificate policies that are valid on one path, in the anchor's domain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ValidPolicies {
    policies: Vec<ObjectIdentifier>,
}

impl ValidPolicies {
    /// Returns the policies, sorted; anyPolicy among them if it is valid down to the client's own certificate.
    pub(crate) fn as_slice(&self) -> &[ObjectIdentifier] {
        &self.policies
    }

    /// Returns whether the path is valid for this policy.
    ///
    /// It is if the policy is in the set, and also if anyPolicy is (RFC 5280 6.1.5 g): then every certificate of the
    /// path, the client's own included, asserts every policy, and no CA above has forbidden it. The CA could equally
    /// have issued a certificate that names the policy.
    ///
    /// As a requirement anyPolicy stands for all policies, as in the user-initial-policy-set of RFC 5280 6.1.1 c: any
    /// policy that is valid on the path satisfies it.
    pub(crate) fn admit(&self, policy: ObjectIdentifier) -> bool {
        if policy == ANY_POLICY {
            return !self.policies.is_empty();
        }
        [policy, ANY_POLICY].iter().any(|policy| self.policies.binary_search(policy).is_ok())
    }

    /// Returns the policies that are in the initial set (RFC 5280 6.1.5 g). anyPolicy stands for all of them.
    fn within(self, initial: &[ObjectIdentifier]) -> Self {
        if is_any(initial) {
            return self;
        }
        let mut policies: Vec<_> = initial.iter().copied().filter(|policy| self.admit(*policy)).collect();
        policies.sort_unstable();
        policies.dedup();
        Self { policies }
    }
}

/// Returns whether the initial set is any-policy, which an empty set stands for.
fn is_any(initial: &[ObjectIdentifier]) -> bool {
    initial.is_empty() || initial.contains(&ANY_POLICY)
}

/// How many certificates may follow before a requirement applies (RFC 5280 6.1.2 d to f). At zero it applies.
struct PolicyCountdown {
    explicit_policy: usize,
    policy_mapping: usize,
    inhibit_any_policy: usize,
}

impl PolicyCountdown {
    fn new(rule: &ValidationRule, length: usize) -> Self {
        let start = |at_once: bool| if at_once { 0 } else { length + 1 };
        Self {
            explicit_policy: start(rule.explicit_policy_required),
            policy_mapping: start(rule.policy_mapping_inhibited),
            inhibit_any_policy: start(rule.any_policy_inhibited),
        }
    }

    /// Counts one CA, and applies its constraints (RFC 5280 6.1.4 h to j).
    fn pass(&mut self, authority: &Certificate) {
        let constraints = authority.policy_constraints();
        let all = [
            (&mut self.explicit_policy, constraints.require_explicit_policy),
            (&mut self.policy_mapping, constraints.inhibit_policy_mapping),
            (&mut self.inhibit_any_policy, authority.inhibit_any_policy()),
        ];
        for (left, demand) in all {
            if !authority.is_self_issued() {
                *left = left.saturating_sub(1);
            }
            *left = demand
                .and_then(|demand| usize::try_from(demand).ok())
                .map_or(*left, |demand| demand.min(*left));
        }
    }
}

/// Returns the policies of a path, or the certificate below which none is left although one is required.
pub(super) fn valid_policies(
    path: &CandidatePath<'_>,
    rule: &ValidationRule,
    budget: &mut ValidationBudget,
) -> Result<ValidPolicies, ChainError> {
    let mut left = PolicyCountdown::new(rule, path.length());
    let mut graph = PolicyGraph::new();
    // The certificate at which the last policy was lost, for the refusal.
    let mut lost = None;
    for (index, certificate) in path.anchor_first() {
        let too_many =
            |_: BudgetExceeded| ChainError::new(index, certificate, PathViolation::TooManyPolicies);
        let any_policy = match left.inhibit_any_policy {
            0 if index == 0 || !certificate.is_self_issued() => AnyPolicy::CountsForNothing,
            _ => AnyPolicy::Counts,
        };
        graph.descend(certificate.policies(), any_policy, budget).map_err(too_many)?;
        if graph.is_null() {
            lost = lost.or(Some((index, certificate)));
        }
        if let (0, Some((index, certificate))) = (left.explicit_policy, lost) {
            return refuse(index, certificate, PathViolation::NoPolicy);
        }
        if index > 0 {
            map(index, certificate, &left, &mut graph, budget)?;
            left.pass(certificate);
        }
    }
    conclude(path, rule, &left, &graph, lost)
}

/// Applies the mappings of a CA (RFC 5280 6.1.4 a and b).
fn map(
    index: usize,
    authority: &Certificate,
    left: &PolicyCountdown,
    graph: &mut PolicyGraph,
    budget: &mut ValidationBudget,
) -> Result<(), ChainError> {
    let mappings = authority.policy_mappings();
    let has_any_policy =
        |mapping: &PolicyMapping| [mapping.issuer_domain, mapping.subject_domain].contains(&ANY_POLICY);
    if mappings.iter().any(has_any_policy) {
        return refuse(index, authority, PathViolation::AnyPolicyMapped);
    }
    let mapping = if left.policy_mapping == 0 { MappingMode::Inhibited } else { MappingMode::Allowed };
    let too_many = |_: BudgetExceeded| ChainError::new(index, authority, PathViolation::TooManyPolicies);
    graph.map(mappings, mapping, budget).map_err(too_many)
}

/// Completes the path: RFC 5280 6.1.5 a, b and g, and the requirements of the rule.
fn conclude(
    path: &CandidatePath<'_>,
    rule: &ValidationRule,
    left: &PolicyCountdown,
    graph: &PolicyGraph,
    lost: Option<(usize, &Certificate)>,
) -> Result<ValidPolicies, ChainError> {
    let policies = ValidPolicies { policies: graph.policies_of_anchor() }.within(&rule.initial_policies);
    let is_explicit =
        left.explicit_policy <= 1 || path.leaf.policy_constraints().require_explicit_policy == Some(0);
    let (index, certificate) = lost.unwrap_or((0, path.leaf));
    if is_explicit && policies.as_slice().is_empty() {
        return refuse(index, certificate, PathViolation::NoPolicy);
    }
    let demanded = &rule.certificate_policies;
    if !demanded.is_empty() && !demanded.iter().any(|policy| policies.admit(*policy)) {
        return refuse(index, certificate, PathViolation::CertificatePolicy);
    }
    Ok(policies)
}
