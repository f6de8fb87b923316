//! Appends the lines of the queue to the target, on a thread of its own, which may block.
//!
//! Each batch is written at once, so that a killed process loses nothing, and synced to disk within a second. A line that
//! could not be written is kept and retried; meanwhile the queue does not move, so that memory stays bounded by the size
//! of the queue and one batch.

use super::budget::Share;
use super::write_buffer::WriteBuffer;
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
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

/// The most records that one call writes.
const BATCH: usize = 256;
/// The pause after a batch that was not full, in which records accumulate. Without it, each request of a busy gateway would
/// wake this thread; with it, a record reaches the kernel this much later.
const PAUSE: Duration = Duration::from_millis(5);
/// The longest time between a write and its sync: what a loss of power can cost.
const SYNC_AFTER: Duration = Duration::from_secs(1);
/// The time between a failed write and the next attempt.
const RETRY_AFTER: Duration = Duration::from_millis(250);
/// The wait when nothing is due; any long time is suitable.
const IDLE: Duration = Duration::from_secs(3600);

/// A line in the queue.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) line: Box<[u8]>,
    /// Held until the line is written.
    pub(super) share: Share,
}

/// Whether the last write succeeded, readable by all workers without a lock: the error number of the system, 0 for none.
#[derive(Debug, Default)]
pub(super) struct Health(AtomicI32);

impl Health {
    /// The error of the last write, if it failed.
    pub(super) fn failure(&self) -> Option<io::Error> {
        match self.0.load(Ordering::Relaxed) {
            0 => None,
            number => Some(io::Error::from_raw_os_error(number)),
        }
    }

    fn set(&self, result: &io::Result<()>) {
        /// `EIO`, for an error without a number.
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

    /// Standard output without the buffer of `std::io::Stdout`.
    pub(super) fn stdout() -> io::Result<Self> {
        let file = File::from(io::stdout().as_fd().try_clone_to_owned()?);
        Ok(Self { is_regular: file.metadata()?.is_file(), file })
    }

    /// Whether the file ends in an incomplete line, left by a killed process or a full disk, which the next line must not
    /// continue. A target that cannot be read, as standard output, counts as complete. Only the writer calls this,
    /// between its own writes.
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

/// The state of the writer between two waits.
pub(super) struct Writer {
    records: mpsc::Receiver<Queued>,
    outputs: watch::Receiver<Arc<Output>>,
    output: Arc<Output>,
    health: Arc<Health>,
    closing: CancellationToken,
    metrics: AuditMetrics,
    buffer: WriteBuffer,
    /// The shares of the lines that are not yet written.
    held: Vec<Share>,
    /// When written lines must be synced to disk.
    sync_due: Option<Instant>,
    /// The next attempt, while writes fail.
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
        let buffer = WriteBuffer::for_output(output.ends_mid_line());
        Self {
            records,
            outputs,
            output,
            health,
            closing,
            metrics,
            buffer,
            held: Vec::with_capacity(BATCH),
            sync_due: None,
            retry_due: None,
        }
    }

    /// Runs until the log is closed or dropped, no slot is held, and all lines are on disk.
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
                    if open && count < BATCH {
                        self.closing.run_until_cancelled(sleep(PAUSE)).await;
                    }
                }
            }
        }
    }

    /// Writes a batch; the last one is empty and also waits for the disk.
    fn take(&mut self, batch: &mut Vec<Queued>) {
        if batch.is_empty() {
            return self.catch_up();
        }
        for Queued { line, share } in batch.drain(..) {
            self.buffer.lines().extend_from_slice(&line);
            self.held.push(share);
        }
        let result = self.write();
        self.settle(&result);
    }

    /// Writes the remaining lines and waits until they are on disk.
    fn catch_up(&mut self) {
        let result = self.write().and_then(|()| self.sync());
        self.settle(&result);
    }

    fn change_output(&mut self) {
        // A failure to sync the old file must not prevent the use of the new one. It is counted; nothing more can be done
        // for lines that the kernel has accepted.
        if self.sync().is_err() {
            self.metrics.write_failures.inc();
        }
        self.output = Arc::clone(&self.outputs.borrow_and_update());
        self.buffer.restart(self.output.ends_mid_line());
        self.catch_up();
    }

    fn write(&mut self) -> io::Result<()> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        self.sync_due.get_or_insert_with(|| Instant::now() + SYNC_AFTER);
        let mut written = 0;
        let result = self.buffer.write_to(&mut &self.output.file, &mut written);
        self.metrics.records.inc_by(written);
        if self.buffer.is_empty() {
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
