//! Counts the work that is spent on one chain and says when it is enough. Never measures time: the same chain is
//! judged alike on every machine.

/// The most policies, mappings among them, that are followed for one chain (RUSTSEC-2023-0052, RFC 9618).
pub const MAX_POLICY_NODES: usize = 5_000;
/// The most comparisons of a name with a name constraint for one chain, each begun 64 bytes of the name counted.
pub const MAX_NAME_COMPARISONS: usize = 100_000;
/// The most issuers that are tried for one chain. Most of these tries meet a signature that was verified before.
const MAX_STEPS: usize = 1_000;

/// The work spent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Budget {
    pub(super) steps: usize,
    pub(super) policy_nodes: usize,
    pub(super) name_comparisons: usize,
}

/// The chain asks for more work than is spent on one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BudgetExceeded;

impl Budget {
    pub(super) fn step(&mut self) -> Result<(), BudgetExceeded> {
        spend(&mut self.steps, 1, MAX_STEPS)
    }

    pub(super) fn policy_nodes(&mut self, count: usize) -> Result<(), BudgetExceeded> {
        spend(&mut self.policy_nodes, count, MAX_POLICY_NODES)
    }

    pub(super) fn name_comparisons(&mut self, count: usize) -> Result<(), BudgetExceeded> {
        spend(&mut self.name_comparisons, count, MAX_NAME_COMPARISONS)
    }
}

/// What does not fit is not begun; nor is anything after it.
fn spend(spent: &mut usize, count: usize, limit: usize) -> Result<(), BudgetExceeded> {
    let sum = spent.saturating_add(count);
    if sum > limit {
        *spent = limit;
        return Err(BudgetExceeded);
    }
    *spent = sum;
    Ok(())
}
