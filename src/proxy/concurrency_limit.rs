//! Limits on concurrent authentications: the number in progress, the number that wait, and the time of each.
//!
//! One client gets at most half of the slots, and clients take turns, so that a client with many credentials does not delay a
//! client with one.

use crate::limits::AddressKey;
use crate::limits::scheduling::{ClientRank, FairSlots, SlotLimits, SlotRequest};
use std::time::Duration;
use tokio::time::timeout;

/// The number of authentications that may wait for each slot. The next one is rejected at once, because it would time out.
const WAITING_PER_SLOT: usize = 8;

/// The concurrency limit for one kind of credential.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    slots: FairSlots,
    limit: Duration,
}

/// The reason why an authentication did not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitError {
    /// The authentication took longer than this.
    Timeout(Duration),
    /// Too many other authentications wait.
    Overloaded,
}

impl ConcurrencyLimit {
    /// Creates a limit with this number of slots. `limit` is the timeout of an authentication, including its wait for a slot.
    pub(super) fn new(limit: Duration, slots: usize) -> Self {
        let waiting = slots.saturating_mul(WAITING_PER_SLOT);
        Self {
            slots: FairSlots::new(SlotLimits {
                slots,
                slots_per_client: slots.div_ceil(2),
                waiting,
                waiting_per_client: waiting.div_ceil(2),
            }),
            limit,
        }
    }

    /// Runs `work` for this client in a slot and returns its result.
    ///
    /// # Errors
    /// Too many others wait, or the work does not complete in time and is dropped.
    pub(super) async fn within<T>(
        &self,
        (client, rank): (AddressKey, ClientRank),
        work: impl Future<Output = T>,
    ) -> Result<T, LimitError> {
        self.in_time(async {
            let turn = SlotRequest { client, rank, work: 0 };
            let _slot = self.slots.acquire(turn).await.map_err(|_| LimitError::Overloaded)?;
            Ok(work.await)
        })
        .await
    }

    /// Runs `work`, which gets a slot when it needs one, and returns its result.
    ///
    /// # Errors
    /// Those of the work, or a timeout, at which the work is dropped.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, LimitError>>,
    ) -> Result<T, LimitError> {
        timeout(self.limit, work).await.unwrap_or(Err(LimitError::Timeout(self.limit)))
    }

    /// Returns the timeout of an authentication.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::pin::pin;

    const LIMIT: Duration = Duration::from_secs(10);

    fn client(last: u8) -> (AddressKey, ClientRank) {
        (AddressKey::of([192, 0, 2, last].into(), 64), ClientRank::Normal)
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_gets_no_slot_in_time_does_not_run() {
        let slots = ConcurrencyLimit::new(LIMIT * 2, 1);
        let mut held = pin!(slots.within(client(1), pending::<()>()));
        tokio::select! {
            biased;
            _ = &mut held => panic!("the work ended"),
            () = std::future::ready(()) => {}
        }
        let waiting = ConcurrencyLimit { limit: LIMIT, slots: slots.slots.clone() };
        assert_eq!(waiting.within(client(2), async {}).await, Err(LimitError::Timeout(LIMIT)));
    }

    #[tokio::test(start_paused = true)]
    async fn work_that_does_not_complete_in_time_is_dropped() {
        let slots = ConcurrencyLimit::new(LIMIT, 1);
        assert_eq!(slots.within(client(1), pending::<()>()).await, Err(LimitError::Timeout(LIMIT)));
    }

    #[tokio::test]
    async fn one_client_can_fill_only_half_of_the_queue() {
        let slots = ConcurrencyLimit::new(LIMIT, 2);
        let mut line: Vec<_> = (0..9).map(|_| Box::pin(slots.within(client(1), pending::<()>()))).collect();
        for waiting in &mut line {
            tokio::select! {
                biased;
                _ = waiting => panic!("the work ended"),
                () = std::future::ready(()) => {}
            }
        }
        assert_eq!(slots.within(client(1), async {}).await, Err(LimitError::Overloaded));
        assert_eq!(slots.within(client(2), async {}).await, Ok(()));
    }

    #[tokio::test]
    async fn a_slot_is_free_when_its_work_has_completed() {
        let slots = ConcurrencyLimit::new(LIMIT, 1);
        for turn in 0..20 {
            assert_eq!(slots.within(client(1), async { turn }).await, Ok(turn));
        }
    }
}
