//! The program itself, started and told by signals what to do: how it stops, and how it takes a new configuration.

use super::caller::{Caller, Version, Wire};
use super::stage::{HOME, card, three_sites, write_keys};
use crate::support::{TEST_TIMEOUT, TestConfig, pki};
use portcullis::certificate::{certificate_ders, private_key_der};
use portcullis::demo::rms::Rms;
use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

const RELOADED: &str = "configuration reloaded";
const NOT_RELOADED: &str = "keeping the previous configuration";

/// A running `portcullis serve`. Killed when dropped, if it still runs.
struct Program {
    child: Child,
    folder: TempDir,
    rms: Rms,
    listen: SocketAddr,
    admin: SocketAddr,
}

impl Program {
    fn start(setup: &TestConfig) -> Self {
        let folder = TempDir::new().unwrap();
        pki().write_to(folder.path()).unwrap();
        write_keys(folder.path());
        let rms = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let (listen, admin) = (free_address(), free_address());
        fs::write(folder.path().join("proxy.toml"), proxy_toml(setup, &rms, listen, admin)).unwrap();
        let log = fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_portcullis"))
            .args(["serve", "--config"])
            .arg(folder.path().join("proxy.toml"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let program = Self { child, folder, rms, listen, admin };
        wait_until("the program is ready", || program.readiness() == Some(200));
        program
    }

    fn connect(&self, holder: Option<&str>) -> Wire {
        Caller::to(self.listen, Version::Tls13, holder.map(card)).connect(HOME).unwrap()
    }

    /// The status of `/readyz`; `None` where nobody answers.
    fn readiness(&self) -> Option<u16> {
        let mut socket = TcpStream::connect(self.admin).ok()?;
        socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        socket.write_all(b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").ok()?;
        let mut response = String::new();
        socket.read_to_string(&mut response).ok()?;
        response.split(' ').nth(1)?.parse().ok()
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Writes another proxy.toml and has it read; returns when the log says what came of it.
    fn reload(&self, text: &str, outcome: &str) {
        let before = self.log().matches(outcome).count();
        fs::write(self.path("proxy.toml"), text).unwrap();
        self.signal("HUP");
        wait_until(outcome, || self.log().matches(outcome).count() > before);
    }

    fn proxy_toml(&self, setup: &TestConfig) -> String {
        proxy_toml(setup, &self.rms, self.listen, self.admin)
    }

    fn exit(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the program ends", || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap()
    }

    /// The decisions in an audit file, with the paths that they are about.
    fn decisions(&self, file: &str) -> Vec<String> {
        let records = fs::read_to_string(self.path(file)).unwrap_or_default();
        let whole = records.rfind('\n').map_or("", |end| &records[..end]);
        let one = |line: &str| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            format!("{} {}", record["decision"].as_str().unwrap(), record["path"].as_str().unwrap())
        };
        whole.lines().map(one).collect()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // It has ended already where the test was about that.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn proxy_toml(setup: &TestConfig, rms: &Rms, listen: SocketAddr, admin: SocketAddr) -> String {
    let any_port = "\nlisten = [\"127.0.0.1:0\"]";
    setup
        .proxy_toml(&format!("http://{}", rms.address()))
        .replace(&format!("[admin]{any_port}"), &format!("[admin]\nlisten = [\"{admin}\"]"))
        .replace(any_port, &format!("\nlisten = [\"{listen}\"]"))
}

/// A free address on a loopback address of its own: on 127.0.0.1 the port could be taken, before the program takes it,
/// by a connection of a test beside this one.
fn free_address() -> SocketAddr {
    static TAKEN: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, TAKEN.fetch_add(1, Ordering::Relaxed), high, low);
    TcpListener::bind((own, 0)).unwrap().local_addr().unwrap()
}

fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + TEST_TIMEOUT;
    while !is_so() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn begin(program: &Program, wire: &mut Wire, target: &str) {
    wire.send(format!("GET {target} HTTP/1.1\r\nHost: {HOME}\r\n\r\n")).unwrap();
    wait_until("the backend has the request", || {
        program.rms.requests().iter().any(|seen| seen.target == target)
    });
}

#[test]
fn told_to_stop_it_finishes_what_runs_and_ends_well() {
    let mut program = Program::start(&three_sites());
    let mut idle = program.connect(None);
    assert_eq!(idle.get(HOME, "/ignore/echo").unwrap().status, 200);
    let mut running = program.connect(Some("alice"));
    begin(&program, &mut running, "/require/echo?delay_ms=2000");
    program.signal("TERM");
    assert!(idle.is_closed());
    assert_ne!(program.readiness(), Some(200));
    wait_until("nothing is accepted any more", || TcpStream::connect(program.listen).is_err());
    let response = running.response().unwrap();
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    assert!(running.is_closed());
    assert_eq!(program.exit().code(), Some(0));
    assert_eq!(program.decisions("audit.jsonl"), ["permit /ignore/echo", "permit /require/echo"]);
}

#[test]
fn told_to_stop_it_waits_no_longer_than_the_drain_limit() {
    let mut program =
        Program::start(&TestConfig { limits: "shutdown_timeout = \"1s\"".to_owned(), ..three_sites() });
    let mut running = program.connect(Some("alice"));
    begin(&program, &mut running, "/require/echo?delay_ms=600000");
    let mut half = program.connect(None);
    half.send("GET /ignore/echo HTTP/1.1\r\nHost:").unwrap();
    program.signal("TERM");
    assert!(running.is_closed());
    assert!(half.is_closed());
    assert_eq!(program.exit().code(), Some(0));
    assert_eq!(program.decisions("audit.jsonl"), ["client-disconnected /require/echo"]);
}

#[test]
fn told_to_stop_it_does_not_wait_for_clients_that_asked_nothing() {
    let mut program =
        Program::start(&TestConfig { limits: "shutdown_timeout = \"1h\"".to_owned(), ..three_sites() });
    let silent = TcpStream::connect(program.listen).unwrap();
    let mut unused = program.connect(None);
    program.signal("TERM");
    assert!(unused.is_closed());
    assert_eq!(program.exit().code(), Some(0));
    drop(silent);
}

#[test]
fn a_new_configuration_is_felt_by_the_next_request_on_an_open_connection() {
    let program = Program::start(&three_sites());
    let mut wire = program.connect(None);
    assert_eq!(wire.get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
    let setup = three_sites();
    let stricter = TestConfig { paths: setup.paths.replace("\"ignore\"", "\"require\""), ..setup };
    program.reload(&program.proxy_toml(&stricter), RELOADED);
    assert_eq!(wire.get(HOME, "/ignore/echo").unwrap().status_and_id(), "403 certificate-required");
    program.reload(&program.proxy_toml(&three_sites()), RELOADED);
    assert_eq!(wire.get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
}

#[test]
fn a_broken_configuration_leaves_the_old_one_in_force_and_every_mistake_is_told() {
    let program = Program::start(&three_sites());
    let mut wire = program.connect(Some("alice"));
    let setup = three_sites();
    let broken = TestConfig {
        paths: setup.paths.replace("\"ignore\"", "\"ignroe\""),
        realm: format!("{}max_aeg = \"1m\"", setup.realm.replace("pki/root.pem", "pki/missing.pem")),
        ..setup
    };
    program.reload(&program.proxy_toml(&broken), NOT_RELOADED);
    let log = program.log();
    for mistake in ["ignroe", "max_aeg", "missing.pem"] {
        assert!(log.contains(mistake), "{mistake}: {log}");
    }
    program.reload("no toml at all", NOT_RELOADED);
    for path in ["/ignore/echo", "/require/echo"] {
        assert_eq!(wire.get(HOME, path).unwrap().status_and_id(), "200 permit");
    }
    assert_eq!(
        program.connect(None).get(HOME, "/require/echo").unwrap().status_and_id(),
        "403 certificate-required"
    );
    assert_eq!(program.readiness(), Some(200));
}

#[test]
fn a_configuration_whose_address_is_taken_changes_nothing() {
    let program = Program::start(&three_sites());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let elsewhere = proxy_toml(&three_sites(), &program.rms, taken.local_addr().unwrap(), program.admin);
    program.reload(&elsewhere, NOT_RELOADED);
    assert_eq!(program.connect(None).get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
}

#[test]
fn a_new_address_is_opened_and_an_old_one_closed() {
    let program = Program::start(&three_sites());
    let mut old = program.connect(None);
    assert_eq!(old.get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
    let listen = free_address();
    program.reload(&proxy_toml(&three_sites(), &program.rms, listen, program.admin), RELOADED);
    let mut new = Caller::to(listen, Version::Tls13, None).connect(HOME).unwrap();
    assert_eq!(new.get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
    wait_until("the old address is closed", || TcpStream::connect(program.listen).is_err());
    assert_eq!(old.get(HOME, "/ignore/echo").unwrap().status_and_id(), "421 misdirected-request");
    assert!(old.is_closed());
}

#[test]
fn the_audit_file_is_opened_anew_when_it_was_moved_away() {
    let program = Program::start(&three_sites());
    let mut wire = program.connect(None);
    wire.get(HOME, "/ignore/before").unwrap();
    wait_until("the record is written", || program.decisions("audit.jsonl").len() == 1);
    fs::rename(program.path("audit.jsonl"), program.path("audit.1.jsonl")).unwrap();
    program.reload(&program.proxy_toml(&three_sites()), RELOADED);
    wire.get(HOME, "/require/after").unwrap();
    wait_until("the record is written", || program.decisions("audit.jsonl").len() == 1);
    assert_eq!(program.decisions("audit.1.jsonl"), ["permit /ignore/before"]);
    assert_eq!(program.decisions("audit.jsonl"), ["certificate-required /require/after"]);
}

/// How often each of these stands in the memory that a process can write to.
fn occurrences(process: u32, needles: &[&[u8]]) -> Vec<usize> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = fs::File::open(format!("/proc/{process}/mem")).unwrap();
    let mut counts = vec![0; needles.len()];
    let mut begins = [false; 256];
    needles.iter().for_each(|needle| begins[usize::from(needle[0])] = true);
    for line in maps.lines().filter(|line| line.split(' ').nth(1).is_some_and(|mode| mode.starts_with("rw")))
    {
        let (start, end) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let address = |text: &str| u64::from_str_radix(text, 16).unwrap();
        let mut bytes = vec![0; usize::try_from(address(end) - address(start)).unwrap()];
        // A part that is no longer there holds nothing.
        if memory.read_exact_at(&mut bytes, address(start)).is_err() {
            continue;
        }
        for at in (0..bytes.len()).filter(|at| begins[usize::from(bytes[*at])]) {
            for (needle, count) in needles.iter().zip(&mut counts) {
                *count += usize::from(bytes[at..].starts_with(needle));
            }
        }
    }
    counts
}

#[test]
fn the_bytes_of_private_key_files_are_in_memory_at_no_time_after_they_were_read() {
    let setup = TestConfig::default();
    let program = Program::start(&setup);
    let mut needles = Vec::new();
    for name in ["pki/server-ecdsa.key", "pki/server-rsa.key"] {
        let pem = fs::read(program.path(name)).unwrap();
        let der = private_key_der(&pem).unwrap().secret_der().to_vec();
        // The scalar stands in the middle of the ECDSA key, and the private exponent in that of the RSA key.
        let middle = if der.len() < 200 { 40 } else { der.len() / 2 };
        needles.push(der[middle..middle + 20].to_vec());
        needles.push(pem.split(|byte| *byte == b'\n').nth(1).unwrap()[..40].to_vec());
    }
    let certificate =
        certificate_ders(&fs::read(program.path("pki/server-ecdsa.pem")).unwrap()).unwrap().remove(0);
    needles.push(certificate[certificate.len() / 2..][..20].to_vec());
    let needles: Vec<&[u8]> = needles.iter().map(Vec::as_slice).collect();
    for reloads in [0, 10] {
        for _ in 0..reloads {
            program.reload(&program.proxy_toml(&setup), RELOADED);
        }
        let found = occurrences(program.child.id(), &needles);
        let (certificate, keys) = found.split_last().unwrap();
        assert!(*certificate > 0, "the memory that was looked at is not the program's");
        assert_eq!(keys, [0; 4], "after {reloads} reloads");
    }
}

#[test]
fn failed_handshakes_leave_one_line_with_their_cause() {
    let program = Program::start(&three_sites());
    for _ in 0..20 {
        let mut socket = TcpStream::connect(program.listen).unwrap();
        socket.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
        socket.write_all(b"GET /ignore/echo HTTP/1.1\r\nHost: a.corp.example\r\n\r\n").unwrap();
        let mut response = String::new();
        socket.read_to_string(&mut response).unwrap();
        assert!(response.starts_with("HTTP/1.1 400 "), "{response}");
    }
    wait_until("a line", || program.log().contains("TLS handshakes failed"));
    let log = program.log();
    assert!(log.contains("the client sent plain HTTP to a TLS port"), "{log}");
    assert_eq!(log.matches("TLS handshakes failed").count(), 1, "the others are counted for a minute: {log}");
}
