//! External programs: curl, openssl, Python and others that may be installed, and the servers of `tests/lab`.

use super::{TEST_TIMEOUT, TestGateway};
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The output of a program that has ended.
#[derive(Debug)]
pub(crate) struct ProgramOutput {
    /// The exit status; -1 if a signal ended the program.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl ProgramOutput {
    /// Returns both outputs, since versions of a program differ in where they write a message.
    pub(crate) fn output(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }
}

/// Runs curl with the hosts resolved to this gateway, its CA trusted, and errors printed. Records the skip and returns
/// `None` if curl is not installed.
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

/// Runs openssl. Records the skip and returns `None` if it is not installed.
pub(crate) fn openssl(args: &[&str]) -> Option<ProgramOutput> {
    run("openssl", &[], args, b"")
}

/// Runs `openssl s_client` against this gateway, sends `request` and reads until the gateway closes. The server name is
/// `rms.corp.example` unless `args` contain `-noservername` or `-servername`.
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

/// Runs a program for [`TEST_TIMEOUT`] at most, with these variables added to its environment. Records the skip and
/// returns `None` if it is not installed.
///
/// The `timeout` of coreutils enforces the limit, since std cannot wait for a process with a timeout.
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
    // A program that has failed does not read its input. Its output contains the reason.
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

/// Runs a Python program on `input`. Records the skip and returns `None` if Python is not installed.
pub(crate) fn python(program: &str, input: &[u8]) -> Option<ProgramOutput> {
    run("python3", &[], &["-c", program], input)
}

/// Reports that the current test cannot run, and appends `name: reason` to the file that `PORTCULLIS_SKIPS` names.
pub(crate) fn record_skip(reason: &str) {
    let line = format!("{}: {reason}", test_name());
    eprintln!("SKIPPED: {line}");
    if let Some(path) = std::env::var_os("PORTCULLIS_SKIPS") {
        let mut file = std::fs::OpenOptions::new().create(true).append(true).open(path).unwrap();
        // One write, because tests run concurrently.
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

/// Returns the name of the current test: the name of its thread or, if the runner runs one test on the main thread, the
/// name on the command line.
pub(crate) fn test_name() -> String {
    let current = std::thread::current();
    match current.name() {
        Some(name) if name != "main" => name.to_owned(),
        _ => std::env::args().find(|argument| argument.contains("::")).expect("the test was named"),
    }
}

/// Returns whether a program is in PATH or in `/usr/sbin`, which Debian has in the PATH of root only.
pub(crate) fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    folders.any(|folder| folder.join(program).is_file())
}

/// A server of `tests/lab` that one test starts. It prints its ports in its first line, and exits when its standard input
/// is closed: when this is dropped, or when this process is killed.
pub(crate) struct LabServer {
    child: Child,
    ports: Vec<u16>,
}

impl LabServer {
    /// Starts the server and waits until it listens.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ports: Vec<_> = line.split_whitespace().map(|port| port.parse().unwrap()).collect();
        assert!(!ports.is_empty(), "{command:?} did not start");
        Self { child, ports }
    }

    /// Returns the address of the printed port with this index.
    pub(crate) fn address(&self, number: usize) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.ports[number]))
    }
}

impl Drop for LabServer {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        drop(self.child.wait());
    }
}

/// Returns the path of a program of `tests/lab`.
pub(crate) fn lab_program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/lab").join(name)
}
