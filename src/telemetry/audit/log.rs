//! Takes records from the road, hands them to the writer's thread. A request reserves its place in the queue before
//! it is judged, so that a request which cannot be recorded is never served; handing in the record then cannot fail
//! and never waits.

use super::AuditRecord;
use super::budget::{Budget, Share};
use super::line::{self, LINE_BYTES};
use super::series::RecordSeries;
use super::writer::{Health, Output, Writer};
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

/// Where the records go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AuditTarget {
    /// Appended to this file, which is made where it does not exist: readable by owner and group only.
    File(PathBuf),
    /// The process's standard output.
    Stdout,
}

/// How much may wait to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueLimits {
    /// Records, those included that running requests have reserved a place for.
    pub records: NonZeroUsize,
    /// Bytes of them in memory. A running request counts with the longest line that there is.
    pub bytes: usize,
}

/// A line in the queue.
#[derive(Debug)]
pub(super) struct Queued {
    pub(super) line: Box<[u8]>,
    /// Held until the line is written.
    pub(super) share: Share,
}

/// What a line takes up beside its bytes: its place in the queue and what the allocator adds.
const QUEUED_OVERHEAD: usize = 64;

/// Why the log could not be opened.
#[derive(Debug, Error)]
pub enum OpenError {
    /// The file cannot be opened for appending.
    #[error("the audit log {} cannot be opened", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        cause: io::Error,
    },
    /// Standard output is closed.
    #[error("the audit log cannot be written to standard output")]
    Stdout(#[source] io::Error),
    /// The writer's thread cannot be started.
    #[error("the audit log's thread cannot be started")]
    Thread(#[source] io::Error),
}

/// Why no record can be kept now. The request must not be served.
#[derive(Debug, Error)]
pub enum Unavailable {
    /// The last write failed, and none has succeeded since.
    #[error("the audit log cannot be written")]
    CannotWrite(#[source] io::Error),
    /// The disk is slower than the requests.
    #[error("the audit log's queue is full")]
    QueueFull,
    /// The log is closed.
    #[error("the audit log is closed")]
    Closed,
}

/// Why [`AuditLog::close`] cannot say that all is on disk.
#[derive(Debug, Error)]
pub enum CloseError {
    /// Time ran out while records were still to be written, or places still held.
    #[error("not every audit record was written in time")]
    TimedOut,
    /// The log was closed before, or its thread is gone.
    #[error("the audit log is closed already")]
    AlreadyClosed,
}

/// How much of the queue a record may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Whole,
    /// So much that an eighth is left for others.
    SevenEighths,
    /// So much that a quarter is left for others.
    ThreeQuarters,
}

impl Part {
    /// How much of `whole` is left for others.
    pub(super) fn left(self, whole: usize) -> usize {
        match self {
            Self::Whole => 0,
            Self::SevenEighths => whole / 8,
            Self::ThreeQuarters => whole / 4,
        }
    }
}

/// The running log. Dropped without [`AuditLog::close`] it still writes what was handed in, but nobody waits for it.
#[derive(Debug)]
pub struct AuditLog {
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
    /// The target or the thread.
    pub fn open(target: AuditTarget, limits: QueueLimits, metrics: AuditMetrics) -> Result<Self, OpenError> {
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
            // Nobody may be waiting: a log may be dropped without being closed.
            signal.send(()).ok();
        };
        std::thread::Builder::new().name("audit".to_owned()).spawn(run).map_err(OpenError::Thread)?;
        Ok(Self { target, queue, budget, output, health, closing, done: Mutex::new(Some(done)) })
    }

    /// Takes a place in this part of the queue. Never waits and takes no lock.
    pub fn reserve(&self, part: Part) -> Result<AuditSlot, Unavailable> {
        if let Some(cause) = self.health.failure() {
            return Err(Unavailable::CannotWrite(cause));
        }
        let left = part.left(self.queue.max_capacity());
        if !self.queue.is_closed() && self.queue.capacity() <= left {
            return Err(Unavailable::QueueFull);
        }
        match self.queue.clone().try_reserve_owned() {
            Ok(place) => {
                let share =
                    self.budget.take(LINE_BYTES + QUEUED_OVERHEAD, part).ok_or(Unavailable::QueueFull)?;
                Ok(AuditSlot { place, share })
            }
            Err(TrySendError::Full(_)) => Err(Unavailable::QueueFull),
            Err(TrySendError::Closed(_)) => Err(Unavailable::Closed),
        }
    }

    /// Opens the target anew, for a log that was moved away: records not yet written go to the new file, none is lost
    /// or cut in two. On an error the old file stays in use. Standard output stays as it is.
    pub fn reopen(&self) -> Result<(), OpenError> {
        if matches!(self.target, AuditTarget::File(_)) {
            self.output.send_replace(Arc::new(open_output(&self.target)?));
        }
        Ok(())
    }

    /// Hands out no more places, and blocks the thread until every record handed in, or still to be handed in by
    /// those who hold a place, is on disk: at most for `limit`.
    pub fn close(&self, limit: Duration) -> Result<(), CloseError> {
        self.closing.cancel();
        let done = self.done.lock().unwrap_or_else(PoisonError::into_inner).take();
        let done = done.ok_or(CloseError::AlreadyClosed)?;
        done.recv_timeout(limit).map_err(|error| match error {
            std::sync::mpsc::RecvTimeoutError::Timeout => CloseError::TimedOut,
            std::sync::mpsc::RecvTimeoutError::Disconnected => CloseError::AlreadyClosed,
        })
    }
}

/// A place in the queue. Dropped without a record, it is free again.
#[derive(Debug)]
pub struct AuditSlot {
    place: mpsc::OwnedPermit<Queued>,
    share: Share,
}

impl AuditSlot {
    /// Keeps `held` until the record is written, or the place is free again without one.
    #[must_use]
    pub fn holding(mut self, held: impl Any + Send) -> Self {
        self.share.hold(held);
        self
    }

    /// Hands in the record, one of `series`. Cannot fail and never waits.
    pub fn write(mut self, record: &AuditRecord, series: &RecordSeries) {
        let earlier = series.earlier(record, Instant::now());
        let mut line = Vec::with_capacity(LINE_BYTES);
        line::append(record, earlier.as_deref(), &mut line);
        self.share.shrink_to(line.len() + QUEUED_OVERHEAD);
        self.place.send(Queued { line: line.into(), share: self.share });
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
