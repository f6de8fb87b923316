//! The disk cache: downloaded CRLs in a folder, so that a gateway that starts while the CA's server is down has the CRLs
//! that it had before.
//!
//! A file contains one line of JSON, which describes it, and the bytes of one CRL as they were downloaded. Its name
//! contains the realm, the distribution point and the content. It is written under another name and renamed, so that
//! no incomplete file is ever read, and the files of replaced CRLs are removed afterwards, so that there is always
//! one. As with the network, only the signature of a CRL is trusted.

use super::fetched::{FileDigest, PointUrls, file_digest};
use crate::secret::read_file;
use serde::{Deserialize, Serialize};
use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use thiserror::Error;

/// The suffix of the names of these files. Other files in the folder are not touched.
const SUFFIX: &str = ".fetched";
/// Separates the distribution point from the content in such a name.
const SEPARATOR: char = '.';

/// Why a CRL could not be written.
#[derive(Debug, Error)]
#[error("cannot write {}", path.display())]
pub struct DiskError {
    path: PathBuf,
    #[source]
    cause: io::Error,
}

/// The files of one realm in a folder.
#[derive(Debug)]
pub(in crate::revocation) struct DiskCache {
    folder: PathBuf,
    realm: Arc<str>,
}

/// The content of a file.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::revocation) struct CachedFile {
    pub(in crate::revocation) urls: PointUrls,
    pub(in crate::revocation) bytes: Vec<u8>,
}

/// The first line.
#[derive(Serialize, Deserialize)]
struct FileHeader {
    realm: String,
    urls: Vec<String>,
}

impl DiskCache {
    pub(in crate::revocation) fn new(folder: PathBuf, realm: &Arc<str>) -> Self {
        Self { folder, realm: Arc::clone(realm) }
    }

    /// Reads the files of this realm, at most `files` files and `bytes` bytes. Unreadable files are skipped: this is a
    /// cache.
    pub(in crate::revocation) fn read(&self, files: usize, bytes: usize) -> Vec<CachedFile> {
        let mut room = bytes;
        let cached = self.files().into_iter().filter_map(|path| {
            let size = fs::metadata(&path).ok().and_then(|metadata| usize::try_from(metadata.len()).ok())?;
            room = room.checked_sub(size)?;
            self.read_one(&path, size)
        });
        cached.take(files).collect()
    }

    /// Writes a CRL of one distribution point, and removes its files other than `held`.
    pub(in crate::revocation) fn write(
        &self,
        urls: &PointUrls,
        bytes: &[u8],
        held: &[FileDigest],
    ) -> Result<(), DiskError> {
        let path = self.path(urls, &file_digest(bytes));
        self.write_file(&path, urls, bytes).map_err(|cause| DiskError { path: path.clone(), cause })?;
        let known: HashSet<PathBuf> = held.iter().map(|file| self.path(urls, file)).chain([path]).collect();
        let point = self.point(urls);
        self.remove(|path| point_of(path) == Some(point.as_str()) && !known.contains(path));
        Ok(())
    }

    /// Removes the files of this realm for other distribution points than these.
    pub(in crate::revocation) fn remove_unused_files(&self, known: &[PointUrls]) {
        let known: HashSet<String> = known.iter().map(|urls| self.point(urls)).collect();
        self.remove(|path| point_of(path).is_none_or(|point| !known.contains(point)));
    }

    fn remove(&self, is_unused: impl Fn(&Path) -> bool) {
        for path in self.files().into_iter().filter(|path| is_unused(path)) {
            // A file that cannot be removed only takes space, and is removed another time.
            drop(fs::remove_file(path));
        }
    }

    fn write_file(&self, path: &Path, urls: &PointUrls, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let header = FileHeader { realm: self.realm.to_string(), urls: urls.to_vec() };
        let temporary = path.with_extension("part");
        let mut file = File::create(&temporary)?;
        file.write_all(&serde_json::to_vec(&header)?)?;
        file.write_all(b"\n")?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(temporary, path)
    }

    fn read_one(&self, path: &Path, room: usize) -> Option<CachedFile> {
        let mut bytes = read_file(path, room).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let header: FileHeader = serde_json::from_slice(bytes.get(..end)?).ok()?;
        let urls: PointUrls = header.urls.into();
        bytes.drain(..=end);
        // A file under another name was not written by this gateway, or was changed.
        if *header.realm != *self.realm || path != self.path(&urls, &file_digest(&bytes)) {
            return None;
        }
        Some(CachedFile { urls, bytes })
    }

    /// Returns the files of this realm, by their names.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let prefix = self.prefix();
        let is_own = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(&prefix) && name.ends_with(SUFFIX))
        };
        let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_own).collect();
        files.sort_unstable();
        files
    }

    fn path(&self, urls: &PointUrls, file: &FileDigest) -> PathBuf {
        self.folder.join(format!("{}{SEPARATOR}{}{SUFFIX}", self.point(urls), hexadecimal(file)))
    }

    /// Returns the prefix of the file names of one distribution point.
    fn point(&self, urls: &PointUrls) -> String {
        format!("{}{}", self.prefix(), hash(&urls.join("\n")))
    }

    /// Returns the prefix of the file names of the realm: a hash, so that every realm name is a valid file name.
    fn prefix(&self) -> String {
        let mut realm = hash(&self.realm);
        realm.truncate(16);
        format!("{realm}-")
    }
}

/// Returns the distribution point in a file name.
fn point_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    name.rsplit_once(SEPARATOR).map(|(point, _)| point)
}

fn hash(text: &str) -> String {
    hexadecimal(&file_digest(text.as_bytes()))
}

fn hexadecimal(digest: &FileDigest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
