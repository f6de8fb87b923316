//! Keeps fetched CRLs in a folder, so that a gate that starts while the CA's server is down knows what it knew.
//!
//! A file holds one line of JSON, which says what it is, and the bytes as they came. It is written aside and renamed,
//! so that no half file is ever read. What it holds is judged like what comes from the network: by its signature.

use super::refresh::PointUrls;
use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// How the names of these files end. Others in the folder are left alone.
const SUFFIX: &str = ".fetched";

/// Why a CRL could not be kept.
#[derive(Debug, Error)]
#[error("{} cannot be written", path.display())]
pub struct DiskError {
    path: PathBuf,
    #[source]
    cause: io::Error,
}

/// One realm's files in a folder.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    realm: Arc<str>,
}

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) urls: PointUrls,
    pub(super) bytes: Vec<u8>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct Heading {
    realm: String,
    urls: Vec<String>,
}

impl Disk {
    pub(super) fn new(folder: PathBuf, realm: &Arc<str>) -> Self {
        Self { folder, realm: Arc::clone(realm) }
    }

    /// What this realm has kept, at most so many files and bytes. What cannot be read is passed over: it is a cache.
    pub(super) fn read(&self, files: usize, bytes: usize) -> Vec<Kept> {
        let mut room = bytes;
        let kept = self.files().into_iter().filter_map(|path| {
            let size = fs::metadata(&path).ok().and_then(|metadata| usize::try_from(metadata.len()).ok())?;
            room = room.checked_sub(size)?;
            self.read_one(&path)
        });
        kept.take(files).collect()
    }

    /// Keeps the bytes of one place instead of those before.
    pub(super) fn keep(&self, urls: &PointUrls, bytes: &[u8]) -> Result<(), DiskError> {
        let path = self.path(urls);
        self.write(&path, urls, bytes).map_err(|cause| DiskError { path, cause })
    }

    /// Removes this realm's files of other places than these.
    pub(super) fn tidy(&self, known: &[PointUrls]) {
        let known: HashSet<PathBuf> = known.iter().map(|urls| self.path(urls)).collect();
        for path in self.files().into_iter().filter(|path| !known.contains(path)) {
            // What does not go this time goes another: it is only room that it takes.
            drop(fs::remove_file(path));
        }
    }

    fn write(&self, path: &Path, urls: &PointUrls, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let heading = Heading { realm: self.realm.to_string(), urls: urls.to_vec() };
        let aside = path.with_extension("part");
        let mut file = File::create(&aside)?;
        file.write_all(&serde_json::to_vec(&heading)?)?;
        file.write_all(b"\n")?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(aside, path)
    }

    fn read_one(&self, path: &Path) -> Option<Kept> {
        let mut bytes = fs::read(path).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let heading: Heading = serde_json::from_slice(bytes.get(..end)?).ok()?;
        let urls: PointUrls = heading.urls.into();
        // A file under another's name was not written here.
        if *heading.realm != *self.realm || path != self.path(&urls) {
            return None;
        }
        bytes.drain(..=end);
        Some(Kept { urls, bytes })
    }

    /// This realm's files, known by their names.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let prefix = self.prefix();
        let is_ours = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(&prefix) && name.ends_with(SUFFIX))
        };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_ours).collect();
        files.sort_unstable();
        files
    }

    fn path(&self, urls: &PointUrls) -> PathBuf {
        self.folder.join(format!("{}{}{SUFFIX}", self.prefix(), hexadecimal(&urls.join("\n"))))
    }

    /// Tells the realms of one folder apart, whatever letters their names have.
    fn prefix(&self) -> String {
        let mut realm = hexadecimal(&self.realm);
        realm.truncate(16);
        format!("{realm}-")
    }
}

fn hexadecimal(text: &str) -> String {
    let digest = digest(&SHA256, text.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}
