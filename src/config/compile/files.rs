//! The files that proxy.toml names: each is read once, and its errors are reported at the key that names it.

use super::compiler::Compiler;
use super::one_line::one_line;
use crate::certificate::{self, BundleError, Certificate};
use crate::config::parse::Spanned;
use crate::secret::Secret;
use crate::telemetry::display_chain;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The largest file of certificates or keys, and the largest password.
const MAXIMUM_FILE: usize = 16 * 1024 * 1024;
const MAXIMUM_SECRET: usize = 64 * 1024;

impl Compiler<'_> {
    /// The path as the system knows it.
    pub(super) fn path(&self, written: &Path) -> PathBuf {
        self.base.join(written)
    }

    /// All certificates of the files.
    pub(super) fn certificates(&mut self, paths: &[Spanned<PathBuf>]) -> Vec<Certificate> {
        paths.iter().filter_map(|path| self.parsed(path, certificate::read_bundle)).flatten().collect()
    }

    /// The certificate of a file that must contain exactly one.
    pub(super) fn certificate(&mut self, path: &Spanned<PathBuf>) -> Option<Certificate> {
        let bundle = self.parsed(path, certificate::read_bundle)?;
        match bundle.as_slice() {
            [certificate] => Some(certificate.clone()),
            several => {
                let message = format!("{} holds {} certificates", path.value.display(), several.len());
                let help = "name a file with this one certificate only";
                self.diagnostics.error(path.span, message).help(help);
                None
            }
        }
    }

    /// The certificates of a file in their order, as a chain.
    pub(super) fn chain(&mut self, path: &Spanned<PathBuf>) -> Option<Vec<CertificateDer<'static>>> {
        self.parsed(path, certificate::certificate_ders)
    }

    /// The private key of a file.
    pub(super) fn private_key(
        &mut self,
        path: &Spanned<PathBuf>,
    ) -> Option<Zeroizing<PrivateKeyDer<'static>>> {
        let key = self.parsed(path, certificate::private_key_der)?;
        self.check_permissions(path);
        Some(key)
    }

    /// The secret in a file: its one line of text. It is read each time and kept nowhere else.
    pub(super) fn secret(&mut self, path: &Spanned<PathBuf>) -> Option<Secret> {
        let file = self.read(path, MAXIMUM_SECRET)?;
        let name = path.value.display();
        let line = match one_line(file.expose()) {
            Ok(line) => line,
            Err(error) => {
                self.diagnostics.error(path.span, format!("{name}: {error}")).help(error.help());
                return None;
            }
        };
        if line.trim_ascii().len() < line.len() {
            let message = format!("the line in {name} begins or ends with a space");
            let help = "it is a part of the secret; remove it if it should not be";
            self.diagnostics.warning(path.span, message).help(help);
        }
        self.check_permissions(path);
        Some(Secret::new(line.to_vec()))
    }

    /// Warns, once for each file, if other accounts of this machine can read a secret.
    pub(super) fn check_permissions(&mut self, path: &Spanned<PathBuf>) {
        let full = self.path(&path.value);
        if !self.checked_permissions.insert(full.clone()) {
            return;
        }
        let Ok(metadata) = fs::metadata(&full) else { return };
        let who = match metadata.permissions().mode() {
            mode if mode & 0o006 != 0 => "every account of this machine".to_owned(),
            mode if mode & 0o060 != 0 => format!("the group {}", metadata.gid()),
            _ => return,
        };
        let message = format!("{} can be read or changed by {who}", path.value.display());
        self.diagnostics.warning(path.span, message).help(format!("chmod go-rwx {}", full.display()));
    }

    fn parsed<T>(
        &mut self,
        path: &Spanned<PathBuf>,
        parse: impl Fn(&[u8]) -> Result<T, BundleError>,
    ) -> Option<T> {
        let full = self.path(&path.value);
        let bytes = match self.read_files.get(&full) {
            Some(bytes) => Arc::clone(bytes),
            None => {
                let bytes = Arc::new(self.read(path, MAXIMUM_FILE)?);
                self.read_files.insert(full, Arc::clone(&bytes));
                bytes
            }
        };
        parse(bytes.expose())
            .map_err(|error| {
                let message = format!("{}: {}", path.value.display(), display_chain(&error));
                self.diagnostics.error(path.span, message);
            })
            .ok()
    }

    fn read(&mut self, path: &Spanned<PathBuf>, limit: usize) -> Option<Secret> {
        let full = self.path(&path.value);
        Secret::read(&full, limit)
            .map_err(|error| {
                let message = format!("{} cannot be read: {error}", path.value.display());
                self.diagnostics.error(path.span, message).help(format!("looked for {}", full.display()));
            })
            .ok()
    }
}
