//! The operator's listener: is the process alive, may it be sent requests, and what has it counted.
//!
//! Answers four paths to anybody who reaches its address, so it belongs on loopback or a management network. Never
//! reads a body, never shows configuration or names of people.

mod readiness;
mod server;

pub use readiness::{Condition, Readiness};
pub use server::{AdminServer, PublishedKeys};
