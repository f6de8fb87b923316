//! Web servers that authenticate users as IIS can, one for a test: by Kerberos, by a client certificate, by NTLM. The
//! first two are Apache in front of an echo, such as [`Rms`](portcullis::demo::rms::Rms) at `/echo`; the third answers
//! such an echo itself.

use super::{ActiveDirectory, LabServer, is_installed, lab_program, pki, record_skip};
use std::fmt::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Where Debian has Apache's modules.
const APACHE_MODULES: &str = "/usr/lib/apache2/modules";
/// How many users like `user001` an [`NtlmSite`] has; the directory has as many.
const CROWD: usize = 200;

/// Apache for `HTTP/rms.corp.example`. Hands on to the echo as whom it saw the user, in `X-Remote-User`.
pub(crate) struct KerberosSite(LabServer);

impl KerberosSite {
    /// `None` where there is no such Apache; the test is then recorded as skipped.
    pub(crate) fn start(directory: &ActiveDirectory, echo: SocketAddr) -> Option<Self> {
        let mut command = apache("mod_auth_gssapi.so")?;
        command.arg("kerberos").arg(directory.folder()).arg(echo.to_string());
        Some(Self(LabServer::start(&mut command)))
    }

    /// Where every request needs a ticket of its own.
    pub(crate) fn per_request(&self) -> SocketAddr {
        self.0.address(0)
    }

    /// Where a ticket holds for its connection: further requests on it need none.
    pub(crate) fn per_connection(&self) -> SocketAddr {
        self.0.address(1)
    }
}

/// When a server asks for the client's certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CertificateRequest {
    /// In the first handshake.
    InHandshake,
    /// When it has read the request: by renegotiation with TLS 1.2, by post-handshake authentication with TLS 1.3.
    AfterRequest,
}

/// Apache under the demo's RSA server certificate, which takes nobody without a client certificate. Hands on to the echo
/// `X-Client-Subject`, `X-Client-Upn`, `X-Client-Serial` and `X-Client-Certificate` (the PEM in base64).
pub(crate) struct CertificateSite {
    server: LabServer,
    _folder: TempDir,
}

impl CertificateSite {
    /// `client_cas` is PEM: the CAs of the users' certificates, up to the root. `None` where there is no Apache; the test
    /// is then recorded as skipped.
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

    /// Where it asks then, and speaks only that version of TLS: `1.2` or `1.3`.
    pub(crate) fn address(&self, asks: CertificateRequest, tls: &str) -> SocketAddr {
        self.server.address(match (asks, tls) {
            (CertificateRequest::InHandshake, "1.2") => 0,
            (CertificateRequest::InHandshake, "1.3") => 1,
            (CertificateRequest::AfterRequest, "1.2") => 2,
            (CertificateRequest::AfterRequest, "1.3") => 3,
            (_, other) => panic!("there is no TLS {other}"),
        })
    }
}

/// A server whose NTLM authenticates the connection, as IIS's does. See `tests/lab/ntlm_site.py` for its paths.
pub(crate) struct NtlmSite(LabServer);

impl NtlmSite {
    /// With the users `CORP\alice`, `CORP\bob` and `CORP\user001` to `CORP\user200`, whose password is
    /// [`ActiveDirectory::PASSWORD`]; needs no directory. `None` where there is no Python; the test is then recorded as
    /// skipped.
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

    /// With every user of the directory, and Samba's own NTLM. `None` where a program is missing; the test is then
    /// recorded as skipped.
    pub(crate) fn of_domain(directory: &ActiveDirectory) -> Option<Self> {
        if !is_installed("python3") || !is_installed("ntlm_auth") {
            record_skip("python3 or ntlm_auth is not installed");
            return None;
        }
        let mut command = Command::new(lab_program("windows-site"));
        Some(Self(LabServer::start(command.arg("ntlm").arg(directory.folder()))))
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.0.address(0)
    }
}

/// The program that starts an Apache, where that has this module.
fn apache(module: &str) -> Option<Command> {
    if is_installed("apache2") && Path::new(APACHE_MODULES).join(module).exists() {
        return Some(Command::new(lab_program("windows-site")));
    }
    record_skip(&format!("Apache is not installed, or without {module}"));
    None
}
