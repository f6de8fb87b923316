//! The records of one connection: the first are written in full, later ones refer to one of those.
//!
//! An anonymous client sends a request in some sixty bytes, at tens of thousands a second, while a full record has a
//! thousand bytes. Therefore only its first records, and then one a minute, are written in full.

use super::AuditRecord;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The number of full records before the first short one.
const FULL_RECORDS: u32 = 8;
/// How long later records refer to one record, so that it is near them even if files are rotated.
const REFERENCE_LIFETIME: Duration = Duration::from_secs(60);

/// The records of one connection so far.
#[derive(Debug, Default)]
pub(crate) struct RecordSeries {
    full: Cell<u32>,
    last_full: RefCell<Option<(Instant, Rc<AuditRecord>)>>,
}

impl RecordSeries {
    /// Returns the earlier record that `record` may refer to, if any. A record that names an account is always full.
    pub(super) fn earlier(&self, record: &AuditRecord, now: Instant) -> Option<Rc<AuditRecord>> {
        if record.account.is_some() {
            return None;
        }
        let mut last_full = self.last_full.borrow_mut();
        if let Some((written, earlier)) = last_full.as_ref()
            && now.saturating_duration_since(*written) < REFERENCE_LIFETIME
        {
            return Some(Rc::clone(earlier));
        }
        let full = self.full.get().saturating_add(1);
        self.full.set(full);
        if full >= FULL_RECORDS {
            *last_full = Some((now, Rc::new(record.clone())));
        }
        None
    }
}
