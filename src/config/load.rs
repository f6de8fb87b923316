//! The loading of proxy.toml and of the files that it names.

use super::compile::{CompileContext, CompiledConfig, compile};
use super::parse::{Diagnostics, merge_errors, parse_toml, read_document};
use super::schema::{ConfigDocument, cross_check};
use crate::secret::read_file;
use std::io;
use std::path::{Path, PathBuf};

/// The largest proxy.toml: a table of rules for a hundred thousand certificates fits.
const MAXIMUM_BYTES: usize = 32 * 1024 * 1024;

/// A configuration that can run, and its warnings.
#[derive(Debug)]
pub struct LoadedConfig {
    /// The configuration.
    pub compiled: CompiledConfig,
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
        /// The error of the system.
        #[source]
        source: io::Error,
    },
    /// The text is UTF-16, as Notepad and PowerShell's `>` may write it.
    #[error("{} is in UTF-16: save it as UTF-8", path.display())]
    Utf16 {
        /// The file.
        path: PathBuf,
    },
    /// The text has another encoding than UTF-8.
    #[error("{}: line {line} is not in UTF-8: save the file as UTF-8", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The first such line, counted from 1.
        line: usize,
    },
    /// The configuration has errors, each at its line.
    #[error("{} cannot be used", .0.file())]
    Invalid(Diagnostics),
}

/// Loads the configuration at `path`. Paths in it are relative to its folder.
///
/// # Errors
/// The file cannot be read, or the configuration has errors: all of them are returned.
pub fn load(path: &Path, context: &mut CompileContext) -> Result<LoadedConfig, Box<LoadError>> {
    let bytes = read_file(path, MAXIMUM_BYTES)
        .map_err(|source| Box::new(LoadError::Read { path: path.to_owned(), source }))?;
    let text = text(bytes, path).map_err(Box::new)?;
    let (document, mut diagnostics) = ConfigDocument::parse(&path.display().to_string(), &text);
    let base = path.parent().unwrap_or(Path::new(""));
    let Some(document) = document else {
        return Err(Box::new(LoadError::Invalid(diagnostics)));
    };
    match compile(&document, base, context, &mut diagnostics) {
        Some(compiled) => Ok(LoadedConfig { compiled, diagnostics }),
        None => Err(Box::new(LoadError::Invalid(diagnostics))),
    }
}

impl ConfigDocument {
    /// Reads `text`, the contents of `file_name`. There is no document if the text is not TOML; the values in its readable
    /// parts are checked all the same.
    pub(super) fn parse(file_name: &str, text: &str) -> (Option<Self>, Diagnostics) {
        let mut diagnostics = Diagnostics::new(file_name, text);
        let (table, syntax_errors) = parse_toml(text);
        if syntax_errors.is_empty() {
            let document = read_document::<Self>(&table, &mut diagnostics);
            if let Some(document) = &document {
                cross_check(document, &mut diagnostics);
            }
            return (document, diagnostics);
        }
        // A broken line hides keys, so missing ones are not reported beside it.
        let mut readable = Diagnostics::new(file_name, text);
        read_document::<Self>(&table, &mut readable);
        merge_errors(syntax_errors, &readable, text, &mut diagnostics);
        (None, diagnostics)
    }
}

/// Returns the text without a byte order mark.
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
