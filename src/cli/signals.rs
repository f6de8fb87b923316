//! The signals that reload or stop a running command.

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SignalAction {
    /// SIGHUP.
    Reload,
    /// SIGTERM, or SIGINT from Ctrl-C.
    Stop,
}

/// Receives the signals of this process from its construction on.
pub(super) struct SignalReceiver {
    runtime: Runtime,
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl SignalReceiver {
    pub(super) fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let context = runtime.enter();
        let hangup = signal(SignalKind::hangup())?;
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        drop(context);
        Ok(Self { runtime, hangup, terminate, interrupt })
    }

    /// Blocks the thread until the next signal.
    pub(super) fn next(&mut self) -> SignalAction {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.hangup.recv() => SignalAction::Reload,
                _ = self.terminate.recv() => SignalAction::Stop,
                _ = self.interrupt.recv() => SignalAction::Stop,
            }
        })
    }
}
