//! The queue between requests and the writer. A request reserves a slot before it is authenticated, so that a request
//! which cannot be recorded is never served; submitting the record then cannot fail and never waits.

use super::AuditRecord;
use super::budget::{Budget, Part, Share};
use super::line::{self, LINE_BYTES};
use super::series::RecordSeries;
use super::writer::{Health, Output, Queued, Writer};
use crate::telemetry::AuditMetrics;
use std::any::Any;
use std::io;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use thiserror::Error;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_util::sync::CancellationToken;

/// The target of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTarget {
    /// A file to append to. It is created if it does not exist, readable by owner and group only.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

/// The limits of the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Records, including the slots that requests in flight have reserved.
    pub records: NonZeroUsize,
    /// Bytes in memory. A reserved slot counts as the longest possible line.
    pub bytes: usize,
}

/// The memory of a line besides its bytes: its slot in the queue and the overhead of the allocator.
const QUEUED_OVERHEAD: usize = 64;

/// The audit log could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file cannot be opened for appending.
    #[error("cannot open the audit log {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// Standard output is closed.
    #[error("cannot write the audit log to standard output")]
    Stdout(#[source] io::Error),
    /// The writer thread cannot be started.
    #[error("cannot start the thread of the audit log")]
    Thread(#[source] io::Error),
}

/// No record can be kept at present; the request must not be served.
#[derive(Debug, Error)]
pub(crate) enum Unavailable {
    /// The last write failed, and none has succeeded since.
    #[error("the audit log cannot be written")]
    CannotWrite(#[source] io::Error),
    /// Requests arrive faster than the target accepts records.
    #[error("the audit log's queue is full")]
    QueueFull,
    /// The log is closed.
    #[error("the audit log is closed")]
    Closed,
}

/// [`AuditLog::close`] could not confirm that all records are on disk.
#[derive(Debug, Error)]
pub(crate) enum CloseError {
    /// The time limit passed while records were unwritten or slots were held.
    #[error("audit records were not written within the time limit")]
    TimedOut,
    /// The log was closed before, or its thread has ended.
    #[error("the audit log is already closed")]
    AlreadyClosed,
}

/// The running audit log. If it is dropped without [`AuditLog::close`], submitted records are still written, but not
/// waited for.
#[derive(Debug)]
pub(crate) struct AuditLog {
    target: AuditTarget,
    queue: mpsc::Sender<Queued>,
    budget: Arc<Budget>,
    output: watch::Sender<Arc<Output>>,
    health: Arc<Health>,
    closing: CancellationToken,
    done: Mutex<Option<std::sync::mpsc::Receiver<()>>>,
}

impl AuditLog {
    /// Opens the target and starts the writer's thread.
    ///
    /// # Errors
    /// The target cannot be opened or the thread cannot be started.
    pub(crate) fn open(
        target: AuditTarget,
        limits: QueueLimits,
        metrics: AuditMetrics,
    ) -> Result<Self, OpenError> {
        let (output, outputs) = watch::channel(Arc::new(open_output(&target)?));
        let (queue, records) = mpsc::channel(limits.records.get().min(Semaphore::MAX_PERMITS));
        let (signal, done) = std::sync::mpsc::channel();
        let budget = Budget::new(limits.bytes, metrics.queue_bytes.clone());
        let health = Arc::new(Health::default());
        let closing = CancellationToken::new();
        let writer = Writer::new(records, outputs, Arc::clone(&health), closing.clone(), metrics);
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(OpenError::Thread)?;
        let run = move || {
            runtime.block_on(writer.run());
            // No receiver is left if the log was dropped without being closed.
            signal.send(()).ok();
        };
        std::thread::Builder::new().name("audit".to_owned()).spawn(run).map_err(OpenError::Thread)?;
        Ok(Self { target, queue, budget, output, health, closing, done: Mutex::new(Some(done)) })
    }

    /// Reserves a slot in this part of the queue. Neither waits nor locks.
    ///
    /// # Errors
    /// No record can be kept; the request must be rejected.
    pub(crate) fn reserve(&self, part: Part) -> Result<AuditSlot, Unavailable> {
        if let Some(cause) = self.health.failure() {
            return Err(Unavailable::CannotWrite(cause));
        }
        let left = part.reserve_of(self.queue.max_capacity());
        if !self.queue.is_closed() && self.queue.capacity() <= left {
            return Err(Unavailable::QueueFull);
        }
        match self.queue.clone().try_reserve_owned() {
            Ok(permit) => {
                let share =
                    self.budget.take(LINE_BYTES + QUEUED_OVERHEAD, part).ok_or(Unavailable::QueueFull)?;
                Ok(AuditSlot { permit, share })
            }
            Err(TrySendError::Full(_)) => Err(Unavailable::QueueFull),
            Err(TrySendError::Closed(_)) => Err(Unavailable::Closed),
        }
    }

    /// Opens the target again, for a file that was moved away: records that are not yet written go to the new file, and
    /// none is lost or split. Standard output is not reopened.
    ///
    /// # Errors
    /// The file cannot be opened; the old one stays in use.
    pub(crate) fn reopen(&self) -> Result<(), OpenError> {
        if matches!(self.target, AuditTarget::File(_)) {
            self.output.send_replace(Arc::new(open_output(&self.target)?));
        }
        Ok(())
    }

    /// Reserves no more slots and blocks until every record, including those of slots already reserved, is on disk.
    ///
    /// # Errors
    /// This took longer than `limit`, or the log was closed before.
    pub(crate) fn close(&self, limit: Duration) -> Result<(), CloseError> {
        self.closing.cancel();
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
        let done = done.ok_or(CloseError::AlreadyClosed)?;
        done.recv_timeout(limit).map_err(|error| match error {
            std::sync::mpsc::RecvTimeoutError::Timeout => CloseError::TimedOut,
            std::sync::mpsc::RecvTimeoutError::Disconnected => CloseError::AlreadyClosed,
        })
    }
}

/// A reserved slot of the queue. Dropping it without a record releases it.
#[derive(Debug)]
pub(crate) struct AuditSlot {
    permit: mpsc::OwnedPermit<Queued>,
    share: Share,
}

impl AuditSlot {
    /// Holds `held` until the record is written or the slot is released.
    #[must_use]
    pub(crate) fn holding(mut self, held: impl Any + Send) -> Self {
        self.share.hold(held);
        self
    }

    /// Submits the record, as one of `series`. Cannot fail and never waits.
    pub(crate) fn write(mut self, record: &AuditRecord, series: &RecordSeries) {
        let earlier = series.earlier(record, Instant::now());
        let mut line = Vec::with_capacity(LINE_BYTES);
        line::append(record, earlier.as_deref(), &mut line);
        self.share.shrink_to(line.len() + QUEUED_OVERHEAD);
        self.permit.send(Queued { line: line.into(), share: self.share });
    }
}

fn open_output(target: &AuditTarget) -> Result<Output, OpenError> {
    match target {
        AuditTarget::File(path) => {
            Output::append_to(path).map_err(|cause| OpenError::File { path: path.clone(), cause })
        }
        AuditTarget::Stdout => Output::stdout().map_err(OpenError::Stdout),
    }
}
