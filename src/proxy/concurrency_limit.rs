//! Bounds concurrent authentications, those that wait, and the time of each.
//!
//! One client gets at most half of the slots, and clients take turns, so that one that presents many credentials does
//! not delay one that presents a single one.

use crate::limits::AddressKey;
use crate::limits::scheduling::{ClientRank, FairSlots, SlotLimits, SlotRequest};
use std::time::Duration;
use tokio::time::timeout;

/// How many may wait for each place; the next is turned away at once, since its turn would come too late.
const WAITING_PER_PLACE: usize = 8;

/// The places of one kind of credentials.
#[derive(Debug)]
pub(super) struct ConcurrencyLimit {
    places: FairSlots,
    limit: Duration,
}

/// Why something was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LimitError {
    /// It took longer than this.
    Timeout(Duration),
    /// Too much else waits.
    Overloaded,
}

impl ConcurrencyLimit {
    /// `limit` for each in all, waiting included; `places` at once.
    pub(super) fn new(limit: Duration, places: usize) -> Self {
        let waiting = places.saturating_mul(WAITING_PER_PLACE);
        Self {
            places: FairSlots::new(SlotLimits {
                slots: places,
                slots_per_client: places.div_ceil(2),
                waiting,
                waiting_per_client: waiting.div_ceil(2),
            }),
            limit,
        }
    }

    /// Does `work` for this client when its turn has come.
    ///
    /// # Errors
    /// Where it does not come in time, or the work does not end in time. The work is dropped then.
    pub(super) async fn within<T>(
        &self,
        (client, rank): (AddressKey, ClientRank),
        work: impl Future<Output = T>,
    ) -> Result<T, LimitError> {
        self.in_time(async {
            let turn = SlotRequest { client, rank, work: 0 };
            let _place = self.places.acquire(turn).await.map_err(|_| LimitError::Overloaded)?;
            Ok(work.await)
        })
        .await
    }

    /// Does `work`, which takes a place where it needs one.
    ///
    /// # Errors
    /// The work's own, and where it does not end in time. The work is dropped then.
    pub(super) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, LimitError>>,
    ) -> Result<T, LimitError> {
        timeout(self.limit, work).await.unwrap_or(Err(LimitError::Timeout(self.limit)))
    }

    /// The time that each has in all.
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
    async fn what_gets_no_place_in_time_is_not_judged() {
        let places = ConcurrencyLimit::new(LIMIT * 2, 1);
        let mut held = pin!(places.within(client(1), pending::<()>()));
        tokio::select! {
            biased;
            _ = &mut held => panic!("the work ended"),
            () = std::future::ready(()) => {}
        }
        let waiting = ConcurrencyLimit { limit: LIMIT, places: places.places.clone() };
        assert_eq!(waiting.within(client(2), async {}).await, Err(LimitError::Timeout(LIMIT)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_in_time_is_not_judged() {
        let places = ConcurrencyLimit::new(LIMIT, 1);
        assert_eq!(places.within(client(1), pending::<()>()).await, Err(LimitError::Timeout(LIMIT)));
    }

    #[tokio::test]
    async fn a_client_that_fills_its_half_of_the_line_leaves_the_other_half_to_others() {
        let places = ConcurrencyLimit::new(LIMIT, 2);
        let mut line: Vec<_> = (0..9).map(|_| Box::pin(places.within(client(1), pending::<()>()))).collect();
        for waiting in &mut line {
            tokio::select! {
                biased;
                _ = waiting => panic!("the work ended"),
                () = std::future::ready(()) => {}
            }
        }
        assert_eq!(places.within(client(1), async {}).await, Err(LimitError::Overloaded));
        assert_eq!(places.within(client(2), async {}).await, Ok(()));
    }

    #[tokio::test]
    async fn a_place_is_free_again_afterwards() {
        let places = ConcurrencyLimit::new(LIMIT, 1);
        for turn in 0..20 {
            assert_eq!(places.within(client(1), async { turn }).await, Ok(turn));
        }
    }
}
