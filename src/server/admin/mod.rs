//! The admin listener: liveness, readiness, metrics, keys of assertions, purge.
//!
//! It responds to anyone who can reach its address, and belongs on loopback or a management network. It never reads a
//! body and shows neither configuration nor names of users.

mod answers;
mod readiness;
mod server;

pub(super) use answers::{Answers, PublishedKeys};
pub(super) use readiness::{Condition, Readiness};
pub(super) use server::AdminServer;
