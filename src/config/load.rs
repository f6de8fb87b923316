//! Loads a configuration: reads proxy.toml, and compiles it with everything that it names.

use super::compile;
use super::compiled::{Compiled, Context};
use super::diagnostic::Diagnostics;
use super::document::Document;
use std::io;
use std::path::{Path, PathBuf};

/// A configuration that can run, and what is worth a look in it.
#[derive(Debug)]
pub struct Loaded {
    /// What runs.
    pub compiled: Compiled,
    /// What was written.
    pub document: Document,
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
    /// It is not right: every mistake, each at its line.
    #[error("{} cannot be used", .0.file())]
    Invalid(Diagnostics),
}

/// Loads the configuration at `path`. Paths in it are relative to its folder.
///
/// # Errors
/// All mistakes at once.
pub fn load(path: &Path, context: &mut Context) -> Result<Loaded, Box<LoadError>> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| Box::new(LoadError::Read { path: path.to_owned(), source }))?;
    let (document, mut diagnostics) = Document::parse(&path.display().to_string(), &text);
    let base = path.parent().unwrap_or(Path::new(""));
    let Some(document) = document else {
        return Err(Box::new(LoadError::Invalid(diagnostics)));
    };
    match compile::compile(&document, base, context, &mut diagnostics) {
        Some(compiled) => Ok(Loaded { compiled, document, diagnostics }),
        None => Err(Box::new(LoadError::Invalid(diagnostics))),
    }
}
