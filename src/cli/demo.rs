//! `portcullis demo`: runs the gateway with a test PKI and a test backend on loopback, for manual use or as a self-test.

use super::output;
use super::signals::{SignalAction, SignalReceiver};
use crate::control::ControlRuntime;
use crate::demo::rms::Rms;
use crate::demo::{DemoEnvironment, DemoError, Ports, cases, check};
use crate::server::StopOutcome;
use anyhow::Context;
use clap::Args;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct DemoCommand {
    /// Send requests for every kind of path with every test certificate, print the results, and exit; the exit code is 0
    /// if every check passes
    #[arg(long)]
    check: bool,
    /// The folder for the PKI, the configuration and the audit log: a new or empty one, or that of an earlier demo
    /// [default: a new temporary folder]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Run only the test backend, on this address, for a proxy that runs elsewhere
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with_all = ["check", "dir"])]
    backend: Option<SocketAddr>,
}

impl DemoCommand {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if let Some(address) = self.backend {
            return run_backend(address);
        }
        let Some(dir) = &self.dir else {
            let temporary = tempfile::Builder::new().prefix("portcullis-demo-").tempdir();
            let temporary = temporary.context("cannot create a temporary folder")?;
            if !self.check {
                return run_interactively(&temporary.keep());
            }
            let result = run_check(temporary.path());
            temporary.close().context("cannot remove the temporary folder")?;
            return result;
        };
        std::fs::create_dir_all(dir).with_context(|| format!("cannot create {}", dir.display()))?;
        let dir = dir.canonicalize().with_context(|| format!("cannot read {}", dir.display()))?;
        if self.check { run_check(&dir) } else { run_interactively(&dir) }
    }
}

fn run_check(dir: &Path) -> anyhow::Result<ExitCode> {
    let environment = DemoEnvironment::start(dir, Ports::ANY)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(check(&environment))?;
    println!("{report}");
    let is_graceful = environment.stop() == StopOutcome::Complete;
    Ok(if report.passed() && is_graceful { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_interactively(dir: &Path) -> anyhow::Result<ExitCode> {
    let mut environment = DemoEnvironment::start(dir, Ports::USUAL)?;
    println!("{}", std::fs::read_to_string(&environment.configuration)?);
    println!("{}", instructions(&environment));
    let mut signals = SignalReceiver::new(&environment.control())?;
    while signals.next() == SignalAction::Reload {
        match environment.reload() {
            Ok(()) => println!("configuration reloaded"),
            Err(DemoError::Load(error)) => output::print_error(&anyhow::Error::new(*error)),
            Err(error) => output::print_error(&error.into()),
        }
    }
    match environment.stop() {
        StopOutcome::Complete => Ok(ExitCode::SUCCESS),
        StopOutcome::Incomplete(reasons) => anyhow::bail!("the shutdown was incomplete: {reasons}"),
    }
}

fn run_backend(address: SocketAddr) -> anyhow::Result<ExitCode> {
    let rms = Rms::start(address).with_context(|| format!("cannot listen on {address}"))?;
    println!("the test backend listens on http://{}", rms.address());
    let mut signals = SignalReceiver::new(&ControlRuntime::default())?;
    while signals.next() == SignalAction::Reload {}
    rms.stop();
    Ok(ExitCode::SUCCESS)
}

fn instructions(environment: &DemoEnvironment) -> String {
    let https = format!("https://localhost:{}", environment.tls.port());
    let ca = environment.files.server_ca.display();
    let cards = environment.files.cards.display();
    let (require, accept, ignore) = (cases::REQUIRE, cases::ACCEPT, cases::IGNORE);
    let program =
        std::env::current_exe().map_or_else(|_| "portcullis".into(), |path| path.display().to_string());
    format!(
        "\
The proxy runs with the configuration above, {file}. Press Ctrl-C to stop it.
Paste these commands into another terminal:

# alice has a valid certificate. The backend returns the request that it received, with alice in X-Remote-User:
curl --cacert {ca} --cert {cards}/alice.pem -H 'X-Demo-Echo: 1' {https}{require}

# A revoked certificate, no certificate, and a certificate of an untrusted CA with the names of the trusted one:
curl --cacert {ca} --cert {cards}/bob.pem -H 'Accept: application/json' {https}{require}
curl --cacert {ca} -H 'Accept: application/json' {https}{require}
curl --cacert {ca} --cert {cards}/mallory.pem -H 'Accept: application/json' {https}{require}

# A path that accepts certificates, one that ignores them, one without a path rule, and plain HTTP:
curl --cacert {ca} -H 'Accept: application/json' {https}{accept}
curl --cacert {ca} -H 'X-Demo-Echo: 1' {https}{ignore}
curl --cacert {ca} -H 'Accept: application/json' {https}/_wmcs/admin
curl -H 'Accept: application/json' http://localhost:{plain}{require}

# leo's certificate has a SID and no UPN; mia's has neither, and a rule maps it. To look up accounts in a directory, add
# [realm.staff.directory] to the configuration (docs/configuration.md) and send SIGHUP.
curl --cacert {ca} --cert {cards}/leo.pem -H 'X-Demo-Echo: 1' {https}{require}
curl --cacert {ca} --cert {cards}/mia.pem -H 'X-Demo-Echo: 1' {https}{require}

# All certificates are in {cards}. To explain a decision, and to read the metrics:
{program} explain --config {file} --url {https}{require} --certificate {cards}/carol.crt
curl http://{admin}/metrics
",
        file = environment.configuration.display(),
        plain = environment.plain.port(),
        admin = environment.admin,
    )
}
