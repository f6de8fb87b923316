//! Remembers that a KDC refused one of the gateway's own accounts, for all threads, backends and reloads of the process.
//!
//! Each wrong key is a failed pre-authentication, and Active Directory locks the account after a few: then no backend that
//! it serves can be reached any more, also with the right key. So one failure is enough, until the keytab changes or the
//! domain has forgotten the failure.

use super::error::DelegationError;
use super::keytab::{Keytab, KeytabError};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// How long a wrong key is not tried again: longer than Active Directory counts a failure in its default policy ("Reset
/// account lockout counter after", 30 minutes at most in most domains), so that failures never add up.
const PAUSE_AFTER_WRONG_KEY: Duration = Duration::from_secs(31 * 60);
/// How long an account that is unknown, disabled or locked is not tried again. Such a try does not count as a failure.
const PAUSE_AFTER_REFUSAL: Duration = Duration::from_secs(60);

/// What is counted of all log-ins of the process.
#[derive(Clone, Debug, Default)]
pub struct GatewayLoginMetrics {
    /// Log-ins that a KDC refused.
    pub failures: Counter,
    /// Accounts that are not tried at the moment.
    pub failing: Gauge,
}

/// A keytab, and the principal in it.
type Own = (PathBuf, Option<String>);

/// The log-ins of all accounts.
#[derive(Debug, Default)]
pub(super) struct GatewayLogins {
    accounts: Mutex<HashMap<Own, Arc<GatewayLogin>>>,
    metrics: Arc<OnceLock<GatewayLoginMetrics>>,
}

impl GatewayLogins {
    /// Counts from now on. Only the first call has an effect.
    pub(super) fn count(&self, metrics: GatewayLoginMetrics) {
        self.metrics.set(metrics).ok();
    }

    /// The log-ins with this keytab as this principal.
    pub(super) fn of(&self, keytab: &Path, principal: Option<&str>) -> Arc<GatewayLogin> {
        let mut accounts = lock(&self.accounts);
        let key = (keytab.to_owned(), principal.map(str::to_owned));
        let fresh =
            || Arc::new(GatewayLogin { metrics: Arc::clone(&self.metrics), ..GatewayLogin::default() });
        Arc::clone(accounts.entry(key).or_insert_with(fresh))
    }
}

/// The log-ins of one account.
#[derive(Debug, Default)]
pub(super) struct GatewayLogin {
    /// Held while one is under way: several at once would be several failures.
    turn: Mutex<()>,
    refused: Mutex<Option<LoginRejection>>,
    metrics: Arc<OnceLock<GatewayLoginMetrics>>,
}

#[derive(Clone, Debug)]
struct LoginRejection {
    keytab: Keytab,
    error: DelegationError,
    until: Instant,
}

impl GatewayLogin {
    /// What `log_in` returns, or the last refusal while it still counts for this content of the keytab.
    pub(super) fn attempt<T>(
        &self,
        keytab: &Keytab,
        now: Instant,
        log_in: impl FnOnce() -> Result<T, DelegationError>,
    ) -> Result<T, DelegationError> {
        let _turn = lock(&self.turn);
        let counts = |refused: &&LoginRejection| refused.keytab == *keytab && now < refused.until;
        if let Some(refused) = lock(&self.refused).as_ref().filter(counts) {
            return Err(refused.error.clone());
        }
        let outcome = log_in();
        let refused = outcome.as_ref().err().and_then(|error| {
            let until = now + pause_after(error)?;
            Some(LoginRejection { keytab: keytab.clone(), error: error.clone(), until })
        });
        self.note(refused);
        outcome
    }

    /// Why the account is not tried at the moment.
    pub(super) fn refusal(&self) -> Option<DelegationError> {
        lock(&self.refused).as_ref().map(|refused| refused.error.clone())
    }

    fn note(&self, refused: Option<LoginRejection>) {
        let is_refused = refused.is_some();
        let was_refused = std::mem::replace(&mut *lock(&self.refused), refused).is_some();
        let Some(metrics) = self.metrics.get() else { return };
        if is_refused {
            metrics.failures.inc();
        }
        match (was_refused, is_refused) {
            (false, true) => _ = metrics.failing.inc(),
            (true, false) => _ = metrics.failing.dec(),
            (true, true) | (false, false) => {}
        }
    }
}

/// For how long the same would fail again, and harm the account. `None` where the KDC did not refuse it.
fn pause_after(error: &DelegationError) -> Option<Duration> {
    match error {
        DelegationError::Keytab { error: KeytabError::WrongKey { .. }, .. } => Some(PAUSE_AFTER_WRONG_KEY),
        DelegationError::Keytab { error: KeytabError::NoAccount { .. }, .. }
        | DelegationError::GatewayAccount(_) => Some(PAUSE_AFTER_REFUSAL),
        _ => None,
    }
}

/// A panic elsewhere leaves whole values behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::super::status::KerberosCode;
    use super::*;

    fn wrong_key() -> DelegationError {
        let error = KeytabError::WrongKey {
            principal: "svc-gw@CORP.EXAMPLE".to_owned(),
            status: KerberosCode::status(KerberosCode::KDC_ERR_PREAUTH_FAILED.number()),
        };
        DelegationError::Keytab { path: "gw.keytab".into(), error }
    }

    fn locked() -> DelegationError {
        DelegationError::GatewayAccount(KerberosCode::status(KerberosCode::KDC_ERR_CLIENT_REVOKED.number()))
    }

    fn silent() -> DelegationError {
        DelegationError::KdcUnreachable(KerberosCode::status(KerberosCode::KDC_UNREACH.number()))
    }

    /// How often the KDC is asked by two attempts, the second one `later`, with `second` in the keytab.
    fn asked(error: fn() -> DelegationError, later: Duration, second: &Keytab) -> u32 {
        let gateway_logins = GatewayLogins::default();
        let metrics = GatewayLoginMetrics::default();
        gateway_logins.count(metrics.clone());
        let mut asked = 0;
        let now = Instant::now();
        for (keytab, now) in [(&Keytab::of_content(b"first"), now), (second, now + later)] {
            let log_in = gateway_logins.of(Path::new("gw.keytab"), None);
            let refused: Result<(), _> = log_in.attempt(keytab, now, || {
                asked += 1;
                Err(error())
            });
            assert_eq!(refused.unwrap_err().to_string(), error().to_string());
            assert_eq!(log_in.refusal().is_some(), pause_after(&error()).is_some());
        }
        let counted = if pause_after(&error()).is_some() { u64::from(asked) } else { 0 };
        assert_eq!((metrics.failures.get(), metrics.failing.get()), (counted, i64::from(counted > 0)));
        asked
    }

    #[test]
    fn a_refused_account_is_not_tried_again_for_a_while() {
        let same = Keytab::of_content(b"first");
        let minute = Duration::from_secs(60);
        assert_eq!(asked(wrong_key, minute * 30, &same), 1);
        assert_eq!(asked(wrong_key, minute * 31, &same), 2);
        assert_eq!(asked(locked, minute / 2, &same), 1);
        assert_eq!(asked(locked, minute, &same), 2);
        assert_eq!(asked(silent, Duration::ZERO, &same), 2, "silence is no refusal");
    }

    #[test]
    fn a_keytab_that_was_changed_is_tried_at_once() {
        assert_eq!(asked(wrong_key, Duration::ZERO, &Keytab::of_content(b"second")), 2);
    }

    #[test]
    fn a_log_in_that_succeeds_ends_the_refusal() {
        let gateway_logins = GatewayLogins::default();
        let metrics = GatewayLoginMetrics::default();
        gateway_logins.count(metrics.clone());
        let log_in = gateway_logins.of(Path::new("gw.keytab"), Some("svc-gw"));
        let now = Instant::now();
        let _refused: Result<(), _> = log_in.attempt(&Keytab::of_content(b"old"), now, || Err(wrong_key()));
        log_in.attempt(&Keytab::of_content(b"new"), now, || Ok(())).unwrap();
        assert!(log_in.refusal().is_none());
        assert_eq!((metrics.failures.get(), metrics.failing.get()), (1, 0));
    }
}
