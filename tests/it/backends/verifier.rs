//! `tests/lab/verify_assertion.py`: a backend that verifies assertions with an independent library.

use crate::support::{ProgramOutput, record_skip};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// The interpreter for which Debian installs python3-jwt. Another one earlier in PATH would not find it.
const PYTHON: &str = "/usr/bin/python3";
const NOT_INSTALLED: i32 = 3;

/// The request that a backend received, and the settings of the backend.
#[derive(Clone, Copy)]
pub(super) struct Expected<'a> {
    pub(super) issuer: &'a str,
    pub(super) audience: &'a str,
    pub(super) host: &'a str,
    pub(super) method: &'a str,
    pub(super) path: &'a str,
}

/// Verifies `assertion` for the request `expected` with the keys at `jwks`, a file or a URL, and returns the output of
/// the script; `None` if PyJWT is not installed. The test is then recorded as skipped.
pub(super) fn verify(jwks: &str, assertion: &str, expected: &Expected<'_>) -> Option<ProgramOutput> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab/verify_assertion.py");
    let child = Command::new(PYTHON)
        .arg(script)
        .args([jwks, "--issuer", expected.issuer, "--audience", expected.audience])
        .args(["--host", expected.host, "--method", expected.method, "--path", expected.path])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        record_skip(&format!("{PYTHON} is not installed"));
        return None;
    };
    child.stdin.take().unwrap().write_all(assertion.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.status.code() == Some(NOT_INSTALLED) {
        record_skip("python3-jwt is not installed");
        return None;
    }
    Some(ProgramOutput {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    })
}
