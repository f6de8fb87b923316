//! The command line: a contract that other people's scripts build on. Exit codes, ids and `--json` fields are stable;
//! words are for people and may change.

mod chain_facts;
mod check;
mod demo;
mod explain;
mod healthcheck;
mod inspect;
mod named;
mod output;
mod serve;
mod signals;
mod time;
mod verify;

use anyhow::Context;
use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::{Colour, LoadError};

/// The command was used wrongly, or cannot run here.
const USAGE: u8 = 2;

/// A reverse proxy that puts smartcard authentication in front of web servers that cannot do it well themselves.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, about, disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the gate until SIGTERM; SIGHUP reads the configuration again
    Serve(Configuration),
    /// Read the configuration and say what would run, or every mistake in it; with --online try it too
    Check(check::Check),
    /// Say what would become of one request, and why: rule, chain, revocation, mapping, headers, answer
    Explain(explain::Explain),
    /// Show the typed facts of a certificate
    Inspect(inspect::Inspect),
    /// Judge a chain against trust anchors and CRLs, without a configuration
    Verify(verify::Verify),
    /// Run a PKI, a stand-in RMS and the gate on loopback, to try everything at once
    Demo(demo::Demo),
    /// Ask a running gate whether it is ready
    Healthcheck(healthcheck::Healthcheck),
}

/// Which configuration.
#[derive(Debug, clap::Args)]
struct Configuration {
    /// The configuration file
    #[arg(long, value_name = "FILE", default_value = "proxy.toml")]
    config: PathBuf,
}

/// Runs the command with these arguments, the program's name first, and gives its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // --help and --version come this way too, with an exit code of 0.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    let outcome = match arguments.command {
        Command::Serve(configuration) => serve::run(&configuration.config),
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Verify(verify) => verify.run(),
        Command::Demo(demo) => demo.run(),
        Command::Healthcheck(healthcheck) => healthcheck.run(),
    };
    outcome.unwrap_or_else(|error| {
        tell(&error);
        ExitCode::from(USAGE)
    })
}

/// The bytes of a file that an argument names.
fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))
}

/// Writes lines for people to standard output. That nobody reads them to the end (`| head -1`) is no failure.
fn print(output: &output::TextOutput) -> anyhow::Result<()> {
    write_out(&output.to_string())
}

/// Writes JSON for scripts to standard output.
fn print_json(value: &impl serde::Serialize) -> anyhow::Result<()> {
    write_out(&format!("{}\n", serde_json::to_string_pretty(value)?))
}

fn write_out(text: &str) -> anyhow::Result<()> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("standard output cannot be written"),
    }
}

/// Says on standard error why the command did not do its work.
fn tell(error: &anyhow::Error) {
    let mut stderr = std::io::stderr().lock();
    // Nobody may be reading standard error; the exit code says it all the same.
    drop(match error.downcast_ref::<LoadError>() {
        Some(LoadError::Invalid(diagnostics)) => {
            let colour = if stderr.is_terminal() { Colour::Styled } else { Colour::Plain };
            writeln!(stderr, "{}", diagnostics.render(colour))
        }
        Some(LoadError::Read { .. } | LoadError::Utf16 { .. } | LoadError::NotUtf8 { .. }) | None => {
            writeln!(stderr, "portcullis: {error:#}")
        }
    });
}
