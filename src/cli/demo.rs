//! `portcullis demo`: everything at once on loopback, to try by hand or to check by itself.

use super::signals::{Order, Signals};
use crate::demo::rms::Rms;
use crate::demo::{DemoEnvironment, DemoError, Ports, cases, check};
use crate::server::Stopped;
use anyhow::Context;
use clap::Args;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Demo {
    /// Run every card against every kind of path, print the table, and end: exit code 0 when all is as it must be
    #[arg(long)]
    check: bool,
    /// Where to write the PKI, the configuration and the audit log [default: a new folder below the system's
    /// temporary one]
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
    /// Run the stand-in RMS alone, at this address, for a gate that runs elsewhere
    #[arg(long, value_name = "ADDRESS", conflicts_with_all = ["check", "dir"])]
    stand_in: Option<SocketAddr>,
}

impl Demo {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        if let Some(address) = self.stand_in {
            return run_stand_in(address);
        }
        let dir = match &self.dir {
            Some(dir) => dir.clone(),
            None => std::env::temp_dir().join(format!("portcullis-demo-{}", std::process::id())),
        };
        std::fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let dir = dir.canonicalize()?;
        let outcome = if self.check { run_check(&dir) } else { run_by_hand(&dir) };
        if self.check && self.dir.is_none() {
            std::fs::remove_dir_all(&dir).with_context(|| format!("cannot remove {}", dir.display()))?;
        }
        outcome
    }
}

fn run_check(dir: &Path) -> anyhow::Result<ExitCode> {
    let environment = DemoEnvironment::start(dir, Ports::ANY)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(check(&environment))?;
    println!("{report}");
    let whole = environment.stop() == Stopped::Whole;
    Ok(if report.is_right() && whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn run_by_hand(dir: &Path) -> anyhow::Result<ExitCode> {
    let mut environment = DemoEnvironment::start(dir, Ports::USUAL)?;
    println!("{}", std::fs::read_to_string(&environment.configuration)?);
    println!("{}", what_to_try(&environment));
    let mut signals = Signals::new()?;
    while signals.next() == Order::Reload {
        match environment.reload() {
            Ok(()) => println!("The configuration was read again and is in force."),
            Err(DemoError::Load(error)) => super::tell(&anyhow::Error::new(*error)),
            Err(error) => super::tell(&error.into()),
        }
    }
    match environment.stop() {
        Stopped::Whole => Ok(ExitCode::SUCCESS),
        Stopped::CutOff(what) => anyhow::bail!("stopped, with something cut off: {what}"),
    }
}

fn run_stand_in(address: SocketAddr) -> anyhow::Result<ExitCode> {
    let rms = Rms::start(address).with_context(|| format!("cannot listen on {address}"))?;
    println!("the stand-in RMS listens on http://{}", rms.address());
    let mut signals = Signals::new()?;
    while signals.next() == Order::Reload {}
    rms.stop();
    Ok(ExitCode::SUCCESS)
}

fn what_to_try(environment: &DemoEnvironment) -> String {
    let https = format!("https://localhost:{}", environment.tls.port());
    let ca = environment.files.server_ca.display();
    let cards = environment.files.cards.display();
    let (require, accept, ignore) = (cases::REQUIRE, cases::ACCEPT, cases::IGNORE);
    let program =
        std::env::current_exe().map_or_else(|_| "portcullis".into(), |path| path.display().to_string());
    format!(
        "\
The file above is {file}; the gate runs from it. Ctrl-C ends everything.
Paste into another terminal:

# alice has a good card. The backend shows what it received, her name in X-Remote-User:
curl --cacert {ca} --cert {cards}/alice.pem -H 'X-Demo-Echo: 1' {https}{require}

# bob's card is revoked, nobody has none, and mallory's comes from a CA that only has the right names:
curl --cacert {ca} --cert {cards}/bob.pem -H 'Accept: application/json' {https}{require}
curl --cacert {ca} -H 'Accept: application/json' {https}{require}
curl --cacert {ca} --cert {cards}/mallory.pem -H 'Accept: application/json' {https}{require}

# A path that accepts a card, one that ignores cards, one that nobody published, and plain HTTP:
curl --cacert {ca} -H 'Accept: application/json' {https}{accept}
curl --cacert {ca} -H 'X-Demo-Echo: 1' {https}{ignore}
curl --cacert {ca} -H 'Accept: application/json' {https}/_wmcs/admin
curl -H 'Accept: application/json' http://localhost:{plain}{require}

# leo's card has no UPN, but a SID; mia's has neither, and a rule of her own. Who they are in a directory the gate
# looks up where there is one: add [realm.staff.directory] to the file (docs/configuration.md) and send it SIGHUP.
curl --cacert {ca} --cert {cards}/leo.pem -H 'X-Demo-Echo: 1' {https}{require}
curl --cacert {ca} --cert {cards}/mia.pem -H 'X-Demo-Echo: 1' {https}{require}

# All cards: {cards}. Why any of them gets what it gets:
{program} explain --config {file} --url {https}{require} --certificate {cards}/carol.crt
curl http://{admin}/metrics
",
        file = environment.configuration.display(),
        plain = environment.plain.port(),
        admin = environment.admin,
    )
}
