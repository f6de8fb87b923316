//! The records of one connection: which are written whole, and which refer to one of those.
//!
//! A client without an account sends a request in some sixty bytes, and tens of thousands of them a second; a whole
//! record has a thousand. Only the first of them, and then one a minute, are whole.

use super::AuditRecord;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

/// How many records of a connection are whole before any is not.
const WHOLE_AT_FIRST: u32 = 8;
/// How long later records refer to one record, so that it is soon found, also where files are rotated.
const REFERRED_TO: Duration = Duration::from_secs(60);

/// What was written about one connection.
#[derive(Debug, Default)]
pub struct RecordSeries {
    whole: Cell<u32>,
    last_whole: RefCell<Option<(Instant, Rc<AuditRecord>)>>,
}

impl RecordSeries {
    /// The earlier record of the connection that `record` may refer to. A record that names an account is always whole.
    pub(super) fn earlier(&self, record: &AuditRecord, now: Instant) -> Option<Rc<AuditRecord>> {
        if record.account.is_some() {
            return None;
        }
        let mut last_whole = self.last_whole.borrow_mut();
        if let Some((written, earlier)) = last_whole.as_ref()
            && now.saturating_duration_since(*written) < REFERRED_TO
        {
            return Some(Rc::clone(earlier));
        }
        let whole = self.whole.get().saturating_add(1);
        self.whole.set(whole);
        if whole >= WHOLE_AT_FIRST {
            *last_whole = Some((now, Rc::new(record.clone())));
        }
        None
    }
}
