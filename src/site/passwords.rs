//! How a realm takes passwords: whose name a plain one is, how often they may be tried, how long a right one is
//! remembered. Plain data, but for the counts.

use crate::login_throttle::{LoginThrottle, LoginThrottleLimits};
use std::sync::Arc;
use std::time::Duration;

/// How a realm takes passwords.
#[derive(Clone, Debug)]
pub struct PasswordPolicy {
    /// Of what domain a user name without one is. `None`: of whichever has it.
    pub default_domain: Option<String>,
    /// The failed log-ins, over all configurations that a process has had.
    pub attempts: Arc<LoginThrottle>,
    /// How long a right password is taken without asking the directory. Zero: never.
    pub remembered: Duration,
}

impl Default for PasswordPolicy {
    fn default() -> Self {
        Self {
            default_domain: None,
            attempts: Arc::new(LoginThrottle::new(LoginThrottleLimits::default())),
            remembered: Duration::from_secs(60),
        }
    }
}
