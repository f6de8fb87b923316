//! What `portcullis demo` shows, and what the project's tests stand on: a PKI of its own, a stand-in RMS, and the gate
//! between them, all on loopback.

pub mod cases;
pub mod client;
mod environment;
mod matrix;
pub mod pki;
pub mod rms;

pub use environment::{DemoEnvironment, DemoError, Ports};
pub use matrix::{Report, check};
