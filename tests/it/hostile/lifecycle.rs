//! The program as a process that receives signals: graceful stop and reload.

use super::three_sites::{HOME, card, three_sites, write_keys};
use super::tls_client::{OfferedVersion, TlsClient, TlsConnection};
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

/// A running `portcullis serve`. It is killed when dropped.
struct GatewayProcess {
    child: Child,
    folder: TempDir,
    rms: Rms,
    listen: SocketAddr,
    admin: SocketAddr,
}

impl GatewayProcess {
    fn start(config: &TestConfig) -> Self {
        let folder = TempDir::new().unwrap();
        pki().write_to(folder.path()).unwrap();
        write_keys(folder.path());
        let rms = Rms::start((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let (listen, admin) = (free_address(), free_address());
        fs::write(folder.path().join("proxy.toml"), proxy_toml(config, &rms, listen, admin)).unwrap();
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

    fn connect(&self, holder: Option<&str>) -> TlsConnection {
        TlsClient::to(self.listen, OfferedVersion::Tls13, holder.map(card)).connect(HOME).unwrap()
    }

    /// Returns the status of `/readyz`; `None` without a response.
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

    /// Writes proxy.toml and sends SIGHUP. Returns after the log contains the outcome.
    fn reload(&self, text: &str, outcome: &str) {
        let before = self.log().matches(outcome).count();
        fs::write(self.path("proxy.toml"), text).unwrap();
        self.signal("HUP");
        wait_until(outcome, || self.log().matches(outcome).count() > before);
    }

    fn proxy_toml(&self, config: &TestConfig) -> String {
        proxy_toml(config, &self.rms, self.listen, self.admin)
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

    /// Returns the decision and the path of each record in an audit file.
    fn decisions(&self, file: &str) -> Vec<String> {
        let records = fs::read_to_string(self.path(file)).unwrap_or_default();
        let complete = records.rfind('\n').map_or("", |end| &records[..end]);
        let one = |line: &str| {
            let record: serde_json::Value = serde_json::from_str(line).unwrap();
            format!("{} {}", record["decision"].as_str().unwrap(), record["path"].as_str().unwrap())
        };
        complete.lines().map(one).collect()
    }
}

impl Drop for GatewayProcess {
    fn drop(&mut self) {
        // The process may have ended already.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn proxy_toml(config: &TestConfig, rms: &Rms, listen: SocketAddr, admin: SocketAddr) -> String {
    let any_port = "\nlisten = [\"127.0.0.1:0\"]";
    config
        .proxy_toml(&format!("http://{}", rms.address()))
        .replace(&format!("[admin]{any_port}"), &format!("[admin]\nlisten = [\"{admin}\"]"))
        .replace(any_port, &format!("\nlisten = [\"{listen}\"]"))
}

/// Returns a free port on a unique loopback address. On 127.0.0.1 a connection of a concurrent test could take the port
/// before the program listens.
fn free_address() -> SocketAddr {
    static TAKEN: AtomicU8 = AtomicU8::new(1);
    let [.., high, low] = std::process::id().to_be_bytes();
    let own = Ipv4Addr::new(127, TAKEN.fetch_add(1, Ordering::Relaxed), high, low);
    TcpListener::bind((own, 0)).unwrap().local_addr().unwrap()
}

fn wait_until(event: &str, mut condition: impl FnMut() -> bool) {
    let end = Instant::now() + TEST_TIMEOUT;
    while !condition() {
        assert!(Instant::now() < end, "timed out waiting until {event}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn begin(program: &GatewayProcess, connection: &mut TlsConnection, target: &str) {
    connection.send(format!("GET {target} HTTP/1.1\r\nHost: {HOME}\r\n\r\n")).unwrap();
    wait_until("the backend has the request", || {
        program.rms.requests().iter().any(|request| request.target == target)
    });
}

#[test]
fn sigterm_finishes_requests_in_progress_and_exits_with_0() {
    let mut program = GatewayProcess::start(&three_sites());
    let mut idle = program.connect(None);
    assert_eq!(idle.get(HOME, "/ignore/echo").unwrap().status, 200);
    let mut running = program.connect(Some("alice"));
    begin(&program, &mut running, "/require/echo?delay_ms=2000");
    program.signal("TERM");
    assert!(idle.is_closed());
    assert_ne!(program.readiness(), Some(200));
    wait_until("no connection is accepted", || TcpStream::connect(program.listen).is_err());
    let response = running.response().unwrap();
    assert_eq!((response.status, response.header("connection")), (200, Some("close")));
    assert!(running.is_closed());
    assert_eq!(program.exit().code(), Some(0));
    assert_eq!(program.decisions("audit.jsonl"), ["permit /ignore/echo", "permit /require/echo"]);
}

#[test]
fn sigterm_waits_no_longer_than_the_shutdown_timeout() {
    let mut program = GatewayProcess::start(&TestConfig {
        limits: "shutdown_timeout = \"1s\"".to_owned(),
        ..three_sites()
    });
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
fn sigterm_does_not_wait_for_connections_without_a_request() {
    let mut program = GatewayProcess::start(&TestConfig {
        limits: "shutdown_timeout = \"1h\"".to_owned(),
        ..three_sites()
    });
    let silent = TcpStream::connect(program.listen).unwrap();
    let mut unused = program.connect(None);
    program.signal("TERM");
    assert!(unused.is_closed());
    assert_eq!(program.exit().code(), Some(0));
    drop(silent);
}

#[test]
fn a_reload_applies_to_the_next_request_on_an_open_connection() {
    let program = GatewayProcess::start(&three_sites());
    let mut connection = program.connect(None);
    assert_eq!(connection.get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
    let config = three_sites();
    let stricter = TestConfig { paths: config.paths.replace("\"ignore\"", "\"require\""), ..config };
    program.reload(&program.proxy_toml(&stricter), RELOADED);
    assert_eq!(connection.get(HOME, "/ignore/echo").unwrap().status_and_id(), "403 certificate-required");
    program.reload(&program.proxy_toml(&three_sites()), RELOADED);
    assert_eq!(connection.get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
}

#[test]
fn an_invalid_configuration_keeps_the_previous_one_and_every_error_is_logged() {
    let program = GatewayProcess::start(&three_sites());
    let mut connection = program.connect(Some("alice"));
    let config = three_sites();
    let broken = TestConfig {
        paths: config.paths.replace("\"ignore\"", "\"ignroe\""),
        realm: format!("{}max_aeg = \"1m\"", config.realm.replace("pki/root.pem", "pki/missing.pem")),
        ..config
    };
    program.reload(&program.proxy_toml(&broken), NOT_RELOADED);
    let log = program.log();
    for mistake in ["ignroe", "max_aeg", "missing.pem"] {
        assert!(log.contains(mistake), "{mistake}: {log}");
    }
    program.reload("no toml at all", NOT_RELOADED);
    for path in ["/ignore/echo", "/require/echo"] {
        assert_eq!(connection.get(HOME, path).unwrap().status_and_id(), "200 permit");
    }
    assert_eq!(
        program.connect(None).get(HOME, "/require/echo").unwrap().status_and_id(),
        "403 certificate-required"
    );
    assert_eq!(program.readiness(), Some(200));
}

#[test]
fn a_configuration_with_an_address_in_use_keeps_the_previous_one() {
    let program = GatewayProcess::start(&three_sites());
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let elsewhere = proxy_toml(&three_sites(), &program.rms, taken.local_addr().unwrap(), program.admin);
    program.reload(&elsewhere, NOT_RELOADED);
    assert_eq!(program.connect(None).get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
}

#[test]
fn a_reload_opens_new_addresses_and_closes_old_ones() {
    let program = GatewayProcess::start(&three_sites());
    let mut old = program.connect(None);
    assert_eq!(old.get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
    let listen = free_address();
    program.reload(&proxy_toml(&three_sites(), &program.rms, listen, program.admin), RELOADED);
    let mut new = TlsClient::to(listen, OfferedVersion::Tls13, None).connect(HOME).unwrap();
    assert_eq!(new.get(HOME, "/ignore/echo").unwrap().status_and_id(), "200 permit");
    wait_until("the old address is closed", || TcpStream::connect(program.listen).is_err());
    assert_eq!(old.get(HOME, "/ignore/echo").unwrap().status_and_id(), "421 misdirected-request");
    assert!(old.is_closed());
}

#[test]
fn a_reload_reopens_a_renamed_audit_file() {
    let program = GatewayProcess::start(&three_sites());
    let mut connection = program.connect(None);
    connection.get(HOME, "/ignore/before").unwrap();
    wait_until("the record is written", || program.decisions("audit.jsonl").len() == 1);
    fs::rename(program.path("audit.jsonl"), program.path("audit.1.jsonl")).unwrap();
    program.reload(&program.proxy_toml(&three_sites()), RELOADED);
    connection.get(HOME, "/require/after").unwrap();
    wait_until("the record is written", || program.decisions("audit.jsonl").len() == 1);
    assert_eq!(program.decisions("audit.1.jsonl"), ["permit /ignore/before"]);
    assert_eq!(program.decisions("audit.jsonl"), ["certificate-required /require/after"]);
}

/// Returns the number of occurrences of each byte string in the writable memory of a process.
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
        // The mapping may have been removed since.
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
fn the_bytes_of_private_key_files_are_erased_from_memory_after_loading() {
    let config = TestConfig::default();
    let program = GatewayProcess::start(&config);
    let mut needles = Vec::new();
    for name in ["pki/server-ecdsa.key", "pki/server-rsa.key"] {
        let pem = fs::read(program.path(name)).unwrap();
        let der = private_key_der(&pem).unwrap().secret_der().to_vec();
        // The middle of an ECDSA key is in its scalar, the middle of an RSA key in its private exponent.
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
            program.reload(&program.proxy_toml(&config), RELOADED);
        }
        let found = occurrences(program.child.id(), &needles);
        let (certificate, keys) = found.split_last().unwrap();
        assert!(*certificate > 0, "the search missed the memory of the program");
        assert_eq!(keys, [0; 4], "after {reloads} reloads");
    }
}

#[test]
fn failed_handshakes_of_a_minute_are_one_log_line_with_the_cause() {
    let program = GatewayProcess::start(&three_sites());
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
