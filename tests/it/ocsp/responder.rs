//! `tests/lab/ocsp_responder.py` with the keys and the index that it needs.

use super::fixture::{CardKind, NOW};
use crate::support::{LabServer, is_installed, lab_program, pki, record_skip};
use const_oid::ObjectIdentifier;
use portcullis::demo::pki::{CertificateProfile, ExtraExtension, Pki, serial_number};
use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

const OCSP_SIGNING: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.9");
const NO_CHECK: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.48.1.5");

/// A running responder. It ends when this is dropped, or when this process ends.
pub(super) struct Responder {
    server: LabServer,
    _folder: TempDir,
}

impl Responder {
    /// Returns `None` if a required program is missing; the test is then recorded as skipped.
    pub(super) fn start() -> Option<Self> {
        if !is_installed("python3") || !is_installed("openssl") {
            record_skip("python3 or openssl is not installed");
            return None;
        }
        let folder = TempDir::new().unwrap();
        write_files(folder.path(), pki());
        let mut command = Command::new("python3");
        let server = LabServer::start(command.arg(lab_program("ocsp_responder.py")).arg(folder.path()));
        Some(Self { server, _folder: folder })
    }

    /// Returns the URL at which the responder has this fault.
    pub(super) fn url(&self, fault: &str) -> String {
        format!("http://{}/{fault}", self.server.address(0))
    }
}

fn write_files(folder: &Path, pki: &Pki) {
    fs::write(folder.join("ca.pem"), pem(pki.issuing())).unwrap();
    fs::write(folder.join("other-ca.pem"), pem(pki.foreign_root())).unwrap();
    let of = |name: &str| CertificateProfile::of(name, *NOW);
    let no_check = ExtraExtension { identifier: NO_CHECK, critical: false, value: vec![5, 0] };
    let delegate = CertificateProfile {
        extended_key_usages: vec![OCSP_SIGNING],
        extra_extensions: vec![no_check],
        ..of("delegate")
    };
    for profile in [delegate, of("no-usage")] {
        let signer = pki.issue(&profile).unwrap();
        fs::write(folder.join(format!("{}.pem", profile.name)), signer.chain_pem().unwrap()).unwrap();
        fs::write(folder.join(format!("{}.key", profile.name)), signer.key_pem().unwrap()).unwrap();
    }
    fs::write(folder.join("index.txt"), index()).unwrap();
}

/// Returns the index as `openssl ca` writes it: state, end, revocation, serial number, file, subject.
fn index() -> String {
    let serial = |kind: CardKind| {
        serial_number(kind.name()).iter().fold(String::new(), |mut hex, byte| {
            write!(hex, "{byte:02X}").unwrap();
            hex
        })
    };
    let (good, revoked) = (serial(CardKind::Good), serial(CardKind::Revoked));
    format!(
        "V\t491231235959Z\t\t{good}\tunknown\t/CN=good\n\
         R\t491231235959Z\t260101120000Z,keyCompromise\t{revoked}\tunknown\t/CN=revoked\n"
    )
}

fn pem(der: &[u8]) -> String {
    use base64::Engine;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let lines: Vec<_> = text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", lines.join("\n"))
}
