//! The compilation of a document into the running configuration: the named files are read, and each folder gets its own
//! settings. Errors are collected, so that a missing file and a wrong path are reported in one run.

mod backend;
mod compiler;
mod context;
mod directory;
mod files;
mod one_line;
mod path;
mod process;
mod realm;
mod revocation;
mod site;

use super::parse::{Diagnostics, Spanned};
use super::schema::ConfigDocument;
use super::schema::site::SiteSection;
use crate::headers::ReservedHeaders;
use crate::headers::reserved_headers::NonstandardNames;
use crate::proxy::Snapshot;
use crate::site::{ListenerSites, Site, SiteTable};
use compiler::Compiler;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

pub(crate) use context::ProcessSettings;
pub use context::{CompileContext, CompiledConfig, ListenerProtocol};

/// Compiles `document`, whose paths are relative to `base`. `None` if `diagnostics` has errors afterwards, including those
/// of the document.
pub(super) fn compile(
    document: &ConfigDocument,
    base: &Path,
    context: &mut CompileContext,
    diagnostics: &mut Diagnostics,
) -> Option<CompiledConfig> {
    let mut compiler = Compiler::new(document, base, context, diagnostics);
    for raw in &document.realm {
        let realm = compiler.realm(raw).map(Arc::new);
        compiler.realms.extend(realm);
    }
    compiler.signer = document.assertion.as_ref().and_then(|raw| compiler.signer(raw));
    for raw in &document.backend {
        let backend = compiler.backend(raw).map(Arc::new);
        compiler.backends.extend(backend);
    }
    let mut sites = Vec::new();
    for raw in &document.site {
        sites.extend(compiler.site(raw).map(|site| (raw, Arc::new(site))));
    }
    compiler.finish(&sites)
}

impl Compiler<'_> {
    fn finish(mut self, sites: &[(&SiteSection, Arc<Site>)]) -> Option<CompiledConfig> {
        let sites = SiteTable {
            tls: self.listeners(sites, |site| &site.listen),
            http: self.listeners(sites, |site| &site.http_listen),
        };
        let owned = Arc::new(self.reserved_headers());
        if self.diagnostics.has_errors() {
            return None;
        }
        let tls = sites.tls.keys().map(|address| (*address, ListenerProtocol::Tls));
        let http = sites.http.keys().map(|address| (*address, ListenerProtocol::Http));
        let listeners: BTreeSet<_> = tls.chain(http).collect();
        let process = self.process();
        let limits = self.limits(process.workers);
        let connections = self.connections();
        let Self { generation, backends, signer: assertions, context, .. } = self;
        let snapshot = Snapshot { generation, sites, backends, owned, assertions, limits, connections };
        Some(CompiledConfig { snapshot, listeners, process, control: context.control.clone() })
    }

    /// Returns the sites of each address. Two sites with one host on one address are an error of the document.
    fn listeners(
        &mut self,
        sites: &[(&SiteSection, Arc<Site>)],
        addresses: impl Fn(&SiteSection) -> &Vec<Spanned<SocketAddr>>,
    ) -> HashMap<SocketAddr, ListenerSites> {
        let mut by_address: HashMap<SocketAddr, Vec<&(&SiteSection, Arc<Site>)>> = HashMap::new();
        for entry in sites {
            for address in addresses(entry.0) {
                by_address.entry(address.value).or_default().push(entry);
            }
        }
        let tables = by_address.into_iter().filter_map(|(address, entries)| {
            let hosts = self.host_table(&entries)?;
            let default = entries.iter().position(|(raw, _)| raw.default.value);
            let sites = entries.iter().map(|(_, site)| Arc::clone(site)).collect();
            Some((address, ListenerSites { hosts, sites, default }))
        });
        tables.collect()
    }

    /// Returns the headers that no client may send, including the names that operators chose for their backends.
    fn reserved_headers(&mut self) -> ReservedHeaders {
        let settings = self.backends.iter().map(|backend| &*backend.identity_headers);
        ReservedHeaders::new(settings, NonstandardNames::Drop).unwrap_or_else(|errors| {
            let span = self.document.backend.first().map(|backend| backend.head.span).unwrap_or_default();
            for error in errors {
                let help = "choose another name in `headers.names`";
                self.diagnostics.error(span, error.to_string()).help(help);
            }
            ReservedHeaders::default()
        })
    }
}
