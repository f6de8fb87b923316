//! The CRLs of a realm while the gateway runs: a store that is replaced as a whole when a file changes or a CRL is
//! downloaded.
//!
//! Reading, decoding and replacing are done by the refresher; a request only takes the current store.

use super::crl_store::{CrlGeneration, CrlStore};
use super::downloads::{CrlDownloads, DownloadSettings, DownloadedCrl, InitialFetches};
use super::fetched::{DownloadError, PointUrls};
use super::files::{CrlFiles, CrlLoadError};
use crate::clock::UnixTime;
use crate::revocation::rule::RevocationRule;
use crate::validation::ValidatedChain;
use arc_swap::ArcSwap;
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The current CRLs of a realm, and their origins.
#[derive(Debug)]
pub struct LiveCrls {
    store: ArcSwap<CrlStore>,
    paths: Vec<PathBuf>,
    /// Locked while files are read and while a store is made, so that a store never replaces a newer one.
    files: Mutex<CrlFiles>,
    downloads: Option<Arc<CrlDownloads>>,
}

/// The result of reading the files again.
#[derive(Debug)]
pub struct CrlReload {
    /// Whether the store was replaced.
    pub changed: bool,
    /// The files that cannot be used. Their previous CRLs stay in force.
    pub failures: Vec<CrlLoadError>,
}

impl LiveCrls {
    /// Reads files, folders and the disk cache. `before` are the CRLs of the same realm in an earlier configuration:
    /// those that were downloaded are not downloaded again.
    ///
    /// # Errors
    /// The first file or folder that cannot be used.
    pub fn load(
        paths: Vec<PathBuf>,
        settings: Option<DownloadSettings>,
        before: Option<&Self>,
        now: UnixTime,
    ) -> Result<Self, CrlLoadError> {
        let files = CrlFiles::load(paths.clone())?;
        let before = before.and_then(|before| before.downloads.as_deref());
        let downloads = settings.map(|settings| Arc::new(CrlDownloads::new(settings, before, now)));
        let store = make_store(&files, downloads.as_deref());
        Ok(Self { store: ArcSwap::from_pointee(store), paths, files: Mutex::new(files), downloads })
    }

    /// Returns the CRLs in force.
    pub fn store(&self) -> Arc<CrlStore> {
        self.store.load_full()
    }

    /// Returns the generation of the CRLs in force: a verdict with another one is out of date. Lock-free.
    pub fn generation(&self) -> CrlGeneration {
        self.store.load().generation()
    }

    /// Returns the configured files and folders.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Returns whether CRLs are downloaded.
    pub fn fetches(&self) -> bool {
        self.downloads.is_some()
    }

    /// Registers the distribution points of a validated chain. Returns the first fetches that a request may wait for.
    /// Does not wait.
    pub fn register(&self, chain: &ValidatedChain, rule: &RevocationRule, now: UnixTime) -> InitialFetches {
        self.downloads.as_ref().map(|downloads| downloads.register(chain, rule, now)).unwrap_or_default()
    }

    /// Reads the files again, and replaces the store if they changed. Not for the thread of a worker.
    pub fn reload_files(&self) -> CrlReload {
        let mut files = self.files();
        let failures = files.reload();
        CrlReload { changed: self.replace_store(&files), failures }
    }

    /// Returns after a distribution point was registered; never, if nothing is downloaded.
    pub async fn new_distribution_point(&self) {
        match &self.downloads {
            Some(downloads) => downloads.new_point().await,
            None => pending().await,
        }
    }

    /// Returns the distribution points to fetch now, at most `room`. Each must be passed to [`LiveCrls::fetch`].
    pub fn due(&self, room: usize, now: UnixTime) -> Vec<PointUrls> {
        self.downloads.as_ref().map(|downloads| downloads.due(room, now)).unwrap_or_default()
    }

    /// Downloads the CRL of one distribution point and puts it in force. Must run inside a tokio runtime; slow work
    /// runs on its blocking threads.
    ///
    /// # Errors
    /// [`DownloadError`]; the CRLs in force are unchanged then.
    pub async fn fetch(
        self: Arc<Self>,
        urls: PointUrls,
        now: UnixTime,
    ) -> Result<DownloadedCrl, DownloadError> {
        let Some(downloads) = &self.downloads else { return Err(DownloadError::Interrupted) };
        let fetched = downloads.fetch(&urls, now).await;
        if fetched.is_ok() {
            let this = Arc::clone(&self);
            // The task is cancelled only when the process ends.
            drop(tokio::task::spawn_blocking(move || this.replace_store(&this.files())).await);
        }
        downloads.announce(&urls);
        fetched
    }

    /// Returns how many distribution points were rejected because the realm has too many.
    pub fn rejected_distribution_points(&self) -> u64 {
        self.downloads.as_ref().map_or(0, |downloads| downloads.rejected())
    }

    /// Removes files of the disk cache that are no longer used. Not for the thread of a worker.
    pub fn remove_unused_files(&self) {
        if let Some(downloads) = &self.downloads {
            downloads.remove_unused_files();
        }
    }

    fn replace_store(&self, files: &CrlFiles) -> bool {
        let store = make_store(files, self.downloads.as_deref());
        let changed = store.generation() != self.generation();
        if changed {
            self.store.store(Arc::new(store));
        }
        changed
    }

    fn files(&self) -> MutexGuard<'_, CrlFiles> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn make_store(files: &CrlFiles, downloads: Option<&CrlDownloads>) -> CrlStore {
    CrlStore::from_files(files, downloads.map(CrlDownloads::crls).unwrap_or_default())
}
