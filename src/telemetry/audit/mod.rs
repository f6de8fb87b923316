//! The audit log: one JSON line for every request, let through or not.
//!
//! Takes a place in the queue before a request is judged and its record when it is over. Never decides anything, never
//! holds a secret, and never drops a record that got a place while the disk can still be written.

mod budget;
mod line;
mod log;
mod record;
mod series;
mod unwritten;
mod writer;

#[cfg(test)]
mod tests;

pub use line::LINE_BYTES;
pub use log::{AuditLog, AuditSlot, AuditTarget, CloseError, OpenError, Part, QueueLimits, Unavailable};
pub use record::{
    AccountFacts, AuditRecord, CertificateFacts, CertificateOffer, MappingFacts, NameText, ReceivedPath,
    RequestDuration, TlsFacts,
};
pub use series::RecordSeries;
