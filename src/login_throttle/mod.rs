//! The login throttle: counts failed logins by account and by address, and rejects further ones.
//!
//! It limits the guessing of passwords through the gateway, and prevents attackers from using the gateway to lock accounts in
//! the directory. Names are stored as keyed hashes only.

mod counter;
#[cfg(test)]
mod tests;
mod throttle;

#[cfg(test)]
pub(crate) use throttle::ThrottledBy;
pub(crate) use throttle::{AttemptPermit, LoginThrottle, LoginThrottleLimits, LoginThrottled};
