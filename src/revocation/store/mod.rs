//! The CRLs of a realm, from files and from distribution points.

pub(in crate::revocation) mod disk_cache;
pub(in crate::revocation) mod distribution_point;
pub(in crate::revocation) mod downloads;
pub(in crate::revocation) mod files;
pub(in crate::revocation) mod live;
pub(in crate::revocation) mod snapshot;
