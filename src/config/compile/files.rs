//! The files that proxy.toml names: each is read once, and its errors are reported at the key that names it.

use super::compiler::Compiler;
use super::one_line::{OneLineError, one_line};
use crate::certificate::{self, BundleError, Certificate};
use crate::config::parse::Spanned;
use crate::secret::Secret;
use crate::telemetry::display_chain;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::error::Error;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The largest file of certificates or keys, and the largest password.
const MAXIMUM_FILE: usize = 16 * 1024 * 1024;
const MAXIMUM_SECRET: usize = 64 * 1024;

type PrivateKey = Zeroizing<PrivateKeyDer<'static>>;
type Identity = (Vec<CertificateDer<'static>>, PrivateKey);

impl Compiler<'_> {
    /// Returns the path as the system knows it.
    pub(super) fn path(&self, written: &Path) -> PathBuf {
        self.base.join(written)
    }

    /// Returns all certificates of the files.
    pub(super) fn certificates(&mut self, paths: &[Spanned<PathBuf>]) -> Vec<Certificate> {
        paths.iter().filter_map(|path| self.parsed(path, certificate::read_bundle)).flatten().collect()
    }

    /// Returns the certificate of a file that must contain exactly one.
    pub(super) fn certificate(&mut self, path: &Spanned<PathBuf>) -> Option<Certificate> {
        let bundle = self.parsed(path, certificate::read_bundle)?;
        if let [certificate] = bundle.as_slice() {
            return Some(certificate.clone());
        }
        let message = format!("{} holds {} certificates", path.value.display(), bundle.len());
        self.diagnostics.error(path.span, message).help("name a file with this one certificate only");
        None
    }

    /// Returns the certificates of a file in their order, as a chain.
    pub(super) fn chain(&mut self, path: &Spanned<PathBuf>) -> Option<Vec<CertificateDer<'static>>> {
        self.parsed(path, certificate::certificate_ders)
    }

    /// Returns the private key of a file.
    pub(super) fn private_key(&mut self, path: &Spanned<PathBuf>) -> Option<PrivateKey> {
        let key = self.parsed(path, certificate::private_key_der)?;
        self.check_permissions(path);
        Some(key)
    }

    /// Returns the chain and the private key of two files. The errors of both are recorded.
    pub(super) fn identity(&mut self, chain: &Spanned<PathBuf>, key: &Spanned<PathBuf>) -> Option<Identity> {
        let (chain, key) = (self.chain(chain), self.private_key(key));
        chain.zip(key)
    }

    /// Returns the secret in a file: its one line of text. It is read each time and kept nowhere else.
    pub(super) fn secret(&mut self, path: &Spanned<PathBuf>) -> Option<Secret> {
        let file = self.read(path, MAXIMUM_SECRET)?;
        let name = path.value.display();
        let line = one_line(file.expose());
        let report = |error: OneLineError| {
            _ = self.diagnostics.error(path.span, format!("{name}: {error}")).help(error.help());
        };
        let line = line.map_err(report).ok()?;
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

    /// Returns the value of `result`, or `None` after recording the error of the file.
    pub(super) fn ok_in<T, E: Error>(&mut self, file: &Spanned<PathBuf>, result: Result<T, E>) -> Option<T> {
        let message = |error| format!("{}: {}", file.value.display(), display_chain(&error));
        result.map_err(|error| _ = self.diagnostics.error(file.span, message(error))).ok()
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
        self.ok_in(path, parse(bytes.expose()))
    }

    fn read(&mut self, path: &Spanned<PathBuf>, limit: usize) -> Option<Secret> {
        let full = self.path(&path.value);
        let message = |error| format!("{} cannot be read: {error}", path.value.display());
        let help = || format!("looked for {}", full.display());
        let read = Secret::read(&full, limit);
        read.map_err(|error| _ = self.diagnostics.error(path.span, message(error)).help(help())).ok()
    }
}
