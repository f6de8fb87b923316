//! The tests that look at the whole from outside: a whole gate in this process, a stand-in RMS behind it, and real
//! clients in front.
//!
//! One binary for all of them, since linking is what takes the time.
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
mod gateway;
mod hostile;
mod identity;
mod ocsp;
mod pkits;
mod pkits_revocation;
mod revocation_refresh;
mod support;
