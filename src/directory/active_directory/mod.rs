//! The schema of Active Directory, its domains, and the names of its groups.

pub(super) mod domains;
pub(super) mod group_names;
pub(super) mod schema;
