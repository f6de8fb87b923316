//! `portcullis explain`: traces one request through the request pipeline and prints every step. It calls the functions of
//! the pipeline in the same order, and queries the realm's OCSP responders and directories as the gateway does. It never
//! connects to the backend.

mod certificate;
mod facts;
mod text;
mod trace;

use super::arguments::{ConfigurationFile, parse_time, read_file};
use super::output;
use super::serve::new_metrics;
use crate::certificate::certificate_ders;
use crate::clock::{Clock, UnixTime};
use crate::config::{self, CompileContext};
use anyhow::{Context, bail};
use clap::Args;
use http::{Method, Uri};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use trace::RequestTrace;

#[derive(Debug, Args)]
pub(super) struct ExplainCommand {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// The URL of the request; if several listeners serve its host, the port selects one
    #[arg(long, value_name = "URL")]
    url: Uri,
    /// The chain that the client presents, leaf certificate first, PEM or DER [default: none]
    #[arg(long, value_name = "CHAIN.pem")]
    certificate: Option<PathBuf>,
    /// The request method
    #[arg(long, default_value = "GET")]
    method: Method,
    /// The client's address [default: 192.0.2.1, an example address]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The time of the request: seconds since 1970 or 2026-11-22T09:30:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<UnixTime>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl ExplainCommand {
    /// Exit code 0 if the request would be permitted, 1 if it would be rejected.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.url.scheme().is_none() || self.url.host().is_none() {
            bail!(
                "the URL needs a scheme and a host, as in https://rms.corp.example/_wmcs/licensing/license.asmx"
            );
        }
        let presented = match &self.certificate {
            Some(file) => certificate_ders(&read_file(file)?).with_context(|| file.display().to_string())?,
            None => Vec::new(),
        };
        let clock = Clock::system();
        let metrics = new_metrics();
        let mut context = CompileContext::new(clock.clone(), metrics.clone());
        let loaded = config::load(&self.configuration.config, &mut context)
            .map_err(|error| anyhow::Error::new(*error))?;
        let now = self.at.unwrap_or_else(|| clock.now());
        let trace =
            RequestTrace { compiled: &loaded.compiled, metrics: &metrics, presented, now, client: self.from };
        let explanation = trace.explain(self.method, self.url)?;
        if self.json {
            output::print_json(&explanation)?;
        } else {
            output::print(&text::render(&explanation))?;
        }
        Ok(if explanation.response.is_permit() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
