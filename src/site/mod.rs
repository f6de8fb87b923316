//! Sites and the tables that a request is routed by: host name to site, path to path rule, and the realm of a site.
//!
//! Plain data, built once from the configuration and replaced as a whole. A lookup without a match denies.

mod definition;
mod host_table;
mod path_table;
mod realm;

pub(crate) use definition::{Backend, BackendIdentity, HttpAction, ListenerSites, PathRule, Site, SiteTable};
pub(crate) use host_table::HostTable;
pub(crate) use path_table::{PathMatch, PathTable, PathTableError};
pub use realm::{PasswordSettings, Realm};
