//! Other people's clients: curl, openssl and whatever else is installed.

use super::{TEST_TIMEOUT, TestGateway};
use std::io::Write;
use std::process::{Command, Stdio};

/// What a program left behind.
#[derive(Debug)]
pub(crate) struct ProgramOutput {
    /// Its exit status; -1 where a signal ended it.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ProgramOutput {
    /// Both outputs, for programs that write the same thing now here and now there.
    pub(crate) fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs curl against the lab's gate: the hosts resolve to it, its CA is known, errors are shown. `None` where there is
/// no curl; the test is then recorded as skipped.
pub(crate) fn curl(gateway: &TestGateway, args: &[&str]) -> Option<ProgramOutput> {
    let port = gateway.address().port();
    let limit = TEST_TIMEOUT.as_secs().to_string();
    let ca = gateway.pki_files.server_ca.display().to_string();
    let names = ["rms.corp.example", "open.corp.example", "localhost"];
    let names = names.map(|name| format!("{name}:{port}:127.0.0.1"));
    let mut all = vec!["--silent", "--show-error", "--max-time", &limit, "--cacert", &ca];
    for name in &names {
        all.extend(["--resolve", name]);
    }
    all.extend(args);
    run("curl", &[], &all, b"")
}

/// Runs openssl. `None` where there is none; the test is then recorded as skipped.
pub(crate) fn openssl(args: &[&str]) -> Option<ProgramOutput> {
    run("openssl", &[], args, b"")
}

/// Runs `openssl s_client` against the lab's gate and sends `request`; reads until the gate closes. Names
/// `rms.corp.example` unless `args` say otherwise (`-noservername`, `-servername`).
pub(crate) fn openssl_client(gateway: &TestGateway, args: &[&str], request: &str) -> Option<ProgramOutput> {
    let address = gateway.address().to_string();
    let ca = gateway.pki_files.server_ca.display().to_string();
    let mut all = vec!["s_client", "-connect", &address, "-CAfile", &ca, "-ign_eof"];
    if !args.iter().any(|arg| arg.ends_with("servername")) {
        all.extend(["-servername", "rms.corp.example"]);
    }
    all.extend(args);
    run("openssl", &[], &all, request.as_bytes())
}

/// Runs a program for [`TEST_TIMEOUT`] at most, with these variables added to its environment. `None` where there is none;
/// the test is then recorded as skipped.
///
/// coreutils' `timeout` ends it, since a test cannot wait with a limit without asking again and again.
pub(crate) fn run(
    program: &str,
    environment: &[(&str, &str)],
    args: &[&str],
    input: &[u8],
) -> Option<ProgramOutput> {
    if !is_installed(program) {
        record_skip(&format!("{program} is not installed"));
        return None;
    }
    let mut child = Command::new("timeout")
        .arg((TEST_TIMEOUT.as_secs() + 5).to_string())
        .arg(program)
        .args(args)
        .envs(environment.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // A program that ended at once does not read; what it said tells why.
    drop(stdin.write_all(input));
    drop(stdin);
    let output = child.wait_with_output().unwrap();
    let text = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect();
    Some(ProgramOutput {
        code: output.status.code().unwrap_or(-1),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

/// Runs a Python program on `input`. `None` where there is no Python; the test is then recorded as skipped.
pub(crate) fn python(program: &str, input: &[u8]) -> Option<ProgramOutput> {
    run("python3", &[], &["-c", program], input)
}

/// Says that the test that runs now could not run, and appends `name: reason` to the file that `PORTCULLIS_SKIPS`
/// names.
pub(crate) fn record_skip(why: &str) {
    let line = format!("{}: {why}", test_name());
    eprintln!("SKIPPED: {line}");
    if let Some(path) = std::env::var_os("PORTCULLIS_SKIPS") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        // In one write, since tests run side by side.
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// The runner names the test's thread after it. Where it runs one test alone, on the main thread, it was told the name
/// on the command line.
pub(crate) fn test_name() -> String {
    let current = std::thread::current();
    match current.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => std::env::args().find(|argument| argument.contains("::")).expect("the test was named"),
    }
}

/// Whether a program is on the path, or where Debian has servers, which is on the path of root only.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.any(|folder| folder.join(program).is_file())
}
