//! Watches the folders of CRL files. Folders and not files: an atomic rename replaces the watched file, and a mounted
//! volume of a container swaps the folder behind a link.

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Notify;

/// A watch that says when something changed. Ends with this.
#[derive(Debug)]
pub(super) struct CrlWatch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    changed: Arc<Notify>,
}

impl CrlWatch {
    /// Watches where these files and folders are. Where the system gives no watch, reading again from time to time is
    /// all there is, and the log says so.
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        let changed = Arc::new(Notify::new());
        let telling = Arc::clone(&changed);
        let tell = move |event: notify::Result<notify::Event>| {
            // An error is a reason to look, too: events may be lost.
            if event.is_ok_and(|event| is_reading(event.kind)) {
                return;
            }
            telling.notify_one();
        };
        let watcher = if paths.is_empty() { None } else { Some(notify::recommended_watcher(tell)) };
        let watcher = watcher.and_then(|watcher| {
            let failed =
                |error| tracing::warn!(%error, "CRL folders cannot be watched and are only read again");
            watcher.map_err(failed).ok()
        });
        let mut watch =
            Self { watcher, folders: paths.iter().map(|path| folder_of(path)).collect(), changed };
        watch.renew();
        watch
    }

    /// Watches anew: a folder that was removed and made again is another one.
    pub(super) fn renew(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for folder in &self.folders {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %folder.display(), %error, "a CRL folder cannot be watched");
            }
        }
    }

    /// Returns when something changed since the last time.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// The gate's own reading must not look like a change.
fn is_reading(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}
