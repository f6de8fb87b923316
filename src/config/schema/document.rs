//! The whole of proxy.toml, as it was written.

use super::backend::Backend;
use super::limits::Limits;
use super::process::{Admin, Assertion, Audit, Caches, Log};
use super::realm::Realm;
use super::site::Site;
use crate::config::parse::Spanned;
use crate::config::parse::fields::{ValueType as _, named_tables, optional_table, table, tables};
use crate::config::parse::section::section;
use crate::config::parse::values::integer;

section! {
    /// proxy.toml with defaults applied.
    ///
    /// A part that could not be read is left out or has its default, so that the compile step can find further errors in the
    /// same run: a document whose diagnostics have errors must never be served.
    struct Document {
        /// Threads that serve requests. Each has its own connections to the backends.
        workers: Option<Spanned<usize>> = integer(1, 1024).optional("one per core"),
        /// The log on standard error.
        log: Log = table::<Log>(),
        /// Audit records.
        audit: Audit = table::<Audit>(),
        /// The admin listener.
        admin: Admin = table::<Admin>(),
        /// Limits for all sites.
        limits: Limits = table::<Limits>(),
        /// Memory of caches.
        caches: Caches = table::<Caches>(),
        /// Signed assertions.
        assertion: Option<Assertion> = optional_table::<Assertion>("none"),
        /// The sites.
        site: Vec<Site> = tables::<Site>("at least one"),
        /// How clients are authenticated.
        realm: Vec<Realm> = named_tables::<Realm>(""),
        /// The upstream servers.
        backend: Vec<Backend> = named_tables::<Backend>(""),
    }
}
