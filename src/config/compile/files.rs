//! Reads the files that proxy.toml names, each once, and says at the right line what is wrong with one.

use crate::certificate::{self, BundleError, Certificate};
use crate::config::diagnostic::Diagnostics;
use crate::config::span::Spanned;
use crate::observability::with_causes;
use crate::secret::Secret;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of one configuration.
pub(super) struct Files {
    base: PathBuf,
    read: HashMap<PathBuf, Arc<[u8]>>,
}

impl Files {
    /// Files relative to the folder `base`.
    pub(super) fn new(base: &Path) -> Self {
        Self { base: base.to_owned(), read: HashMap::new() }
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
    ) -> Option<PrivateKeyDer<'static>> {
        self.parsed(path, diagnostics, certificate::private_key_der)
    }

    /// The secret in a file, without the end of its line. Read anew each time and kept nowhere else.
    pub(super) fn secret(&self, path: &Spanned<PathBuf>, diagnostics: &mut Diagnostics) -> Option<Secret> {
        let full = self.path(&path.value);
        let mut bytes = match fs::read(&full) {
            Ok(bytes) => bytes,
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.value.display());
                diagnostics.error(path.span, message).help(format!("looked for {}", full.display()));
                return None;
            }
        };
        for end in [b'\n', b'\r'] {
            if bytes.last() == Some(&end) {
                bytes.pop();
            }
        }
        let secret = Secret::new(bytes);
        if secret.expose().is_empty() {
            diagnostics.error(path.span, format!("{} holds nothing", path.value.display()));
            return None;
        }
        // Whoever reads the folder of a group's file is let be: service managers hand secrets over that way.
        if fs::metadata(&full).is_ok_and(|file| file.permissions().mode() & 0o004 != 0) {
            let message = format!("everybody on this machine may read {}", path.value.display());
            diagnostics.warning(path.span, message).help(format!("chmod o-r {}", full.display()));
        }
        Some(secret)
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
        match parse(&bytes) {
            Ok(parsed) => Some(parsed),
            Err(error) => {
                diagnostics.error(path.span, format!("{}: {}", path.value.display(), with_causes(&error)));
                None
            }
        }
    }

    fn bytes(&mut self, path: &Spanned<PathBuf>, diagnostics: &mut Diagnostics) -> Option<Arc<[u8]>> {
        let full = self.path(&path.value);
        if let Some(bytes) = self.read.get(&full) {
            return Some(Arc::clone(bytes));
        }
        match fs::read(&full) {
            Ok(bytes) => {
                let bytes: Arc<[u8]> = bytes.into();
                self.read.insert(full, Arc::clone(&bytes));
                Some(bytes)
            }
            Err(error) => {
                let message = format!("{} cannot be read: {error}", path.value.display());
                diagnostics.error(path.span, message).help(format!("looked for {}", full.display()));
                None
            }
        }
    }
}
