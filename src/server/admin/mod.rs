//! The operator's listener: is the process alive, may it be sent requests, what has it counted, and let it ask for
//! accounts anew.
//!
//! Answers five paths to anybody who reaches its address, so it belongs on loopback or a management network. Never
//! reads a body, never shows configuration or names of people.

mod answers;
mod readiness;
mod server;

pub(super) use answers::{Answers, PublishedKeys};
pub(super) use readiness::{Condition, Readiness};
pub(super) use server::AdminServer;
