//! The keys of one table of proxy.toml, read with their places.
//!
//! A mistake is recorded and the next key is read. A table cannot be left without its unknown keys being reported,
//! because only [`TableReader::read`] makes a reader.

use super::diagnostic::{Diagnostic, Diagnostics};
use super::section::{Head, Header, Key, TableInfo, WrittenKey};
use super::span::{Span, Spanned};
use super::suggestion::nearest;
use super::value_error::ValueError;
use toml::de::{DeTable, DeValue};

/// A table of proxy.toml.
pub(in crate::config) trait Section: Sized {
    /// The names of its keys, in the order of the documentation.
    const NAMES: &'static [&'static str];

    /// Its keys.
    fn keys() -> Vec<Key>;

    /// Reads it. `None` if a key is missing or wrong without which the table means nothing; the error is recorded.
    fn read(reader: &mut TableReader<'_>) -> Option<Self>;
}

/// Reads one table.
pub(in crate::config) struct TableReader<'a> {
    table: &'a DeTable<'a>,
    span: Span,
    name: Spanned<String>,
    path: String,
    header: Header,
    names: &'static [&'static str],
    /// All tables of the file, for the hint where an unknown key belongs.
    known: &'a [TableInfo],
    diagnostics: &'a mut Diagnostics,
}

/// The table of `T`, which is the whole file, and all tables below it, each before those that it holds.
pub(in crate::config) fn tables<T: Section>() -> Vec<TableInfo> {
    TableInfo { path: String::new(), header: Header::Single, names: T::NAMES, keys: T::keys }
        .with_those_below()
}

/// Reads the whole file as `T`.
pub(in crate::config) fn read_document<T: Section>(
    table: &DeTable<'_>,
    diagnostics: &mut Diagnostics,
) -> Option<T> {
    let known = tables::<T>();
    let mut reader = TableReader {
        table,
        span: Span::default(),
        name: Spanned::default(),
        path: String::new(),
        header: Header::Single,
        names: T::NAMES,
        known: &known,
        diagnostics,
    };
    reader.finish()
}

impl<'a> TableReader<'a> {
    /// Reads a table below this one. `key` is its path from here, such as `path[2]`.
    fn below<T: Section>(
        &mut self,
        key: &str,
        header: Header,
        table: &DeTable<'_>,
        span: Span,
        name: Spanned<String>,
    ) -> Option<T> {
        let path = self.key_path(key);
        let (known, diagnostics) = (self.known, &mut *self.diagnostics);
        let mut reader = TableReader { table, span, name, path, header, names: T::NAMES, known, diagnostics };
        reader.finish()
    }

    fn finish<T: Section>(&mut self) -> Option<T> {
        let value = T::read(self);
        let table = self.table;
        for key in table.keys() {
            let name: &str = key.get_ref();
            if !self.names.contains(&name) {
                self.unknown_key(name, key.span().into());
            }
        }
        value
    }

    /// Where the table is, and which of its keys are written.
    pub(in crate::config) fn head(&self) -> Head {
        let written = self.table.iter().map(|(key, value)| WrittenKey {
            name: key.get_ref().to_string(),
            span: key.span().into(),
            has_items: match value.get_ref() {
                DeValue::Array(array) => !array.is_empty(),
                DeValue::Table(table) => !table.is_empty(),
                _ => true,
            },
        });
        Head { span: self.span, name: self.name.clone(), written: written.collect() }
    }

    /// The place of a value that is not written.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// The value of a key, if it is written.
    pub(super) fn get(&self, key: &str) -> Option<(&'a DeValue<'a>, Span)> {
        self.table.get(key).map(|value| (value.get_ref(), value.span().into()))
    }

    /// Records an error if the key is not there. A misspelt one is reported as an unknown key.
    pub(in crate::config) fn require(&mut self, key: &str, example: &str) {
        let mut unknown = self.table.keys().filter(|name| !self.names.contains(&name.get_ref().as_ref()));
        let misspelt = unknown.any(|name| nearest(name.get_ref(), self.names.iter().copied()) == Some(key));
        if self.table.contains_key(key) || misspelt {
            return;
        }
        let message = format!("the key `{key}` is missing {}", self.place());
        self.error(self.span, key, message).help(format!("add `{example}`"));
    }

    /// Records an error if the list is written and empty.
    pub(super) fn refuse_empty(&mut self, key: &str) {
        let Some((value, span)) = self.get(key) else { return };
        if value.as_array().is_some_and(|array| array.is_empty()) {
            self.error(span, key, format!("`{key}` is empty"));
        }
    }

    /// `value` as `parse` reads it, with its place.
    pub(super) fn parsed<T>(
        &mut self,
        key: &str,
        value: &DeValue<'_>,
        span: Span,
        parse: impl Fn(&DeValue<'_>) -> Result<T, ValueError>,
    ) -> Option<Spanned<T>> {
        // What the TOML parser made up after a syntax error has no place, and that error is reported already.
        if span.is_empty() {
            return None;
        }
        parse(value).map(|value| Spanned::new(value, span)).map_err(|error| self.wrong(span, key, error)).ok()
    }

    /// The values of a list, without those that are wrong. `None` if the key is not written or no list.
    pub(super) fn list<T>(
        &mut self,
        key: &str,
        parse: impl Fn(&DeValue<'_>) -> Result<T, ValueError>,
    ) -> Option<Vec<Spanned<T>>> {
        let (value, span) = self.get(key)?;
        let DeValue::Array(array) = value else {
            let mut error = ValueError::wrong_type("a list", value);
            if let DeValue::String(text) = value {
                error = error.help(format!("write it in brackets: `{key} = [{text:?}]`"));
            }
            self.wrong(span, key, error);
            return None;
        };
        let values = array.iter().enumerate().filter_map(|(index, element)| {
            self.parsed(&format!("{key}[{index}]"), element.get_ref(), element.span().into(), &parse)
        });
        Some(values.collect())
    }

    /// A table of its own. One that is not written is read as an empty one, for its defaults.
    pub(super) fn table<T: Section>(&mut self, key: &str) -> Option<T> {
        let empty = DeTable::new();
        let (table, span) = self.get_table(key).unwrap_or((&empty, self.span));
        self.below(key, Header::Single, table, span, Spanned::default())
    }

    /// A table of its own that may be left out.
    pub(super) fn optional_table<T: Section>(&mut self, key: &str) -> Option<T> {
        let (table, span) = self.get_table(key)?;
        self.below(key, Header::Single, table, span, Spanned::default())
    }

    /// The tables of an array of tables, in the order of the file.
    pub(super) fn tables<T: Section>(&mut self, key: &str) -> Vec<T> {
        let Some((value, span)) = self.get(key) else { return Vec::new() };
        let DeValue::Array(array) = value else {
            let path = self.path_without_indexes(key);
            let help = format!("write [[{path}]], with two brackets on each side");
            self.wrong(span, key, ValueError::wrong_type("a list of tables", value).help(help));
            return Vec::new();
        };
        let mut values = Vec::new();
        for (index, element) in array.iter().enumerate() {
            let key = format!("{key}[{index}]");
            let span = element.span().into();
            match element.get_ref() {
                DeValue::Table(table) => {
                    values.extend(self.below(&key, Header::Repeated, table, span, Spanned::default()));
                }
                other => self.wrong(span, &key, ValueError::wrong_type("a table", other)),
            }
        }
        values
    }

    /// The tables below a key whose own keys are names that the operator chooses.
    pub(super) fn named_tables<T: Section>(&mut self, key: &str) -> Vec<T> {
        let Some((value, span)) = self.get(key) else { return Vec::new() };
        let DeValue::Table(tables) = value else {
            let help = format!("write a table with a name: [{key}.some-name]");
            self.wrong(span, key, ValueError::wrong_type("tables with names", value).help(help));
            return Vec::new();
        };
        let mut values = Vec::new();
        for (name, element) in tables {
            let path = format!("{key}.{}", name.get_ref());
            let span = element.span().into();
            match element.get_ref() {
                DeValue::Table(table) => {
                    let name = Spanned::new(name.get_ref().to_string(), name.span().into());
                    values.extend(self.below(&path, Header::Named, table, span, name));
                }
                other => {
                    let help = format!("`{key}` holds tables with names: [{key}.some-name]");
                    self.wrong(span, &path, ValueError::wrong_type("a table", other).help(help));
                }
            }
        }
        values
    }

    /// A table whose keys are free too, in the order of the file.
    pub(super) fn pairs<K, V>(
        &mut self,
        key: &str,
        parse_key: impl Fn(&str) -> Result<K, ValueError>,
        parse_value: impl Fn(&DeValue<'_>) -> Result<V, ValueError>,
    ) -> Vec<(Spanned<K>, Spanned<V>)> {
        let Some((table, _)) = self.get_table(key) else { return Vec::new() };
        let mut pairs = Vec::new();
        for (name, element) in table {
            let path = format!("{key}.{}", name.get_ref());
            let name_span = name.span().into();
            let name = parse_key(name.get_ref()).map_err(|error| self.wrong(name_span, &path, error)).ok();
            let value = self.parsed(&path, element.get_ref(), element.span().into(), &parse_value);
            if let (Some(name), Some(value)) = (name, value) {
                pairs.push((Spanned::new(name, name_span), value));
            }
        }
        pairs.sort_by_key(|(name, _)| name.span);
        pairs
    }

    /// Records an error about the key `key`, a path from this table.
    pub(in crate::config) fn error(
        &mut self,
        span: Span,
        key: &str,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let path = self.key_path(key);
        self.diagnostics.error(span, message).key(path)
    }

    /// Records a warning about the key `key`, a path from this table.
    pub(in crate::config) fn warning(
        &mut self,
        span: Span,
        key: &str,
        message: impl Into<String>,
    ) -> &mut Diagnostic {
        let path = self.key_path(key);
        self.diagnostics.warning(span, message).key(path)
    }

    /// Records what is wrong with a single value.
    pub(super) fn wrong(&mut self, span: Span, key: &str, error: ValueError) {
        let diagnostic = self.error(span, key, error.message);
        diagnostic.help = error.help;
        diagnostic.stands_alone = true;
    }

    fn get_table(&mut self, key: &str) -> Option<(&'a DeTable<'a>, Span)> {
        match self.get(key)? {
            (DeValue::Table(table), span) => Some((table, span)),
            (other, span) => {
                self.wrong(span, key, ValueError::wrong_type("a table", other));
                None
            }
        }
    }

    /// Where this table is, in words.
    fn place(&self) -> String {
        place(self.header, &self.path_without_indexes(""))
    }

    /// A header names no indexes.
    fn path_without_indexes(&self, key: &str) -> String {
        let path = self.key_path(key);
        let pieces = path.split('[').map(|piece| piece.split_once(']').map_or(piece, |(_, rest)| rest));
        pieces.collect()
    }

    fn key_path(&self, key: &str) -> String {
        match (self.path.is_empty(), key.is_empty()) {
            (true, _) => key.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{key}", self.path),
        }
    }

    fn unknown_key(&mut self, name: &str, span: Span) {
        let names = || self.names.iter().copied();
        let elsewhere = self.known.iter().find_map(|other| {
            let exact = other.names.iter().copied().find(|key| *key == name);
            let key = exact.or_else(|| nearest(name, other.names.iter().copied()))?;
            Some(format!("`{key}` belongs {}", place(other.header, &other.path)))
        });
        let help = match (nearest(name, names()), elsewhere) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(elsewhere)) => elsewhere,
            (None, None) => format!("the keys here are {}", names().collect::<Vec<_>>().join(", ")),
        };
        let diagnostic = self.error(span, name, format!("unknown key `{name}` {}", self.place()));
        diagnostic.help(help).stands_alone = true;
    }
}

/// Where a table is, in words: `in [[site]]`.
fn place(header: Header, path: &str) -> String {
    match header {
        _ if path.is_empty() => "at the top of the file".to_owned(),
        Header::Repeated => format!("in [[{path}]]"),
        Header::Single | Header::SingleOrRepeated | Header::Named => format!("in [{path}]"),
    }
}
