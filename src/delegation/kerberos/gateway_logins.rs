//! The backoff after a KDC rejected a gateway account, shared by all threads, backends and configurations of the
//! process.
//!
//! Each login with a wrong key is a failed pre-authentication, and Active Directory locks the account after a few of
//! them, for the right key too. So no login is tried before the keytab changes or the domain has reset its counter.

use super::error::DelegationError;
use super::keytab::{Keytab, KeytabError};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

/// The backoff after a wrong key. It is longer than the usual "Reset account lockout counter after" of Active
/// Directory, 30 minutes at most, so that failures do not accumulate.
const WRONG_KEY_BACKOFF: Duration = Duration::from_secs(31 * 60);
/// The backoff for an account that is unknown, disabled or locked. Such a login does not count as a failed one.
const REJECTION_BACKOFF: Duration = Duration::from_secs(60);

/// Metrics of all gateway logins of the process.
#[derive(Clone, Debug, Default)]
pub struct GatewayLoginMetrics {
    /// Logins that a KDC rejected.
    pub failures: Counter,
    /// Accounts in backoff.
    pub failing: Gauge,
}

/// A keytab, and the configured principal.
type GatewayAccountKey = (PathBuf, Option<String>);

/// The logins of all gateway accounts.
#[derive(Debug, Default)]
pub(super) struct GatewayLogins {
    accounts: Mutex<HashMap<GatewayAccountKey, Arc<GatewayLogin>>>,
    metrics: Arc<OnceLock<GatewayLoginMetrics>>,
}

impl GatewayLogins {
    /// Counts logins from now on. Only the first call has an effect.
    pub(super) fn count_with(&self, metrics: GatewayLoginMetrics) {
        self.metrics.set(metrics).ok();
    }

    /// Returns the logins with this keytab as this principal.
    pub(super) fn of(&self, keytab: &Path, principal: Option<&str>) -> Arc<GatewayLogin> {
        let mut accounts = lock(&self.accounts);
        let key = (keytab.to_owned(), principal.map(str::to_owned));
        let fresh =
            || Arc::new(GatewayLogin { metrics: Arc::clone(&self.metrics), ..GatewayLogin::default() });
        Arc::clone(accounts.entry(key).or_insert_with(fresh))
    }
}

/// The logins of one account.
#[derive(Debug, Default)]
pub(super) struct GatewayLogin {
    /// Held during a login: concurrent logins with a wrong key would be as many failures.
    login: Mutex<()>,
    rejection: Mutex<Option<LoginRejection>>,
    metrics: Arc<OnceLock<GatewayLoginMetrics>>,
}

#[derive(Clone, Debug)]
struct LoginRejection {
    keytab: Keytab,
    error: DelegationError,
    until: Instant,
}

impl GatewayLogin {
    /// Runs `log_in` and returns its result, or the error of the last login if the account is in backoff and the keytab
    /// has not changed since.
    pub(super) fn attempt<T>(
        &self,
        keytab: &Keytab,
        now: Instant,
        log_in: impl FnOnce() -> Result<T, DelegationError>,
    ) -> Result<T, DelegationError> {
        let _login = lock(&self.login);
        let applies = |rejection: &&LoginRejection| rejection.keytab == *keytab && now < rejection.until;
        if let Some(rejection) = lock(&self.rejection).as_ref().filter(applies) {
            return Err(rejection.error.clone());
        }
        let outcome = log_in();
        let rejection = outcome.as_ref().err().and_then(|error| {
            let until = now + backoff_after(error)?;
            Some(LoginRejection { keytab: keytab.clone(), error: error.clone(), until })
        });
        self.record(rejection);
        outcome
    }

    /// Returns the error for which the account is in backoff.
    pub(super) fn backoff_error(&self) -> Option<DelegationError> {
        lock(&self.rejection).as_ref().map(|rejection| rejection.error.clone())
    }

    fn record(&self, rejection: Option<LoginRejection>) {
        let is_rejected = rejection.is_some();
        let was_rejected = std::mem::replace(&mut *lock(&self.rejection), rejection).is_some();
        let Some(metrics) = self.metrics.get() else { return };
        if is_rejected {
            metrics.failures.inc();
        }
        match (was_rejected, is_rejected) {
            (false, true) => _ = metrics.failing.inc(),
            (true, false) => _ = metrics.failing.dec(),
            (true, true) | (false, false) => {}
        }
    }
}

/// Returns the backoff after this error; `None` if the KDC did not reject the account.
fn backoff_after(error: &DelegationError) -> Option<Duration> {
    match error {
        DelegationError::Keytab { error: KeytabError::WrongKey { .. }, .. } => Some(WRONG_KEY_BACKOFF),
        DelegationError::Keytab { error: KeytabError::NoAccount { .. }, .. }
        | DelegationError::GatewayAccount(_) => Some(REJECTION_BACKOFF),
        _ => None,
    }
}

/// Locks a value. A poisoned lock is used: no change of these values can panic half-way.
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

    fn unreachable_kdc() -> DelegationError {
        DelegationError::KdcUnreachable(KerberosCode::status(KerberosCode::KDC_UNREACH.number()))
    }

    /// Returns the number of logins in two attempts, the second of them `later` and with the keytab `second`.
    fn logins(error: fn() -> DelegationError, later: Duration, second: &Keytab) -> u32 {
        let gateway_logins = GatewayLogins::default();
        let metrics = GatewayLoginMetrics::default();
        gateway_logins.count_with(metrics.clone());
        let mut count = 0;
        let now = Instant::now();
        for (keytab, now) in [(&Keytab::of_content(b"first"), now), (second, now + later)] {
            let log_in = gateway_logins.of(Path::new("gw.keytab"), None);
            let rejected: Result<(), _> = log_in.attempt(keytab, now, || {
                count += 1;
                Err(error())
            });
            assert_eq!(rejected.unwrap_err().to_string(), error().to_string());
            assert_eq!(log_in.backoff_error().is_some(), backoff_after(&error()).is_some());
        }
        let counted = if backoff_after(&error()).is_some() { u64::from(count) } else { 0 };
        assert_eq!((metrics.failures.get(), metrics.failing.get()), (counted, i64::from(counted > 0)));
        count
    }

    #[test]
    fn an_account_that_was_rejected_is_in_backoff() {
        let same = Keytab::of_content(b"first");
        let minute = Duration::from_secs(60);
        assert_eq!(logins(wrong_key, minute * 30, &same), 1);
        assert_eq!(logins(wrong_key, minute * 31, &same), 2);
        assert_eq!(logins(locked, minute / 2, &same), 1);
        assert_eq!(logins(locked, minute, &same), 2);
        assert_eq!(
            logins(unreachable_kdc, Duration::ZERO, &same),
            2,
            "an unreachable KDC is not a rejection"
        );
    }

    #[test]
    fn a_changed_keytab_is_tried_at_once() {
        assert_eq!(logins(wrong_key, Duration::ZERO, &Keytab::of_content(b"second")), 2);
    }

    #[test]
    fn a_successful_login_ends_the_backoff() {
        let gateway_logins = GatewayLogins::default();
        let metrics = GatewayLoginMetrics::default();
        gateway_logins.count_with(metrics.clone());
        let log_in = gateway_logins.of(Path::new("gw.keytab"), Some("svc-gw"));
        let now = Instant::now();
        let _rejected: Result<(), _> = log_in.attempt(&Keytab::of_content(b"old"), now, || Err(wrong_key()));
        log_in.attempt(&Keytab::of_content(b"new"), now, || Ok(())).unwrap();
        assert!(log_in.backoff_error().is_none());
        assert_eq!((metrics.failures.get(), metrics.failing.get()), (1, 0));
    }
}
