//! A limit on concurrent operations, and on how many wait for one to end.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The limit of one kind of operation.
#[derive(Debug)]
pub(super) struct OperationLimit {
    /// Running and waiting operations.
    admitted: Semaphore,
    running: Semaphore,
}

/// Permission to run one operation, until it is dropped.
#[derive(Debug)]
pub(super) struct OperationPermit<'a> {
    _admitted: SemaphorePermit<'a>,
    _running: SemaphorePermit<'a>,
}

/// As many operations wait as may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

impl OperationLimit {
    /// At least one operation may run, or none would ever end.
    pub(super) fn new(running: usize, waiting: usize) -> Self {
        let running = running.clamp(1, Semaphore::MAX_PERMITS / 2);
        let admitted = running + waiting.min(Semaphore::MAX_PERMITS / 2);
        Self { admitted: Semaphore::new(admitted), running: Semaphore::new(running) }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// At once, if as many operations wait as may.
    pub(super) async fn acquire(&self) -> Result<OperationPermit<'_>, QueueFull> {
        let admitted = self.admitted.try_acquire().map_err(|_| QueueFull)?;
        let running = self.running.acquire().await.map_err(|_| QueueFull)?;
        Ok(OperationPermit { _admitted: admitted, _running: running })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_operation_is_rejected_at_once_if_the_queue_is_full() {
        let limit = OperationLimit::new(1, 1);
        let first = limit.acquire().await.unwrap();
        let mut second = Box::pin(limit.acquire());
        let poll = std::future::poll_fn(|context| std::task::Poll::Ready(second.as_mut().poll(context)));
        assert!(poll.await.is_pending());
        assert_eq!(limit.acquire().await.err(), Some(QueueFull));
        drop(first);
        assert!(second.await.is_ok());
        assert!(limit.acquire().await.is_ok());
    }
}
