//! A gate under test with all that belongs to it: a folder with the demo's PKI, a stand-in RMS, a clock to move.

use super::{TEST_TIMEOUT, TestConfig};
use portcullis::clock::Clock;
use portcullis::config::{self, Colour, Context, LoadError, Loaded, Speech};
use portcullis::demo::pki::{Pki, PkiFiles};
use portcullis::demo::rms::Rms;
use portcullis::policy::DenialId;
use portcullis::server::Running;
use portcullis::telemetry::Metrics;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// Where every site of a lab listens, before the system has chosen the port.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// The PKI of all labs of this process: making one takes longer than most tests.
pub(crate) fn pki() -> &'static Pki {
    static SHARED: LazyLock<Pki> = LazyLock::new(|| Pki::create(Clock::system().now()).unwrap());
    &SHARED
}

/// A running gate. All of it ends when this is dropped.
pub(crate) struct TestGateway {
    /// The gate, to be reloaded or stopped by [`TestGateway::reload`] and [`TestGateway::stop`].
    running: Option<Running>,
    context: Context,
    /// The stand-in behind the gate.
    pub(crate) rms: Rms,
    /// The gate's clock; `advance` it instead of waiting.
    pub(crate) clock: Clock,
    /// What the gate counts.
    pub(crate) metrics: Arc<Metrics>,
    /// Where the PKI was written.
    pub(crate) pki_files: PkiFiles,
    tls: SocketAddr,
    plain: SocketAddr,
    setup: TestConfig,
    folder: TempDir,
}

impl TestGateway {
    /// A gate with [`TestConfig::default`].
    pub(crate) fn start() -> Self {
        Self::with(TestConfig::default())
    }

    /// A gate with this set-up. Fails with the gate's own words where it cannot be used.
    pub(crate) fn with(setup: TestConfig) -> Self {
        Self::prepared(setup, |_| {})
    }

    /// As [`TestGateway::with`]; `prepare` gets the lab's folder, the PKI in it, before the gate reads it.
    pub(crate) fn prepared(setup: TestConfig, prepare: impl FnOnce(&Path)) -> Self {
        let folder = TempDir::new().unwrap();
        let pki_files = pki().write_to(folder.path()).unwrap();
        prepare(folder.path());
        let rms = Rms::start(ANY_PORT).unwrap();
        let clock = Clock::system();
        let ids: Vec<_> = DenialId::ALL.iter().map(|denial| denial.id()).collect();
        let metrics = Arc::new(Metrics::new("test", &ids));
        let mut context = Context::new(clock.clone(), Arc::clone(&metrics));
        let loaded = load(folder.path(), &setup, &rms, &mut context);
        let running = Running::start(loaded.compiled, Arc::clone(&metrics), clock.clone()).unwrap();
        let tls = running.address(ANY_PORT, Speech::Tls).unwrap();
        let plain = running.address(ANY_PORT, Speech::Plain).unwrap();
        Self { running: Some(running), context, rms, clock, metrics, pki_files, tls, plain, setup, folder }
    }

    /// Puts another set-up in force, as SIGHUP does.
    pub(crate) fn reload(&mut self, change: impl FnOnce(&mut TestConfig)) {
        change(&mut self.setup);
        let loaded = load(self.folder.path(), &self.setup, &self.rms, &mut self.context);
        self.running.as_mut().unwrap().reload(loaded.compiled).unwrap();
    }

    /// Stops the gate as SIGTERM does, and waits until every record is written.
    pub(crate) fn stop(&mut self) {
        let stopped = self.running.take().unwrap().stop();
        assert_eq!(stopped, portcullis::server::Stopped::Whole);
    }

    /// Where TLS is spoken.
    pub(crate) fn address(&self) -> SocketAddr {
        self.tls
    }

    /// Where plain HTTP is answered.
    pub(crate) fn plain_address(&self) -> SocketAddr {
        self.plain
    }

    /// Where the admin listener answers.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().admin_addresses().next().unwrap()
    }

    /// `path` of the first site as a URL for other people's clients.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}:{}{path}", self.setup.hosts[0], self.tls.port())
    }

    /// The lab's folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A card's bundle as `curl --cert` takes it, as text.
    pub(crate) fn card_file(&self, name: &str) -> String {
        self.pki_files.card(name).display().to_string()
    }

    /// Every audit record so far, those among them that a moment ago were still on their way to the file.
    pub(crate) fn records(&self) -> Vec<Value> {
        let begun = Instant::now();
        // A request in progress holds bytes of the queue for as long as it goes on.
        while self.metrics.audit.queue_bytes.get() > 0 && begun.elapsed() < Duration::from_millis(100) {
            std::thread::yield_now();
        }
        let path: PathBuf = self.folder.path().join(&self.setup.audit);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // The last line may be half written.
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// The audit record of this request, once it is written.
    pub(crate) async fn record(&self, request_id: &str) -> Value {
        self.record_where(|record| record["request_id"] == request_id).await
    }

    /// The first audit record that is such, once there is one.
    pub(crate) async fn record_where(&self, is_such: impl Fn(&Value) -> bool) -> Value {
        wait_for("an audit record", || self.records().into_iter().find(&is_such)).await
    }

    /// The only audit record of the lab, once it is written.
    pub(crate) async fn only_record(&self) -> Value {
        let record = self.record_where(|_| true).await;
        assert_eq!(self.records().len(), 1, "{:?}", self.records());
        record
    }
}

/// Looks again and again until there is something, for [`TEST_TIMEOUT`] at most.
pub(crate) async fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + TEST_TIMEOUT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what} did not come about");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn load(folder: &Path, setup: &TestConfig, rms: &Rms, context: &mut Context) -> Loaded {
    let path = folder.join("proxy.toml");
    std::fs::write(&path, setup.proxy_toml(&format!("http://{}", rms.address()))).unwrap();
    config::load(&path, context).unwrap_or_else(|error| match *error {
        LoadError::Invalid(diagnostics) => panic!("{}", diagnostics.render(Colour::Plain)),
        error @ (LoadError::Read { .. } | LoadError::Utf16 { .. } | LoadError::NotUtf8 { .. }) => {
            panic!("{error}")
        }
    })
}
