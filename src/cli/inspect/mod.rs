//! `portcullis inspect`: shows the typed facts of a certificate, as every stage of the gate sees them. Judges nothing.

mod facts;
mod text;

use crate::certificate::read_bundle;
use anyhow::Context;
use clap::Args;
use facts::{CertificateFacts, Inspection};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(super) struct Inspect {
    /// The certificate, or a bundle of several: PEM or DER
    #[arg(value_name = "CERT.pem")]
    file: PathBuf,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Inspect {
    pub(super) fn run(&self) -> anyhow::Result<ExitCode> {
        let bytes = super::read(&self.file)?;
        let certificates = read_bundle(&bytes).with_context(|| self.file.display().to_string())?;
        let inspection = Inspection { certificates: certificates.iter().map(CertificateFacts::of).collect() };
        if self.json {
            super::print_json(&inspection)?;
        } else {
            super::print(&text::render(&inspection))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
