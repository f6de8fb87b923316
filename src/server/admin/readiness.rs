//! Readiness: combines the conditions of the parts of the gateway into one.

use arc_swap::ArcSwap;
use std::sync::Arc;

/// The conditions that must hold before the gateway is ready. Clones share them; reading takes no lock.
#[derive(Clone, Debug, Default)]
pub(crate) struct Readiness(Arc<ArcSwap<Vec<ReadinessCondition>>>);

impl Readiness {
    /// Adds a condition, which does not hold until [`ReadinessCondition::set`]. `otherwise` is the line of `/readyz`
    /// until then, such as "the configuration is not loaded".
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

    /// Returns the reasons why the gateway is not ready, one line each; none if it is ready. Without any condition it
    /// is not ready.
    pub(crate) fn obstacles(&self) -> Vec<String> {
        let conditions = self.0.load();
        if conditions.is_empty() {
            return vec!["the gateway has not started".to_owned()];
        }
        let states = conditions.iter().map(|condition| condition.0.load());
        states.filter(|state| !state.holds).map(|state| state.otherwise.clone()).collect()
    }
}

/// One condition of readiness. Clones share it.
#[derive(Clone, Debug)]
pub(crate) struct ReadinessCondition(Arc<ArcSwap<ConditionState>>);

/// Whether it holds, and the line of `/readyz` if it does not.
#[derive(Clone, Debug)]
struct ConditionState {
    otherwise: String,
    holds: bool,
}

impl ReadinessCondition {
    /// Sets whether it holds.
    pub(crate) fn set(&self, holds: bool) {
        self.0.rcu(|state| ConditionState { holds, otherwise: state.otherwise.clone() });
    }

    /// Sets that it does not hold, with another line for `/readyz`.
    pub(crate) fn obstacle(&self, otherwise: impl Into<String>) {
        self.0.store(Arc::new(ConditionState { holds: false, otherwise: otherwise.into() }));
    }

    /// Returns whether it holds.
    pub(crate) fn holds(&self) -> bool {
        self.0.load().holds
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_without_conditions_is_not_ready() {
        assert_eq!(Readiness::default().obstacles(), ["the gateway has not started"]);
    }

    #[test]
    fn obstacles_are_the_lines_of_the_conditions_that_do_not_hold() {
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
    fn a_condition_may_change_its_line() {
        let readiness = Readiness::default();
        let crls = readiness.condition("the CRLs have not been checked");
        crls.obstacle("the CRL of CN=Root has expired");
        assert_eq!(readiness.obstacles(), ["the CRL of CN=Root has expired"]);
        crls.set(true);
        assert!(crls.holds() && readiness.obstacles().is_empty());
    }
}
