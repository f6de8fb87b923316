//! The CRLs of a realm at one moment, by issuer. Immutable: every change of a CRL makes a new store.
//!
//! Signatures are not verified here: which keys may sign depends on the path of a certificate.

use super::files::{CrlFiles, CrlLoadError};
use crate::certificate::DistinguishedName;
use crate::revocation::crl::{Crl, CrlOrigin, CrlSource, UnusableReason};
use aws_lc_rs::digest::{Context, SHA256};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A warning about the loaded CRLs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrlNote {
    /// A folder contains no file.
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A CRL cannot show that a certificate is not revoked. The certificates that it lists are revoked.
    Unusable {
        /// The origin of the CRL.
        origin: CrlOrigin,
        /// The issuer of the CRL.
        issuer: DistinguishedName,
        /// Why not.
        why: UnusableReason,
    },
    /// A CRL has no nextUpdate, so it counts as expired at once.
    NoNextUpdate {
        /// The origin of the CRL.
        origin: CrlOrigin,
        /// The issuer of the CRL.
        issuer: DistinguishedName,
    },
}

impl fmt::Display for CrlNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyFolder { path } => write!(f, "the CRL folder {} is empty", path.display()),
            Self::Unusable { origin, issuer, why } => {
                write!(
                    f,
                    "the CRL of {issuer} from {origin} is unusable except for the certificates that it lists: {why}"
                )
            }
            Self::NoNextUpdate { origin, issuer } => {
                write!(f, "the CRL of {issuer} from {origin} has no nextUpdate, so it counts as expired")
            }
        }
    }
}

/// Identifies the CRLs of a store: two stores with the same CRLs have the same generation, and a change of any CRL
/// changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CrlGeneration([u8; 32]);

/// All CRLs of a realm. Immutable: a refresh makes a new store.
#[derive(Debug)]
pub struct CrlStore {
    by_issuer: HashMap<DistinguishedName, Vec<Arc<Crl>>>,
    notes: Vec<CrlNote>,
    generation: CrlGeneration,
}

impl CrlStore {
    /// Returns a store without CRLs.
    pub fn empty() -> Self {
        Self::of(Vec::new(), Vec::new())
    }

    /// Loads files (PEM with one or more CRLs, or one CRL in DER) and the files of folders. Hidden files (such as the
    /// `..data` of a mounted Kubernetes volume) and subfolders are skipped; any other file must contain a CRL. Loads
    /// everything or fails: without some of its CRLs the gateway would accept revoked certificates under `prefer`.
    ///
    /// Blocks on the file system: not for the thread of a worker.
    ///
    /// # Errors
    /// The first file or folder that cannot be used.
    pub fn load(paths: &[PathBuf]) -> Result<Self, CrlLoadError> {
        Ok(Self::from_files(&CrlFiles::load(paths.to_vec())?, Vec::new()))
    }

    /// Returns a store of the CRLs of files, and of downloaded ones.
    pub(super) fn from_files(files: &CrlFiles, downloaded: Vec<Arc<Crl>>) -> Self {
        let notes = files.empty_folders().map(|path| CrlNote::EmptyFolder { path: path.to_owned() });
        Self::of(files.crls().chain(downloaded).collect(), notes.collect())
    }

    /// Returns a store of these CRLs.
    pub(in crate::revocation) fn of(crls: Vec<Arc<Crl>>, mut notes: Vec<CrlNote>) -> Self {
        notes.extend(crls.iter().filter_map(|crl| note(crl)));
        let mut digests: Vec<_> = crls.iter().map(|crl| crl.digest()).collect();
        digests.sort_unstable();
        let mut context = Context::new(&SHA256);
        digests.iter().for_each(|digest| context.update(digest));
        let generation = context.finish().as_ref().try_into().expect("a SHA-256 digest is 32 bytes long");

        let mut by_issuer: HashMap<_, Vec<Arc<Crl>>> = HashMap::new();
        for crl in crls {
            by_issuer.entry(crl.source().issuer.clone()).or_default().push(crl);
        }
        for crls in by_issuer.values_mut() {
            crls.sort_by(|one, other| newest_first(one, other));
            // The same CRL may come from a file and from a distribution point.
            crls.dedup_by_key(|crl| crl.digest());
        }
        Self { by_issuer, notes, generation: CrlGeneration(generation) }
    }

    /// Returns the warnings about these CRLs.
    pub fn notes(&self) -> &[CrlNote] {
        &self.notes
    }

    /// Returns the generation of these CRLs.
    pub fn generation(&self) -> CrlGeneration {
        self.generation
    }

    /// Returns the number of CRLs.
    pub fn len(&self) -> usize {
        self.by_issuer.values().map(Vec::len).sum()
    }

    /// Returns whether there is no CRL.
    pub fn is_empty(&self) -> bool {
        self.by_issuer.is_empty()
    }

    /// Returns the newest complete CRL of each issuer.
    pub fn newest(&self) -> impl Iterator<Item = &Arc<CrlSource>> {
        let complete = |crls: &'_ Vec<Arc<Crl>>| crls.iter().position(|crl| !crl.is_delta());
        self.by_issuer.values().filter_map(move |crls| crls.get(complete(crls)?)).map(|crl| crl.source())
    }

    /// Returns the CRLs that bear this issuer's name, the newest first: a CRL that supersedes another is returned
    /// before it. Whether the issuer signed them is not known.
    pub(in crate::revocation) fn of_issuer(&self, issuer: &DistinguishedName) -> &[Arc<Crl>] {
        self.by_issuer.get(issuer).map_or(&[], Vec::as_slice)
    }
}

/// Orders two CRLs without ties: the results of a store depend on its CRLs only, and not on the order in which they were
/// loaded.
fn newest_first(one: &Crl, other: &Crl) -> Ordering {
    let (source, its) = (one.source(), other.source());
    let newer = its.this_update.cmp(&source.this_update).then_with(|| its.number.cmp(&source.number));
    newer
        .then_with(|| its.next_update.cmp(&source.next_update))
        .then_with(|| one.digest().cmp(&other.digest()))
}

fn note(crl: &Crl) -> Option<CrlNote> {
    let source = crl.source();
    let (origin, issuer) = (source.origin.clone(), source.issuer.clone());
    if let Some(why) = crl.unusable() {
        return Some(CrlNote::Unusable { origin, issuer, why });
    }
    source.next_update.is_none().then_some(CrlNote::NoNextUpdate { origin, issuer })
}
