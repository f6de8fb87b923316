//! The keys of one table of proxy.toml, read with their places.
//!
//! A wrong value is recorded and the next key is read. The unknown keys of a table are always reported, because only
//! [`TableReader::read`] makes a reader.

use super::diagnostic::{Diagnostic, Diagnostics, MAX_SUGGESTIONS, ValueError};
use super::span::{Span, Spanned};
use super::suggestion::nearest;
use super::table::{HeaderForm, KeyInfo, TableHead, TableKeys};
use super::value_type::ValueType;
use std::collections::HashMap;
use std::hash::Hash;
use toml::de::{DeTable, DeValue};

/// A table of proxy.toml.
pub(crate) trait TableSchema: Sized + 'static {
    /// The names of its keys, in the order of the documentation.
    const NAMES: &'static [&'static str];

    /// Its keys.
    fn keys() -> Vec<KeyInfo>;

    /// Reads it. `None` if a key is missing or wrong without which the table has no meaning; the error is recorded.
    fn read(reader: &mut TableReader<'_>) -> Option<Self>;
}

/// Reads one table.
pub(crate) struct TableReader<'a> {
    table: &'a DeTable<'a>,
    span: Span,
    name: Spanned<String>,
    path: String,
    header: HeaderForm,
    names: &'static [&'static str],
    /// All tables of the file, for the table to which an unknown key belongs.
    known: &'a [(String, TableKeys)],
    diagnostics: &'a mut Diagnostics,
}

/// Returns the table of `T`, which is the whole file, and all tables below it with their paths, each before those that it
/// contains.
pub(crate) fn tables_of<T: TableSchema>() -> Vec<(String, TableKeys)> {
    TableKeys { header: HeaderForm::Single, names: T::NAMES, keys: T::keys }.with_tables_below(String::new())
}

/// Reads the whole file as `T`.
pub(crate) fn read_document<T: TableSchema>(table: &DeTable<'_>, diagnostics: &mut Diagnostics) -> Option<T> {
    let known = &tables_of::<T>();
    let (span, name, path) = Default::default();
    let header = HeaderForm::Single;
    TableReader { table, span, name, path, header, names: T::NAMES, known, diagnostics }.read()
}

impl<'a> TableReader<'a> {
    fn read<T: TableSchema>(&mut self) -> Option<T> {
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

    /// Reads the table `value` below this one. `key` is its path from here, such as `path[2]`.
    fn below<T: TableSchema>(
        &mut self,
        key: &str,
        header: HeaderForm,
        (value, span): (&DeValue<'_>, Span),
        name: Spanned<String>,
    ) -> Option<T> {
        let DeValue::Table(table) = value else {
            let mut error = ValueError::wrong_type("a table", value);
            if let (HeaderForm::Named, Some((above, _))) = (header, key.split_once('.')) {
                error = error.help(format!("`{above}` contains named tables: [{above}.some-name]"));
            }
            self.reject(span, key, error);
            return None;
        };
        let path = self.key_path(key);
        let (known, diagnostics) = (self.known, &mut *self.diagnostics);
        TableReader { table, span, name, path, header, names: T::NAMES, known, diagnostics }.read()
    }

    /// Returns the place of the table, and its written keys.
    pub(crate) fn head(&self) -> TableHead {
        let written = self.table.iter().map(|(key, value)| {
            let has_items = match value.get_ref() {
                DeValue::Array(array) => !array.is_empty(),
                DeValue::Table(table) => !table.is_empty(),
                _ => true,
            };
            (key.get_ref().to_string(), (key.span().into(), has_items))
        });
        TableHead { span: self.span, name: self.name.clone(), written: written.collect() }
    }

    /// Returns the place of a value that is not written.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// Returns the value of a key, if it is written.
    pub(super) fn get(&self, key: &str) -> Option<(&'a DeValue<'a>, Span)> {
        self.table.get(key).map(|value| (value.get_ref(), value.span().into()))
    }

    /// Records an error if the key is not there. A misspelt one is reported as an unknown key.
    pub(crate) fn require(&mut self, key: &str, example: &str) {
        if self.table.contains_key(key) {
            return;
        }
        let unknown = self.table.keys().filter(|name| !self.names.contains(&name.get_ref().as_ref()));
        let is_misspelt = |name: &str| nearest(name, self.names.iter().copied()) == Some(key);
        if unknown.take(MAX_SUGGESTIONS).any(|name| is_misspelt(name.get_ref())) {
            return;
        }
        let message = format!("the key `{key}` is missing {}", self.place());
        self.error(self.span, key, message).help(format!("add `{example}`"));
    }

    /// Records an error if the list is written and empty.
    pub(super) fn reject_empty(&mut self, key: &str) {
        let Some((value, span)) = self.get(key) else { return };
        if value.as_array().is_some_and(|array| array.is_empty()) {
            self.error(span, key, format!("`{key}` is empty"));
        }
    }

    /// Records an error if the key is written and none of `others`, without which it has no effect.
    pub(crate) fn needs_one_of(&mut self, key: &str, others: &[&str]) {
        let Some((written, _)) = self.table.get_key_value(key) else { return };
        if !others.iter().any(|other| self.table.contains_key(*other)) {
            let other = others.first().copied().unwrap_or_default();
            let message = format!("`{key}` does nothing without `{other}`");
            self.error(written.span().into(), key, message).help(format!("add `{other}`, or remove `{key}`"));
        }
    }

    /// Records an error for each of `keys` that is written although it has no effect, for the reason `because`. `fix`
    /// is the change with which it has one.
    pub(crate) fn without_effect(&mut self, keys: &[&str], because: &str, fix: &str) {
        for key in keys {
            let Some((written, _)) = self.table.get_key_value(*key) else { continue };
            let message = format!("`{key}` does nothing: {because}");
            self.error(written.span().into(), key, message).help(format!("{fix}, or remove `{key}`"));
        }
    }

    /// Returns the value of a key with its place, if it is written and right.
    pub(super) fn value<T>(&mut self, key: &str, of: &ValueType<T>) -> Option<Spanned<T>> {
        let (value, span) = self.get(key)?;
        self.parsed(key, value, span, of)
    }

    fn parsed<T>(
        &mut self,
        key: &str,
        value: &DeValue<'_>,
        span: Span,
        of: &ValueType<T>,
    ) -> Option<Spanned<T>> {
        // A value that the TOML parser filled in after a syntax error has no place, and that error is reported already.
        if span.is_empty() {
            return None;
        }
        of.parse(value)
            .map(|value| Spanned::new(value, span))
            .map_err(|error| self.reject(span, key, error))
            .ok()
    }

    /// Returns the values of a list, without the wrong ones. `None` if the key is not written or its value is not a list.
    pub(super) fn list<T>(&mut self, key: &str, of: &ValueType<T>) -> Option<Vec<Spanned<T>>> {
        let (value, span) = self.get(key)?;
        let DeValue::Array(array) = value else {
            let mut error = ValueError::wrong_type("a list", value);
            if let DeValue::String(text) = value {
                error = error.help(format!("write it in brackets: `{key} = [{text:?}]`"));
            }
            self.reject(span, key, error);
            return None;
        };
        let values = array.iter().enumerate().filter_map(|(index, element)| {
            self.parsed(&format!("{key}[{index}]"), element.get_ref(), element.span().into(), of)
        });
        Some(values.collect())
    }

    /// Returns the table `[key]`. One that is not written is read as an empty one, for its defaults.
    pub(super) fn table<T: TableSchema>(&mut self, key: &str) -> Option<T> {
        let (empty, header) = (DeValue::Table(DeTable::new()), HeaderForm::Single);
        let written = self.tables(key, header).pop();
        written.or_else(|| self.below(key, header, (&empty, self.span), Spanned::default()))
    }

    /// Returns the tables below a key with headers of this form, in the order of the file; none if it is not written.
    pub(super) fn tables<T: TableSchema>(&mut self, key: &str, header: HeaderForm) -> Vec<T> {
        let Some((value, span)) = self.get(key) else { return Vec::new() };
        let error = match (header, value) {
            (HeaderForm::Repeated | HeaderForm::SingleOrRepeated, DeValue::Array(array)) => {
                let elements = array.iter().enumerate().map(|(index, element)| {
                    let (path, element) =
                        (format!("{key}[{index}]"), (element.get_ref(), element.span().into()));
                    self.below(&path, HeaderForm::Repeated, element, Spanned::default())
                });
                return elements.flatten().collect();
            }
            (HeaderForm::Named, DeValue::Table(tables)) => {
                let elements = tables.iter().map(|(name, element)| {
                    let name = Spanned::new(name.get_ref().to_string(), name.span().into());
                    let (path, element) =
                        (format!("{key}.{}", name.value), (element.get_ref(), element.span().into()));
                    self.below(&path, header, element, name)
                });
                return elements.flatten().collect();
            }
            (HeaderForm::Single | HeaderForm::SingleOrRepeated, _) => {
                let table = self.below(key, HeaderForm::Single, (value, span), Spanned::default());
                return table.into_iter().collect();
            }
            (HeaderForm::Repeated, _) => {
                let help = format!("write [[{}]], with two brackets on each side", self.header_path(key));
                ValueError::wrong_type("a list of tables", value).help(help)
            }
            (HeaderForm::Named, _) => {
                let help = format!("write a table with a name: [{key}.some-name]");
                ValueError::wrong_type("named tables", value).help(help)
            }
        };
        self.reject(span, key, error);
        Vec::new()
    }

    /// Returns a table whose keys the operator chooses too, in the order of the file.
    pub(super) fn pairs<K, V>(
        &mut self,
        key: &str,
        parse_key: impl Fn(&str) -> Result<K, ValueError>,
        of: &ValueType<V>,
    ) -> Vec<(Spanned<K>, Spanned<V>)> {
        let mut pairs = Vec::new();
        let Some((value, span)) = self.get(key) else { return pairs };
        let DeValue::Table(table) = value else {
            self.reject(span, key, ValueError::wrong_type("a table", value));
            return pairs;
        };
        for (name, element) in table {
            let path = format!("{key}.{}", name.get_ref());
            let name_span = name.span().into();
            let name = parse_key(name.get_ref()).map_err(|error| self.reject(name_span, &path, error)).ok();
            let value = self.parsed(&path, element.get_ref(), element.span().into(), of);
            if let (Some(name), Some(value)) = (name, value) {
                pairs.push((Spanned::new(name, name_span), value));
            }
        }
        pairs.sort_by_key(|(name, _)| name.span);
        pairs
    }

    /// Records an error about the key `key`, a path from this table.
    pub(crate) fn error(&mut self, span: Span, key: &str, message: impl Into<String>) -> &mut Diagnostic {
        let path = self.key_path(key);
        self.diagnostics.error(span, message).key(path)
    }

    /// Records a warning about the key `key`, a path from this table.
    pub(crate) fn warning(&mut self, span: Span, key: &str, message: impl Into<String>) -> &mut Diagnostic {
        let path = self.key_path(key);
        self.diagnostics.warning(span, message).key(path)
    }

    /// Records an error about a single value.
    fn reject(&mut self, span: Span, key: &str, error: ValueError) {
        let diagnostic = self.error(span, key, error.message);
        diagnostic.help = error.help;
        diagnostic.stands_alone = true;
    }

    /// Returns the place of this table in words.
    fn place(&self) -> String {
        place(self.header, &self.header_path(""))
    }

    /// Returns the path of a key without indexes, as in a header.
    fn header_path(&self, key: &str) -> String {
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
        let message = format!("unknown key `{name}` {}", self.place());
        if self.diagnostics.are_many() {
            self.error(span, name, message).stands_alone = true;
            return;
        }
        let names = || self.names.iter().copied();
        let elsewhere = self.known.iter().find_map(|(path, other)| {
            let exact = other.names.iter().copied().find(|key| *key == name);
            let key = exact.or_else(|| nearest(name, other.names.iter().copied()))?;
            Some(format!("`{key}` belongs {}", place(other.header, path)))
        });
        let help = match (nearest(name, names()), elsewhere) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(elsewhere)) => elsewhere,
            (None, None) => format!("the keys here are {}", names().collect::<Vec<_>>().join(", ")),
        };
        self.error(span, name, message).help(help).stands_alone = true;
    }
}

/// Returns the place of a table in words: `in [[site]]`.
fn place(header: HeaderForm, path: &str) -> String {
    match path {
        "" => "at the top of the file".to_owned(),
        _ => format!("in {}", header.heading(path)),
    }
}

/// Returns the items whose `key` an earlier item has too: the index of each, the item, and the first item with that key.
pub(crate) fn repeated<'a, T, K: Hash + Eq>(
    items: impl IntoIterator<Item = &'a T>,
    key: impl Fn(&'a T) -> K,
) -> Vec<(usize, &'a T, &'a T)> {
    let mut first_of = HashMap::new();
    let mut repeated = Vec::new();
    for (index, item) in items.into_iter().enumerate() {
        match first_of.get(&key(item)) {
            Some(first) => repeated.push((index, item, *first)),
            None => _ = first_of.insert(key(item), item),
        }
    }
    repeated
}
