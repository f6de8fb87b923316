//! `portcullis serve`: runs the proxy until a signal stops it.

use super::signals::{SignalAction, SignalReceiver};
use crate::clock::Clock;
use crate::config::{self, Colour, CompileContext, ListenerProtocol, LoadError, LoadedConfig};
use crate::policy::DenialId;
use crate::server::{RunningServer, StopOutcome};
use crate::telemetry::{Metrics, logging};
use anyhow::Context as _;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The exit code if a worker or background task failed, or the audit log was not on disk in time.
const INCOMPLETE_SHUTDOWN: u8 = 1;

/// Returns new metrics with the version of this build and a counter for each denial id.
pub(super) fn new_metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), DenialId::IDS))
}

/// Runs the gateway with the configuration file `path`, and returns the exit code of its shutdown.
pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let clock = Clock::system();
    let metrics = new_metrics();
    let mut context = CompileContext::new(clock.clone(), Arc::clone(&metrics));
    // Signals are received before the start: otherwise a SIGHUP that arrives meanwhile would end the process.
    let mut signals = SignalReceiver::new(&context.control)?;
    let loaded = config::load(path, &mut context).map_err(|error| anyhow::Error::new(*error))?;
    let process = &loaded.compiled.process;
    let dropped = metrics.log_lines_dropped.clone();
    let _log = logging::init(process.log_format, &process.log_filter, dropped)
        .context("cannot initialize the log")?;
    if loaded.diagnostics.warnings() > 0 {
        tracing::warn!("{}", loaded.diagnostics.render(Colour::Plain));
    }
    let listeners: Vec<_> = loaded.compiled.listeners.iter().copied().collect();
    let mut running = RunningServer::start(loaded.compiled, metrics, clock)?;
    for (address, protocol) in listeners {
        let protocol = match protocol {
            ListenerProtocol::Tls => "tls",
            ListenerProtocol::Http => "http",
        };
        tracing::info!(%address, protocol, "listening");
    }

    while signals.next() == SignalAction::Reload {
        if let Err(error) = running.reopen_audit() {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "cannot reopen the audit log; keeping the open file"
            );
        }
        let path = path.to_owned();
        let load = move || {
            let loaded = config::load(&path, &mut context);
            (context, loaded)
        };
        // A read can block, for example on an unavailable network file system. SIGTERM must stop the gateway all the same.
        let Some((kept, loaded)) = signals.unless_stopped(load) else { break };
        context = kept;
        apply(loaded, &mut running);
    }
    tracing::info!("stopping");
    match running.stop() {
        StopOutcome::Complete => {
            tracing::info!("stopped");
            Ok(ExitCode::SUCCESS)
        }
        StopOutcome::Incomplete(reasons) => {
            tracing::error!(reasons, "the shutdown was incomplete");
            Ok(ExitCode::from(INCOMPLETE_SHUTDOWN))
        }
    }
}

/// Replaces the running configuration atomically. If the new one is invalid, the running one stays.
fn apply(loaded: Result<LoadedConfig, Box<LoadError>>, running: &mut RunningServer) {
    let loaded = match loaded {
        Ok(loaded) => loaded,
        Err(error) => {
            match *error {
                LoadError::Invalid(diagnostics) => tracing::error!("{}", diagnostics.render(Colour::Plain)),
                LoadError::Read { .. } | LoadError::Utf16 { .. } | LoadError::NotUtf8 { .. } => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "cannot read the configuration file"
                    );
                }
            }
            tracing::error!("reload failed; keeping the previous configuration");
            return;
        }
    };
    if loaded.diagnostics.warnings() > 0 {
        tracing::warn!("{}", loaded.diagnostics.render(Colour::Plain));
    }
    match running.reload(loaded.compiled) {
        Ok(()) => tracing::info!(generation = running.generation(), "configuration reloaded"),
        Err(error) => tracing::error!(
            error = &error as &dyn std::error::Error,
            "reload failed; keeping the previous configuration"
        ),
    }
}
