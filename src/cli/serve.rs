//! `portcullis serve`: runs the gate until it is told to stop.

use super::signals::{Order, Signals};
use crate::clock::Clock;
use crate::config::{self, Colour, Context, LoadError, Speech};
use crate::policy::DenialId;
use crate::server::{Running, Stopped};
use crate::telemetry::{Metrics, logging};
use anyhow::Context as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The gate ended, but something was cut off.
const CUT_OFF: u8 = 1;

/// Counters for this build.
pub(super) fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), DenialId::IDS))
}

pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    // First of all: a SIGHUP that comes while the gate starts must not end it.
    let mut signals = Signals::new()?;
    let clock = Clock::system();
    let metrics = metrics();
    let mut context = Context::new(clock.clone(), Arc::clone(&metrics));
    let loaded = config::load(path, &mut context).map_err(|error| anyhow::Error::new(*error))?;
    let process = &loaded.compiled.process;
    let dropped = metrics.log_lines_dropped.clone();
    let _log = logging::init(process.log_format, &process.log_filter, dropped)
        .context("the log cannot be set up")?;
    if loaded.diagnostics.warnings() > 0 {
        tracing::warn!("{}", loaded.diagnostics.render(Colour::Plain));
    }
    let listeners: Vec<_> = loaded.compiled.listeners.iter().copied().collect();
    let mut running = Running::start(loaded.compiled, metrics, clock)?;
    for (address, speech) in listeners {
        let speech = match speech {
            Speech::Tls => "tls",
            Speech::Plain => "plain",
        };
        tracing::info!(%address, speech, "listening");
    }

    while signals.next() == Order::Reload {
        reload(path, &mut context, &mut running);
    }
    tracing::info!("stopping");
    match running.stop() {
        Stopped::Whole => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        Stopped::CutOff(what) => {
            tracing::error!(what, "stopped, with something cut off");
            Ok(ExitCode::from(CUT_OFF))
        }
    }
}

/// Loads aside, then swaps whole. What does not load changes nothing.
fn reload(path: &Path, context: &mut Context, running: &mut Running) {
    if let Err(error) = running.reopen_audit() {
        tracing::error!(error = &error as &dyn std::error::Error, "the audit log stays in its old file");
    }
    let loaded = match config::load(path, context) {
        Ok(loaded) => loaded,
        Err(error) => {
            match *error {
                LoadError::Invalid(diagnostics) => tracing::error!("{}", diagnostics.render(Colour::Plain)),
                LoadError::Read { .. } | LoadError::Utf16 { .. } | LoadError::NotUtf8 { .. } => {
                    tracing::error!(error = &error as &dyn std::error::Error);
                }
            }
            tracing::error!("the configuration was not reloaded: the one before it stays in force");
            return;
        }
    };
    if loaded.diagnostics.warnings() > 0 {
        tracing::warn!("{}", loaded.diagnostics.render(Colour::Plain));
    }
    match running.reload(loaded.compiled) {
        Ok(()) => tracing::info!(generation = running.generation(), "the configuration was reloaded"),
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "the configuration was not reloaded: the one before it stays in force"
        ),
    }
}
