//! The CRLs of a realm over time: a store that is swapped whole whenever a file changes or a fetch brings another.
//!
//! Reading, decoding and swapping are the refresher's work; whoever judges only takes the store of the moment.

use crate::clock::UnixTime;
use crate::revocation::rule::RevocationRule;
use crate::revocation::store::downloads::{
    CrlDownloads, DownloadError, DownloadSettings, DownloadedCrl, InitialFetches, PointUrls,
};
use crate::revocation::store::files::CrlFiles;
use crate::revocation::store::snapshot::{CrlGeneration, CrlLoadError, CrlStore};
use crate::validation::ValidatedChain;
use arc_swap::ArcSwap;
use std::future::pending;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A realm's CRLs now, and where they come from.
#[derive(Debug)]
pub struct LiveCrls {
    store: ArcSwap<CrlStore>,
    paths: Vec<PathBuf>,
    /// Held while files are read and while a store is made, so that two stores are made one after the other.
    files: Mutex<CrlFiles>,
    downloads: Option<Arc<CrlDownloads>>,
}

/// How reading the files again went.
#[derive(Debug)]
pub struct CrlReload {
    /// Whether the store is another one now.
    pub changed: bool,
    /// What cannot be used; what it held before stays in force.
    pub failures: Vec<CrlLoadError>,
}

impl LiveCrls {
    /// Reads files and folders, and what was fetched and kept before. `before` is the same realm's of an earlier
    /// configuration: what it has fetched is not fetched again.
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
        let store = made_of(&files, downloads.as_deref());
        Ok(Self { store: ArcSwap::from_pointee(store), paths, files: Mutex::new(files), downloads })
    }

    /// The CRLs in force.
    pub fn store(&self) -> Arc<CrlStore> {
        self.store.load_full()
    }

    /// Which CRLs are in force: a verdict that was made with others is out of date. Takes no lock.
    pub fn generation(&self) -> CrlGeneration {
        self.store.load().generation()
    }

    /// The files and folders that it reads.
    pub fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Whether CRLs are fetched from where proven certificates say.
    pub fn fetches(&self) -> bool {
        self.downloads.is_some()
    }

    /// Says where the CRLs of a proven chain are, so that they are fetched. Gives what is not there yet and may be
    /// waited for. Waits for nothing itself.
    pub fn register(&self, chain: &ValidatedChain, rule: &RevocationRule, now: UnixTime) -> InitialFetches {
        self.downloads.as_ref().map(|downloads| downloads.register(chain, rule, now)).unwrap_or_default()
    }

    /// Reads the files again, and puts what changed in force. Not for a worker's thread.
    pub fn reload_files(&self) -> CrlReload {
        let mut files = self.files();
        let failures = files.reread();
        CrlReload { changed: self.renew(&files), failures }
    }

    /// Returns when a place to fetch from has become known; never, where nothing is fetched.
    pub async fn new_distribution_point(&self) {
        match &self.downloads {
            Some(downloads) => downloads.news().await,
            None => pending().await,
        }
    }

    /// The places that are to be fetched from now, at most `room`. Each must be given to [`LiveCrls::fetch`].
    pub fn due(&self, room: usize, now: UnixTime) -> Vec<PointUrls> {
        self.downloads.as_ref().map(|downloads| downloads.due(room, now)).unwrap_or_default()
    }

    /// Fetches from one place and puts what it gave in force. Must run inside a tokio runtime; what is slow runs on
    /// its blocking threads.
    ///
    /// # Errors
    /// [`DownloadError`]; nothing has changed then.
    pub async fn fetch(
        self: Arc<Self>,
        urls: PointUrls,
        now: UnixTime,
    ) -> Result<DownloadedCrl, DownloadError> {
        let Some(downloads) = &self.downloads else { return Err(DownloadError::BrokenOff) };
        let fetched = downloads.fetch(&urls, now).await;
        if fetched.is_ok() {
            let this = Arc::clone(&self);
            // It ends early only with the process.
            drop(tokio::task::spawn_blocking(move || this.renew(&this.files())).await);
        }
        downloads.announce(&urls);
        fetched
    }

    /// How many places were not taken for want of room.
    pub fn rejected_distribution_points(&self) -> u64 {
        self.downloads.as_ref().map_or(0, |downloads| downloads.refused())
    }

    /// Removes from the cache's folder what nobody needs any more. Not for a worker's thread.
    pub fn remove_unused_files(&self) {
        if let Some(downloads) = &self.downloads {
            downloads.remove_unused_files();
        }
    }

    fn renew(&self, files: &CrlFiles) -> bool {
        let store = made_of(files, self.downloads.as_deref());
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

fn made_of(files: &CrlFiles, downloads: Option<&CrlDownloads>) -> CrlStore {
    let fetched = downloads.map(CrlDownloads::crls).unwrap_or_default();
    CrlStore::of(files.crls().chain(fetched).collect(), files.notes())
}
