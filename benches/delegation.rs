//! The cost of Kerberos delegation: the first token of a user, a further token, and a request on a connection that
//! keeps its account.
//!
//! ```text
//! tests/lab/active-directory start /tmp/lab
//! PORTCULLIS_LAB=/tmp/lab KRB5_CONFIG=/tmp/lab/krb5.conf cargo bench --bench delegation
//! tests/lab/active-directory stop /tmp/lab
//! ```
//!
//! The backend is the demo's stand-in, which does not read tickets, so that only the gateway is measured, as the CPU
//! time of its worker threads.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench fails by panicking")]

use portcullis::certificate::Certificate;
use portcullis::clock::Clock;
use portcullis::config::{self, CompileContext, ListenerProtocol};
use portcullis::delegation::kerberos::{DelegatorSettings, KerberosDelegator, KerberosLibrary};
use portcullis::demo::pki::{Pki, PkiFiles};
use portcullis::demo::rms::Rms;
use portcullis::server::RunningServer;
use portcullis::telemetry::Metrics;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The accounts user001 to user200 of the lab.
const USERS: usize = 200;
/// Tokens for each user after the first.
const FURTHER: usize = 10;
/// Requests of a measurement, and before it.
const REQUESTS: u32 = 20_000;
const WARM_UP: u32 = 1_000;
/// Concurrent connections of curl. A single one would mostly measure the wake-up time of a thread.
const CONNECTIONS: &str = "16";
const SERVICE: &str = "HTTP/rms.corp.example";

fn main() {
    let (Some(lab), Some(_)) = (std::env::var_os("PORTCULLIS_LAB"), std::env::var_os("KRB5_CONFIG")) else {
        println!("no lab is running; the head of benches/delegation.rs shows how to start one");
        return;
    };
    let keytab = PathBuf::from(lab).join("gw.keytab");
    tokens(&keytab);
    for (means, keys) in [
        ("headers", String::new()),
        (
            "Kerberos, a connection that keeps its account",
            format!(
                "identity = \"kerberos\"\nspn = \"{SERVICE}\"\nkeytab = \"{}\"\nkerberos = {{ realm = \"CORP.EXAMPLE\", \
                 persist = true, unsafe_skip_mutual_authentication = true }}",
                keytab.display()
            ),
        ),
    ] {
        let cost = requests(&keys);
        println!("{means}: {cost:.1?} of worker CPU per request");
    }
}

/// Prints the time of tokens, obtained one after the other.
fn tokens(keytab: &Path) {
    let delegator =
        KerberosDelegator::new(KerberosLibrary::load().unwrap(), DelegatorSettings::new(keytab.to_owned()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let user = |number: usize| format!("user{number:03}@CORP.EXAMPLE");
    let token = |user: String| {
        let begin = Instant::now();
        runtime.block_on(delegator.negotiate(&user, SERVICE)).unwrap();
        begin.elapsed()
    };
    println!(
        "the first token, including the login of the gateway: {:.1?}",
        token("alice@CORP.EXAMPLE".to_owned())
    );
    show("a new user", (1..=USERS).map(|number| token(user(number))).collect());
    let known = (0..FURTHER).flat_map(|_| 1..=USERS);
    show("a further token", known.map(|number| token(user(number))).collect());
}

/// The CPU time of the workers per request, with these keys of the backend.
fn requests(backend: &str) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let pki = Pki::create(clock.now()).unwrap();
    let files = pki.write_to(folder.path()).unwrap();
    let card = Certificate::from_der(pki.card("alice").unwrap().certificate_der()).unwrap().fingerprint();
    let rms = Rms::start(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let text = configuration(backend, &card.to_string(), rms.address());
    let path = folder.path().join("proxy.toml");
    std::fs::write(&path, text).unwrap();
    let metrics = Arc::new(Metrics::new("bench", &[]));
    let compiled =
        config::load(&path, &mut CompileContext::new(clock.clone(), Arc::clone(&metrics))).unwrap().compiled;
    let gateway = RunningServer::start(compiled, metrics, clock).unwrap();
    let address = gateway.address("127.0.0.1:0".parse().unwrap(), ListenerProtocol::Tls).unwrap();
    send_requests(&files, address, WARM_UP);
    let before = workers_time();
    send_requests(&files, address, REQUESTS);
    let cost = (workers_time() - before) / REQUESTS;
    gateway.stop();
    cost
}

fn configuration(backend: &str, card: &str, server: SocketAddr) -> String {
    format!(
        r#"
workers = 1
[audit]
file = "audit.jsonl"
[admin]
listen = []
[[site]]
hosts = ["rms.corp.example"]
listen = ["127.0.0.1:0"]
certificate = ["pki/server-ecdsa.pem"]
private_key = ["pki/server-ecdsa.key"]
realm = "staff"
backend = "rms"
[[site.path]]
path = "/echo"
client_certificate = "require"
[realm.staff]
trust_anchors = ["pki/root.pem"]
revocation = {{ crl = ["pki/crl/"] }}
identity_issuers = [{{ certificate = "pki/issuing.pem", upn_suffixes = ["corp.example"] }}]
[[realm.staff.rule]]
name = "alice"
certificate_sha256 = "{card}"
account = {{ user = 'CORP\alice' }}
[backend.rms]
servers = ["http://{server}"]
{backend}
"#
    )
}

/// Sends `count` requests with curl.
fn send_requests(files: &PkiFiles, address: SocketAddr, count: u32) {
    let status = Command::new("curl")
        .args(["--silent", "--no-progress-meter", "--fail", "--http1.1", "--output", "/dev/null"])
        .args(["--parallel", "--parallel-max", CONNECTIONS])
        .arg("--cacert")
        .arg(&files.server_ca)
        .arg("--cert")
        .arg(files.card("alice"))
        .args(["--resolve", &format!("rms.corp.example:{}:127.0.0.1", address.port())])
        .arg(format!("https://rms.corp.example:{}/echo?size=100&[1-{count}]", address.port()))
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

/// The CPU time of the worker threads in nanoseconds: the first number of schedstat (sched-stats.rst of the kernel).
/// The ticks in /proc/self/task/*/stat are too coarse for threads that run for microseconds.
fn workers_time() -> Duration {
    let is_worker = |task: &PathBuf| {
        std::fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("worker-"))
    };
    let tasks = std::fs::read_dir("/proc/self/task").unwrap().map(|task| task.unwrap().path());
    let nanoseconds = tasks.filter(is_worker).map(|task| {
        let stat = std::fs::read_to_string(task.join("schedstat")).unwrap();
        stat.split(' ').next().unwrap().parse::<u64>().unwrap()
    });
    Duration::from_nanos(nanoseconds.sum())
}

fn show(measurement: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |per_cent: usize| took[(took.len() * per_cent).div_ceil(100).max(1) - 1];
    println!("{measurement}: p50 {:.2?}, p99 {:.2?}, max {:.2?}", at(50), at(99), at(100));
}
