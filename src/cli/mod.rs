//! The command line. Scripts depend on exit codes, denial ids and `--json` fields, so these are stable; all other text is
//! for people and may change.

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

/// The exit code of a command that is used incorrectly or cannot run.
const USAGE: u8 = 2;

/// The arguments of the program. `--help` prints the description of the package instead of this comment.
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
    /// Trace one request through the request pipeline, and print the result of every step
    Explain(explain::ExplainCommand),
    /// Print the contents of certificates as the gateway decodes them
    Inspect(inspect::InspectCommand),
    /// Validate a certificate chain, without a configuration
    Verify(verify::VerifyCommand),
    /// Run the proxy with a test PKI and a test backend on loopback
    #[cfg(feature = "demo")]
    Demo(demo::DemoCommand),
    /// Print the JSON Schema of proxy.toml, for completion and validation in editors
    Schema(schema::SchemaCommand),
    /// Query the readiness of a running proxy
    Healthcheck(healthcheck::HealthcheckCommand),
}

/// Runs the command that `arguments` specify, the name of the program first, and returns its exit code.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match CommandLine::try_parse_from(arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap reports --help and --version as errors too, with exit code 0.
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
