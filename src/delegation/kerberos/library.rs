//! The system's Kerberos library, which is opened at run time: without it only Kerberos delegation is unavailable.

use super::gateway_logins::{GatewayLoginMetrics, GatewayLogins};
use super::gssapi::{self, GssapiLibrary, LIBRARY};
use super::kdc_relay::{KdcHealth, KdcRelay};
use super::krb5_conf;
use aws_lc_rs::rand;
use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The opened library. It is never closed.
#[derive(Debug)]
pub struct KerberosLibrary {
    gssapi: Arc<GssapiLibrary>,
    gateway_logins: GatewayLogins,
    /// The relay that selects KDCs, if krb5.conf names any.
    kdcs: Option<RelayedKdcs>,
}

/// The KDCs behind the relay, and the krb5.conf file that directs the library to it.
#[derive(Debug)]
struct RelayedKdcs {
    health: Arc<KdcHealth>,
    file: PathBuf,
}

impl Drop for RelayedKdcs {
    fn drop(&mut self) {
        // The process is ending, so an error only leaves a small file behind.
        drop(std::fs::remove_file(&self.file));
    }
}

/// The library is not installed or too old.
#[derive(Debug, thiserror::Error)]
#[error("cannot load {LIBRARY}: install the GSSAPI library of MIT Kerberos (Debian: libgssapi-krb5-2)")]
pub struct KerberosLibraryError(#[source] libloading::Error);

impl KerberosLibrary {
    /// Opens the library and starts the KDC relay. If the process has several threads, the relay is not started.
    ///
    /// # Errors
    /// The library is not installed, or too old to have the functions that are called.
    pub fn load() -> Result<Arc<Self>, KerberosLibraryError> {
        let gssapi = GssapiLibrary::open().map_err(KerberosLibraryError)?;
        // Without the relay the library selects KDCs itself, in the order of krb5.conf.
        let kdcs = start_relay().ok().flatten();
        Ok(Arc::new(Self { gssapi, gateway_logins: GatewayLogins::default(), kdcs }))
    }

    /// Counts logins of gateway accounts from now on.
    pub fn count_logins(&self, metrics: GatewayLoginMetrics) {
        self.gateway_logins.count_with(metrics);
    }

    /// Returns the KDCs that did not respond recently.
    pub(super) fn unavailable_kdcs(&self) -> Vec<String> {
        self.kdcs.as_ref().map(|kdcs| kdcs.health.unavailable()).unwrap_or_default()
    }

    pub(super) fn gateway_logins(&self) -> &GatewayLogins {
        &self.gateway_logins
    }

    pub(super) fn gssapi(&self) -> &Arc<GssapiLibrary> {
        &self.gssapi
    }
}

/// Starts the relay to the KDCs of krb5.conf. Returns `None` if krb5.conf names no KDC, so that they are found by DNS.
///
/// # Errors
/// The process has other threads. The library finds the relay by an environment variable, which cannot be set then.
fn start_relay() -> io::Result<Option<RelayedKdcs>> {
    let files = krb5_conf::files();
    let relay = KdcRelay::bind(files.clone())?;
    if relay.is_empty() {
        return Ok(None);
    }
    let kdcs = RelayedKdcs { health: relay.health(), file: write_configuration(&relay.configuration()?)? };
    let mut all = OsString::from(&kdcs.file);
    all.push(":");
    all.push(files);
    gssapi::set_configuration_files(&all)?;
    relay.start()?;
    Ok(Some(kdcs))
}

/// Writes the configuration to a new file, which exists as long as the process runs, and returns its path.
fn write_configuration(text: &str) -> io::Result<PathBuf> {
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

/// Creates a new file with an unpredictable name, so that another user of a shared folder cannot create it first.
fn create(folder: &Path) -> io::Result<(PathBuf, File)> {
    let mut number = [0; 8];
    rand::fill(&mut number).map_err(|_| io::Error::other("the system returned no random bytes"))?;
    let path = folder.join(format!("portcullis-krb5-{:016x}.conf", u64::from_ne_bytes(number)));
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    Ok((path, file))
}
