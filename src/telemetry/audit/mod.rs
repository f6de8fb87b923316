//! The audit log: one JSON line for every request, permitted or denied.
//!
//! A request reserves a slot in the queue before it is authenticated and submits its record when it is complete. Records
//! hold no secrets. A record with a slot is never dropped while the target can be written.

mod budget;
mod line;
mod log;
mod record;
mod series;
mod write_buffer;
mod writer;

#[cfg(test)]
mod tests;

pub use budget::Part;
pub use line::LINE_BYTES;
pub use log::{AuditLog, AuditSlot, AuditTarget, CloseError, OpenError, QueueLimits, Unavailable};
pub use record::{
    AccountFacts, AuditRecord, CertificateFacts, CertificateOffer, MappingFacts, NameText, ReceivedPath,
    RequestDuration, TlsFacts,
};
pub use series::RecordSeries;
