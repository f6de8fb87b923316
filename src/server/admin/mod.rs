//! The admin listener: liveness, readiness, metrics, keys of assertions, purge.
//!
//! It has no authentication, and belongs on loopback or a management network. It never reads a request body, and its
//! responses contain neither the configuration nor names of users.

mod readiness;
mod responses;
mod server;

pub(super) use readiness::{Readiness, ReadinessCondition};
pub(super) use responses::{AdminResponses, PublishedKeys};
pub(super) use server::AdminServer;
