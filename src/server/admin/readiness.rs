//! Readiness: combines the conditions of the parts of the gateway into one.

use arc_swap::ArcSwap;
use std::sync::Arc;

/// All that must hold before requests may come. Clones share the same conditions; reading takes no lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<ArcSwap<Vec<ReadinessCondition>>>);

impl Readiness {
    /// Adds a condition, which does not hold until [`ReadinessCondition::set`] says so. `otherwise` is the line that an operator
    /// reads until then: "the configuration is not loaded".
    #[must_use]
    pub(crate) fn condition(&self, otherwise: impl Into<String>) -> ReadinessCondition {
        let condition = ReadinessCondition(Arc::new(ArcSwap::from_pointee(ConditionState {
            otherwise: otherwise.into(),
            holds: false,
        })));
        self.0.rcu(|conditions| {
            let mut conditions = conditions.to_vec();
            conditions.push(condition.clone());
            conditions
        });
        condition
    }

    /// What stands in the way, a line each; nothing when ready. A gate that was never given a condition is not ready.
    pub(crate) fn obstacles(&self) -> Vec<String> {
        let conditions = self.0.load();
        if conditions.is_empty() {
            return vec!["nothing has been started".to_owned()];
        }
        let states = conditions.iter().map(|condition| condition.0.load());
        states.filter(|state| !state.holds).map(|state| state.otherwise.clone()).collect()
    }
}

/// One thing that must hold before requests may come. Clones speak for the same thing.
#[derive(Clone, Debug)]
pub(crate) struct ReadinessCondition(Arc<ArcSwap<ConditionState>>);

/// Whether it holds, and what is read where it does not.
#[derive(Clone, Debug)]
struct ConditionState {
    otherwise: String,
    holds: bool,
}

impl ReadinessCondition {
    /// Says whether it holds from now on.
    pub(crate) fn set(&self, holds: bool) {
        self.0.rcu(|state| ConditionState { holds, otherwise: state.otherwise.clone() });
    }

    /// Says that it does not hold, and what is read now.
    pub(crate) fn obstacle(&self, otherwise: impl Into<String>) {
        self.0.store(Arc::new(ConditionState { holds: false, otherwise: otherwise.into() }));
    }

    /// Whether it holds.
    pub(crate) fn holds(&self) -> bool {
        self.0.load().holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gate_without_conditions_is_not_ready() {
        assert_eq!(Readiness::default().obstacles(), ["nothing has been started"]);
    }

    #[test]
    fn a_gate_is_ready_when_all_conditions_hold_and_names_those_that_do_not() {
        let readiness = Readiness::default();
        let loaded = readiness.condition("the configuration is not loaded");
        let listening = readiness.clone().condition("the listeners are not open");
        loaded.set(true);
        assert_eq!(readiness.obstacles(), ["the listeners are not open"]);
        listening.set(true);
        assert!(readiness.obstacles().is_empty());
        loaded.set(false);
        assert_eq!(readiness.obstacles(), ["the configuration is not loaded"]);
    }

    #[test]
    fn a_condition_may_say_more_than_at_first() {
        let readiness = Readiness::default();
        let crls = readiness.condition("the CRLs were not looked at");
        crls.obstacle("the CRL of CN=Root is stale");
        assert_eq!(readiness.obstacles(), ["the CRL of CN=Root is stale"]);
        crls.set(true);
        assert!(crls.holds() && readiness.obstacles().is_empty());
    }
}
