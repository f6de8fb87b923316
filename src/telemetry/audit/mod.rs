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

pub(crate) use budget::Part;
#[cfg(test)]
pub(crate) use line::LINE_BYTES;
pub(crate) use log::{AuditLog, AuditSlot, AuditTarget, OpenError, QueueLimits};
#[cfg(test)]
pub(crate) use log::{CloseError, Unavailable};
pub(crate) use record::{
    AccountFacts, AuditRecord, CertificateFacts, CertificateOffer, MappingFacts, ReceivedPath,
    RequestDuration, TlsFacts,
};
pub(crate) use series::RecordSeries;
