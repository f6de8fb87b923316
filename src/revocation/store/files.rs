//! Takes files and folders, gives the CRLs in them, and reads them again when asked.
//!
//! Reading again never makes things worse: what cannot be read or decoded any more keeps what it held, and says so.
//! Only a file that is no longer in its folder takes its CRLs with it. Reads and decodes while the caller waits: not for
//! a worker's thread.

use crate::certificate::crl_ders;
use crate::revocation::crl::list::{Crl, CrlOrigin};
use crate::revocation::store::snapshot::{CrlLoadError, CrlNote};
use crate::secret;
use aws_lc_rs::digest::{Digest, SHA256, digest};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

/// The largest file of CRLs: one of ten million entries has some 400 MB.
const MAXIMUM_BYTES: usize = 512 * 1024 * 1024;

/// The files and folders of a realm, as they were last read.
#[derive(Debug)]
pub(in crate::revocation) struct CrlFiles {
    paths: Vec<CrlPath>,
}

/// One file or folder that the operator named.
#[derive(Debug)]
struct CrlPath {
    path: PathBuf,
    /// By path, so that every start reads them alike.
    files: BTreeMap<PathBuf, LoadedFile>,
}

/// What a file held when it could last be read. A file that is read again and has not changed is not decoded again:
/// its CRLs keep what is known of their signatures.
#[derive(Clone, Debug)]
struct LoadedFile {
    digest: Digest,
    crls: Vec<Arc<Crl>>,
}

impl CrlFiles {
    /// Reads them for the first time, all or none.
    pub(in crate::revocation) fn load(paths: Vec<PathBuf>) -> Result<Self, CrlLoadError> {
        let paths = paths.into_iter().map(|path| CrlPath { path, files: BTreeMap::new() }).collect();
        let mut files = Self { paths };
        files.reread().into_iter().next().map_or(Ok(files), Err)
    }

    /// Reads them again, and tells what cannot be used. What is told keeps what it held before.
    pub(in crate::revocation) fn reread(&mut self) -> Vec<CrlLoadError> {
        let mut failures = Vec::new();
        for path in &mut self.paths {
            match files_of(&path.path) {
                Ok(files) => path.reread(files, &mut failures),
                Err(failure) => failures.push(failure),
            }
        }
        failures
    }

    /// The CRLs at hand.
    pub(in crate::revocation) fn crls(&self) -> impl Iterator<Item = Arc<Crl>> {
        self.paths.iter().flat_map(|path| path.files.values()).flat_map(|file| file.crls.iter().cloned())
    }

    /// What the operator should know of the files themselves.
    pub(in crate::revocation) fn notes(&self) -> Vec<CrlNote> {
        let empty = self.paths.iter().filter(|path| path.files.is_empty());
        empty.map(|path| CrlNote::EmptyFolder { path: path.path.clone() }).collect()
    }
}

impl CrlPath {
    fn reread(&mut self, files: Vec<PathBuf>, failures: &mut Vec<CrlLoadError>) {
        let mut before = std::mem::take(&mut self.files);
        for path in files {
            let old = before.remove(&path);
            match read_file(&path, old.as_ref()) {
                Ok(read) => _ = self.files.insert(path, read),
                Err(failure) => {
                    failures.push(failure);
                    self.files.extend(old.map(|old| (path, old)));
                }
            }
        }
    }
}

/// The file itself, or the files of a folder in the order of their names.
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
    // A named pipe would hold up every list after it.
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
