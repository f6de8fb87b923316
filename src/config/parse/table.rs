//! The description of a table of proxy.toml and its keys, and the header of a table that was read.

use super::span::{Span, Spanned};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Debug;

/// The first version, in which a key without `since` appeared.
pub(crate) const FIRST_VERSION: &str = "0.1.0";

/// One key of a table.
pub(crate) struct KeyInfo {
    pub(crate) name: &'static str,
    /// One line for the reference, in Markdown.
    pub(crate) documentation: &'static str,
    /// The version in which it appeared.
    pub(crate) since: &'static str,
    pub(crate) absence: KeyAbsence,
    pub(crate) form: KeyForm,
}

/// The form of the value of a key.
pub(crate) struct KeyForm {
    /// For the reference: `duration, 1s to 5m`.
    pub(crate) words: String,
    /// The JSON Schema of a value, without that of a table.
    pub(crate) json: Value,
    /// The table that is the value.
    pub(crate) table: Option<TableKeys>,
}

/// The meaning of a key that is not written.
#[derive(Clone)]
pub(crate) enum KeyAbsence {
    /// This value, in TOML.
    Default(String),
    /// An error, whose fix is this line.
    Required(&'static str),
    /// As these words of the reference explain.
    Explained(&'static str),
}

impl KeyAbsence {
    /// Returns the meaning "this value": strings, numbers, booleans and lists of strings are debugged as they are written
    /// in TOML.
    pub(super) fn default(value: impl Debug) -> Self {
        Self::Default(format!("{value:?}"))
    }
}

/// The keys of a table.
#[derive(Clone, Copy)]
pub(crate) struct TableKeys {
    pub(crate) header: HeaderForm,
    pub(crate) names: &'static [&'static str],
    pub(crate) keys: fn() -> Vec<KeyInfo>,
}

/// The form of the header of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HeaderForm {
    /// `[limits]`
    Single,
    /// `[[site]]`
    Repeated,
    /// `[directory]` or `[[directory]]`
    SingleOrRepeated,
    /// `[realm.NAME]`
    Named,
}

impl HeaderForm {
    /// Returns the words of the reference for the value.
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Single => "table",
            Self::Repeated => "tables",
            Self::SingleOrRepeated => "table, or tables",
            Self::Named => "named tables",
        }
    }

    /// Returns the header of the table `path`, as in `[[site]]`.
    pub(crate) fn heading(self, path: &str) -> String {
        match self {
            Self::Repeated => format!("[[{path}]]"),
            Self::Single | Self::SingleOrRepeated | Self::Named => format!("[{path}]"),
        }
    }
}

impl TableKeys {
    /// Returns this table, whose path is `path`, and all tables below it, each before those that it contains. Their paths
    /// have `NAME` for a name that the operator chooses.
    pub(super) fn with_tables_below(self, path: String) -> Vec<(String, Self)> {
        let dot = if path.is_empty() { "" } else { "." };
        let below = (self.keys)().into_iter().flat_map(|key| {
            let Some(table) = key.form.table else { return Vec::new() };
            let name = if table.header == HeaderForm::Named { ".NAME" } else { "" };
            table.with_tables_below(format!("{path}{dot}{}{name}", key.name))
        });
        let below: Vec<_> = below.collect();
        [(path, self)].into_iter().chain(below).collect()
    }
}

/// The place of a table, and its written keys.
#[derive(Clone, Debug, Default)]
pub(crate) struct TableHead {
    /// The header, or the whole of an inline table.
    pub(crate) span: Span,
    /// The name that the operator chose; empty for other tables.
    pub(crate) name: Spanned<String>,
    /// The written keys, with a right or wrong value: the place of each, and whether its value is neither an empty list nor
    /// an empty table.
    pub(super) written: BTreeMap<String, (Span, bool)>,
}

impl TableHead {
    /// Returns the place of the key, if it is written.
    pub(crate) fn written(&self, key: &str) -> Option<Span> {
        self.written.get(key).map(|(span, _)| *span)
    }

    /// Returns whether no key is written.
    pub(crate) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Returns whether the key is written.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.written.contains_key(key)
    }

    /// Returns whether the key is written with neither an empty list nor an empty table.
    pub(crate) fn has_items(&self, key: &str) -> bool {
        self.written.get(key).is_some_and(|(_, has_items)| *has_items)
    }
}
