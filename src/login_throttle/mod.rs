//! Counts failed log-ins by account and by address, so that the gate is no way to lock accounts or to guess passwords.
//!
//! Takes names, addresses and outcomes; gives leave to try, or the time to wait. Never asks who anybody is, and never
//! keeps a name: only keyed hashes.

mod counter;
#[cfg(test)]
mod tests;
mod throttle;

pub use throttle::{AttemptPermit, LoginThrottle, LoginThrottleLimits, LoginThrottled, ThrottledBy};
