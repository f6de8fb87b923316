//! How long a server that failed is left alone.

use crate::directory::error::Refusal;
use crate::directory::failure::Failure;
use crate::directory::message::INVALID_CREDENTIALS;
use std::time::Duration;
use tokio::time::Instant;

/// After the first failure; twice as long after each further one.
const SHORTEST: Duration = Duration::from_millis(200);
/// Never longer, so that a server is used again soon after it is back.
const LONGEST: Duration = Duration::from_secs(2);
/// After it refused the gate's own password. Trying on would get that account locked, and only a person can mend it.
const REFUSED: Duration = Duration::from_secs(60);

/// Whether a server may be tried. At first it may.
#[derive(Debug, Default)]
pub(in crate::directory) struct ServerBackoff {
    pause: Duration,
    over: Option<Instant>,
    reason: String,
}

impl ServerBackoff {
    /// Why the server is not tried `now`; `None` where it may be.
    pub(in crate::directory) fn reason(&self, now: Instant) -> Option<&str> {
        self.over.is_some_and(|over| now < over).then_some(&self.reason)
    }

    /// Why it failed last; `None` where it has worked since.
    pub(in crate::directory) fn last_failure(&self) -> Option<&str> {
        self.over.map(|_| self.reason.as_str())
    }

    pub(in crate::directory) fn failed(&mut self, now: Instant, failure: &Failure) {
        self.pause = match failure {
            Failure::Refused { refusal: Refusal::Result { code: INVALID_CREDENTIALS, .. }, .. }
            | Failure::Unsendable(_) => REFUSED,
            Failure::Refused { .. }
            | Failure::Unreachable(_)
            | Failure::Timeout { .. }
            | Failure::Nonsense(_) => (self.pause * 2).clamp(SHORTEST, LONGEST),
        };
        self.over = Some(now + self.pause);
        self.reason = failure.words();
    }

    pub(in crate::directory) fn worked(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::error::{Step, Unreachable};

    fn pauses(failure: &Failure, count: usize) -> Vec<Duration> {
        let now = Instant::now();
        let mut rest = ServerBackoff::default();
        let mut fail = || {
            rest.failed(now, failure);
            rest.over.unwrap() - now
        };
        (0..count).map(|_| fail()).collect()
    }

    #[test]
    fn a_server_is_left_alone_ever_longer_and_at_most_two_seconds() {
        let pauses = pauses(&Unreachable::Closed.into(), 6);
        assert_eq!(pauses, [200, 400, 800, 1600, 2000, 2000].map(Duration::from_millis));
    }

    fn refused(code: u32) -> Failure {
        Failure::Refused { step: Step::Bind, refusal: Refusal::Result { code, text: String::new() } }
    }

    #[test]
    fn a_server_that_refused_the_gates_password_is_left_alone_for_a_minute() {
        assert_eq!(pauses(&refused(49), 2), [REFUSED; 2]);
    }

    #[test]
    fn a_server_that_is_busy_starting_is_tried_again_soon() {
        assert_eq!(pauses(&refused(52), 2), [200, 400].map(Duration::from_millis));
    }

    #[test]
    fn a_server_that_worked_may_be_tried_at_once() {
        let now = Instant::now();
        let mut rest = ServerBackoff::default();
        assert_eq!(rest.reason(now), None);
        rest.failed(now, &Unreachable::Closed.into());
        assert_eq!(rest.reason(now), Some("it closed the connection"));
        assert_eq!(rest.reason(now + SHORTEST), None);
        rest.worked();
        assert_eq!(rest.reason(now), None);
    }
}
