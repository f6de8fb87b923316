//! Takes a form and a filter, sets up the one log of the process on standard error. Never writes to standard output,
//! which belongs to the commands' results, and never holds audit records: those have a writer of their own.

use std::io::{self, IsTerminal};
use thiserror::Error;
use tracing_appender::non_blocking::{NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt;

/// How a log line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people; in colour on a terminal.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// Why the log could not be set up.
#[derive(Debug, Error)]
pub enum LoggingError {
    /// The filter is not written as `info,portcullis=debug`.
    #[error("the log filter \"{filter}\" cannot be read")]
    Filter {
        /// The filter as given.
        filter: String,
        /// What is wrong with it.
        #[source]
        cause: tracing_subscriber::filter::ParseError,
    },
    /// The process has a log already.
    #[error("the process has a log already")]
    AlreadySet(#[source] tracing_subscriber::util::TryInitError),
}

/// Lines that may wait for standard error. When nobody reads it, more are dropped: a log must not hold up requests,
/// and what must not be lost stands in the audit records.
const WAITING_LINES: usize = 65_536;

/// Keeps the log's thread; dropped at the process's end, it waits until what was logged is written.
#[derive(Debug)]
#[must_use = "dropped, it ends the log"]
pub struct LogGuard(#[expect(dead_code, reason = "held for its drop")] WorkerGuard);

/// Sends all events that pass `filter` (as `info,portcullis=debug`) to standard error, by a thread of its own. Call it
/// once, before the first event; a second call is an error and changes nothing.
pub fn init(format: LogFormat, filter: &str) -> Result<LogGuard, LoggingError> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|cause| LoggingError::Filter { filter: filter.to_owned(), cause })?;
    let (writer, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(WAITING_LINES)
        .thread_name("log")
        .finish(io::stderr());
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer);
    let result = match format {
        LogFormat::Human => {
            lines.with_ansi(io::stderr().is_terminal()).with_target(false).finish().try_init()
        }
        LogFormat::Json => lines.json().flatten_event(true).finish().try_init(),
    };
    result.map_err(LoggingError::AlreadySet)?;
    Ok(LogGuard(guard))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_that_cannot_be_read_is_an_error_that_quotes_it() {
        let error = init(LogFormat::Human, "portcullis=loud").unwrap_err();
        assert_eq!(error.to_string(), "the log filter \"portcullis=loud\" cannot be read");
    }
}
