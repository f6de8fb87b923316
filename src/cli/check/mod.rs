//! `portcullis check`: validates the configuration and prints its listeners, sites and path rules, or all of its errors.
//! With `--online`, the servers that it names are checked too.

mod backends;
mod directories;
mod kerberos;
mod probe;
mod progress;
mod report;

use crate::cli::arguments::ConfigurationFile;
use crate::cli::output;
use crate::cli::serve::new_metrics;
use crate::clock::Clock;
use crate::config::{self, Colour, CompileContext, ListenerProtocol};
use crate::policy::{ClientCertificateRule, PasswordRule};
use crate::request::PathPattern;
use crate::site::{ListenerSites, PathRule, Site, SiteTable};
use clap::Args;
use progress::CheckProgress;
use report::OnlineReport;
use std::fmt::Write;
use std::io::IsTerminal;
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Args)]
pub(super) struct CheckCommand {
    #[command(flatten)]
    configuration: ConfigurationFile,
    /// Also connect to the servers that the configuration names, and report the result of each check
    #[arg(long)]
    online: bool,
    /// Send requests in the name of this user: DOMAIN\name or a UPN; for Kerberos, sAMAccountName@REALM
    #[arg(long = "as", value_name = "USER", requires = "online")]
    user: Option<String>,
    /// Print the results of --online as JSON
    #[arg(long, requires = "online")]
    json: bool,
}

impl CheckCommand {
    /// Returns exit code 0 if the configuration is valid and every online check passes, 1 if an online check fails or has a
    /// warning.
    pub(super) fn run(self) -> anyhow::Result<ExitCode> {
        let mut context = CompileContext::new(Clock::system(), new_metrics());
        let loaded = config::load(&self.configuration.config, &mut context)
            .map_err(|error| anyhow::Error::new(*error))?;
        if loaded.diagnostics.warnings() > 0 {
            let colour = if std::io::stderr().is_terminal() { Colour::Styled } else { Colour::Plain };
            eprintln!("{}", loaded.diagnostics.render(colour));
        }
        if !self.json {
            output::write(&summary(&loaded.compiled)?)?;
        }
        if !self.online {
            return Ok(ExitCode::SUCCESS);
        }
        let report = self.check_online(&loaded.compiled)?;
        if self.json {
            output::print_json(&report)?;
        } else {
            output::write(&format!("\n{}", report.text()))?;
        }
        Ok(if report.is_success() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    fn check_online(&self, compiled: &config::CompiledConfig) -> anyhow::Result<OnlineReport> {
        let progress = CheckProgress::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let user = self.user.as_deref();
        let findings = runtime.block_on(async {
            let mut findings = directories::check(&compiled.snapshot, progress).await;
            findings.extend(backends::check(&compiled.snapshot, user, progress).await);
            findings
        });
        Ok(OnlineReport::of(findings))
    }
}

/// Returns the listeners, sites and path rules as text.
fn summary(compiled: &config::CompiledConfig) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let table = &compiled.snapshot.sites;
    for (address, protocol) in &compiled.listeners {
        let (protocol, listener) = match protocol {
            ListenerProtocol::Tls => ("tls", table.tls.get(address)),
            ListenerProtocol::Http => ("http", table.http.get(address)),
        };
        writeln!(text, "listener {address} ({protocol}): {}", site_names(listener))?;
    }
    for site in sites_by_name(table) {
        writeln!(text, "site {}", site.name)?;
        let requested = if site.tls.requests_certificate() { "requested" } else { "not requested" };
        let realm = site.realm.as_ref().map_or("none", |realm| &realm.name);
        writeln!(text, "  client certificate: {requested}; realm: {realm}")?;
        let mut rules: Vec<_> = site.paths.rules().collect();
        rules.sort_by_key(|(pattern, _)| pattern.to_string());
        writeln!(text, "  {}", http_versions(site, &rules))?;
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

/// Returns the HTTP versions of a site, and the path that excludes HTTP/2. NTLM and Negotiate authenticate connections,
/// and requests share a connection in HTTP/2.
fn http_versions(site: &Site, rules: &[(&PathPattern, &PathRule)]) -> String {
    let mut passed_through = rules.iter().filter(|(_, rule)| rule.rule.password == PasswordRule::Backend);
    match (site.tls.offers_http2(), passed_through.next()) {
        (true, None) => "http: 2 and 1.1".to_owned(),
        (true, Some((path, _))) => format!("http: 2 and 1.1; NTLM or Negotiate at {path} requires 1.1"),
        (false, None) => "http: 1.1 only".to_owned(),
        (false, Some((path, _))) => format!("http: 1.1 only, for pass-through authentication at {path}"),
    }
}

fn site_names(listener: Option<&ListenerSites>) -> String {
    let sites = listener.map_or(&[][..], |listener| &listener.sites);
    sites.iter().map(|site| site.name.to_string()).collect::<Vec<_>>().join(", ")
}

/// Returns every site once, even if several listeners serve it.
fn sites_by_name(table: &SiteTable) -> Vec<&Arc<Site>> {
    let mut sites: Vec<&Arc<Site>> = table.tls.values().flat_map(|listener| &listener.sites).collect();
    sites.sort_by(|one, other| one.name.cmp(&other.name));
    sites.dedup_by(|one, other| Arc::ptr_eq(one, other));
    sites
}
