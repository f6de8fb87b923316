//! The CRLs that a realm judges by at one moment, by issuer. Never changes; what is read or fetched later makes another
//! one.
//!
//! Never checks a signature: whose key counts is only known with the path of a certificate.

use crate::certificate::{BundleError, DistinguishedName};
use crate::revocation::crl::list::{Crl, CrlOrigin, CrlSource};
use crate::revocation::crl::parse::MalformedCrl;
use crate::revocation::crl::unusable::UnusableReason;
use crate::revocation::store::files::CrlFiles;
use aws_lc_rs::digest::{Context, SHA256};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::{fmt, io};
use thiserror::Error;

/// Why the CRLs could not be loaded.
#[derive(Debug, Error)]
pub enum CrlLoadError {
    /// A file or folder cannot be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A file holds no CRL, in PEM or DER.
    #[error("{} is no CRL file", path.display())]
    NoCrl {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: BundleError,
    },
    /// A file holds a CRL that cannot be decoded.
    #[error("CRL {number} of {} cannot be decoded", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Which one of the file, counted from 1.
        number: usize,
        /// Why.
        #[source]
        cause: MalformedCrl,
    },
}

/// Something about the loaded CRLs that the operator should know, but that stops nothing by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CrlNote {
    /// A folder holds no file.
    EmptyFolder {
        /// The folder.
        path: PathBuf,
    },
    /// A CRL is set aside: no certificate is good because it does not list it. What it lists is revoked.
    Unusable {
        /// Where it came from.
        origin: CrlOrigin,
        /// Who issued the CRL.
        issuer: DistinguishedName,
        /// Why.
        why: UnusableReason,
    },
    /// A CRL does not say when the next one is due, so it counts as stale at once.
    NoNextUpdate {
        /// Where it came from.
        origin: CrlOrigin,
        /// Who issued the CRL.
        issuer: DistinguishedName,
    },
}

impl fmt::Display for CrlNote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EmptyFolder { path } => write!(f, "the CRL folder {} is empty", path.display()),
            Self::Unusable { origin, issuer, why } => {
                write!(f, "the CRL of {issuer} from {origin} is set aside: {why}")
            }
            Self::NoNextUpdate { origin, issuer } => write!(
                f,
                "the CRL of {issuer} from {origin} says not when the next one is due, so it counts as stale"
            ),
        }
    }
}

/// Names exactly which CRLs a store holds: two stores with the same CRLs have the same generation, and any change of
/// any CRL gives another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CrlGeneration([u8; 32]);

/// All CRLs that a realm judges by. Never changes: a refresh makes a new one.
#[derive(Debug)]
pub struct CrlStore {
    by_issuer: HashMap<DistinguishedName, Vec<Arc<Crl>>>,
    notes: Vec<CrlNote>,
    generation: CrlGeneration,
}

impl CrlStore {
    /// A store that knows nothing of any certificate.
    pub fn empty() -> Self {
        Self::of(Vec::new(), Vec::new())
    }

    /// Loads files (PEM with one or more CRLs, or one in DER) and the files of folders. Hidden files (as the `..data`
    /// of a container's mounted volume) and folders in a folder are passed over; any other file must hold a CRL. Reads
    /// all or fails: a gate that starts with half of its CRLs would let revoked cards in where revocation is only
    /// preferred.
    ///
    /// Reads and decodes while the caller waits: not for a worker's thread.
    ///
    /// # Errors
    /// The first file or folder that cannot be used.
    pub fn load(paths: &[PathBuf]) -> Result<Self, CrlLoadError> {
        let files = CrlFiles::load(paths.to_vec())?;
        Ok(Self::of(files.crls().collect(), files.notes()))
    }

    /// A store of these CRLs.
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
            // The copy in a file and the fetched one are one CRL.
            crls.dedup_by_key(|crl| crl.digest());
        }
        Self { by_issuer, notes, generation: CrlGeneration(generation) }
    }

    /// What the operator should know about these CRLs.
    pub fn notes(&self) -> &[CrlNote] {
        &self.notes
    }

    /// Which CRLs these are.
    pub fn generation(&self) -> CrlGeneration {
        self.generation
    }

    /// How many CRLs there are.
    pub fn len(&self) -> usize {
        self.by_issuer.values().map(Vec::len).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.by_issuer.is_empty()
    }

    /// Of each issuer's name the newest CRL that is complete.
    pub fn newest(&self) -> impl Iterator<Item = &Arc<CrlSource>> {
        let complete = |crls: &'_ Vec<Arc<Crl>>| crls.iter().position(|crl| !crl.is_delta());
        self.by_issuer.values().filter_map(move |crls| crls.get(complete(crls)?)).map(|crl| crl.source())
    }

    /// The CRLs that bear this issuer's name, the newest first: one that supersedes another stands before it. Whether its key signed them is not known yet.
    pub(in crate::revocation) fn of_issuer(&self, issuer: &DistinguishedName) -> &[Arc<Crl>] {
        self.by_issuer.get(issuer).map_or(&[], Vec::as_slice)
    }
}

/// An order without ties, so that what a store returns depends on its CRLs only and not on the order of their loading.
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
