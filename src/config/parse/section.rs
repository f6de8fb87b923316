//! The declaration of a table of proxy.toml: every key once, with its type, range, default and documentation.
//!
//! [`section!`] makes the struct that holds the values and their places, and the function that reads it. The reference
//! tables and the JSON Schema are made from the same declarations, so that none of them can differ.

use super::span::{Span, Spanned};
use serde_json::Value;

/// The first version, in which a key without `since` appeared.
pub(in crate::config) const FIRST_VERSION: &str = "0.1.0";

/// One key of a table.
pub(in crate::config) struct Key {
    /// Its name.
    pub(in crate::config) name: &'static str,
    /// One line for the reference, in Markdown.
    pub(in crate::config) documentation: &'static str,
    /// The version in which it appeared.
    pub(in crate::config) since: &'static str,
    /// How its value is written.
    pub(in crate::config) form: Form,
}

/// How the value of a key is written.
pub(in crate::config) struct Form {
    /// For the reference: `duration, 1s to 5m`.
    pub(in crate::config) words: String,
    /// What holds if the key is not written.
    pub(in crate::config) absence: Absence,
    /// The JSON Schema of a value, without that of a table.
    pub(in crate::config) json: Value,
    /// The table that is the value.
    pub(in crate::config) table: Option<SubTable>,
}

/// What holds if a key is not written.
pub(in crate::config) enum Absence {
    /// The value, in TOML.
    Default(String),
    /// It must be written.
    Required,
    /// Something that the documentation explains.
    Explained(&'static str),
}

/// A table as the value of a key.
pub(in crate::config) struct SubTable {
    /// How its header is written.
    pub(in crate::config) header: Header,
    /// The names of its keys.
    pub(in crate::config) names: &'static [&'static str],
    /// Its keys.
    pub(in crate::config) keys: fn() -> Vec<Key>,
}

/// How the header of a table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::config) enum Header {
    /// `[limits]`
    Single,
    /// `[[site]]`
    Repeated,
    /// `[directory]` or `[[directory]]`
    SingleOrRepeated,
    /// `[realm.NAME]`
    Named,
}

/// One table by its path, such as `realm.NAME.revocation`.
pub(in crate::config) struct TableInfo {
    /// The path, with `NAME` if the operator chooses the name; empty for the top of the file.
    pub(in crate::config) path: String,
    /// How its header is written.
    pub(in crate::config) header: Header,
    /// The names of its keys.
    pub(in crate::config) names: &'static [&'static str],
    /// Its keys.
    pub(in crate::config) keys: fn() -> Vec<Key>,
}

impl TableInfo {
    /// The table and all below it, each before those that it holds.
    pub(super) fn with_those_below(self) -> Vec<Self> {
        let mut tables = Vec::new();
        let mut open = vec![self];
        while let Some(table) = open.pop() {
            let mut below = Vec::new();
            for key in (table.keys)() {
                let Some(SubTable { header, names, keys }) = key.form.table else { continue };
                let dot = if table.path.is_empty() { "" } else { "." };
                let name = if header == Header::Named { ".NAME" } else { "" };
                let path = format!("{}{dot}{}{name}", table.path, key.name);
                below.push(Self { path, header, names, keys });
            }
            open.extend(below.into_iter().rev());
            tables.push(table);
        }
        tables
    }

    /// The header, as in `[[site]]`.
    pub(in crate::config) fn heading(&self) -> String {
        match self.header {
            Header::Repeated => format!("[[{}]]", self.path),
            Header::Single | Header::SingleOrRepeated | Header::Named => format!("[{}]", self.path),
        }
    }
}

/// Where a table is, and which of its keys are written.
#[derive(Clone, Debug, Default)]
pub(in crate::config) struct Head {
    /// The header, or the whole of an inline table.
    pub(in crate::config) span: Span,
    /// The name that the operator chose; empty for other tables.
    pub(in crate::config) name: Spanned<String>,
    /// The keys that are written.
    pub(super) written: Vec<WrittenKey>,
}

/// A key that is written, whether its value is right or wrong.
#[derive(Clone, Debug)]
pub(super) struct WrittenKey {
    pub(super) name: String,
    pub(super) span: Span,
    /// Whether the value is neither an empty list nor an empty table.
    pub(super) has_items: bool,
}

impl Head {
    /// Where the key is written, if it is.
    pub(in crate::config) fn written(&self, key: &str) -> Option<Span> {
        self.find(key).map(|written| written.span)
    }

    /// Whether no key is written.
    pub(in crate::config) fn is_empty(&self) -> bool {
        self.written.is_empty()
    }

    /// Whether the key is written.
    pub(in crate::config) fn has(&self, key: &str) -> bool {
        self.find(key).is_some()
    }

    /// Whether the key is written and its value is neither an empty list nor an empty table.
    pub(in crate::config) fn has_items(&self, key: &str) -> bool {
        self.find(key).is_some_and(|written| written.has_items)
    }

    fn find(&self, key: &str) -> Option<&WrittenKey> {
        self.written.iter().find(|written| written.name == key)
    }
}

/// Declares a table. Each key has its documentation, its name, the version in which it appeared unless that is the
/// first, the type of its value, and the [`Field`](super::fields::Field) that reads it. `with head` adds the place of
/// the table. `checked by` names a method that runs when all keys have been read.
macro_rules! section {
    (
        $(#[doc = $about:literal])*
        struct $name:ident $(with $head:ident)? $(checked by $check:ident)? {
            $( $(#[doc = $doc:literal])+ $key:ident $(since $since:literal)? : $type:ty = $field:expr, )*
        }
    ) => {
        $(#[doc = $about])*
        #[derive(Clone, Debug)]
        pub(in crate::config) struct $name {
            $(
                /// Where the table is, and which of its keys are written.
                pub(in crate::config) $head: $crate::config::parse::section::Head,
            )?
            $( $(#[doc = $doc])+ pub(in crate::config) $key: $type, )*
        }

        impl $crate::config::parse::reader::Section for $name {
            const NAMES: &'static [&'static str] = &[$(stringify!($key)),*];

            fn keys() -> Vec<$crate::config::parse::section::Key> {
                use $crate::config::parse::{fields::Field as _, section};
                vec![$(section::Key {
                    name: stringify!($key),
                    documentation: concat!($($doc),+),
                    since: [$($since,)? section::FIRST_VERSION].first().copied().unwrap_or_default(),
                    form: $field.form(),
                }),*]
            }

            fn read(reader: &mut $crate::config::parse::reader::TableReader<'_>) -> Option<Self> {
                use $crate::config::parse::fields::Field as _;
                $( let $key = $field.read(stringify!($key), reader); )*
                let section = Self { $( $head: reader.head(), )? $( $key: $key?, )* };
                $( let mut section = section; section.$check(reader); )?
                Some(section)
            }
        }
    };
}
pub(in crate::config) use section;
