//! The tables that a request is looked up in: host name to site, path to rule, and the realm that judges cards there.
//!
//! Plain data, built once from the configuration and swapped whole. A look-up always answers, and the answer without
//! a rule is no.

mod host_table;
mod passwords;
mod path_table;
mod realm;
mod site;

pub use host_table::{DuplicateHost, HostTable};
pub use passwords::PasswordPolicy;
pub use path_table::{NoPathRule, PathMatch, PathTable, PathTableError};
pub use realm::Realm;
pub use site::{Backend, BackendIdentity, HttpAction, ListenerSites, PathRule, Site, SiteTable};
