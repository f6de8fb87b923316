//! What the operating system tells a running command.

use tokio::runtime::Runtime;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    /// SIGHUP: read the configuration again.
    Reload,
    /// SIGTERM, or Ctrl-C.
    Stop,
}

/// The signals of this process, from the moment that this is made.
pub(super) struct Signals {
    runtime: Runtime,
    hangup: Signal,
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> std::io::Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let context = runtime.enter();
        let hangup = signal(SignalKind::hangup())?;
        let terminate = signal(SignalKind::terminate())?;
        let interrupt = signal(SignalKind::interrupt())?;
        drop(context);
        Ok(Self { runtime, hangup, terminate, interrupt })
    }

    /// Blocks the thread until a signal comes.
    pub(super) fn next(&mut self) -> Order {
        self.runtime.block_on(async {
            tokio::select! {
                _ = self.hangup.recv() => Order::Reload,
                _ = self.terminate.recv() => Order::Stop,
                _ = self.interrupt.recv() => Order::Stop,
            }
        })
    }
}
