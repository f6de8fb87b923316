//! A gateway in this process, with the demo's PKI in a folder, the test RMS server as its backend, and a clock that tests
//! advance.

use super::{TEST_TIMEOUT, TestConfig};
use portcullis::clock::Clock;
use portcullis::config::{self, Colour, CompileContext, ListenerProtocol, LoadError, LoadedConfig};
use portcullis::demo::pki::{Pki, PkiFiles};
use portcullis::demo::rms::Rms;
use portcullis::policy::DenialId;
use portcullis::server::RunningServer;
use portcullis::telemetry::Metrics;
use serde_json::Value;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The configured address of every listener; the system chooses the port.
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Returns the PKI that all gateways of this process share, since creating one takes longer than most tests.
pub(crate) fn pki() -> &'static Pki {
    static SHARED: LazyLock<Pki> = LazyLock::new(|| Pki::create(Clock::system().now()).unwrap());
    &SHARED
}

/// A running gateway. It stops when dropped.
pub(crate) struct TestGateway {
    /// `None` after [`TestGateway::stop`].
    running: Option<RunningServer>,
    context: CompileContext,
    /// The test RMS server behind the gateway.
    pub(crate) rms: Rms,
    /// The gateway's clock, which a test advances instead of waiting.
    pub(crate) clock: Clock,
    pub(crate) metrics: Arc<Metrics>,
    /// The paths of the written PKI.
    pub(crate) pki_files: PkiFiles,
    tls: SocketAddr,
    plain: SocketAddr,
    config: TestConfig,
    folder: TempDir,
}

impl TestGateway {
    /// Starts a gateway with [`TestConfig::default`].
    pub(crate) fn start() -> Self {
        Self::with(TestConfig::default())
    }

    /// Starts a gateway. Panics with the rendered diagnostics if the configuration is invalid.
    pub(crate) fn with(config: TestConfig) -> Self {
        Self::prepared(config, |_| {})
    }

    /// As [`TestGateway::with`]; `prepare` may add files to the folder, which contains the PKI, before the start.
    pub(crate) fn prepared(config: TestConfig, prepare: impl FnOnce(&Path)) -> Self {
        let folder = TempDir::new().unwrap();
        let pki_files = pki().write_to(folder.path()).unwrap();
        prepare(folder.path());
        let rms = Rms::start(ANY_PORT).unwrap();
        let clock = Clock::system();
        let ids: Vec<_> = DenialId::ALL.iter().map(|denial| denial.id()).collect();
        let metrics = Arc::new(Metrics::new("test", &ids));
        let mut context = CompileContext::new(clock.clone(), Arc::clone(&metrics));
        let loaded = load(folder.path(), &config, &rms, &mut context);
        let running = RunningServer::start(loaded.compiled, Arc::clone(&metrics), clock.clone()).unwrap();
        let tls = running.address(ANY_PORT, ListenerProtocol::Tls).unwrap();
        let plain = running.address(ANY_PORT, ListenerProtocol::Http).unwrap();
        Self { running: Some(running), context, rms, clock, metrics, pki_files, tls, plain, config, folder }
    }

    /// Changes the configuration and reloads it, as SIGHUP does.
    pub(crate) fn reload(&mut self, change: impl FnOnce(&mut TestConfig)) {
        change(&mut self.config);
        let loaded = load(self.folder.path(), &self.config, &self.rms, &mut self.context);
        self.running.as_mut().unwrap().reload(loaded.compiled).unwrap();
    }

    /// Stops the gateway as SIGTERM does, and waits until every audit record is written.
    pub(crate) fn stop(&mut self) {
        let stopped = self.running.take().unwrap().stop();
        assert_eq!(stopped, portcullis::server::StopOutcome::Complete);
    }

    /// Returns the address of the TLS listener.
    pub(crate) fn address(&self) -> SocketAddr {
        self.tls
    }

    /// Returns the address of the listener for plain HTTP.
    pub(crate) fn plain_address(&self) -> SocketAddr {
        self.plain
    }

    /// Returns the address of the admin listener.
    pub(crate) fn admin_address(&self) -> SocketAddr {
        self.running.as_ref().unwrap().admin_addresses().next().unwrap()
    }

    /// Returns the URL of `path` on the first site, for external clients.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("https://{}:{}{path}", self.config.hosts[0], self.tls.port())
    }

    /// Returns the folder of proxy.toml, from which relative paths start.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the path of the PEM file with the chain and key of a client certificate, for `curl --cert`.
    pub(crate) fn card_file(&self, name: &str) -> String {
        self.pki_files.card(name).display().to_string()
    }

    /// Returns every audit record so far. Waits up to 100 ms for records that are queued for the file.
    pub(crate) fn records(&self) -> Vec<Value> {
        let start = Instant::now();
        // The wait is bounded, because a request in progress occupies bytes of the queue until it ends.
        while self.metrics.audit.queue_bytes.get() > 0 && start.elapsed() < Duration::from_millis(100) {
            std::thread::yield_now();
        }
        let path: PathBuf = self.folder.path().join(&self.config.audit);
        let text = std::fs::read_to_string(path).unwrap_or_default();
        // The last line may be incomplete.
        let complete = text.rfind('\n').map_or("", |end| &text[..end]);
        complete.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Waits for the audit record of this request and returns it.
    pub(crate) async fn record(&self, request_id: &str) -> Value {
        self.record_where(|record| record["request_id"] == request_id).await
    }

    /// Waits for the first audit record that matches and returns it.
    pub(crate) async fn record_where(&self, matches: impl Fn(&Value) -> bool) -> Value {
        wait_for("an audit record", || self.records().into_iter().find(&matches)).await
    }

    /// Waits for an audit record and returns it. Panics if there are several.
    pub(crate) async fn only_record(&self) -> Value {
        let record = self.record_where(|_| true).await;
        assert_eq!(self.records().len(), 1, "{:?}", self.records());
        record
    }
}

/// Polls until `look` returns a value; panics after [`TEST_TIMEOUT`].
pub(crate) async fn wait_for<T>(event: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + TEST_TIMEOUT;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "timed out waiting for {event}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn load(folder: &Path, config: &TestConfig, rms: &Rms, context: &mut CompileContext) -> LoadedConfig {
    let path = folder.join("proxy.toml");
    std::fs::write(&path, config.proxy_toml(&format!("http://{}", rms.address()))).unwrap();
    config::load(&path, context).unwrap_or_else(|error| match *error {
        LoadError::Invalid(diagnostics) => panic!("{}", diagnostics.render(Colour::Plain)),
        error @ (LoadError::Read { .. } | LoadError::Utf16 { .. } | LoadError::NotUtf8 { .. }) => {
            panic!("{error}")
        }
    })
}
