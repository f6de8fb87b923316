//! How many credentials are judged at once, how many wait for their turn, and how long one of them may take in all.

use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::timeout;

/// How many may wait for each place; the next is turned away at once, since its turn would come too late.
const WAITING_PER_PLACE: usize = 8;

/// The places of one kind of credentials.
#[derive(Debug)]
pub(super) struct Places {
    places: Semaphore,
    /// Those judged now and those that wait for a place.
    admitted: Semaphore,
    limit: Duration,
}

/// Why something was not judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotJudged {
    /// It took longer than this.
    Timeout(Duration),
    /// Too much else waits.
    Overloaded,
}

impl Places {
    /// `limit` for each in all, waiting included; `places` at once.
    pub(super) fn new(limit: Duration, places: usize) -> Self {
        let admitted = places.saturating_mul(1 + WAITING_PER_PLACE).min(Semaphore::MAX_PERMITS);
        Self { places: Semaphore::new(places), admitted: Semaphore::new(admitted), limit }
    }

    /// Does `work` when its turn has come.
    ///
    /// # Errors
    /// Where it does not come in time, or the work does not end in time. The work is dropped then.
    pub(super) async fn within<T>(&self, work: impl Future<Output = T>) -> Result<T, NotJudged> {
        let _admitted = self.admitted.try_acquire().map_err(|_| NotJudged::Overloaded)?;
        self.in_time(async {
            let _place = self.places.acquire().await.map_err(|_| NotJudged::Overloaded)?;
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
        work: impl Future<Output = Result<T, NotJudged>>,
    ) -> Result<T, NotJudged> {
        timeout(self.limit, work).await.unwrap_or(Err(NotJudged::Timeout(self.limit)))
    }

    /// The time that each has in all.
    pub(super) fn limit(&self) -> Duration {
        self.limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn what_gets_no_place_in_time_is_not_judged() {
        let places = Places::new(LIMIT, 1);
        let _held = places.places.acquire().await.unwrap();
        assert_eq!(places.within(async {}).await, Err(NotJudged::Timeout(LIMIT)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_end_in_time_is_not_judged() {
        let places = Places::new(LIMIT, 1);
        assert_eq!(places.within(std::future::pending::<()>()).await, Err(NotJudged::Timeout(LIMIT)));
    }

    #[tokio::test]
    async fn what_is_beyond_the_queue_is_turned_away_at_once() {
        let places = Places::new(LIMIT, 1);
        let _full = places.admitted.acquire_many(9).await.unwrap();
        assert_eq!(places.within(async {}).await, Err(NotJudged::Overloaded));
    }

    #[tokio::test]
    async fn a_place_is_free_again_afterwards() {
        let places = Places::new(LIMIT, 1);
        for turn in 0..20 {
            assert_eq!(places.within(async { turn }).await, Ok(turn));
        }
    }
}
