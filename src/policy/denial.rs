//! A refusal with its reason for the record.

use super::denial_id::DenialId;
use crate::telemetry::Detail;
use std::time::Duration;

/// Why one request may not go to the backend.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    id: DenialId,
    detail: Detail,
    retry_after: Option<Duration>,
}

impl Denial {
    /// `detail` says what was seen, for the audit record and `explain`; the client never reads it.
    pub fn new(id: DenialId, detail: impl Into<Detail>) -> Self {
        Self { id, detail: detail.into(), retry_after: None }
    }

    /// The same, for a client that may try again after so long.
    #[must_use]
    pub fn retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }

    /// The same with the whole chain of causes of `error` as its detail.
    pub fn because(id: DenialId, error: &dyn std::error::Error) -> Self {
        Self::new(id, Detail::error_chain(error))
    }

    /// The stable id.
    pub fn id(&self) -> DenialId {
        self.id
    }

    /// After how long the client may try again, where that is known.
    pub fn wait(&self) -> Option<Duration> {
        self.retry_after
    }

    /// What was seen.
    pub fn detail(&self) -> &str {
        self.detail.as_str()
    }

    /// What was seen, as a record takes it.
    pub fn bounded_detail(&self) -> &Detail {
        &self.detail
    }
}
