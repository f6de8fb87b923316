//! The limits on the work for one chain. They count steps and not time, so that a chain has the same verdict on every
//! machine.

/// The maximum number of valid paths that are kept.
pub(crate) const MAX_VALID_PATHS: usize = 8;
/// The maximum number of certificates of one path, leaf and anchor included.
pub(crate) const MAX_PATH_CERTIFICATES: usize = 10;
/// The maximum number of signatures that are verified for one chain.
pub(crate) const MAX_SIGNATURE_CHECKS: usize = 64;
/// The maximum number of policies, including mapped ones, that are followed for one chain (RUSTSEC-2023-0052, RFC 9618).
pub(crate) const MAX_POLICY_NODES: usize = 5_000;
/// The maximum number of comparisons of a name with a name constraint for one chain; every 64 bytes of a name count as
/// one.
pub(crate) const MAX_NAME_COMPARISONS: usize = 100_000;
/// The maximum number of issuers that are tried for one chain. Most attempts find a signature that was verified before.
const MAX_STEPS: usize = 1_000;

/// The work done so far for one chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct ValidationBudget {
    pub(super) steps: usize,
    pub(super) policy_nodes: usize,
    pub(super) name_comparisons: usize,
}

/// The chain would take more work than the limits allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct BudgetExceeded;

impl ValidationBudget {
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

/// Adds work to a counter. Work beyond the limit is not begun, and neither is any after it.
fn spend(spent: &mut usize, count: usize, limit: usize) -> Result<(), BudgetExceeded> {
    let sum = spent.saturating_add(count);
    if sum > limit {
        *spent = limit;
        return Err(BudgetExceeded);
    }
    *spent = sum;
    Ok(())
}
