//! Takes the text of proxy.toml, gives it as plain values with their places and with defaults applied, and everything
//! that is wrong with it.
//!
//! Never reads another file and never builds what a stage runs on: the compile step makes that from the document.

use super::assertion::{ASSERTION, Assertion};
use super::backend::{BACKEND, Backend};
use super::caches::{CACHES, Caches};
use super::cross_check;
use super::diagnostic::Diagnostics;
use super::keys::{Section, key};
use super::reader::TableReader;
use super::realm::{REALM, Realm};
use super::server::{ADMIN, AUDIT, Admin, Audit, LIMITS, LOG, Limits, Log};
use super::shape::integer;
use super::site::{SITE, Site};
use super::span::{Span, Spanned};
use super::syntax;

/// proxy.toml as it was written.
///
/// A part that could not be read is left out or stands at its default, so that the compile step can find its own
/// mistakes in the same run: a document whose [`Diagnostics`] have errors must never be served.
#[derive(Clone, Debug)]
pub struct Document {
    /// How many worker threads; as many as the machine has cores when not written.
    pub workers: Option<Spanned<usize>>,
    /// `[log]`.
    pub log: Log,
    /// `[audit]`.
    pub audit: Audit,
    /// `[admin]`.
    pub admin: Admin,
    /// `[limits]`.
    pub limits: Limits,
    /// `[caches]`.
    pub caches: Caches,
    /// `[assertion]`, where it is written.
    pub assertion: Option<Assertion>,
    /// `[[site]]`, in the order of the file.
    pub sites: Vec<Site>,
    /// `[realm.NAME]`, in the order of their names.
    pub realms: Vec<Realm>,
    /// `[backend.NAME]`, in the order of their names.
    pub backends: Vec<Backend>,
}

pub(super) const TOP: Section = Section {
    path: "",
    keys: &[
        key("workers"),
        key("log"),
        key("audit"),
        key("admin"),
        key("limits"),
        key("caches"),
        key("assertion"),
        key("site"),
        key("realm"),
        key("backend"),
    ],
};

impl Document {
    /// Reads `text`, which `file_name` names in messages. No document when the text is not TOML at all: what its keys
    /// hold is then told as far as it could be read.
    pub fn parse(file_name: &str, text: &str) -> (Option<Self>, Diagnostics) {
        let mut diagnostics = Diagnostics::new(file_name, text);
        let (table, syntax_errors) = syntax::parse(text);
        if syntax_errors.is_empty() {
            let document = Self::read_table(&table, &mut diagnostics);
            cross_check::check(&document, &mut diagnostics);
            return (Some(document), diagnostics);
        }
        // A broken line hides keys, so nothing that only lacks something is told beside it.
        let mut readable = Diagnostics::new(file_name, text);
        Self::read_table(&table, &mut readable);
        syntax::merge(syntax_errors, &readable, text, &mut diagnostics);
        (None, diagnostics)
    }

    fn read_table(table: &toml::de::DeTable<'_>, diagnostics: &mut Diagnostics) -> Self {
        TableReader::read(&TOP, table, Span::default(), String::new(), diagnostics, Self::read)
    }

    fn read(reader: &mut TableReader<'_>) -> Self {
        Self {
            workers: reader.optional("workers", integer(1..=1024)),
            log: reader.table("log", &LOG, Log::read),
            audit: reader.table("audit", &AUDIT, Audit::read),
            admin: reader.table("admin", &ADMIN, Admin::read),
            limits: reader.table("limits", &LIMITS, Limits::read),
            caches: reader.table("caches", &CACHES, Caches::read),
            assertion: reader.optional_table("assertion", &ASSERTION, Assertion::read),
            sites: reader.tables("site", &SITE, Site::read),
            realms: reader.named_tables("realm", &REALM, Realm::read),
            backends: reader.named_tables("backend", &BACKEND, Backend::read),
        }
    }
}
