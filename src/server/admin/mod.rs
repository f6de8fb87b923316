//! The admin listener: liveness, readiness, metrics, keys of assertions, purge.
//!
//! It responds to anyone who can reach its address, and belongs on loopback or a management network. It never reads a
//! body and shows neither configuration nor names of users.

mod answers;
mod readiness;
mod server;

pub(super) use answers::{AdminResponses, PublishedKeys};
pub(super) use readiness::{Readiness, ReadinessCondition};
pub(super) use server::AdminServer;
