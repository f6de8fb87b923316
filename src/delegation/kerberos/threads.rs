//! A few threads of its own for a library whose calls block, with a bounded queue before them.
//!
//! A caller stops waiting when it likes; the thread goes on to the end of its call, since nothing can stop that. What
//! nobody waits for any more is not begun. The threads end when this is dropped and the queue has run empty; nobody
//! waits for that, as the last call may hang for as long as a KDC does.

use super::error::DelegationError;
use std::io;
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

/// A question, with the way back for its answer in it.
type Job<State> = Box<dyn FnOnce(&mut State) + Send>;

/// The threads' end of the queue.
type Queue<State> = Mutex<Receiver<Job<State>>>;

/// KdcThreads that each have a `State` of their own.
pub(super) struct KdcThreads<State> {
    jobs: SyncSender<Job<State>>,
}

impl<State: 'static> KdcThreads<State> {
    /// Starts `count` threads before which at most `queue` questions wait.
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

    /// What `question` answers, on one of the threads.
    ///
    /// # Errors
    ///
    /// The queue is full.
    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&mut State) -> T + Send + 'static,
    ) -> Result<T, DelegationError> {
        let (answer, answered) = oneshot::channel();
        let job: Job<State> = Box::new(move |state| {
            if !answer.is_closed() {
                // Who asked may have left while the thread was at it.
                drop(answer.send(question(state)));
            }
        });
        self.jobs.try_send(job).map_err(|refused| match refused {
            TrySendError::Full(_) => DelegationError::Busy,
            TrySendError::Disconnected(_) => lost(),
        })?;
        answered.await.map_err(|_| lost())
    }
}

fn lost() -> DelegationError {
    DelegationError::NoThread(Arc::new(io::Error::other("the thread that was asked has ended")))
}

fn work<State>(queue: &Queue<State>, state: &mut State) {
    loop {
        // The lock is held while waiting, and let go before the work; the others wait for it instead of for the queue.
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
    async fn each_thread_keeps_its_state_between_questions() {
        let threads = KdcThreads::start(ONE, 1, || 0_u32).unwrap();
        for expected in 1..=3 {
            let count = |state: &mut u32| {
                *state += 1;
                *state
            };
            assert_eq!(threads.ask(count).await.unwrap(), expected);
        }
    }

    #[tokio::test]
    async fn a_full_queue_is_said_at_once_and_what_nobody_waits_for_is_not_begun() {
        let threads = KdcThreads::start(ONE, 1, Vec::new).unwrap();
        let (let_go, held) = channel::<()>();
        let (began, begun) = oneshot::channel();
        let hold = threads.ask(move |_: &mut Vec<&str>| {
            began.send(()).unwrap();
            held.recv().unwrap();
        });
        let rest = async {
            begun.await.unwrap();
            {
                let abandoned = threads.ask(|state| state.push("abandoned"));
                tokio::pin!(abandoned);
                tokio::select! {
                    biased;
                    _ = &mut abandoned => unreachable!("the thread is held"),
                    () = std::future::ready(()) => {}
                }
                let refused = threads.ask(|state| state.push("refused")).await;
                assert!(matches!(refused, Err(DelegationError::Busy)));
            }
            let_go.send(()).unwrap();
        };
        let (held, ()) = tokio::join!(hold, rest);
        held.unwrap();
        // The thread takes the abandoned question out of the queue before there is room for this one.
        let begun = loop {
            match threads.ask(|state| state.clone()).await {
                Ok(begun) => break begun,
                Err(_) => tokio::task::yield_now().await,
            }
        };
        assert_eq!(begun, Vec::<&str>::new());
    }

    #[tokio::test]
    async fn a_thread_that_is_lost_is_an_error_and_no_hang() {
        let threads = KdcThreads::start(ONE, 1, || ()).unwrap();
        let lost = threads.ask(|()| std::panic::resume_unwind(Box::new("lost"))).await;
        let lost: Result<(), _> = lost;
        assert!(matches!(lost, Err(DelegationError::NoThread(_))));
    }
}
