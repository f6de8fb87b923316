//! The cost of replacing a CRL of a million entries for concurrent requests: the same requests with an unchanged CRL
//! and with its file replaced repeatedly.
//!
//! `cargo bench --bench crl_swap`; takes half a minute. Gateway, server and clients share this process and its cores.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a bench fails by panicking")]

mod million;
mod traffic;

use million::{ENTRIES, forget_peak, memory};
use portcullis::certificate::Certificate;
use portcullis::clock::{Clock, UnixTime};
use portcullis::demo::pki::{ISSUING_CA, Signer};
use portcullis::demo::{DemoEnvironment, Ports};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};
use traffic::{CONNECTIONS, PERIOD, Traffic};

/// How many requests are sent on each connection before the measurement.
const WARM_UP: u32 = 16_384 / CONNECTIONS + 100;
/// How long requests are sent in each phase.
const PHASE: Duration = Duration::from_secs(10);
/// The time between two replacements.
const SWAP_PERIOD: Duration = Duration::from_secs(2);
/// How many CRLs replace the first one.
const SWAPS: u64 = 5;
/// How long a CRL may take to come into force before the bench gives up.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let demo = DemoEnvironment::start(folder.path(), Ports::ANY).unwrap();
    let crls = make_crls(&demo, folder.path());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut traffic = runtime.block_on(Traffic::open(&demo));
    // All caches are warm before the measurement, and the test server has recorded as many requests as it ever will.
    runtime.block_on(traffic.warm_up(WARM_UP));

    let (first, others) = crls.split_first().unwrap();
    println!("{ENTRIES} entries, {CONNECTIONS} connections, each a request every {PERIOD:?}");
    let small = memory("VmRSS");
    forget_peak();
    let took = first.put_in_force(&demo);
    println!("first CRL: in force {took:.2?} after its file was replaced");
    let (peak, before) = (memory("VmHWM"), memory("VmRSS"));
    println!("memory: {small} kB before it, {peak} kB at the peak, {before} kB with it");

    show("CRL unchanged", &runtime.block_on(traffic.send_for(PHASE)));
    forget_peak();
    let (latencies, swaps) = thread::scope(|scope| {
        let swapping = scope.spawn(|| swap(others, &demo));
        (runtime.block_on(traffic.send_for(PHASE)), swapping.join().unwrap())
    });
    show("CRL replaced", &latencies);
    println!("{} of {SWAPS} new CRLs came into force; each took {swaps:.2?}", swaps.len());
    println!("memory: {} kB at the peak, {} kB afterwards", memory("VmHWM"), memory("VmRSS"));
    drop(traffic);
    drop(runtime);
    demo.stop();
}

/// A CRL in a file outside of the watched folder.
struct Prepared {
    file: PathBuf,
    this_update: UnixTime,
}

impl Prepared {
    /// Replaces the issuing CA's CRL atomically, and waits until the metrics show it in force.
    fn put_in_force(&self, demo: &DemoEnvironment) -> Duration {
        let begin = Instant::now();
        std::fs::rename(&self.file, demo.files.crl.join("issuing.crl")).unwrap();
        while this_update_in_force(demo.admin) != Some(self.this_update.seconds()) {
            assert!(begin.elapsed() < PATIENCE, "the CRL did not come into force");
            sleep(Duration::from_millis(50));
        }
        begin.elapsed()
    }
}

/// The CRLs, each a second newer than the one before, none in the future.
fn make_crls(demo: &DemoEnvironment, folder: &Path) -> Vec<Prepared> {
    let issuer = Certificate::from_der(demo.pki.issuing()).unwrap();
    let oldest = UnixTime::from_seconds(Clock::system().now().seconds() - 3600);
    let make = |number| {
        let this_update = oldest.plus(Duration::from_secs(number));
        let sign = |tbs: &[u8]| demo.pki.sign(Signer::Issuing, tbs).unwrap();
        let file = folder.join(format!("million-{number}.crl"));
        std::fs::write(&file, million::crl(&issuer, this_update, sign)).unwrap();
        Prepared { file, this_update }
    };
    (0..=SWAPS).map(make).collect()
}

/// Puts one CRL after the other in force until the phase is over. Returns how long each took.
fn swap(crls: &[Prepared], demo: &DemoEnvironment) -> Vec<Duration> {
    let begin = Instant::now();
    let mut took = Vec::new();
    for (number, crl) in (0..).zip(crls) {
        sleep((SWAP_PERIOD * number).saturating_sub(begin.elapsed()));
        if begin.elapsed() >= PHASE {
            break;
        }
        took.push(crl.put_in_force(demo));
    }
    took
}

/// The thisUpdate of the issuing CA's CRL in force, from the metrics.
fn this_update_in_force(admin: SocketAddr) -> Option<u64> {
    let mut stream = TcpStream::connect(admin).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).unwrap();
    let is_issuer = |line: &&str| line.starts_with("portcullis_crl_this_update") && line.contains(ISSUING_CA);
    response.lines().find(is_issuer)?.rsplit(' ').next()?.parse().ok()
}

/// Prints one line for a phase, from its sorted latencies.
fn show(phase: &str, latencies: &[Duration]) {
    let at = |per_mille: usize| latencies[(latencies.len() * per_mille).div_ceil(1000).max(1) - 1];
    let (median, high, higher, highest) = (at(500), at(990), at(999), at(1000));
    println!(
        "{phase}: {} requests, p50 {median:.2?}, p99 {high:.2?}, p99.9 {higher:.2?}, max {highest:.2?}",
        latencies.len()
    );
}
