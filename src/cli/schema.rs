//! `portcullis schema`: the keys of proxy.toml, for editors and for the documentation.

use crate::config;
use std::io::{self, Write as _};
use std::process::ExitCode;

/// The arguments of the command.
#[derive(Debug, clap::Args)]
pub(super) struct SchemaCommand {
    /// Print the tables of docs/configuration.md instead
    #[arg(long)]
    markdown: bool,
}

impl SchemaCommand {
    /// Prints the JSON Schema (draft 2020-12), or the tables.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let text = match self.markdown {
            true => config::markdown(),
            false => format!("{:#}\n", config::json_schema()),
        };
        io::stdout().write_all(text.as_bytes())?;
        Ok(ExitCode::SUCCESS)
    }
}
