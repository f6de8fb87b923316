//! Rejects requests beyond the limits of the client's address or account.

use super::lifetime::ConnectionLifetime;
use super::record::RequestRecord;
use super::state::SharedState;
use crate::limits::{AccountKey, RateExceeded, RequestBudget, RequestInFlight, RequestLimit, RequestRate};
use crate::policy::{Denial, DenialId, Permit};
use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

/// The rejection of a request beyond a limit.
#[derive(Debug)]
pub(super) struct RateLimitDenial {
    pub(super) denial: Denial,
    /// Whether the request has an audit record. One per second has.
    pub(super) recorded: bool,
}

impl RateLimitDenial {
    /// Returns the denial. Marks `record` as one that is not written, if another one was written within the last second.
    pub(super) fn into_denial(self, record: &mut RequestRecord) -> Denial {
        if !self.recorded {
            record.unwritten(self.denial.id());
        }
        self.denial
    }
}

/// The budget of the account of the connection's last request. The next request of the account needs no lookup.
#[derive(Debug, Default)]
pub(super) struct AccountBudget(RefCell<Option<(AccountKey, Arc<RequestBudget>)>>);

/// Takes one request from the budget of the client's address.
pub(super) fn of_address(lifetime: &ConnectionLifetime) -> Result<(), RateLimitDenial> {
    match lifetime.budget() {
        Some(budget) => budget.take().map_err(|exceeded| excess(&exceeded, "the client's address")),
        None => Ok(()),
    }
}

/// Counts a request in progress for the client's address. A trusted address has no limit.
pub(super) fn in_flight(lifetime: &ConnectionLifetime) -> Result<Option<RequestInFlight>, RateLimitDenial> {
    let counted = lifetime.budget().map(RequestBudget::begin).transpose();
    counted.map_err(|exceeded| excess(&exceeded, "the client's address"))
}

impl AccountBudget {
    /// Takes one request from the budget of the permitted account, if there is one.
    ///
    /// # Errors
    /// `rate-limited`. The record is not written if another one was written within the last second.
    pub(super) fn take(
        &self,
        permit: &Permit,
        lifetime: &ConnectionLifetime,
        state: &SharedState,
        record: &mut RequestRecord,
    ) -> Result<(), Denial> {
        let Some(identity) = permit.identity() else { return Ok(()) };
        lifetime.authenticated();
        let key = state.account_key(identity.account());
        let rate = state.snapshot.load().limits.account_requests;
        let exceeded = match self.budget(key, rate, state).take() {
            Ok(()) => return Ok(()),
            Err(exceeded) => exceeded,
        };
        Err(excess(&exceeded, "the account").into_denial(record))
    }

    /// Takes one request from the budget of the account that was used last on this connection.
    pub(super) fn take_again(&self) -> Result<(), RateLimitDenial> {
        match &*self.0.borrow() {
            Some((_, budget)) => budget.take().map_err(|exceeded| excess(&exceeded, "the account")),
            None => Ok(()),
        }
    }

    /// Counts a request in progress for the account that was used last on this connection, or for the client's address if there
    /// is none.
    pub(super) fn in_flight(
        &self,
        lifetime: &ConnectionLifetime,
    ) -> Result<Option<RequestInFlight>, RateLimitDenial> {
        match &*self.0.borrow() {
            Some((_, budget)) => {
                budget.begin().map(Some).map_err(|exceeded| excess(&exceeded, "the account"))
            }
            None => in_flight(lifetime),
        }
    }

    /// Selects the budget of `account`, before the first request of the connection is authenticated.
    pub(super) fn recall(&self, account: AccountKey, state: &SharedState) {
        drop(self.budget(account, state.snapshot.load().limits.account_requests, state));
    }

    fn budget(&self, key: AccountKey, rate: RequestRate, state: &SharedState) -> Arc<RequestBudget> {
        let mut last = self.0.borrow_mut();
        match &*last {
            Some((known, budget)) if *known == key && budget.rate() == rate => Arc::clone(budget),
            Some(_) | None => {
                let budget = state.accounts.budget(key, rate);
                *last = Some((key, Arc::clone(&budget)));
                budget
            }
        }
    }
}

fn excess(exceeded: &RateExceeded, of: &str) -> RateLimitDenial {
    let mut detail = match exceeded.limit {
        RequestLimit::PerSecond(rate) => format!("{of} sent more than {} requests per second", rate.get()),
        RequestLimit::InFlight(most) => format!("{of} has {most} requests in progress"),
    };
    if let Some(unrecorded @ 1..) = exceeded.record {
        detail.push_str(&format!("; {unrecorded} more were rejected since the last record"));
    }
    // A request that is repeated at once would be rejected again.
    let wait = exceeded.retry_after.max(Duration::from_secs(1));
    let denial = Denial::new(DenialId::RateLimited, detail).with_retry_after(wait);
    RateLimitDenial { denial, recorded: exceeded.record.is_some() }
}
