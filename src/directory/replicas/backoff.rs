//! The backoff of a server that failed.

use crate::ldap::{LdapError, LdapRefusal, result_code};
use crate::telemetry::display_chain;
use std::time::Duration;
use tokio::time::Instant;

/// The backoff after the first failure. Each further failure doubles it.
const SHORTEST: Duration = Duration::from_millis(200);
/// The maximum backoff, so that a server is used again soon after it recovers.
const LONGEST: Duration = Duration::from_secs(2);
/// The backoff after the server rejected the gateway's own password. Further attempts would lock that account, and only
/// an administrator can correct the password.
const PASSWORD_REJECTED: Duration = Duration::from_secs(60);

/// The backoff of one server.
#[derive(Debug, Default)]
pub(super) struct ServerBackoff {
    pause: Duration,
    /// When the server may be tried again; `None` if it has not failed since its last success.
    until: Option<Instant>,
    reason: String,
}

impl ServerBackoff {
    /// Returns the last failure, if the server must not be tried yet.
    pub(super) fn active_reason(&self, now: Instant) -> Option<&str> {
        self.until.is_some_and(|until| now < until).then_some(&self.reason)
    }

    /// Returns the last failure; `None` if an operation has succeeded since.
    pub(super) fn last_failure(&self) -> Option<&str> {
        self.until.map(|_| self.reason.as_str())
    }

    pub(super) fn failed(&mut self, now: Instant, error: &LdapError) {
        self.pause = match error {
            LdapError::Refused {
                refusal: LdapRefusal::Result { code: result_code::INVALID_CREDENTIALS, .. },
                ..
            }
            | LdapError::Unsendable(_) => PASSWORD_REJECTED,
            LdapError::Refused { .. }
            | LdapError::Connection(_)
            | LdapError::Timeout { .. }
            | LdapError::Protocol(_) => (self.pause * 2).clamp(SHORTEST, LONGEST),
        };
        self.until = Some(now + self.pause);
        self.reason = display_chain(error);
    }

    pub(super) fn succeeded(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ldap::{ConnectionError, LdapOperation};

    fn pauses(error: &LdapError, count: usize) -> Vec<Duration> {
        let now = Instant::now();
        let mut backoff = ServerBackoff::default();
        let mut fail = || {
            backoff.failed(now, error);
            backoff.until.unwrap() - now
        };
        (0..count).map(|_| fail()).collect()
    }

    fn bind_refused(code: u32) -> LdapError {
        let refusal = LdapRefusal::Result { code, text: String::new() };
        LdapError::Refused { operation: LdapOperation::Bind, refusal }
    }

    #[test]
    fn the_backoff_doubles_up_to_two_seconds() {
        let pauses = pauses(&ConnectionError::Closed.into(), 6);
        assert_eq!(pauses, [200, 400, 800, 1600, 2000, 2000].map(Duration::from_millis));
    }

    #[test]
    fn a_server_that_rejected_the_gateways_password_is_not_tried_for_a_minute() {
        assert_eq!(pauses(&bind_refused(49), 2), [PASSWORD_REJECTED; 2]);
    }

    #[test]
    fn a_server_that_refused_the_bind_for_another_reason_is_tried_again_soon() {
        assert_eq!(pauses(&bind_refused(53), 2), [200, 400].map(Duration::from_millis));
    }

    #[test]
    fn a_server_that_worked_may_be_tried_at_once() {
        let now = Instant::now();
        let mut backoff = ServerBackoff::default();
        assert_eq!(backoff.active_reason(now), None);
        backoff.failed(now, &ConnectionError::Closed.into());
        assert_eq!(backoff.active_reason(now), Some("server closed the connection"));
        assert_eq!(backoff.active_reason(now + SHORTEST), None);
        backoff.succeeded();
        assert_eq!(backoff.active_reason(now), None);
    }
}
