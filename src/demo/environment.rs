//! Sets the environment: writes a PKI and a proxy.toml into a folder, starts the stand-in RMS and the gate from that very
//! file, and takes it all down again.

use super::pki::{DOMAIN_SID, POLICY, Pki, PkiError, PkiFiles};
use super::rms::Rms;
use crate::certificate::Fingerprint;
use crate::clock::Clock;
use crate::config::{self, Context, LoadError};
use crate::control::ControlRuntime;
use crate::policy::DenialId;
use crate::server::{ReloadError, Running, StartError, Stopped};
use crate::telemetry::Metrics;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const TEMPLATE: &str = include_str!("proxy.toml");
const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// The ports that the demo would like to have.
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
    /// Those that a person remembers.
    pub const USUAL: Self = Self { tls: 8443, plain: 8080, admin: 9090 };
    /// Whichever are free.
    pub const ANY: Self = Self { tls: 0, plain: 0, admin: 0 };

    /// These where they are free, others where not.
    fn free(self) -> io::Result<Self> {
        Ok(Self { tls: free(self.tls)?, plain: free(self.plain)?, admin: free(self.admin)? })
    }
}

/// The demo cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The PKI.
    #[error(transparent)]
    Pki(#[from] PkiError),
    /// The folder or a port.
    #[error("{what}")]
    System {
        /// What was tried.
        what: String,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The configuration that the demo wrote itself.
    #[error("the demo's configuration does not load")]
    Load(#[source] Box<LoadError>),
    /// The gate.
    #[error("the gate does not start")]
    Start(#[from] StartError),
    /// A changed configuration.
    #[error("the configuration is not reloaded")]
    Reload(#[from] ReloadError),
}

/// A running demo.
pub struct DemoEnvironment {
    /// The PKI, with the keys of its authorities.
    pub pki: Pki,
    /// Where its files are.
    pub files: PkiFiles,
    /// The stand-in RMS.
    pub rms: Rms,
    /// The configuration file.
    pub configuration: PathBuf,
    /// Where the gate listens for HTTPS.
    pub tls: SocketAddr,
    /// Where the gate listens for plain HTTP.
    pub plain: SocketAddr,
    /// Where the admin listener is.
    pub admin: SocketAddr,
    running: Running,
    context: Context,
}

impl DemoEnvironment {
    /// Sets everything up below `dir`, which is made where it does not exist.
    ///
    /// # Errors
    /// Where the folder cannot be written or no port is free.
    pub fn start(dir: &Path, ports: Ports) -> Result<Self, DemoError> {
        let clock = Clock::system();
        let system = |what: &str, source| DemoError::System { what: what.to_owned(), source };
        std::fs::create_dir_all(dir)
            .map_err(|source| system(&format!("cannot make {}", dir.display()), source))?;
        let pki = Pki::create(clock.now())?;
        let files = pki.write_to(dir)?;
        let rms = Rms::start((LOOPBACK, 0).into())
            .map_err(|source| system("the stand-in RMS cannot start", source))?;
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
        let mut context = Context::new(clock.clone(), Arc::clone(&metrics));
        let loaded = config::load(&configuration, &mut context).map_err(DemoError::Load)?;
        let running = Running::start(loaded.compiled, metrics, clock)?;
        Ok(Self { pki, files, rms, configuration, tls, plain, admin, running, context })
    }

    /// Reads the configuration file again and puts it in force.
    ///
    /// # Errors
    /// Where the file is not right; what ran before runs on.
    pub fn reload(&mut self) -> Result<(), DemoError> {
        let loaded = config::load(&self.configuration, &mut self.context).map_err(DemoError::Load)?;
        self.running.reload(loaded.compiled)?;
        Ok(())
    }

    /// The runtime of the gateway for everything beside the requests.
    pub fn control(&self) -> ControlRuntime {
        self.context.control.clone()
    }

    /// Takes everything down; requests in progress end first.
    pub fn stop(self) -> Stopped {
        let stopped = self.running.stop();
        self.rms.stop();
        stopped
    }
}

/// The SHA-256 of a card's own certificate; nothing where there is no such card.
fn sha256_of(pki: &Pki, card: &str) -> String {
    pki.card(card).map(|card| Fingerprint::of(card.certificate_der()).to_string()).unwrap_or_default()
}

/// `preferred` where it is free on loopback, else any free port.
fn free(preferred: u16) -> io::Result<u16> {
    let bound = TcpListener::bind((LOOPBACK, preferred)).or_else(|_| TcpListener::bind((LOOPBACK, 0)))?;
    Ok(bound.local_addr()?.port())
}
