//! `portcullis inspect`: prints the contents of certificates as the gateway decodes them. Nothing is validated.

mod facts;
mod text;

use crate::certificate::read_bundle;
use crate::cli::arguments::{file_name, read_file};
use crate::cli::output;
use anyhow::Context;
use clap::Args;
use facts::{CertificateFacts, InspectedFile};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct InspectCommand {
    /// A certificate or a bundle of several, in PEM or DER
    #[arg(value_name = "CERT.pem")]
    file: PathBuf,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

impl InspectCommand {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let bytes = read_file(&self.file)?;
        let certificates = read_bundle(&bytes).with_context(|| file_name(&self.file))?;
        let inspected =
            InspectedFile { certificates: certificates.iter().map(CertificateFacts::of).collect() };
        if self.json {
            output::print_json(&inspected)?;
        } else {
            output::print(&text::render(&inspected))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
