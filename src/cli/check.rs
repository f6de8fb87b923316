//! `portcullis check`: says what would run, or every mistake.

use super::serve::metrics;
use crate::clock::Clock;
use crate::config::{self, Colour, Context, Speech};
use crate::decision::ClientCertificate;
use crate::policy::{Site, SiteTable};
use std::fmt::Write;
use std::io::IsTerminal;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub(super) fn run(path: &Path) -> anyhow::Result<ExitCode> {
    let mut context = Context::new(Clock::system(), metrics());
    let loaded = config::load(path, &mut context).map_err(|error| anyhow::Error::new(*error))?;
    if loaded.diagnostics.warnings() > 0 {
        let colour = if std::io::stderr().is_terminal() { Colour::Styled } else { Colour::Plain };
        eprintln!("{}", loaded.diagnostics.render(colour));
    }
    print!("{}", summary(&loaded.compiled)?);
    Ok(ExitCode::SUCCESS)
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
        for (pattern, rule) in rules {
            let certificate = match rule.rule.client_certificate {
                ClientCertificate::Ignore => "ignore",
                ClientCertificate::Accept => "accept",
                ClientCertificate::Require => "require",
            };
            writeln!(text, "  {certificate:<8}{pattern} -> {}", rule.backend.settings.name)?;
        }
    }
    Ok(text)
}

fn names<'t>(
    table: &'t SiteTable,
    listener: impl Fn(&'t SiteTable) -> Option<&'t crate::policy::ListenerSites>,
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
