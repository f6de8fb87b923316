//! Loading of proxy.toml and of the files that it names.

use super::compile;
use super::compile::context::{Compiled, Context};
use super::parse::Diagnostics;
use super::schema::Document;
use crate::secret::read_file;
use std::io;
use std::path::{Path, PathBuf};

/// The largest proxy.toml: a table of rules for a hundred thousand certificates fits.
const MAXIMUM_BYTES: usize = 32 * 1024 * 1024;

/// A configuration that can run, and what is worth a look in it.
#[derive(Debug)]
pub struct Loaded {
    /// What runs.
    pub compiled: Compiled,
    /// Warnings; no errors.
    pub diagnostics: Diagnostics,
}

/// A configuration that cannot run.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// proxy.toml itself cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// It is text in UTF-16, as Notepad and PowerShell's `>` may write it.
    #[error("{} is in UTF-16: save it as UTF-8", path.display())]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// It is text in another encoding than UTF-8.
    #[error("{}: line {line} is not in UTF-8: save the file as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first such line, counted from 1.
        line: usize,
    },
    /// It is not right: every mistake, each at its line.
    #[error("{} cannot be used", .0.file())]
    Invalid(Diagnostics),
}

/// Loads the configuration at `path`. Paths in it are relative to its folder.
///
/// # Errors
/// All mistakes at once.
pub fn load(path: &Path, context: &mut Context) -> Result<Loaded, Box<LoadError>> {
    let bytes = read_file(path, MAXIMUM_BYTES)
        .map_err(|source| Box::new(LoadError::Read { path: path.to_owned(), source }))?;
    let text = text(bytes, path).map_err(Box::new)?;
    let (document, mut diagnostics) = Document::parse(&path.display().to_string(), &text);
    let base = path.parent().unwrap_or(Path::new(""));
    let Some(document) = document else {
        return Err(Box::new(LoadError::Invalid(diagnostics)));
    };
    match compile::compile(&document, base, context, &mut diagnostics) {
        Some(compiled) => Ok(Loaded { compiled, diagnostics }),
        None => Err(Box::new(LoadError::Invalid(diagnostics))),
    }
}

/// The text without a byte order mark.
fn text(bytes: Vec<u8>, path: &Path) -> Result<String, LoadError> {
    let path = || path.to_owned();
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(LoadError::Utf16 { path: path() });
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        LoadError::NotUtf8 { path: path(), line }
    })?;
    Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text))
}
