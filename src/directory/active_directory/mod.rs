//! Active Directory: its attributes, its domains, the names of its groups.

pub(super) mod domains;
mod filetime;
pub(super) mod group_names;
pub(super) mod schema;
