//! The state of one compilation. Each file of the folder adds the steps for one section of proxy.toml.

use super::context::CompileContext;
use crate::config::parse::{Diagnostics, Span, Spanned};
use crate::config::schema::ConfigDocument;
use crate::delegation::assertion::AssertionSigner;
use crate::secret::Secret;
use crate::site::{Backend, Realm};
use crate::telemetry::display_chain;
use std::collections::{HashMap, HashSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(super) struct Compiler<'a> {
    pub(super) document: &'a ConfigDocument,
    /// The folder of proxy.toml.
    pub(super) base: &'a Path,
    pub(super) context: &'a mut CompileContext,
    pub(super) diagnostics: &'a mut Diagnostics,
    pub(super) generation: u64,
    /// The files that were read. All are secrets: the file of a certificate may also contain its private key.
    pub(super) read_files: HashMap<PathBuf, Arc<Secret>>,
    /// The secret files whose permissions were checked.
    pub(super) checked_permissions: HashSet<PathBuf>,
    pub(super) realms: Vec<Arc<Realm>>,
    pub(super) signer: Option<Arc<AssertionSigner>>,
    pub(super) backends: Vec<Arc<Backend>>,
}

impl<'a> Compiler<'a> {
    pub(super) fn new(
        document: &'a ConfigDocument,
        base: &'a Path,
        context: &'a mut CompileContext,
        diagnostics: &'a mut Diagnostics,
    ) -> Self {
        Self {
            document,
            base,
            generation: context.next_generation(),
            context,
            diagnostics,
            read_files: HashMap::new(),
            checked_permissions: HashSet::new(),
            realms: Vec::new(),
            signer: None,
            backends: Vec::new(),
        }
    }

    /// Returns the value of `result`, or `None` after recording its error at `span`.
    pub(super) fn ok_at<T, E: Error>(&mut self, span: Span, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| _ = self.diagnostics.error(span, display_chain(&error))).ok()
    }

    /// Returns the compiled realm of this name; `None` if it does not exist or has errors.
    pub(super) fn realm_named(&self, name: Option<&Spanned<String>>) -> Option<Arc<Realm>> {
        let name = name?.value.as_str();
        self.realms.iter().find(|realm| &*realm.name == name).cloned()
    }

    /// Returns the compiled backend of this name; `None` if it does not exist or has errors.
    pub(super) fn backend_named(&self, name: &Spanned<String>) -> Option<Arc<Backend>> {
        self.backends.iter().find(|backend| backend.settings.name == name.value).cloned()
    }
}
