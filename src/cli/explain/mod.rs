//! `portcullis explain`: runs the request pipeline of the gateway for one request and prints the result of every step. OCSP
//! responders and directories of the realm are queried as the gateway queries them; the backend is not contacted.

mod certificate;
mod facts;
mod text;
mod trace;

use super::arguments::{ConfigurationFile, file_name, parse_time, read_file};
use super::output;
use super::serve::new_metrics;
use crate::certificate::certificate_ders;
use crate::clock::{Clock, UnixTime};
use crate::config::{self, CompileContext};
use anyhow::{Context, bail};
use clap::Args;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header};
use std::net::IpAddr;
use std::path::PathBuf;
use std::process::ExitCode;

pub use trace::ExplainedRequest;

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
    /// A header of the request; may be repeated
    #[arg(long = "header", value_name = "NAME: VALUE", value_parser = parse_header)]
    headers: Vec<(HeaderName, HeaderValue)>,
    /// The address of the client [default: 192.0.2.1, an example address]
    #[arg(long, value_name = "ADDRESS")]
    from: Option<IpAddr>,
    /// The time of the request: seconds since 1970 or 2026-11-22T09:30:00Z [default: now]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    at: Option<UnixTime>,
    /// Print JSON instead of text
    #[arg(long)]
    json: bool,
}

impl ExplainCommand {
    /// Returns exit code 0 if the request would be permitted, 1 if it would be rejected.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        if self.url.scheme().is_none() || self.url.host().is_none() {
            bail!(
                "\"{}\" has no scheme or no host: write a URL such as https://rms.corp.example/_wmcs/licensing/license.asmx",
                self.url
            );
        }
        let presented = match &self.certificate {
            Some(file) => certificate_ders(&read_file(file)?).with_context(|| file_name(file))?,
            None => Vec::new(),
        };
        let clock = Clock::system();
        let metrics = new_metrics();
        let mut context = CompileContext::new(clock.clone(), metrics.clone());
        let loaded = config::load(&self.configuration.config, &mut context)
            .map_err(|error| anyhow::Error::new(*error))?;
        let now = self.at.unwrap_or_else(|| clock.now());
        let mut headers = HeaderMap::new();
        for (name, value) in self.headers {
            headers.append(name, value);
        }
        let request = ExplainedRequest {
            method: self.method,
            url: self.url,
            headers,
            presented,
            now,
            client: self.from,
        };
        let explanation = request.explain(&loaded.compiled, &metrics)?;
        if self.json {
            output::print_json(&explanation)?;
        } else {
            output::print(&text::render(&explanation))?;
        }
        Ok(if explanation.response.is_permit() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

/// Returns the name and the value of `NAME: VALUE`. Credentials and cookies are marked as sensitive: they are not printed.
fn parse_header(text: &str) -> Result<(HeaderName, HeaderValue), String> {
    let (name, value) = text.split_once(':').ok_or("expected NAME: VALUE, with a colon")?;
    let name: HeaderName = name.parse().map_err(|_| format!("{name:?} is not a header name"))?;
    let mut value = HeaderValue::from_str(value.trim())
        .map_err(|_| format!("the value of `{name}` contains a control character"))?;
    let is_secret = [header::AUTHORIZATION, header::PROXY_AUTHORIZATION, header::COOKIE].contains(&name);
    value.set_sensitive(is_secret);
    Ok((name, value))
}
