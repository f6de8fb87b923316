//! How many questions a directory is asked at once, and how many may wait.

use tokio::sync::{Semaphore, SemaphorePermit};

/// No room is left, not even to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full;

/// The places of one kind of question.
#[derive(Debug)]
pub(super) struct OperationLimit {
    /// Those under way and those that wait.
    present: Semaphore,
    under_way: Semaphore,
}

/// A question's place. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    _present: SemaphorePermit<'a>,
    _under_way: SemaphorePermit<'a>,
}

impl OperationLimit {
    /// At least one may be under way: of none nothing would ever come.
    pub(super) fn new(under_way: usize, waiting: usize) -> Self {
        let under_way = under_way.clamp(1, Semaphore::MAX_PERMITS / 2);
        let present = under_way + waiting.min(Semaphore::MAX_PERMITS / 2);
        Self { present: Semaphore::new(present), under_way: Semaphore::new(under_way) }
    }

    /// Waits for a place, where there is room to wait.
    pub(super) async fn enter(&self) -> Result<Place<'_>, Full> {
        let present = self.present.try_acquire().map_err(|_| Full)?;
        let under_way = self.under_way.acquire().await.map_err(|_| Full)?;
        Ok(Place { _present: present, _under_way: under_way })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn whoever_finds_no_room_to_wait_is_turned_away_at_once() {
        let admission = OperationLimit::new(1, 1);
        let first = admission.enter().await.unwrap();
        let mut second = Box::pin(admission.enter());
        let poll = std::future::poll_fn(|context| std::task::Poll::Ready(second.as_mut().poll(context)));
        assert!(poll.await.is_pending());
        assert_eq!(admission.enter().await.err(), Some(Full));
        drop(first);
        assert!(second.await.is_ok());
        assert!(admission.enter().await.is_ok());
    }
}
