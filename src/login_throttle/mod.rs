//! Counting of failed log-ins by account and by address.
//!
//! Limits guessing of passwords through the gateway, and keeps the gateway from being used to lock accounts in the
//! directory. Names are stored as keyed hashes only.

mod counter;
#[cfg(test)]
mod tests;
mod throttle;

#[cfg(test)]
pub(crate) use throttle::ThrottledBy;
pub(crate) use throttle::{AttemptPermit, LoginThrottle, LoginThrottleLimits, LoginThrottled};
