//! Web servers that authenticate users as IIS does: by Kerberos, by a client certificate or by NTLM. The first two are
//! Apache in front of an echo, such as [`Rms`](portcullis::demo::rms::Rms) at `/echo`; the third has an echo of its own.

use super::{ActiveDirectory, LabServer, is_installed, lab_program, pki, record_skip};
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The folder of Apache's modules on Debian.
const APACHE_MODULES: &str = "/usr/lib/apache2/modules";
/// The number of users such as `user001`, as in the directory.
const CROWD: usize = 200;

/// Apache as the service `HTTP/rms.corp.example`. It forwards the authenticated user to the echo in `X-Remote-User`.
pub(crate) struct KerberosSite(LabServer);

impl KerberosSite {
    /// Starts the server. Records the skip and returns `None` if Apache or the module is not installed.
    pub(crate) fn start(directory: &ActiveDirectory, echo: SocketAddr) -> Option<Self> {
        let mut command = apache("mod_auth_gssapi.so")?;
        command.arg("kerberos").arg(directory.folder()).arg(echo.to_string());
        Some(Self(LabServer::start(&mut command)))
    }

    /// Returns the address on which every request needs a ticket.
    pub(crate) fn per_request(&self) -> SocketAddr {
        self.0.address(0)
    }

    /// Returns the address on which a ticket authenticates the connection, and thereby further requests.
    pub(crate) fn per_connection(&self) -> SocketAddr {
        self.0.address(1)
    }
}

/// The time at which a server requests the client certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CertificateRequest {
    InHandshake,
    /// After the request: by renegotiation in TLS 1.2, by post-handshake authentication in TLS 1.3.
    AfterRequest,
}

/// Apache with the demo's RSA server certificate, which requires a client certificate. It forwards `X-Client-Subject`,
/// `X-Client-Upn`, `X-Client-Serial` and `X-Client-Certificate` (the PEM in base64) to the echo.
pub(crate) struct CertificateSite {
    server: LabServer,
    _folder: TempDir,
}

impl CertificateSite {
    /// Starts the server; `client_cas` are the CAs of the client certificates up to the root, as PEM. Records the skip and
    /// returns `None` if Apache or the module is not installed.
    pub(crate) fn start(client_cas: &str, echo: SocketAddr) -> Option<Self> {
        let mut command = apache("mod_ssl.so")?;
        let folder = TempDir::new().unwrap();
        let certificate = pki().server_rsa();
        std::fs::write(folder.path().join("server.pem"), certificate.chain_pem().unwrap()).unwrap();
        std::fs::write(folder.path().join("server.key"), certificate.key_pem().unwrap()).unwrap();
        std::fs::write(folder.path().join("client-ca.pem"), client_cas).unwrap();
        command.arg("certificate").arg(folder.path()).arg(echo.to_string());
        Some(Self { server: LabServer::start(&mut command), _folder: folder })
    }

    /// Returns the address with this behaviour and only this version of TLS, `1.2` or `1.3`.
    pub(crate) fn address(&self, time: CertificateRequest, tls: &str) -> SocketAddr {
        self.server.address(match (time, tls) {
            (CertificateRequest::InHandshake, "1.2") => 0,
            (CertificateRequest::InHandshake, "1.3") => 1,
            (CertificateRequest::AfterRequest, "1.2") => 2,
            (CertificateRequest::AfterRequest, "1.3") => 3,
            (_, other) => panic!("there is no TLS {other}"),
        })
    }
}

/// A server whose NTLM authenticates the connection, as in IIS. `tests/lab/ntlm_site.py` describes its paths.
pub(crate) struct NtlmSite(LabServer);

impl NtlmSite {
    /// Starts the server without a directory, with the users `CORP\alice`, `CORP\bob` and `CORP\user001` to
    /// `CORP\user200`, whose password is [`ActiveDirectory::PASSWORD`]. Records the skip and returns `None` if Python is
    /// not installed.
    pub(crate) fn start() -> Option<Self> {
        if !is_installed("python3") {
            record_skip("python3 is not installed");
            return None;
        }
        let folder = TempDir::new().unwrap();
        let users = folder.path().join("users");
        let names =
            ["alice", "bob"].map(str::to_owned).into_iter().chain((1..=CROWD).map(|n| format!("user{n:03}")));
        let text = names.fold(String::new(), |mut text, name| {
            writeln!(text, "{name}:{}", ActiveDirectory::PASSWORD).unwrap();
            text
        });
        std::fs::write(&users, text).unwrap();
        let script = lab_program("ntlm_site.py");
        let mut command = Command::new("python3");
        Some(Self(LabServer::start(command.arg(script).arg("--users").arg(users))))
    }

    /// Starts the server with every user of the directory and Samba's NTLM. Records the skip and returns `None` if Python
    /// or Samba's `ntlm_auth` is not installed.
    pub(crate) fn of_domain(directory: &ActiveDirectory) -> Option<Self> {
        if !is_installed("python3") || !is_installed("ntlm_auth") {
            record_skip("python3 or ntlm_auth is not installed");
            return None;
        }
        let mut command = Command::new(lab_program("windows-site"));
        Some(Self(LabServer::start(command.arg("ntlm").arg(directory.folder()))))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address(0)
    }
}

/// Returns the command that starts Apache. Records the skip and returns `None` if Apache or the module is not installed.
fn apache(module: &str) -> Option<Command> {
    if is_installed("apache2") && Path::new(APACHE_MODULES).join(module).exists() {
        return Some(Command::new(lab_program("windows-site")));
    }
    record_skip(&format!("Apache or its module {module} is not installed"));
    None
}
