//! `portcullis check`: says what would run, or every mistake; with `--online` also which of the servers that the
//! configuration names do what they are for.

mod backends;
mod directories;
mod kerberos;
mod probe;
mod report;

use super::serve::metrics;
use crate::clock::Clock;
use crate::config::{self, Colour, Context, Speech};
use crate::policy::{ClientCertificateRule, PasswordRule};
use crate::request::PathPattern;
use crate::site::{PathRule, Site, SiteTable};
use clap::Args;
use report::Report;
use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    configuration: super::Configuration,
    /// Also ask the servers that the configuration names, and say what works
    #[arg(long)]
    online: bool,
    /// Tell the servers this user's name: DOMAIN\\name, or a UPN; for Kerberos the sAMAccountName@REALM
    #[arg(long = "as", value_name = "USER", requires = "online")]
    user: Option<String>,
    /// Write what was found online as JSON
    #[arg(long, requires = "online")]
    json: bool,
}

/// Says on a terminal what is being waited for.
#[derive(Clone, Copy, Debug)]
struct Progress {
    shown: bool,
}

impl Progress {
    fn asking(self, about: &str) {
        if self.shown {
            eprintln!("asking {} …", super::output::visible(about));
        }
    }
}

impl Check {
    /// Exit code 0 when all is fine, 1 when something online is not.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut context = Context::new(Clock::system(), metrics());
        let loaded = config::load(&self.configuration.config, &mut context)
            .map_err(|error| anyhow::Error::new(*error))?;
        if loaded.diagnostics.warnings() > 0 {
            let colour = if std::io::stderr().is_terminal() { Colour::Styled } else { Colour::Plain };
            eprintln!("{}", loaded.diagnostics.render(colour));
        }
        if !self.json {
            super::write_out(&summary(&loaded.compiled)?)?;
        }
        if !self.online {
            return Ok(ExitCode::SUCCESS);
        }
        let report = self.ask(&loaded.compiled)?;
        if self.json {
            super::print_json(&report)?;
        } else {
            super::write_out(&format!("\n{}", report.output()))?;
        }
        Ok(if report.is_fine() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn ask(&self, compiled: &config::Compiled) -> anyhow::Result<Report> {
        let progress = Progress { shown: std::io::stderr().is_terminal() };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let user = self.user.as_deref();
        let findings = runtime.block_on(async {
            let mut findings = directories::examine(&compiled.snapshot, progress).await;
            findings.extend(backends::examine(&compiled.snapshot, user, progress).await);
            findings
        });
        Ok(Report::of(findings))
    }
}

/// What would run, for people.
fn summary(compiled: &config::Compiled) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let table = &compiled.snapshot.sites;
    for (address, speech) in &compiled.listeners {
        let (speech, names) = match speech {
            Speech::Tls => ("tls", names(table, |table| table.tls.get(address))),
            Speech::Plain => ("plain http, answers 403.4", names(table, |table| table.plain.get(address))),
        };
        writeln!(text, "listen {address} ({speech}): {names}")?;
    }
    for site in sites(table) {
        writeln!(text, "site {}", site.name)?;
        let asks = if site.tls.asks_for_certificate() { "asks for a certificate" } else { "never asks" };
        let realm = site.realm.as_ref().map_or("none", |realm| &realm.name);
        writeln!(text, "  handshake: {asks}; realm: {realm}")?;
        let mut rules: Vec<_> = site.paths.rules().collect();
        rules.sort_by_key(|(pattern, _)| pattern.to_string());
        writeln!(text, "  {}", versions(site, &rules))?;
        for (pattern, rule) in rules {
            let certificate = match rule.rule.client_certificate {
                ClientCertificateRule::Ignore => "ignore",
                ClientCertificateRule::Accept => "accept",
                ClientCertificateRule::Require => "require",
            };
            writeln!(text, "  {certificate:<8}{pattern} -> {}", rule.backend.settings.name)?;
        }
    }
    Ok(text)
}

/// Which versions of HTTP are spoken, and which path is the reason.
fn versions(site: &Site, rules: &[(&PathPattern, &PathRule)]) -> String {
    let mut dialogues = rules.iter().filter(|(_, rule)| rule.rule.password == PasswordRule::Backend);
    match (site.tls.offers_http2(), dialogues.next()) {
        (true, None) => "http: 2 and 1.1".to_owned(),
        (true, Some((path, _))) => {
            format!("http: 2 and 1.1; 1.1 alone where {path} asks for NTLM or Negotiate")
        }
        (false, None) => "http: 1.1 only".to_owned(),
        (false, Some((path, _))) => format!("http: 1.1 only, for the backend's own log-in at {path}"),
    }
}

fn names<'t>(
    table: &'t SiteTable,
    listener: impl Fn(&'t SiteTable) -> Option<&'t crate::site::ListenerSites>,
) -> String {
    let sites = listener(table).map_or(&[][..], |listener| &listener.sites);
    sites.iter().map(|site| site.name.to_string()).collect::<Vec<_>>().join(", ")
}

/// Every site once, by name.
fn sites(table: &SiteTable) -> Vec<&Arc<Site>> {
    let mut sites: Vec<&Arc<Site>> = table.tls.values().flat_map(|listener| &listener.sites).collect();
    sites.sort_by(|one, other| one.name.cmp(&other.name));
    sites.dedup_by(|one, other| Arc::ptr_eq(one, other));
    sites
}
