//! The log of the process, on standard error. Standard output is reserved for the results of commands; audit records
//! have their own writer.

use prometheus_client::metrics::counter::Counter;
use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Instant;
use thiserror::Error;
use tracing_appender::non_blocking::{NonBlocking, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::util::SubscriberInitExt;

/// The format of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// Text; in colour on a terminal.
    #[default]
    Human,
    /// One JSON object per line.
    Json,
}

/// The log could not be set up.
#[derive(Debug, Error)]
pub(crate) enum LoggingError {
    /// The filter is not of the form `info,portcullis=debug`.
    #[error("invalid log filter \"{filter}\", expected one such as \"info,portcullis=debug\"")]
    Filter {
        /// The filter from the configuration.
        filter: String,
        /// The reason.
        #[source]
        cause: tracing_subscriber::filter::ParseError,
    },
    /// The log was already set up.
    #[error("the log is already set up")]
    AlreadySet(#[source] tracing_subscriber::util::TryInitError),
}

/// The maximum bytes of lines that wait for standard error. Beyond it lines are dropped: the log must not delay requests,
/// and the records that must not be lost are the audit records.
const WAITING_BYTES: usize = 8 << 20;
/// The least bytes that a line counts for, because of its slot in the queue.
const LEAST_WEIGHT: usize = 128;

/// Owns the thread of the log. Dropping it waits until all lines are written.
#[derive(Debug)]
#[must_use = "dropping the guard ends the log"]
pub(crate) struct LogGuard(#[expect(dead_code, reason = "held for its drop")] WorkerGuard);

/// Sets up the log: a thread of its own writes all events that pass `filter` (such as `info,portcullis=debug`) to
/// standard error. Must be called once, before the first event. `dropped` counts the lines that did not fit into the
/// queue.
///
/// # Errors
/// The filter is invalid, or the log is already set up; then nothing is changed.
pub(crate) fn init(format: LogFormat, filter: &str, dropped: Counter) -> Result<LogGuard, LoggingError> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|cause| LoggingError::Filter { filter: filter.to_owned(), cause })?;
    let (writer, guard) = bounded(io::stderr(), WAITING_BYTES, dropped);
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

/// Returns a writer that passes lines to a thread, which writes them to `output`.
fn bounded(output: impl Write + Send + 'static, limit: usize, dropped: Counter) -> (LineQueue, WorkerGuard) {
    let waiting = Arc::new(AtomicUsize::new(0));
    let (queue, guard) = NonBlockingBuilder::default()
        .lossy(true)
        .buffered_lines_limit(limit / LEAST_WEIGHT)
        .thread_name("log")
        .finish(LineWriter { output, waiting: Arc::clone(&waiting) });
    (LineQueue { queue, waiting, limit, dropped }, guard)
}

fn weight(line: &[u8]) -> usize {
    line.len().max(LEAST_WEIGHT)
}

/// The sending end of the queue. One call of `write` is one line.
#[derive(Clone)]
struct LineQueue {
    queue: NonBlocking,
    waiting: Arc<AtomicUsize>,
    limit: usize,
    dropped: Counter,
}

impl Write for LineQueue {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let more =
            |waiting: usize| waiting.checked_add(weight(line)).filter(|waiting| *waiting <= self.limit);
        if self.waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_err() {
            self.dropped.inc();
            return Ok(line.len());
        }
        self.queue.write(line)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.queue.flush()
    }
}

impl<'a> MakeWriter<'a> for LineQueue {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// The receiving end of the queue.
struct LineWriter<W> {
    output: W,
    waiting: Arc<AtomicUsize>,
}

impl<W: Write> Write for LineWriter<W> {
    /// Writes the whole line or fails. The line leaves the queue in either case.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let written = self.output.write_all(line);
        self.waiting.fetch_sub(weight(line), Ordering::Relaxed);
        written.map(|()| line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// The seconds between two lines of a [`CountedLine`].
const INTERVAL: u64 = 60;

/// Counts one kind of event that any client can cause at any rate, so that it has one log line a minute, with a count. A
/// line is due at the first event, and then at most once a minute.
#[derive(Debug)]
pub(crate) struct CountedLine {
    started: Instant,
    /// Seconds after `started`.
    due: AtomicU64,
    unwritten: AtomicU64,
}

impl Default for CountedLine {
    fn default() -> Self {
        Self { started: Instant::now(), due: AtomicU64::new(0), unwritten: AtomicU64::new(0) }
    }
}

impl CountedLine {
    /// Counts one event. If a line is due, returns the number of events since the last line, including this one.
    pub(crate) fn count(&self) -> Option<u64> {
        self.count_at(self.started.elapsed().as_secs())
    }

    fn count_at(&self, now: u64) -> Option<u64> {
        self.unwritten.fetch_add(1, Ordering::Relaxed);
        let due = self.due.load(Ordering::Relaxed);
        let is_due = now >= due
            && self.due.compare_exchange(due, now + INTERVAL, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        is_due.then(|| self.unwritten.swap(0, Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Accepts one line for each message of the channel.
    struct SlowOutput(mpsc::Receiver<()>);

    impl Write for SlowOutput {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.recv().map_err(io::Error::other)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_beyond_the_bound_are_dropped_and_counted() {
        let (go_on, reads) = mpsc::channel();
        let dropped = Counter::default();
        let (mut queue, _guard) = bounded(SlowOutput(reads), 10 * 1000, dropped.clone());
        let line = [b'x'; 1000];
        for _ in 0..15 {
            queue.write_all(&line).unwrap();
        }
        assert_eq!(queue.waiting.load(Ordering::Relaxed), 10_000);
        assert_eq!(dropped.get(), 5);
        for _ in 0..10 {
            go_on.send(()).unwrap();
        }
        while queue.waiting.load(Ordering::Relaxed) > 0 {
            std::thread::yield_now();
        }
        queue.write_all(&line).unwrap();
        assert_eq!(dropped.get(), 5);
        drop(go_on);
    }

    #[test]
    fn the_error_quotes_an_invalid_filter() {
        let error = init(LogFormat::Human, "portcullis=loud", Counter::default()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid log filter \"portcullis=loud\", expected one such as \"info,portcullis=debug\""
        );
    }

    #[test]
    fn a_line_is_due_at_the_first_event_and_then_once_a_minute() {
        let line = CountedLine::default();
        let written: Vec<_> = [0, 1, 59, 60, 61].map(|second| line.count_at(second)).into_iter().collect();
        assert_eq!(written, [Some(1), None, None, Some(3), None]);
    }
}
