//! Reads the files that proxy.toml names, each once, and says at the right line what is wrong with one.

use super::one_line::one_line;
use crate::certificate::{self, BundleError, Certificate};
use crate::config::parse::Diagnostics;
use crate::config::parse::Spanned;
use crate::secret::Secret;
use crate::telemetry::display_chain;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::{HashMap, HashSet};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The largest file of certificates or keys, and the largest password.
const MAXIMUM_FILE: usize = 16 * 1024 * 1024;
const MAXIMUM_SECRET: usize = 64 * 1024;

/// The files of one configuration.
pub(super) struct Files {
    base: PathBuf,
    /// Secrets all of them: a certificate's file may hold its private key too.
    read: HashMap<PathBuf, Arc<Secret>>,
    /// The secret files whose permissions were looked at.
    looked_at: HashSet<PathBuf>,
}

impl Files {
    /// Files relative to the folder `base`.
    pub(super) fn new(base: &Path) -> Self {
        Self { base: base.to_owned(), read: HashMap::new(), looked_at: HashSet::new() }
    }

    /// The path as the system knows it.
    pub(super) fn path(&self, written: &Path) -> PathBuf {
        self.base.join(written)
    }

    /// All certificates of the files.
    pub(super) fn certificates(
        &mut self,
        paths: &[Spanned<PathBuf>],
        diagnostics: &mut Diagnostics,
    ) -> Vec<Certificate> {
        paths.iter().flat_map(|path| self.bundle(path, diagnostics)).collect()
    }

    /// The one certificate of a file that must hold just one.
    pub(super) fn certificate(
        &mut self,
        path: &Spanned<PathBuf>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Certificate> {
        let errors = diagnostics.errors();
        let bundle = self.bundle(path, diagnostics);
        match bundle.as_slice() {
            [certificate] => Some(certificate.clone()),
            _ if diagnostics.errors() > errors => None,
            several => {
                let message = format!("{} holds {} certificates", path.value.display(), several.len());
                diagnostics.error(path.span, message).help("name a file with this one certificate only");
                None
            }
        }
    }

    /// The certificates of a file as they stand there, for a server's own chain.
    pub(super) fn chain(
        &mut self,
        path: &Spanned<PathBuf>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Vec<CertificateDer<'static>>> {
        self.parsed(path, diagnostics, certificate::certificate_ders)
    }

    /// The private key of a file.
    pub(super) fn private_key(
        &mut self,
        path: &Spanned<PathBuf>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Zeroizing<PrivateKeyDer<'static>>> {
        let key = self.parsed(path, diagnostics, certificate::private_key_der)?;
        self.warn_of_readers(path, diagnostics);
        Some(key)
    }

    /// The secret in a file: its one line of text. Read anew each time and kept nowhere else.
    pub(super) fn secret(
        &mut self,
        path: &Spanned<PathBuf>,
        diagnostics: &mut Diagnostics,
    ) -> Option<Secret> {
        let file = self.read(path, MAXIMUM_SECRET, diagnostics)?;
        let line = match one_line(file.expose()) {
            Ok(line) => line,
            Err(fault) => {
                let message = format!("{}: {fault}", path.value.display());
                diagnostics.error(path.span, message).help(fault.help());
                return None;
            }
        };
        if line.trim_ascii().len() < line.len() {
            let message = format!("the line in {} begins or ends with a space", path.value.display());
            diagnostics
                .warning(path.span, message)
                .help("it counts as a part of the secret; remove it if it is none");
        }
        self.warn_of_readers(path, diagnostics);
        Some(Secret::new(line.to_vec()))
    }

    /// Warns, once for each file, if other accounts of this machine can read a secret.
    pub(super) fn warn_of_readers(&mut self, path: &Spanned<PathBuf>, diagnostics: &mut Diagnostics) {
        let full = self.path(&path.value);
        if !self.looked_at.insert(full.clone()) {
            return;
        }
        let Ok(metadata) = fs::metadata(&full) else { return };
        let who = match metadata.permissions().mode() {
            mode if mode & 0o006 != 0 => "every account of this machine".to_owned(),
            mode if mode & 0o060 != 0 => format!("the group {}", metadata.gid()),
            _ => return,
        };
        let message = format!("{} can be read or changed by {who}", path.value.display());
        diagnostics.warning(path.span, message).help(format!("chmod go-rwx {}", full.display()));
    }

    fn bundle(&mut self, path: &Spanned<PathBuf>, diagnostics: &mut Diagnostics) -> Vec<Certificate> {
        self.parsed(path, diagnostics, certificate::read_bundle).unwrap_or_default()
    }

    fn parsed<T>(
        &mut self,
        path: &Spanned<PathBuf>,
        diagnostics: &mut Diagnostics,
        parse: impl Fn(&[u8]) -> Result<T, BundleError>,
    ) -> Option<T> {
        let bytes = self.bytes(path, diagnostics)?;
        match parse(bytes.expose()) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                diagnostics.error(path.span, format!("{}: {}", path.value.display(), display_chain(&error)));
                None
            }
        }
    }

    fn bytes(&mut self, path: &Spanned<PathBuf>, diagnostics: &mut Diagnostics) -> Option<Arc<Secret>> {
        let full = self.path(&path.value);
        if let Some(bytes) = self.read.get(&full) {
            return Some(Arc::clone(bytes));
        }
        let bytes = Arc::new(self.read(path, MAXIMUM_FILE, diagnostics)?);
        self.read.insert(full, Arc::clone(&bytes));
        Some(bytes)
    }

    fn read(&self, path: &Spanned<PathBuf>, limit: usize, diagnostics: &mut Diagnostics) -> Option<Secret> {
        let full = self.path(&path.value);
        Secret::read(&full, limit)
            .map_err(|error| {
                let message = format!("{} cannot be read: {error}", path.value.display());
                diagnostics.error(path.span, message).help(format!("looked for {}", full.display()));
            })
            .ok()
    }
}
