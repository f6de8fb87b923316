//! The CRL files of a realm.
//!
//! A reload never loses a CRL by accident: a file that can no longer be read or decoded keeps the CRLs that it had.
//! Only the CRLs of a file that was removed from its folder are dropped. All functions block on the file system: not
//! for the thread of a worker.

use crate::certificate::{BundleError, crl_ders};
use crate::revocation::crl::{Crl, CrlOrigin, MalformedCrl};
use crate::secret;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};
use thiserror::Error;

/// The maximum size of a CRL file. A CRL of ten million entries has about 400 MB.
const MAXIMUM_BYTES: usize = 512 * 1024 * 1024;

/// Why CRL files cannot be loaded.
#[derive(Debug, Error)]
pub enum CrlLoadError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// The error of the system.
        #[source]
        cause: io::Error,
    },
    /// A file contains no CRL, in PEM or DER.
    #[error("{} is not a CRL file", path.display())]
    NoCrl {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: BundleError,
    },
    /// A CRL of a file cannot be decoded.
    #[error("cannot decode CRL {number} of {}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The position of the CRL in the file, counted from 1.
        number: usize,
        /// Why not.
        #[source]
        cause: MalformedCrl,
    },
}

/// The configured files and folders of a realm, as they were last read.
#[derive(Debug)]
pub(super) struct CrlFiles {
    paths: Vec<CrlPath>,
}

/// A configured file or folder.
#[derive(Debug)]
struct CrlPath {
    path: PathBuf,
    files: BTreeMap<PathBuf, LoadedFile>,
}

/// The content of a file when it was last read successfully. A file that has not changed is not decoded again: its
/// CRLs keep the results of verifying their signatures.
#[derive(Clone, Debug)]
struct LoadedFile {
    digest: Digest,
    crls: Vec<Arc<Crl>>,
}

impl CrlFiles {
    /// Reads all files for the first time.
    ///
    /// # Errors
    /// The first file or folder that cannot be used.
    pub(super) fn load(paths: Vec<PathBuf>) -> Result<Self, CrlLoadError> {
        let paths = paths.into_iter().map(|path| CrlPath { path, files: BTreeMap::new() }).collect();
        let mut files = Self { paths };
        files.reload().into_iter().next().map_or(Ok(files), Err)
    }

    /// Reads all files again, and returns the errors. A file or folder with an error keeps its CRLs.
    pub(super) fn reload(&mut self) -> Vec<CrlLoadError> {
        let mut errors = Vec::new();
        for path in &mut self.paths {
            match files_of(&path.path) {
                Ok(files) => path.reload(files, &mut errors),
                Err(error) => errors.push(error),
            }
        }
        errors
    }

    /// Returns the CRLs of all files.
    pub(super) fn crls(&self) -> impl Iterator<Item = Arc<Crl>> {
        self.paths.iter().flat_map(|path| path.files.values()).flat_map(|file| file.crls.iter().cloned())
    }

    /// Returns the configured folders without a file.
    pub(super) fn empty_folders(&self) -> impl Iterator<Item = &Path> {
        self.paths.iter().filter(|path| path.files.is_empty()).map(|path| path.path.as_path())
    }
}

impl CrlPath {
    fn reload(&mut self, files: Vec<PathBuf>, errors: &mut Vec<CrlLoadError>) {
        let mut before = std::mem::take(&mut self.files);
        for path in files {
            let old = before.remove(&path);
            match read_file(&path, old.as_ref()) {
                Ok(read) => _ = self.files.insert(path, read),
                Err(error) => {
                    errors.push(error);
                    self.files.extend(old.map(|old| (path, old)));
                }
            }
        }
    }
}

/// Returns the file itself, or the files of a folder in the order of their names.
fn files_of(path: &Path) -> Result<Vec<PathBuf>, CrlLoadError> {
    if !fs::metadata(path).map_err(unreadable(path))?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in fs::read_dir(path).map_err(unreadable(path))? {
        let entry = entry.map_err(unreadable(path))?;
        let file = entry.path();
        let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
        if !hidden && !fs::metadata(&file).map_err(unreadable(&file))?.is_dir() {
            files.push(file);
        }
    }
    files.sort_unstable();
    Ok(files)
}

fn read_file(path: &Path, before: Option<&LoadedFile>) -> Result<LoadedFile, CrlLoadError> {
    // Rejects named pipes, on which reading would block forever.
    let bytes = secret::read_file(path, MAXIMUM_BYTES).map_err(unreadable(path))?;
    let digest = digest(&SHA256, &bytes);
    if let Some(same) = before.filter(|before| before.digest.as_ref() == digest.as_ref()) {
        return Ok(same.clone());
    }
    let ders = crl_ders(bytes).map_err(|cause| CrlLoadError::NoCrl { path: path.to_owned(), cause })?;
    let decode = |(index, der): (usize, Vec<u8>)| match Crl::parse(der, CrlOrigin::File(path.to_owned())) {
        Ok(crl) => Ok(Arc::new(crl)),
        Err(cause) => Err(CrlLoadError::Malformed { path: path.to_owned(), number: index + 1, cause }),
    };
    Ok(LoadedFile { digest, crls: ders.into_iter().enumerate().map(decode).collect::<Result<_, _>>()? })
}

fn unreadable(path: &Path) -> impl FnOnce(io::Error) -> CrlLoadError {
    move |cause| CrlLoadError::Unreadable { path: path.to_owned(), cause }
}
