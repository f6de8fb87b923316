//! Watches the folders of CRL files. A watch on a file would be lost when an atomic rename replaces the file, or when a
//! container swaps the folder behind a link of a mounted volume.

use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::Notify;

/// A watch on the folders, which ends when this is dropped.
#[derive(Debug)]
pub(super) struct CrlWatch {
    watcher: Option<RecommendedWatcher>,
    folders: BTreeSet<PathBuf>,
    changed: Arc<Notify>,
}

impl CrlWatch {
    /// Watches these folders, and the folders of these files. If the system provides no watch, this is logged, and the
    /// files are read again periodically only.
    pub(super) fn new(paths: &[PathBuf]) -> Self {
        let changed = Arc::new(Notify::new());
        let notify = Arc::clone(&changed);
        let on_event = move |event: notify::Result<notify::Event>| {
            // After an error the files are read again too: events may have been lost.
            if event.is_ok_and(|event| is_read_access(event.kind)) {
                return;
            }
            notify.notify_one();
        };
        let watcher = if paths.is_empty() { None } else { Some(notify::recommended_watcher(on_event)) };
        let watcher = watcher.and_then(|watcher| {
            let failed =
                |error| tracing::warn!(%error, "cannot watch CRL folders; reading them once a minute instead");
            watcher.map_err(failed).ok()
        });
        let mut watch =
            Self { watcher, folders: paths.iter().map(|path| folder_of(path)).collect(), changed };
        watch.renew();
        watch
    }

    /// Renews the watch, because a folder that was removed and created again is another folder.
    pub(super) fn renew(&mut self) {
        let Some(watcher) = &mut self.watcher else { return };
        for folder in &self.folders {
            if let Err(error) = watcher.watch(folder, RecursiveMode::NonRecursive) {
                tracing::warn!(folder = %folder.display(), %error, "cannot watch a CRL folder");
            }
        }
    }

    /// Returns when something has changed since the last call.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }
}

/// Returns whether the event is a read access: the gateway's own reading must not count as a change.
fn is_read_access(kind: EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write))
}

fn folder_of(path: &Path) -> PathBuf {
    if path.is_dir() {
        return path.to_owned();
    }
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new(".")).to_owned()
}
