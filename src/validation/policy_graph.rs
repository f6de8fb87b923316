//! The valid_policy_graph of RFC 9618, from the anchor down. It has one node for each policy and certificate, where the
//! tree of RFC 5280 has one for each path to it, exponentially many (CVE-2023-0464).
//!
//! The counters of RFC 5280 6.1.2 d to f are in [`super::policies`].

use std::collections::{HashMap, HashSet};

use super::budget::{BudgetExceeded, ValidationBudget};
use crate::certificate::{ANY_POLICY, ObjectIdentifier, PolicyMapping};

/// The valid_policy_graph: one layer for each certificate so far, below the root, which is anyPolicy. If the last layer
/// has no node, the graph is NULL and stays so.
pub(super) struct PolicyGraph {
    layers: Vec<GraphLayer>,
}

/// By valid_policy. No layer has two nodes of one policy.
type GraphLayer = HashMap<ObjectIdentifier, PolicyNode>;

struct PolicyNode {
    /// The expected_policy_set.
    expected: Vec<ObjectIdentifier>,
    parents: PolicyParents,
}

enum PolicyParents {
    /// The anyPolicy of the layer above: from here down, the policy is one of the anchor's domain.
    AnyPolicy,
    /// Policies of the layer above that expect this one.
    Policies(Vec<ObjectIdentifier>),
}

/// Whether anyPolicy in a certificate stands for all policies (RFC 5280 6.1.3 d.2).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum AnyPolicy {
    Counts,
    CountsForNothing,
}

/// Whether mappings are followed or end the policies that they map (RFC 5280 6.1.4 b).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum MappingMode {
    Allowed,
    Inhibited,
}

impl PolicyGraph {
    /// Returns the graph with its root only, which expects any policy (RFC 5280 6.1.2 a).
    pub(super) fn new() -> Self {
        let root = PolicyNode { expected: vec![ANY_POLICY], parents: PolicyParents::Policies(Vec::new()) };
        Self { layers: vec![GraphLayer::from([(ANY_POLICY, root)])] }
    }

    /// Returns whether no policy is valid any more.
    pub(super) fn is_null(&self) -> bool {
        self.layers.last().is_none_or(HashMap::is_empty)
    }

    /// Adds the policies of the next certificate (RFC 9618 5.2: step d of RFC 5280 6.1.3, and step e with an empty list).
    pub(super) fn descend(
        &mut self,
        policies: &[ObjectIdentifier],
        any_policy: AnyPolicy,
        budget: &mut ValidationBudget,
    ) -> Result<(), BudgetExceeded> {
        let Some(above) = self.layers.last() else { return Ok(()) };
        let mut expecting: HashMap<ObjectIdentifier, Vec<ObjectIdentifier>> = HashMap::new();
        for (policy, node) in above {
            budget.policy_nodes(node.expected.len())?;
            for expected in &node.expected {
                expecting.entry(*expected).or_default().push(*policy);
            }
        }
        let mut layer = GraphLayer::new();
        for policy in policies.iter().filter(|policy| **policy != ANY_POLICY) {
            budget.policy_nodes(1)?;
            // d.1.i; if no node expects it, d.1.ii.
            let parents = match expecting.remove(policy) {
                Some(parents) => PolicyParents::Policies(parents),
                None if above.contains_key(&ANY_POLICY) => PolicyParents::AnyPolicy,
                None => continue,
            };
            layer.entry(*policy).or_insert(PolicyNode { expected: vec![*policy], parents });
        }
        if any_policy == AnyPolicy::Counts && policies.contains(&ANY_POLICY) {
            // d.2: expected policies that are not named above continue.
            for (policy, parents) in expecting {
                let node = PolicyNode { expected: vec![policy], parents: PolicyParents::Policies(parents) };
                layer.entry(policy).or_insert(node);
            }
        }
        self.layers.push(layer);
        Ok(())
    }

    /// Applies the mappings of the last certificate (RFC 9618 5.3: step b of RFC 5280 6.1.4).
    pub(super) fn map(
        &mut self,
        mappings: &[PolicyMapping],
        mapping: MappingMode,
        budget: &mut ValidationBudget,
    ) -> Result<(), BudgetExceeded> {
        let Some(layer) = self.layers.last_mut() else { return Ok(()) };
        budget.policy_nodes(mappings.len())?;
        let mut mapped: HashMap<ObjectIdentifier, Vec<ObjectIdentifier>> = HashMap::new();
        for mapping in mappings {
            mapped.entry(mapping.issuer_domain).or_default().push(mapping.subject_domain);
        }
        let has_any_policy = layer.contains_key(&ANY_POLICY);
        for (policy, mut expected) in mapped {
            if mapping == MappingMode::Inhibited {
                layer.remove(&policy);
                continue;
            }
            let mut seen = HashSet::new();
            expected.retain(|policy| seen.insert(*policy));
            match layer.get_mut(&policy) {
                Some(node) => node.expected = expected,
                None if has_any_policy => {
                    layer.insert(policy, PolicyNode { expected, parents: PolicyParents::AnyPolicy });
                }
                None => {}
            }
        }
        Ok(())
    }

    /// Returns the valid policies in the anchor's domain, sorted (RFC 9618 5.4: step g of RFC 5280 6.1.5 with any-policy
    /// as the initial set): those of nodes that lead down to the last certificate and whose parent is anyPolicy, and
    /// anyPolicy if the last layer has it.
    pub(super) fn policies_of_anchor(&self) -> Vec<ObjectIdentifier> {
        let mut found = HashSet::new();
        let mut reached: HashSet<ObjectIdentifier> =
            self.layers.last().into_iter().flatten().map(|(policy, _)| *policy).collect();
        if reached.contains(&ANY_POLICY) {
            found.insert(ANY_POLICY);
        }
        for layer in self.layers.iter().rev() {
            let mut above = HashSet::new();
            for policy in &reached {
                match layer.get(policy).map(|node| &node.parents) {
                    // anyPolicy leads to anyPolicy itself, which is in `found` if it reaches the end.
                    Some(PolicyParents::AnyPolicy) => drop(found.insert(*policy)),
                    Some(PolicyParents::Policies(parents)) => above.extend(parents.iter().copied()),
                    None => {}
                }
            }
            reached = above;
        }
        let mut found: Vec<_> = found.into_iter().collect();
        found.sort_unstable();
        found
    }
}
