//! The command line. Exit codes, denial ids and `--json` fields are a contract with scripts; all other text is for
//! people and may change.

mod arguments;
mod chain_facts;
mod check;
#[cfg(feature = "demo")]
mod demo;
mod explain;
mod healthcheck;
mod inspect;
mod output;
mod schema;
mod serve;
mod signals;
mod verify;

pub use explain::ExplainedRequest;

use clap::{Parser, Subcommand};
use std::ffi::OsString;
use std::process::ExitCode;

/// The exit code if the command was used incorrectly or cannot run here.
const USAGE: u8 = 2;

/// Smartcard (client certificate) authentication for web servers: a reverse proxy that terminates TLS, authenticates
/// clients and forwards their requests.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, about, disable_help_subcommand = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the proxy (SIGHUP reloads the configuration, SIGTERM stops gracefully)
    Serve(arguments::ConfigurationFile),
    /// Validate the configuration and report every error; with --online, also check the servers that it names
    Check(check::CheckCommand),
    /// Explain how a request would be handled, step by step
    Explain(explain::ExplainCommand),
    /// Show what portcullis reads from a certificate
    Inspect(inspect::InspectCommand),
    /// Validate a certificate chain, without a configuration
    Verify(verify::VerifyCommand),
    /// Run the proxy with a test PKI and a test backend on loopback
    #[cfg(feature = "demo")]
    Demo(demo::DemoCommand),
    /// Print the JSON Schema of proxy.toml, for completion and validation in editors
    Schema(schema::SchemaCommand),
    /// Query a running proxy for its readiness
    Healthcheck(healthcheck::HealthcheckCommand),
}

/// Runs the command of `arguments`, the program's name first, and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match CommandLine::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // --help and --version arrive here too, with exit code 0.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    let result = match arguments.command {
        Command::Serve(configuration) => serve::run(&configuration.config),
        Command::Check(check) => check.run(),
        Command::Explain(explain) => explain.run(),
        Command::Inspect(inspect) => inspect.run(),
        Command::Verify(verify) => verify.run(),
        #[cfg(feature = "demo")]
        Command::Demo(demo) => demo.run(),
        Command::Schema(schema) => schema.run(),
        Command::Healthcheck(healthcheck) => healthcheck.run(),
    };
    result.unwrap_or_else(|error| {
        output::print_error(&error);
        ExitCode::from(USAGE)
    })
}
