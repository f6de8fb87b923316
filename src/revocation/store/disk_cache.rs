//! Keeps fetched CRLs in a folder, so that a gate that starts while the CA's server is down knows what it knew.
//!
//! A file holds one line of JSON, which says what it is, and one CRL's bytes as they came. Its name says the realm, the
//! place and the content. It is written aside and renamed, so that no half file is ever read, and the files of what it
//! replaces are removed afterwards, so that there is no moment without one. What it holds is judged like what comes from
//! the network: by its signature.

use crate::revocation::store::downloads::PointUrls;
use crate::secret::read_file;
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
/// What stands between the place and the content in such a name.
const PLACE_END: char = '.';

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
pub(in crate::revocation) struct DiskCache {
    folder: PathBuf,
    realm: Arc<str>,
}

/// The SHA-256 of a CRL as it was fetched.
pub(in crate::revocation) type FileDigest = [u8; 32];

/// What a file holds.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::revocation) struct CachedFile {
    pub(in crate::revocation) urls: PointUrls,
    pub(in crate::revocation) bytes: Vec<u8>,
    pub(in crate::revocation) file: FileDigest,
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

    /// What this realm has kept, at most so many files and bytes. What cannot be read is passed over: it is a cache.
    pub(in crate::revocation) fn read(&self, files: usize, bytes: usize) -> Vec<CachedFile> {
        let mut room = bytes;
        let kept = self.files().into_iter().filter_map(|path| {
            let size = fs::metadata(&path).ok().and_then(|metadata| usize::try_from(metadata.len()).ok())?;
            room = room.checked_sub(size)?;
            self.read_one(&path, size)
        });
        kept.take(files).collect()
    }

    /// Keeps what one place gave, and of what it gave before only the files of `held`.
    pub(in crate::revocation) fn keep(
        &self,
        urls: &PointUrls,
        bytes: &[u8],
        held: &[FileDigest],
    ) -> Result<(), DiskError> {
        let path = self.path(urls, &file_digest(bytes));
        self.write(&path, urls, bytes).map_err(|cause| DiskError { path: path.clone(), cause })?;
        let known: HashSet<PathBuf> = held.iter().map(|file| self.path(urls, file)).chain([path]).collect();
        let place = self.place(urls);
        self.remove(|path| place_of(path) == Some(place.as_str()) && !known.contains(path));
        Ok(())
    }

    /// Removes this realm's files of other places than these.
    pub(in crate::revocation) fn remove_unused_files(&self, known: &[PointUrls]) {
        let known: HashSet<String> = known.iter().map(|urls| self.place(urls)).collect();
        self.remove(|path| place_of(path).is_none_or(|place| !known.contains(place)));
    }

    fn remove(&self, is_unwanted: impl Fn(&Path) -> bool) {
        for path in self.files().into_iter().filter(|path| is_unwanted(path)) {
            // What does not go this time goes another: it is only room that it takes.
            drop(fs::remove_file(path));
        }
    }

    fn write(&self, path: &Path, urls: &PointUrls, bytes: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.folder)?;
        let heading = FileHeader { realm: self.realm.to_string(), urls: urls.to_vec() };
        let aside = path.with_extension("part");
        let mut file = File::create(&aside)?;
        file.write_all(&serde_json::to_vec(&heading)?)?;
        file.write_all(b"\n")?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(aside, path)
    }

    fn read_one(&self, path: &Path, room: usize) -> Option<CachedFile> {
        let mut bytes = read_file(path, room).ok()?;
        let end = bytes.iter().position(|byte| *byte == b'\n')?;
        let heading: FileHeader = serde_json::from_slice(bytes.get(..end)?).ok()?;
        let urls: PointUrls = heading.urls.into();
        bytes.drain(..=end);
        let file = file_digest(&bytes);
        // A file under another's name was not written here, or was changed.
        if *heading.realm != *self.realm || path != self.path(&urls, &file) {
            return None;
        }
        Some(CachedFile { urls, bytes, file })
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

    fn path(&self, urls: &PointUrls, file: &FileDigest) -> PathBuf {
        self.folder.join(format!("{}{PLACE_END}{}{SUFFIX}", self.place(urls), written(file)))
    }

    /// How the names of the files of one place begin.
    fn place(&self, urls: &PointUrls) -> String {
        format!("{}{}", self.prefix(), hexadecimal(&urls.join("\n")))
    }

    /// Tells the realms of one folder apart, whatever letters their names have.
    fn prefix(&self) -> String {
        let mut realm = hexadecimal(&self.realm);
        realm.truncate(16);
        format!("{realm}-")
    }
}

/// The place that a file's name says.
fn place_of(path: &Path) -> Option<&str> {
    let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
    name.rsplit_once(PLACE_END).map(|(place, _)| place)
}

/// The digest by which a file is named.
pub(in crate::revocation) fn file_digest(bytes: &[u8]) -> FileDigest {
    digest(&SHA256, bytes).as_ref().try_into().expect("a SHA-256 digest is 32 bytes long")
}

fn hexadecimal(text: &str) -> String {
    written(&file_digest(text.as_bytes()))
}

fn written(digest: &FileDigest) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
