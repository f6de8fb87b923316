//! What it costs to speak for users by Kerberos: a user who is new, a further token for one who is known, and a request
//! on a connection that keeps its account.
//!
//! ```text
//! tests/lab/active-directory start /tmp/lab
//! PORTCULLIS_LAB=/tmp/lab KRB5_CONFIG=/tmp/lab/krb5.conf cargo bench --bench delegation
//! tests/lab/active-directory stop /tmp/lab
//! ```
//!
//! The server behind is the demo's stand-in, which reads no ticket: only the gate's own work is measured, as the CPU time
//! of its workers' threads.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench fails by panicking")]

use portcullis::certificate::Certificate;
use portcullis::clock::Clock;
use portcullis::config::{self, CompileContext, ListenerProtocol};
use portcullis::delegation::kerberos::{Delegator, DelegatorSettings, Library};
use portcullis::demo::pki::{Pki, PkiFiles};
use portcullis::demo::rms::Rms;
use portcullis::server::Running;
use portcullis::telemetry::Metrics;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The lab's crowd, user001 and so on.
const USERS: usize = 200;
/// Tokens for each user after the first.
const FURTHER: usize = 10;
/// Requests of one phase, and before it.
const REQUESTS: u32 = 20_000;
const WARM_UP: u32 = 1_000;
/// Connections at once, as curl is told. One alone would mostly measure how long a sleeping thread takes to wake.
const CONNECTIONS: &str = "16";
const SERVICE: &str = "HTTP/rms.corp.example";

fn main() {
    let (Some(lab), Some(_)) = (std::env::var_os("PORTCULLIS_LAB"), std::env::var_os("KRB5_CONFIG")) else {
        println!("no lab: the head of benches/delegation.rs says how it is started");
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
        println!("{means}: {cost:.1?} of the workers' CPU for a request");
    }
}

/// Tokens from the KDC, one after the other.
fn tokens(keytab: &Path) {
    let delegator = Delegator::new(Library::load().unwrap(), DelegatorSettings::new(keytab.to_owned()));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let user = |number: usize| format!("user{number:03}@CORP.EXAMPLE");
    let token = |user: String| {
        let begin = Instant::now();
        runtime.block_on(delegator.negotiate(&user, SERVICE)).unwrap();
        begin.elapsed()
    };
    println!(
        "the first of all, the gate's own log-in included: {:.1?}",
        token("alice@CORP.EXAMPLE".to_owned())
    );
    show("a new user", (1..=USERS).map(|number| token(user(number))).collect());
    let known = (0..FURTHER).flat_map(|_| 1..=USERS);
    show("a further token", known.map(|number| token(user(number))).collect());
}

/// What a request of one card costs the gate's workers, with these keys of the backend.
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
    let gate = Running::start(compiled, metrics, clock).unwrap();
    let address = gate.address("127.0.0.1:0".parse().unwrap(), ListenerProtocol::Tls).unwrap();
    ask(&files, address, WARM_UP);
    let before = workers_time();
    ask(&files, address, REQUESTS);
    let cost = (workers_time() - before) / REQUESTS;
    gate.stop();
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

/// So many requests by curl.
fn ask(files: &PkiFiles, address: SocketAddr, count: u32) {
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

/// The CPU time of the workers' threads so far, to the nanosecond (the kernel's sched-stats.rst: the first number of
/// schedstat). The ticks of /proc/self/task/*/stat are too coarse for threads that run for microseconds.
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

fn show(what: &str, mut took: Vec<Duration>) {
    took.sort();
    let at = |per_cent: usize| took[(took.len() * per_cent).div_ceil(100).max(1) - 1];
    println!("{what}: p50 {:.2?}, p99 {:.2?}, most {:.2?}", at(50), at(99), at(100));
}
