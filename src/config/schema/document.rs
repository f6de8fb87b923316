//! The whole of proxy.toml, as it is written.

use super::backend::BackendSection;
use super::limits::LimitsSection;
use super::process::{AdminSection, AssertionSection, AuditSection, CachesSection, LogSection};
use super::realm::RealmSection;
use super::site::SiteSection;
use crate::config::parse::{Spanned, integer, named_tables, optional_table, section, table, tables};

section! {
    /// proxy.toml with defaults applied.
    ///
    /// A part that could not be read is left out or has its default, so that the compile step can find further errors in the
    /// same run: a document whose diagnostics have errors must never be served.
    struct ConfigDocument {
        /// Threads that serve requests. Each has its own connections to the backends.
        workers: Option<Spanned<usize>> = integer(1, 1024).optional("one per core"),
        /// The log on standard error.
        log: LogSection = table(),
        /// Audit records.
        audit: AuditSection = table(),
        /// The admin listener.
        admin: AdminSection = table(),
        /// Limits for all sites.
        limits: LimitsSection = table(),
        /// Memory of caches.
        caches: CachesSection = table(),
        /// Signed assertions.
        assertion: Option<AssertionSection> = optional_table("none"),
        /// The sites.
        site: Vec<SiteSection> = tables("at least one"),
        /// How clients are authenticated.
        realm: Vec<RealmSection> = named_tables(""),
        /// The upstream servers.
        backend: Vec<BackendSection> = named_tables(""),
    }
}

impl ConfigDocument {
    /// The realm of this name.
    pub(super) fn realm_named(&self, name: Option<&Spanned<String>>) -> Option<&RealmSection> {
        let name = name?;
        self.realm.iter().find(|realm| realm.head.name.value == name.value)
    }
}
