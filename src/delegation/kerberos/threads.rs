//! Threads for blocking calls of the Kerberos library, with a bounded queue.
//!
//! A caller may stop waiting at any time. Its call then runs to its end, because a blocking call cannot be interrupted;
//! a queued call without a caller is not run. The threads end after the queue is dropped and empty. The drop does not
//! wait for them, because the last call may block for as long as a KDC hangs.

use super::error::DelegationError;
use std::io;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// A call, with the channel for its result.
type Job<State> = Box<dyn FnOnce(&mut State) + Send>;

/// The receiving end of the queue, shared by the threads.
type Queue<State> = Mutex<Receiver<Job<State>>>;

/// Threads, each of which has its own `State`.
pub(super) struct KdcThreads<State> {
    jobs: SyncSender<Job<State>>,
}

impl<State: 'static> KdcThreads<State> {
    /// Starts `count` threads with a queue of this length.
    pub(super) fn start(
        count: NonZeroUsize,
        queue: usize,
        state: impl Fn() -> State + Clone + Send + 'static,
    ) -> io::Result<Self> {
        let (jobs, waiting) = sync_channel(queue);
        let waiting: Arc<Queue<State>> = Arc::new(Mutex::new(waiting));
        for number in 0..count.get() {
            let (waiting, state) = (Arc::clone(&waiting), state.clone());
            let thread = std::thread::Builder::new().name(format!("kerberos-{number}"));
            drop(thread.spawn(move || work(&waiting, &mut state()))?);
        }
        Ok(Self { jobs })
    }

    /// Runs a call on one of the threads and returns its result.
    ///
    /// # Errors
    ///
    /// The queue is full.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, DelegationError> {
        let (result, received) = oneshot::channel();
        let job: Job<State> = Box::new(move |state| {
            if !result.is_closed() {
                // The caller may stop waiting while the call runs.
                drop(result.send(call(state)));
            }
        });
        self.jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => DelegationError::Busy,
            TrySendError::Disconnected(_) => lost(),
        })?;
        received.await.map_err(|_| lost())
    }
}

fn lost() -> DelegationError {
    DelegationError::NoThread(Arc::new(io::Error::other("the thread has ended")))
}

fn work<State>(queue: &Queue<State>, state: &mut State) {
    loop {
        // One idle thread waits for the queue and holds the lock, the others wait for the lock. It is released before the
        // call.
        let job = queue.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        job(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    const ONE: NonZeroUsize = NonZeroUsize::MIN;

    #[tokio::test]
    async fn a_thread_keeps_its_state_between_calls() {
        let threads = KdcThreads::start(ONE, 1, || 0_u32).unwrap();
        for expected in 1..=3 {
            let count = |state: &mut u32| {
                *state += 1;
                *state
            };
            assert_eq!(threads.run(count).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_an_error_at_once_and_an_abandoned_call_is_not_begun() {
        let threads = KdcThreads::start(ONE, 1, Vec::new).unwrap();
        let (let_go, held) = channel::<()>();
        let (began, begun) = oneshot::channel();
        let hold = threads.run(move |_: &mut Vec<&str>| {
            began.send(()).unwrap();
            held.recv().unwrap();
        });
        let rest = async {
            begun.await.unwrap();
            {
                let abandoned = threads.run(|state| state.push("abandoned"));
                tokio::pin!(abandoned);
                tokio::select! {
                    biased;
                    _ = &mut abandoned => unreachable!("the thread is held"),
                    () = std::future::ready(()) => {}
                }
                let refused = threads.run(|state| state.push("refused")).await;
                assert!(matches!(refused, Err(DelegationError::Busy)));
            }
            let_go.send(()).unwrap();
        };
        let (held, ()) = tokio::join!(hold, rest);
        held.unwrap();
        // The thread takes the abandoned call from the queue before there is room for this one.
        let begun = loop {
            match threads.run(|state| state.clone()).await {
                Ok(begun) => break begun,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(begun, Vec::<&str>::new());
    }

    #[tokio::test]
    async fn a_thread_that_panics_is_an_error_and_not_a_hang() {
        let threads = KdcThreads::start(ONE, 1, || ()).unwrap();
        let lost = threads.run(|()| std::panic::resume_unwind(Box::new("lost"))).await;
        let lost: Result<(), _> = lost;
        assert!(matches!(lost, Err(DelegationError::NoThread(_))));
    }
}
