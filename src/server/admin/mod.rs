//! The admin listener: liveness, readiness, metrics, keys of assertions, purge.
//!
//! It has no authentication, and belongs on loopback or a management network. It never reads a request body, and its
//! responses contain neither the configuration nor names of users.

mod answers;
mod readiness;
mod server;

pub(super) use answers::{AdminResponses, PublishedKeys};
pub(super) use readiness::{Readiness, ReadinessCondition};
pub(super) use server::AdminServer;
