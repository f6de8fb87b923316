//! A running gateway, from its start to its shutdown: workers, listeners, admin listener, background tasks and audit
//! log.

mod admin;
mod background;
mod listener;
mod running;
mod worker_thread;

#[cfg(feature = "demo")]
pub(crate) use running::{ReloadError, StartError};
pub use running::{RunningServer, StopOutcome};
