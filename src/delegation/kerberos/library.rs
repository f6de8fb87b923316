//! Opens the system's Kerberos library. Where it is not installed the rest of the gate works; only what needs it does not.

use super::gateway_logins::{GatewayLoginMetrics, GatewayLogins};
use super::gssapi::{self, Gssapi, LIBRARY};
use super::kdc_relay::{KdcHealth, KdcRelay};
use super::krb5_conf;
use aws_lc_rs::rand;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The library, opened. It stays in the process to its end.
#[derive(Debug)]
pub struct KerberosLibrary {
    gssapi: Arc<Gssapi>,
    gateway_logins: GatewayLogins,
    /// Which KDCs do not answer, where the gate chooses them.
    kdcs: Option<RelayedKdcs>,
}

/// The KDCs that the gate chooses, and the file by which the library knows of it.
#[derive(Debug)]
struct RelayedKdcs {
    health: Arc<KdcHealth>,
    file: PathBuf,
}

impl Drop for RelayedKdcs {
    fn drop(&mut self) {
        // The process ends; what is left behind would be a small file.
        drop(std::fs::remove_file(&self.file));
    }
}

/// The library cannot be used.
#[derive(Debug, thiserror::Error)]
#[error(
    "{LIBRARY} cannot be used; install MIT Kerberos's library (on Debian: apt-get install libgssapi-krb5-2)"
)]
pub struct KerberosLibraryError(#[source] libloading::Error);

impl KerberosLibrary {
    /// Opens it.
    ///
    /// # Errors
    ///
    /// It is not installed, or too old to have the functions that are called.
    pub fn load() -> Result<Arc<Self>, KerberosLibraryError> {
        let gssapi = Gssapi::open().map_err(KerberosLibraryError)?;
        // Without it the library chooses KDCs by itself, in the order of krb5.conf.
        let kdcs = choose_kdcs().ok().flatten();
        Ok(Arc::new(Self { gssapi, gateway_logins: GatewayLogins::default(), kdcs }))
    }

    /// Counts the log-ins of the gate's own accounts from now on.
    pub fn count_log_ins(&self, metrics: GatewayLoginMetrics) {
        self.gateway_logins.count(metrics);
    }

    /// The KDCs that do not answer at the moment.
    pub(super) fn unwell_kdcs(&self) -> Vec<String> {
        self.kdcs.as_ref().map(|kdcs| kdcs.health.unwell()).unwrap_or_default()
    }

    pub(super) fn gateway_logins(&self) -> &GatewayLogins {
        &self.gateway_logins
    }

    pub(super) fn gssapi(&self) -> &Arc<Gssapi> {
        &self.gssapi
    }
}

/// Puts a relay before the KDCs of krb5.conf, which avoids those that hang. Only in a process that has no other threads yet:
/// the library is told of it through the environment. `None` where krb5.conf names no KDC, but leaves them to DNS.
fn choose_kdcs() -> io::Result<Option<RelayedKdcs>> {
    let files = krb5_conf::files();
    let relay = KdcRelay::bind(files.clone())?;
    if relay.is_empty() {
        return Ok(None);
    }
    let kdcs = RelayedKdcs { health: relay.health(), file: written(&relay.configuration()?)? };
    let mut all = OsString::from(&kdcs.file);
    all.push(":");
    all.push(files);
    gssapi::set_configuration_files(&all)?;
    relay.start()?;
    Ok(Some(kdcs))
}

/// A new file with this text that the library can read for as long as the process runs.
fn written(text: &str) -> io::Result<PathBuf> {
    let folders = [
        std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from),
        Some(std::env::temp_dir()),
        Some("/dev/shm".into()),
    ];
    let mut failed = io::Error::from(io::ErrorKind::NotFound);
    for folder in folders.into_iter().flatten() {
        match create(&folder).and_then(|(path, mut file)| file.write_all(text.as_bytes()).map(|()| path)) {
            Ok(path) => return Ok(path),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// A file that was not there before, under a name that nobody can foresee.
fn create(folder: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = [0; 8];
    rand::fill(&mut number).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    let path = folder.join(format!("portcullis-krb5-{:016x}.conf", u64::from_ne_bytes(number)));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok((path, file))
}
