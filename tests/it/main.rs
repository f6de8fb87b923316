//! Tests from outside: a gateway in this process or as a program, a stand-in RMS server behind it, and real clients.
//!
//! One binary for all of them, because linking takes most of the build time.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod architecture;
mod backends;
mod cli;
mod differential;
mod directory;
mod explain_agrees;
mod gateway;
mod hostile;
mod identity;
mod ocsp;
mod pkits;
mod revocation_refresh;
mod support;
