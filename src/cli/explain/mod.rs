//! `portcullis explain`: says what would become of one request, and why. It walks the road that a request walks, by the
//! same functions and in the same order, and asks the realm's responders and directories as the gate does. The backend
//! is never asked.

mod certificate;
mod facts;
mod text;
mod trace;

use super::time::moment;
use crate::certificate::certificate_ders;
use crate::clock::{Clock, UnixTime};
use crate::config::{self, Context as Loading};
use anyhow::{Context, bail};
use clap::Args;
use http::{Method, Uri};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use trace::RequestTrace;

#[derive(Debug, Args)]
pub(super) struct Explain {
    #[command(flatten)]
    configuration: super::Configuration,
    /// The URL that is asked for; its port chooses among several listeners of the host
    #[arg(long, value_name = "URL")]
    url: Uri,
    /// The chain that the client presents, its own certificate first: PEM or DER [default: none]
    #[arg(long, value_name = "CHAIN.pem")]
    certificate: Option<PathBuf>,
    /// The method
    #[arg(long, default_value = "GET")]
    method: Method,
    /// The address that the request comes from [default: 192.0.2.1, an example]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The time to judge at: seconds since 1970 or 2026-11-22T09:30:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = moment)]
    at: Option<UnixTime>,
    /// Write JSON
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// Exit code 0 for a permit, 1 for a denial.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.url.scheme().is_none() || self.url.host().is_none() {
            bail!(
                "the URL needs a scheme and a host, as https://rms.corp.example/_wmcs/licensing/license.asmx"
            );
        }
        let presented = match &self.certificate {
            Some(file) => {
                certificate_ders(&super::read(file)?).with_context(|| file.display().to_string())?
            }
            None => Vec::new(),
        };
        let clock = Clock::system();
        let metrics = super::serve::metrics();
        let mut context = Loading::new(clock.clone(), metrics.clone());
        let loaded = config::load(&self.configuration.config, &mut context)
            .map_err(|error| anyhow::Error::new(*error))?;
        let now = self.at.unwrap_or_else(|| clock.now());
        let road =
            RequestTrace { compiled: &loaded.compiled, metrics: &metrics, presented, now, client: self.from };
        let explanation = road.walk(self.method, self.url)?;
        if self.json {
            super::print_json(&explanation)?;
        } else {
            super::print(&text::render(&explanation))?;
        }
        Ok(if explanation.answer.is_permit() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
