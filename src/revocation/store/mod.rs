//! The CRLs of a realm: read from files, downloaded from distribution points, cached on disk, and replaced while the
//! gateway runs.

mod crl_store;
mod disk_cache;
mod distribution_point;
mod downloads;
mod fetched;
mod files;
mod live;

pub use crl_store::{CrlGeneration, CrlNote, CrlStore};
pub use disk_cache::DiskError;
pub use downloads::{DownloadSettings, DownloadedCrl, InitialFetches};
pub use fetched::{DownloadError, PointUrls};
pub use files::CrlLoadError;
pub use live::{CrlReload, LiveCrls};
#[cfg(test)]
pub(super) use {
    disk_cache::{CachedFile, DiskCache},
    distribution_point::{CrlPlacement, DistributionPoint},
    fetched::{FetchedCrl, FileDigest, file_digest},
};
