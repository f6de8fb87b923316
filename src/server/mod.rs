//! A running gate: workers, listeners, admin and audit, from a compiled configuration to its orderly end.
//!
//! Parses nothing; `config` gives it what runs.

mod admin;
mod background;
mod listener;
mod running;
mod worker_thread;

pub use running::{ReloadError, Running, StartError, Stopped};
