//! Takes one table of proxy.toml and the keys it may hold, gives typed values with their places.
//!
//! Never stops at a mistake: each is recorded and the next key is read. A table cannot be left without its unknown
//! keys being reported, since only [`TableReader::read`] makes a reader, and it finishes what it makes.

use super::diagnostic::{Diagnostic, Diagnostics};
pub(super) use super::fault::Fault;
use super::keys::{SECTIONS, Section};
use super::span::{Span, Spanned};
use super::suggestion::nearest;
use toml::de::{DeTable, DeValue};

/// Reads one table.
pub(super) struct TableReader<'a> {
    section: &'static Section,
    table: &'a DeTable<'a>,
    span: Span,
    path: String,
    diagnostics: &'a mut Diagnostics,
    asked: Vec<&'static str>,
}

impl<'a> TableReader<'a> {
    /// Has `table` read by `read`, then reports what is left of it. `path` is the table's own, as `site[0]`.
    pub(super) fn read<T>(
        section: &'static Section,
        table: &DeTable<'_>,
        span: Span,
        path: String,
        diagnostics: &mut Diagnostics,
        read: impl FnOnce(&mut TableReader<'_>) -> T,
    ) -> T {
        debug_assert!(SECTIONS.contains(&section), "[{}] is not among the known sections", section.path);
        let mut reader = TableReader { section, table, span, path, diagnostics, asked: Vec::new() };
        let value = read(&mut reader);
        reader.finish();
        value
    }

    /// Where the table starts: its header, or the whole of an inline table.
    pub(super) fn span(&self) -> Span {
        self.span
    }

    /// Whether the key is there, be its value right or wrong.
    pub(super) fn holds(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Where the key itself is written, if it is.
    pub(super) fn written_at(&self, name: &str) -> Option<Span> {
        self.table.get_key_value(name).map(|(key, _)| key.span().into())
    }

    /// Whether the key is there and a table.
    pub(super) fn holds_table(&self, name: &str) -> bool {
        self.table.get(name).is_some_and(|value| value.get_ref().is_table())
    }

    /// Whether the key is there and neither an empty list nor an empty table.
    pub(super) fn holds_items(&self, name: &str) -> bool {
        self.table.get(name).is_some_and(|value| match value.get_ref() {
            DeValue::Array(array) => !array.is_empty(),
            DeValue::Table(table) => !table.is_empty(),
            _ => true,
        })
    }

    /// A key that may be left out.
    pub(super) fn optional<T>(
        &mut self,
        name: &'static str,
        shape: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<Spanned<T>> {
        let (value, span) = self.take(name)?;
        self.shape(name, value, span, shape).map(|value| Spanned::new(value, span))
    }

    /// A key with a default, which also stands in for a value that is wrong: its error keeps the document from being
    /// served.
    pub(super) fn with_default<T>(
        &mut self,
        name: &'static str,
        default: T,
        shape: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Spanned<T> {
        self.optional(name, shape).unwrap_or(Spanned::new(default, self.span))
    }

    /// A key that has to be there; `example` is a line that would do.
    pub(super) fn required<T>(
        &mut self,
        name: &'static str,
        example: &str,
        shape: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<Spanned<T>> {
        self.require(name, example);
        self.optional(name, shape)
    }

    /// Records an error when the key is not there. One that is only misspelt is told as an unknown key.
    pub(super) fn require(&mut self, name: &'static str, example: &str) {
        let mut unknown = self.table.keys().filter(|key| self.section.find(key.get_ref()).is_none());
        let misspelt = unknown.any(|key| nearest(key.get_ref(), self.section.names()) == Some(name));
        if self.holds(name) || misspelt {
            return;
        }
        let message = format!("the key `{name}` is missing {}", self.place());
        self.error(self.span, name, message).help(format!("add `{example}`"));
    }

    /// Records an error when the list `name` is written and has nothing in it.
    pub(super) fn refuse_empty_list(&mut self, name: &'static str) {
        let Some(value) = self.table.get(name) else { return };
        if value.get_ref().as_array().is_some_and(|array| array.is_empty()) {
            self.error(value.span().into(), name, format!("`{name}` is empty"));
        }
    }

    /// An array of values; `None` when the key is not there. Elements that are wrong are left out.
    pub(super) fn list<T>(
        &mut self,
        name: &'static str,
        shape: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<Vec<Spanned<T>>> {
        let (value, span) = self.take(name)?;
        let DeValue::Array(array) = value else {
            let mut fault = Fault::wrong_type("a list", value);
            if let DeValue::String(text) = value {
                fault = fault.help(format!("write it in brackets: `{name} = [{text:?}]`"));
            }
            self.fault(span, name, fault);
            return None;
        };
        let mut values = Vec::new();
        for (index, element) in array.iter().enumerate() {
            let span = element.span().into();
            let key = format!("{name}[{index}]");
            if let Some(value) = self.shape(&key, element.get_ref(), span, &shape) {
                values.push(Spanned::new(value, span));
            }
        }
        Some(values)
    }

    /// One value, or an array of values; as [`TableReader::list`] otherwise.
    pub(super) fn one_or_list<T>(
        &mut self,
        name: &'static str,
        shape: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<Vec<Spanned<T>>> {
        match self.table.get(name).map(toml::Spanned::get_ref) {
            Some(DeValue::Array(_)) => self.list(name, shape),
            Some(_) | None => self.optional(name, shape).map(|value| vec![value]),
        }
    }

    /// A table of its own; one that is left out is read as an empty one, for its defaults.
    pub(super) fn table<T>(
        &mut self,
        name: &'static str,
        section: &'static Section,
        read: impl FnOnce(&mut TableReader<'_>) -> T,
    ) -> T {
        let empty = DeTable::new();
        let (table, span) = self.take_table(name).unwrap_or((&empty, self.span));
        let path = self.key_path(name);
        TableReader::read(section, table, span, path, self.diagnostics, read)
    }

    /// A table of its own that may be left out.
    pub(super) fn optional_table<T>(
        &mut self,
        name: &'static str,
        section: &'static Section,
        read: impl FnOnce(&mut TableReader<'_>) -> T,
    ) -> Option<T> {
        let (table, span) = self.take_table(name)?;
        let path = self.key_path(name);
        Some(TableReader::read(section, table, span, path, self.diagnostics, read))
    }

    /// The tables of an array of tables, in the order of the file.
    pub(super) fn tables<T>(
        &mut self,
        name: &'static str,
        section: &'static Section,
        read: impl Fn(&mut TableReader<'_>) -> T,
    ) -> Vec<T> {
        let Some((value, span)) = self.take(name) else { return Vec::new() };
        let DeValue::Array(array) = value else {
            let help =
                format!("write [[{}]], with two brackets on each side", self.path_without_indexes(name));
            self.fault(span, name, Fault::wrong_type("a list of tables", value).help(help));
            return Vec::new();
        };
        let mut values = Vec::new();
        for (index, element) in array.iter().enumerate() {
            let key = format!("{name}[{index}]");
            let span = element.span().into();
            match element.get_ref() {
                DeValue::Table(table) => {
                    let path = self.key_path(&key);
                    values.push(TableReader::read(section, table, span, path, self.diagnostics, &read));
                }
                other => self.fault(span, &key, Fault::wrong_type("a table", other)),
            }
        }
        values
    }

    /// One table, or an array of tables; none where the key is left out.
    pub(super) fn table_or_tables<T>(
        &mut self,
        name: &'static str,
        section: &'static Section,
        read: impl Fn(&mut TableReader<'_>) -> T,
    ) -> Vec<T> {
        match self.table.get(name).map(toml::Spanned::get_ref) {
            Some(DeValue::Array(_)) => self.tables(name, section, read),
            Some(_) | None => self.optional_table(name, section, read).into_iter().collect(),
        }
    }

    /// The tables below a key whose own keys are names that the operator chooses.
    pub(super) fn named_tables<T>(
        &mut self,
        name: &'static str,
        section: &'static Section,
        read: impl Fn(Spanned<String>, &mut TableReader<'_>) -> T,
    ) -> Vec<T> {
        let Some((value, span)) = self.take(name) else { return Vec::new() };
        let DeValue::Table(tables) = value else {
            let help = format!("write a table with a name: [{name}.some-name]");
            self.fault(span, name, Fault::wrong_type("tables with names", value).help(help));
            return Vec::new();
        };
        let mut values = Vec::new();
        for (key, element) in tables {
            let path = format!("{name}.{}", key.get_ref());
            let span = element.span().into();
            let table_name = Spanned::new(key.get_ref().to_string(), key.span().into());
            match element.get_ref() {
                DeValue::Table(table) => {
                    let read = |reader: &mut TableReader<'_>| read(table_name, reader);
                    values.push(TableReader::read(section, table, span, path, self.diagnostics, read));
                }
                other => {
                    let help = format!("{name} holds tables with names: [{name}.some-name]");
                    self.fault(span, &path, Fault::wrong_type("a table", other).help(help));
                }
            }
        }
        values
    }

    /// A table whose keys are free too: each is shaped by `key_shape`, each value by `value_shape`.
    pub(super) fn pairs<K, V>(
        &mut self,
        name: &'static str,
        key_shape: impl Fn(&str) -> Result<K, Fault>,
        value_shape: impl Fn(&DeValue<'_>) -> Result<V, Fault>,
    ) -> Vec<(Spanned<K>, Spanned<V>)> {
        let Some((value, span)) = self.take(name) else { return Vec::new() };
        let DeValue::Table(table) = value else {
            self.fault(span, name, Fault::wrong_type("a table", value));
            return Vec::new();
        };
        let mut pairs = Vec::new();
        for (key, element) in table {
            let path = format!("{name}.{}", key.get_ref());
            let (key_span, span) = (key.span().into(), element.span().into());
            let shaped_key =
                key_shape(key.get_ref()).map_err(|fault| self.fault(key_span, &path, fault)).ok();
            let shaped_value = self.shape(&path, element.get_ref(), span, &value_shape);
            if let (Some(key), Some(value)) = (shaped_key, shaped_value) {
                pairs.push((Spanned::new(key, key_span), Spanned::new(value, span)));
            }
        }
        pairs.sort_by_key(|(key, _)| key.span);
        pairs
    }

    /// Records an error about the key `name` of this table.
    pub(super) fn error(&mut self, span: Span, name: &str, message: impl Into<String>) -> &mut Diagnostic {
        let path = self.key_path(name);
        self.diagnostics.error(span, message).key(path)
    }

    /// Records a warning about the key `name` of this table.
    pub(super) fn warning(&mut self, span: Span, name: &str, message: impl Into<String>) -> &mut Diagnostic {
        let path = self.key_path(name);
        self.diagnostics.warning(span, message).key(path)
    }

    fn fault(&mut self, span: Span, name: &str, fault: Fault) {
        let diagnostic = self.error(span, name, fault.message);
        diagnostic.help = fault.help;
        diagnostic.stands_alone = true;
    }

    /// The value of a key, marking that the section's reader has asked for it.
    fn take(&mut self, name: &'static str) -> Option<(&'a DeValue<'a>, Span)> {
        debug_assert!(
            self.section.names().any(|key| key == name),
            "`{name}` is not among the section's keys"
        );
        self.asked.push(name);
        let value = self.table.get(name)?;
        Some((value.get_ref(), value.span().into()))
    }

    fn take_table(&mut self, name: &'static str) -> Option<(&'a DeTable<'a>, Span)> {
        match self.take(name)? {
            (DeValue::Table(table), span) => Some((table, span)),
            (other, span) => {
                self.fault(span, name, Fault::wrong_type("a table", other));
                None
            }
        }
    }

    fn shape<T>(
        &mut self,
        name: &str,
        value: &DeValue<'_>,
        span: Span,
        shape: impl Fn(&DeValue<'_>) -> Result<T, Fault>,
    ) -> Option<T> {
        // What the TOML parser made up after a syntax error has no place, and that error is told already.
        if span.is_empty() {
            return None;
        }
        shape(value).map_err(|fault| self.fault(span, name, fault)).ok()
    }

    /// Where this table is, in words.
    fn place(&self) -> String {
        self.section.place(&self.path_without_indexes(""))
    }

    /// A header names no indexes.
    fn path_without_indexes(&self, name: &str) -> String {
        let mut path = String::new();
        let mut inside = false;
        for letter in self.key_path(name).chars() {
            match letter {
                '[' => inside = true,
                ']' => inside = false,
                _ if inside => {}
                _ => path.push(letter),
            }
        }
        path
    }

    fn key_path(&self, name: &str) -> String {
        match (self.path.is_empty(), name.is_empty()) {
            (true, _) => name.to_owned(),
            (false, true) => self.path.clone(),
            (false, false) => format!("{}.{name}", self.path),
        }
    }

    /// Reports the keys that the section does not have.
    fn finish(mut self) {
        debug_assert!(
            self.section.names().all(|name| self.asked.contains(&name)),
            "a key of [{}] is listed and never read",
            self.section.path
        );
        for key in self.table.keys() {
            let name: &str = key.get_ref();
            if self.section.find(name).is_none() {
                self.unknown_key(name, key.span().into());
            }
        }
    }

    fn unknown_key(&mut self, name: &str, span: Span) {
        let keys = || self.section.names();
        let elsewhere = SECTIONS.iter().find_map(|other| {
            let key = other.find(name).map(|key| key.name).or_else(|| nearest(name, other.names()))?;
            Some(format!("`{key}` belongs {}", other.place(other.path)))
        });
        let help = match (nearest(name, keys()), elsewhere) {
            (Some(near), _) => format!("did you mean `{near}`?"),
            (None, Some(elsewhere)) => elsewhere,
            (None, None) => format!("the keys here are {}", keys().collect::<Vec<_>>().join(", ")),
        };
        let diagnostic = self.error(span, name, format!("unknown key `{name}` {}", self.place()));
        diagnostic.help(help).stands_alone = true;
    }
}
