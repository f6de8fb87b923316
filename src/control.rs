//! The control runtime: one asynchronous runtime for all work except requests. The admin listeners, directory
//! queries, CRL refresh and reload run on it; workers have runtimes of their own, so that none of these delays a request.

use std::io;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Threads of the runtime. Two, so that a probe of `/livez` is answered while the other thread parses a response.
/// Reading files and decoding large CRLs is moved to threads for blocking work.
const THREADS: usize = 2;

/// A runtime that starts with its first use. Clones share it; it ends with the last of them.
#[derive(Clone, Debug, Default)]
pub struct ControlRuntime(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared(Mutex<Option<Runtime>>);

impl ControlRuntime {
    /// Returns a handle to the runtime, which is started if necessary.
    ///
    /// # Errors
    /// The system provides no thread or no event queue.
    pub fn handle(&self) -> io::Result<Handle> {
        let mut runtime = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(runtime) = &*runtime {
            return Ok(runtime.handle().clone());
        }
        let started = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("control")
            .enable_all()
            .build()?;
        let handle = started.handle().clone();
        *runtime = Some(started);
        Ok(handle)
    }
}

/// Work that runs on the control runtime until it is stopped or dropped.
#[derive(Debug)]
pub struct ControlTask {
    stopping: CancellationToken,
    /// In a lock only to be `Sync`.
    ended: Mutex<mpsc::Receiver<()>>,
    /// Keeps the runtime while the work runs.
    _control: ControlRuntime,
}

/// The work of a [`ControlTask`] panicked; the panic hook has reported why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a background task panicked")]
pub struct TaskPanicked;

impl ControlRuntime {
    /// Starts `work`, which is to end when its token is cancelled.
    ///
    /// # Errors
    /// As [`ControlRuntime::handle`].
    pub fn start<Work>(&self, work: impl FnOnce(CancellationToken) -> Work) -> io::Result<ControlTask>
    where
        Work: Future<Output = ()> + Send + 'static,
    {
        let handle = self.handle()?;
        let stopping = CancellationToken::new();
        let (end, ended) = mpsc::channel();
        let work = work(stopping.clone());
        handle.spawn(async move {
            work.await;
            // The task may have been dropped without being stopped.
            end.send(()).ok();
        });
        Ok(ControlTask { stopping, ended: Mutex::new(ended), _control: self.clone() })
    }
}

impl ControlTask {
    /// Stops the work and blocks until it has ended.
    ///
    /// # Errors
    /// The work panicked.
    pub fn stop(self) -> Result<(), TaskPanicked> {
        self.stopping.cancel();
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        ended.recv().map_err(|_| TaskPanicked)
    }
}

impl Drop for ControlTask {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

/// Starts tasks on the control runtime that end with their owner: all of them are cancelled when this is dropped.
///
/// The drop does not wait for them. A task that is computing ends at its next `await`, on another thread.
#[derive(Debug)]
pub(crate) struct ControlTasks {
    control: ControlRuntime,
    cancellation: CancellationToken,
}

impl ControlTasks {
    pub(crate) fn new(control: ControlRuntime) -> Self {
        Self { control, cancellation: CancellationToken::new() }
    }

    /// Starts a task. It returns `None` if it was cancelled.
    ///
    /// # Errors
    /// As [`ControlRuntime::handle`].
    pub(crate) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> io::Result<JoinHandle<Option<T>>> {
        let cancellation = self.cancellation.clone();
        Ok(self.control.handle()?.spawn(cancellation.run_until_cancelled_owned(task)))
    }

    /// The token that is cancelled with the tasks, for those that one of them starts.
    pub(crate) fn cancellation(&self) -> &CancellationToken {
        &self.cancellation
    }
}

impl Drop for ControlTasks {
    fn drop(&mut self) {
        self.cancellation.cancel();
    }
}

impl Drop for Shared {
    /// Does not wait: a resolver that hangs must not keep the process from ending.
    fn drop(&mut self) {
        let runtime = self.0.get_mut().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(runtime) = runtime {
            runtime.shutdown_background();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_ends_when_it_is_stopped_and_reports_a_panic() {
        let control = ControlRuntime::default();
        let task = control.start(|stopping| async move { stopping.cancelled().await }).unwrap();
        assert_eq!(task.stop(), Ok(()));
        let task = control.start(|_| async { panic!("as a fault of the program would") }).unwrap();
        assert_eq!(task.stop(), Err(TaskPanicked));
    }

    #[tokio::test]
    async fn tasks_end_when_their_owner_is_dropped_and_the_runtime_goes_on() {
        let control = ControlRuntime::default();
        let tasks = ControlTasks::new(control.clone());
        assert_eq!(tasks.spawn(async { 7 }).unwrap().await.unwrap(), Some(7));
        let endless = tasks.spawn(std::future::pending::<()>()).unwrap();
        drop(tasks);
        assert_eq!(endless.await.unwrap(), None);
        assert_eq!(control.handle().unwrap().spawn(async { 7 }).await.unwrap(), 7);
    }

    #[tokio::test]
    async fn the_runtime_starts_with_its_first_use_and_ends_with_its_last_clone() {
        let control = ControlRuntime::default();
        assert!(control.0.0.lock().unwrap().is_none());
        let (alive, ended) = tokio::sync::oneshot::channel::<()>();
        control.clone().handle().unwrap().spawn(async move {
            std::future::pending::<()>().await;
            drop(alive);
        });
        drop(control);
        assert!(ended.await.is_err(), "the task ended with the runtime");
    }
}
