//! The signals that reload the configuration of a running command or stop it.

use crate::control::ControlRuntime;
use std::io;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalAction {
    /// SIGHUP.
    Reload,
    /// SIGTERM, or SIGINT from Ctrl-C.
    Stop,
}

/// Receives the signals of this process. A signal that arrives after construction is not lost, and does not end the
/// process.
pub(super) struct SignalReceiver {
    control: Handle,
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl SignalReceiver {
    pub(super) fn new(control: &ControlRuntime) -> io::Result<Self> {
        let control = control.handle()?;
        let context = control.enter();
        let hangup = signal(SignalKind::hangup())?;
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        drop(context);
        Ok(Self { control, hangup, terminate, interrupt })
    }

    /// Blocks the thread until a signal is received, and returns its action.
    pub(super) fn next(&mut self) -> SignalAction {
        let control = self.control.clone();
        control.block_on(self.received())
    }

    /// Runs `work` on a thread for blocking work and returns its result, or `None` if SIGTERM or SIGINT is received first;
    /// `work` is then abandoned. [`SignalReceiver::next`] returns a SIGHUP that arrives meanwhile.
    pub(super) fn unless_stopped<T: Send + 'static>(
        &mut self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let control = self.control.clone();
        control.block_on(async {
            tokio::select! {
                done = tokio::task::spawn_blocking(work) => done.ok(),
                _ = self.terminate.recv() => None,
                _ = self.interrupt.recv() => None,
            }
        })
    }

    async fn received(&mut self) -> SignalAction {
        tokio::select! {
            _ = self.hangup.recv() => SignalAction::Reload,
            _ = self.terminate.recv() => SignalAction::Stop,
            _ = self.interrupt.recv() => SignalAction::Stop,
        }
    }
}
