//! A test PKI, a test RMS server, and the gateway in front of it, all on loopback: for `portcullis demo` and the tests.

pub(crate) mod cases;
pub(crate) mod client;
mod environment;
mod matrix;
pub mod pki;
pub mod rms;

pub(crate) use environment::DemoError;
pub use environment::{DemoEnvironment, Ports};
pub(crate) use matrix::check;
