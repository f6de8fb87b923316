//! The limits of running and of waiting operations.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The limits of one kind of operation.
#[derive(Debug)]
pub(super) struct OperationLimit {
    /// A permit for each operation that is running or waiting.
    admitted: Semaphore,
    running: Semaphore,
}

/// A permit to run one operation, released on drop.
#[derive(Debug)]
pub(super) struct OperationPermit<'a> {
    _admitted: SemaphorePermit<'a>,
    _running: SemaphorePermit<'a>,
}

/// The limit of waiting operations is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct QueueFull;

impl OperationLimit {
    /// Creates the limits. At least one operation can run, since with a limit of zero every operation would wait
    /// forever.
    pub(super) fn new(running: usize, waiting: usize) -> Self {
        let running = running.clamp(1, Semaphore::MAX_PERMITS / 2);
        let admitted = running + waiting.min(Semaphore::MAX_PERMITS / 2);
        Self { admitted: Semaphore::new(admitted), running: Semaphore::new(running) }
    }

    /// Waits for a permit.
    ///
    /// # Errors
    /// [`QueueFull`] immediately if the limit of waiting operations is reached.
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
