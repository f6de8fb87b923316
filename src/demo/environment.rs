//! The running demo: a folder with a PKI and a proxy.toml, the test RMS server, and the gateway with that configuration.

use super::pki::{DOMAIN_SID, POLICY, Pki, PkiError, PkiFiles};
use super::rms::Rms;
use crate::certificate::Fingerprint;
use crate::clock::Clock;
use crate::config::{self, CompileContext, LoadError};
use crate::control::ControlRuntime;
use crate::policy::DenialId;
use crate::server::{ReloadError, RunningServer, StartError, StopOutcome};
use crate::telemetry::Metrics;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TEMPLATE: &str = include_str!("proxy.toml");

/// The file by which a demo recognizes the folder of an earlier one, whose files it may replace.
const MARKER: &str = ".portcullis-demo";
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The preferred ports of the demo; port 0 stands for any free port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// HTTPS.
    pub tls: u16,
    /// Plain HTTP.
    pub plain: u16,
    /// The admin listener.
    pub admin: u16,
}

impl Ports {
    /// The ports that the documentation names.
    pub const USUAL: Self = Self { tls: 8443, plain: 8080, admin: 9090 };
    /// Any free ports.
    pub const ANY: Self = Self { tls: 0, plain: 0, admin: 0 };

    /// Returns the preferred ports if they are free, otherwise others.
    fn free(self) -> io::Result<Self> {
        Ok(Self { tls: free(self.tls)?, plain: free(self.plain)?, admin: free(self.admin)? })
    }
}

/// An error that prevents the start or a reload of the demo.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The PKI cannot be created or written.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The folder cannot be written, or no port is free.
    #[error("{what}")]
    System {
        /// The failed operation.
        what: String,
        /// The cause.
        #[source]
        source: io::Error,
    },
    /// The folder has files that no demo wrote, perhaps the keys and the configuration of a gateway in service.
    #[error(
        "{} is neither empty nor the folder of an earlier demo (it has no {MARKER}), and the demo would replace its \
         proxy.toml and keys: specify a new or empty folder",
        .0.display()
    )]
    FolderInUse(PathBuf),
    /// The configuration file has errors.
    #[error("the demo's configuration is invalid")]
    Load(#[source] Box<LoadError>),
    /// A listener or a thread of the gateway cannot be started.
    #[error("cannot start the gateway")]
    Start(#[from] StartError),
    /// A changed configuration cannot replace the running one.
    #[error("reload failed")]
    Reload(#[from] ReloadError),
}

/// A running demo: the PKI, the test RMS server, and the gateway.
pub struct DemoEnvironment {
    /// The PKI, with the keys of its authorities.
    pub pki: Pki,
    /// The paths of its files.
    pub files: PkiFiles,
    /// The test RMS server.
    pub rms: Rms,
    /// The configuration file.
    pub configuration: PathBuf,
    /// The HTTPS listener.
    pub tls: SocketAddr,
    /// The plain HTTP listener.
    pub plain: SocketAddr,
    /// The admin listener.
    pub admin: SocketAddr,
    running: RunningServer,
    context: CompileContext,
}

impl DemoEnvironment {
    /// Writes the PKI and the configuration into `dir`, which is created if it does not exist, and starts the servers. The
    /// files of an earlier demo are replaced.
    ///
    /// # Errors
    /// If the folder has files that no demo wrote, it cannot be written, no port is free, or the gateway rejects the
    /// configuration.
    pub fn start(dir: &Path, ports: Ports) -> Result<Self, DemoError> {
        let clock = Clock::system();
        let system = |what: &str, source| DemoError::System { what: what.to_owned(), source };
        claim_folder(dir)?;
        let pki = Pki::create(clock.now())?;
        let files = pki.write_to(dir)?;
        let rms = Rms::start((LOOPBACK, 0).into())
            .map_err(|source| system("cannot start the test RMS server", source))?;
        let ports = ports.free().map_err(|source| system("no port is free", source))?;
        let at = |port: u16| SocketAddr::from((LOOPBACK, port));
        let (tls, plain, admin) = (at(ports.tls), at(ports.plain), at(ports.admin));

        let configuration = dir.join("proxy.toml");
        let text = TEMPLATE
            .replace("@FILE@", &configuration.display().to_string())
            .replace("@ADMIN@", &admin.to_string())
            .replace("@TLS@", &tls.to_string())
            .replace("@PLAIN@", &plain.to_string())
            .replace("@POLICY@", &POLICY.to_string())
            .replace("@SID@", DOMAIN_SID)
            .replace("@MIA@", &sha256_of(&pki, "mia"))
            .replace("@RMS@", &format!("http://{}", rms.address()));
        std::fs::write(&configuration, text)
            .map_err(|source| system(&format!("cannot write {}", configuration.display()), source))?;

        let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION"), DenialId::IDS));
        let mut context = CompileContext::new(clock.clone(), Arc::clone(&metrics));
        let loaded = config::load(&configuration, &mut context).map_err(DemoError::Load)?;
        let running = RunningServer::start(loaded.compiled, metrics, clock)?;
        Ok(Self { pki, files, rms, configuration, tls, plain, admin, running, context })
    }

    /// Reloads the configuration file.
    ///
    /// # Errors
    /// If the file is invalid. The running configuration stays in force.
    pub fn reload(&mut self) -> Result<(), DemoError> {
        let loaded = config::load(&self.configuration, &mut self.context).map_err(DemoError::Load)?;
        self.running.reload(loaded.compiled)?;
        Ok(())
    }

    /// Returns the runtime on which the gateway runs its background tasks.
    pub fn control(&self) -> ControlRuntime {
        self.context.control.clone()
    }

    /// Shuts the gateway down gracefully, then stops the test RMS server. Returns how the gateway stopped.
    pub fn stop(self) -> StopOutcome {
        let stopped = self.running.stop();
        self.rms.stop();
        stopped
    }
}

/// Creates the folder if it does not exist, and marks it as that of a demo.
///
/// # Errors
/// The folder has files and no mark, or it cannot be read or written.
fn claim_folder(dir: &Path) -> Result<(), DemoError> {
    let system = |verb: &str, path: &Path, source| DemoError::System {
        what: format!("cannot {verb} {}", path.display()),
        source,
    };
    let marker = dir.join(MARKER);
    std::fs::create_dir_all(dir).map_err(|source| system("create", dir, source))?;
    if marker.try_exists().map_err(|source| system("read", &marker, source))? {
        return Ok(());
    }
    let mut entries = std::fs::read_dir(dir).map_err(|source| system("read", dir, source))?;
    if entries.next().is_some() {
        return Err(DemoError::FolderInUse(dir.to_owned()));
    }
    // Written before every other file, so that the folder of a demo that failed to start can be used again.
    std::fs::write(&marker, "The next `portcullis demo` in this folder replaces its files.\n")
        .map_err(|source| system("write", &marker, source))
}

/// Returns the SHA-256 fingerprint of a client certificate; empty if the PKI has no certificate of that name.
fn sha256_of(pki: &Pki, card: &str) -> String {
    pki.card(card).map(|card| Fingerprint::of(card.certificate_der()).to_string()).unwrap_or_default()
}

/// Returns `preferred` if it is free on loopback, otherwise any free port.
fn free(preferred: u16) -> io::Result<u16> {
    let bound = TcpListener::bind((LOOPBACK, preferred)).or_else(|_| TcpListener::bind((LOOPBACK, 0)))?;
    Ok(bound.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn a_demo_may_use_a_new_or_empty_folder_and_that_of_an_earlier_demo() {
        let parent = TempDir::new().unwrap();
        for dir in [parent.path().join("empty"), parent.path().join("new/folder")] {
            if dir.ends_with("empty") {
                std::fs::create_dir(&dir).unwrap();
            }
            claim_folder(&dir).unwrap();
            std::fs::write(dir.join("proxy.toml"), "").unwrap();
            claim_folder(&dir).unwrap();
        }
    }

    #[test]
    fn a_demo_rejects_a_folder_with_files_of_others_and_leaves_it_unchanged() {
        let dir = TempDir::new().unwrap();
        std::fs::write(dir.path().join("proxy.toml"), "workers = 2\n").unwrap();
        let error = claim_folder(dir.path()).unwrap_err();
        assert!(matches!(&error, DemoError::FolderInUse(folder) if folder == dir.path()), "{error}");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }
}
