//! Tests from outside: a gateway in this process or as a program, the test RMS server behind it, and real clients.
//!
//! They are one binary, because linking takes most of the build time.
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
