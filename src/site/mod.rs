//! Sites with their realms and backends, and the tables that route a request: host name to site, and path to path rule.
//!
//! Sites are plain data that a reload replaces as a whole. A request without a match is rejected.

mod definition;
mod host_table;
mod path_table;
mod realm;

pub(crate) use definition::{Backend, BackendIdentity, HttpAction, ListenerSites, PathRule, Site, SiteTable};
pub(crate) use host_table::HostTable;
pub(crate) use path_table::{PathMatch, PathTable, PathTableError};
pub use realm::{PasswordSettings, Realm};
