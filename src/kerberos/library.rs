//! Opens the system's Kerberos library. Where it is not installed the rest of the gate works; only what needs it does not.

use super::gssapi::{Gssapi, LIBRARY};
use super::log_ins::{LogInMetrics, LogIns};
use std::sync::Arc;

/// The library, opened. It stays in the process to its end.
#[derive(Debug)]
pub struct Library {
    gssapi: Arc<Gssapi>,
    log_ins: LogIns,
}

/// The library cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{LIBRARY} cannot be used; install MIT Kerberos's library (on Debian: apt-get install libgssapi-krb5-2)"
)]
pub struct LibraryError(#[source] libloading::Error);

impl Library {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// It is not installed, or too old to have the functions that are called.
    pub fn load() -> Result<Arc<Self>, LibraryError> {
        let gssapi = Gssapi::open().map_err(LibraryError)?;
        Ok(Arc::new(Self { gssapi, log_ins: LogIns::default() }))
    }

    /// Counts the log-ins of the gate's own accounts from now on.
    pub fn count_log_ins(&self, metrics: LogInMetrics) {
        self.log_ins.count(metrics);
    }

    pub(super) fn log_ins(&self) -> &LogIns {
        &self.log_ins
    }

    pub(super) fn gssapi(&self) -> &Arc<Gssapi> {
        &self.gssapi
    }
}
