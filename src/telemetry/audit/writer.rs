//! Takes lines from the queue, appends them to the file. Lives on a thread of its own, where it may block.
//!
//! Each batch is handed to the kernel at once, so that a killed process loses nothing; the disk is told to keep it
//! within a second. A line that could not be written is kept and tried again, and meanwhile the queue stands still:
//! memory stays bounded by the queue's size and one batch.

use super::budget::Share;
use super::log::Queued;
use super::unwritten::Unwritten;
use crate::telemetry::AuditMetrics;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

/// The most records that are written by one call.
const BATCH: usize = 256;
/// How long written records may be in the kernel only: what a loss of power can cost.
const SYNC_AFTER: Duration = Duration::from_secs(1);
/// How long after a failed write the next try comes.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// When nothing is to be done; any long time does.
const IDLE: Duration = Duration::from_secs(3600);

/// Whether the last write went well, for all workers to see without a lock: the system's error number, 0 for none.
#[derive(Debug, Default)]
pub(super) struct Health(AtomicI32);

impl Health {
    /// Why the last write failed, if it did.
    pub(super) fn failure(&self) -> Option<io::Error> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            number => Some(io::Error::from_raw_os_error(number)),
        }
    }

    fn set(&self, result: &io::Result<()>) {
        /// `EIO`, for a failure to which the system gave no number.
        const INPUT_OUTPUT_ERROR: i32 = 5;
        let failure = result.as_ref().err();
        let number = failure.map_or(0, |error| error.raw_os_error().unwrap_or(INPUT_OUTPUT_ERROR));
        self.0.store(number, Ordering::Relaxed);
    }
}

/// A file or stream that lines are appended to.
#[derive(Debug)]
pub(super) struct Output {
    file: File,
    /// Pipes, terminals and devices cannot be synced.
    is_regular: bool,
}

impl Output {
    pub(super) fn append_to(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).append(true).create(true).mode(0o640).open(path)?;
        Ok(Self { is_regular: file.metadata()?.is_file(), file })
    }

    /// The descriptor itself, without the buffer of `std::io::Stdout`.
    pub(super) fn stdout() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self { is_regular: file.metadata()?.is_file(), file })
    }

    /// Whether the file ends in half a line, left by a process that was killed or by a disk that was full; ours must
    /// not be glued to it. A file that cannot be read, as standard output, is taken to be in order. Asked by the one
    /// who writes, while he does not write.
    fn ends_mid_line(&self) -> bool {
        let mut last = [b'\n'];
        let length =
            if self.is_regular { self.file.metadata().map_or(0, |metadata| metadata.len()) } else { 0 };
        match length.checked_sub(1).map(|before_last| self.file.read_exact_at(&mut last, before_last)) {
            Some(Ok(())) => last != [b'\n'],
            Some(Err(_)) | None => false,
        }
    }
}

/// The writer's state between two waits.
pub(super) struct Writer {
    records: mpsc::Receiver<Queued>,
    outputs: watch::Receiver<Arc<Output>>,
    output: Arc<Output>,
    health: Arc<Health>,
    closing: CancellationToken,
    metrics: AuditMetrics,
    unwritten: Unwritten,
    /// The shares of the lines that are unwritten.
    held: Vec<Share>,
    /// When the kernel must be told to put on disk what it holds.
    sync_due: Option<Instant>,
    /// When to try again, while writes fail.
    retry_due: Option<Instant>,
}

impl Writer {
    pub(super) fn new(
        records: mpsc::Receiver<Queued>,
        mut outputs: watch::Receiver<Arc<Output>>,
        health: Arc<Health>,
        closing: CancellationToken,
        metrics: AuditMetrics,
    ) -> Self {
        let output = Arc::clone(&outputs.borrow_and_update());
        let unwritten = Unwritten::for_output(output.ends_mid_line());
        Self {
            records,
            outputs,
            output,
            health,
            closing,
            metrics,
            unwritten,
            held: Vec::with_capacity(BATCH),
            sync_due: None,
            retry_due: None,
        }
    }

    /// Writes until the log is closed or dropped, no place is held any more, and all is on disk.
    pub(super) async fn run(mut self) {
        let mut batch = Vec::with_capacity(BATCH);
        let mut open = true;
        while open || self.retry_due.is_some() {
            let due = self.retry_due.or(self.sync_due).unwrap_or_else(|| Instant::now() + IDLE);
            let may_take = open && self.retry_due.is_none();
            tokio::select! {
                biased;
                () = self.closing.cancelled(), if !self.records.is_closed() => self.records.close(),
                Ok(()) = self.outputs.changed() => self.change_output(),
                () = sleep_until(due) => self.catch_up(),
                count = self.records.recv_many(&mut batch, BATCH), if may_take => {
                    open = count > 0;
                    self.take(&mut batch);
                }
            }
        }
    }

    /// Writes a batch; the last, empty one also waits for the disk.
    fn take(&mut self, batch: &mut Vec<Queued>) {
        if batch.is_empty() {
            return self.catch_up();
        }
        for Queued { line, share } in batch.drain(..) {
            self.unwritten.lines().extend_from_slice(&line);
            self.held.push(share);
        }
        let result = self.write();
        self.settle(&result);
    }

    /// Writes what is left over and waits until it is on disk.
    fn catch_up(&mut self) {
        let result = self.write().and_then(|()| self.sync());
        self.settle(&result);
    }

    fn change_output(&mut self) {
        // A disk that cannot sync the old file must not keep the new one from being used: it is counted, and that is
        // all that can still be done for lines which the kernel has taken.
        if self.sync().is_err() {
            self.metrics.write_failures.inc();
        }
        self.output = Arc::clone(&self.outputs.borrow_and_update());
        self.unwritten.begin_anew(self.output.ends_mid_line());
        self.catch_up();
    }

    fn write(&mut self) -> io::Result<()> {
        if self.unwritten.is_empty() {
            return Ok(());
        }
        self.sync_due.get_or_insert_with(|| Instant::now() + SYNC_AFTER);
        let mut written = 0;
        let result = self.unwritten.write_to(&mut &self.output.file, &mut written);
        self.metrics.records.inc_by(written);
        if self.unwritten.is_empty() {
            self.held.clear();
        }
        result
    }

    fn sync(&mut self) -> io::Result<()> {
        if self.sync_due.is_some() && self.output.is_regular {
            self.output.file.sync_data()?;
        }
        self.sync_due = None;
        Ok(())
    }

    fn settle(&mut self, result: &io::Result<()>) {
        self.health.set(result);
        if result.is_err() {
            self.metrics.write_failures.inc();
        }
        self.retry_due = result.is_err().then(|| Instant::now() + RETRY_AFTER);
    }
}
