//! A test PKI, a test RMS server, and the gateway in front of it, all on loopback: for `portcullis demo` and the tests.

pub mod cases;
pub mod client;
mod environment;
mod matrix;
pub mod pki;
pub mod rms;

pub use environment::{DemoEnvironment, DemoError, Ports};
pub use matrix::{MatrixReport, check};
