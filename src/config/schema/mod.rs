//! Every key of proxy.toml, declared once, and what its parts must not contradict.

pub(super) mod access_list;
pub(super) mod backend;
mod cross_check;
pub(super) mod directory;
pub(super) mod document;
pub(super) mod kerberos;
pub(super) mod limits;
pub(super) mod mapping;
pub(super) mod path;
pub(super) mod process;
pub(super) mod realm;
mod reference;
pub(super) mod revocation;
pub(super) mod rule;
pub(super) mod site;

use super::parse::diagnostic::Diagnostics;
use super::parse::reader::read_document;
use super::parse::syntax;
pub(super) use document::Document;

pub use reference::{json_schema, markdown};

impl Document {
    /// Reads `text`, which `file_name` names in messages. No document when the text is not TOML at all: what its keys
    /// hold is then told as far as it could be read.
    pub(in crate::config) fn parse(file_name: &str, text: &str) -> (Option<Self>, Diagnostics) {
        let mut diagnostics = Diagnostics::new(file_name, text);
        let (table, syntax_errors) = syntax::parse(text);
        if syntax_errors.is_empty() {
            let document = read_document::<Self>(&table, &mut diagnostics);
            if let Some(document) = &document {
                cross_check::check(document, &mut diagnostics);
            }
            return (document, diagnostics);
        }
        // A broken line hides keys, so nothing that only lacks something is told beside it.
        let mut readable = Diagnostics::new(file_name, text);
        read_document::<Self>(&table, &mut readable);
        syntax::merge(syntax_errors, &readable, text, &mut diagnostics);
        (None, diagnostics)
    }
}
