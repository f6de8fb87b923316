//! `portcullis schema`: prints the keys of proxy.toml as a JSON Schema for editors, or as the tables of the documentation.

use super::output;
use crate::config;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct SchemaCommand {
    /// Print the tables of docs/configuration.md instead of the JSON Schema
    #[arg(long)]
    markdown: bool,
}

impl SchemaCommand {
    /// Prints the JSON Schema (draft 2020-12) or the tables, and returns exit code 0.
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let text = match self.markdown {
            true => config::markdown(),
            false => format!("{:#}\n", config::json_schema()),
        };
        output::write(&text)?;
        Ok(ExitCode::SUCCESS)
    }
}
