//! The CRLs of a realm: read from files, downloaded from distribution points, cached on disk, and replaced while the
//! gateway runs.

mod crl_store;
mod disk_cache;
mod distribution_point;
mod downloads;
mod fetched;
mod files;
mod live;

pub(crate) use crl_store::CrlGeneration;
#[cfg(test)]
pub(crate) use crl_store::CrlNote;
pub use crl_store::CrlStore;
pub(crate) use downloads::{DownloadSettings, DownloadedCrl};
pub(crate) use fetched::{DownloadError, PointUrls};
pub use files::CrlLoadError;
pub use live::LiveCrls;
#[cfg(test)]
pub(super) use {
    disk_cache::{CachedFile, DiskCache},
    distribution_point::{CrlPlacement, DistributionPoint},
    fetched::{FetchedCrl, FileDigest, file_digest},
};
