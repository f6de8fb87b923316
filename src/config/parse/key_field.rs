//! The keys of a [`section!`](super::section): the form of each value, and the meaning of its absence.

use super::diagnostic::ValueError;
use super::reader::{TableReader, TableSchema};
use super::span::{Span, Spanned};
use super::table::{HeaderForm, KeyAbsence, KeyForm, KeyInfo, TableKeys};
use super::value_type::{TypeDescription, ValueType, choice};
use serde_json::{Value, json};
use std::fmt::Debug;
use std::rc::Rc;
use toml::de::DeValue;

/// The reader of a key's value. Returns `None` if the table has no meaning without the value.
type ReadKey<V> = Box<dyn Fn(&'static str, &mut TableReader<'_>) -> Option<V>>;

/// A key of a table, which is `V` in the section.
pub(crate) struct KeyField<V> {
    absence: KeyAbsence,
    form: Box<dyn Fn() -> KeyForm>,
    read: ReadKey<V>,
}

impl<V: 'static> KeyField<V> {
    /// Returns the description of the key for the reference.
    pub(crate) fn info(
        &self,
        name: &'static str,
        documentation: &'static str,
        since: &'static str,
    ) -> KeyInfo {
        KeyInfo { name, documentation, since, absence: self.absence.clone(), form: (self.form)() }
    }

    /// Reads the value. Returns `None` if the table has no meaning without it; the error is recorded.
    pub(crate) fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<V> {
        if let KeyAbsence::Required(example) = self.absence {
            reader.require(key, example);
        }
        (self.read)(key, reader)
    }

    /// Returns the key with a check of its value, which does not depend on other keys.
    fn checked(self, check: impl Fn(&V, &str, &mut TableReader<'_>) + 'static) -> Self {
        let Self { absence, form, read } = self;
        let read: ReadKey<V> =
            Box::new(move |key, reader| read(key, reader).inspect(|value| check(value, key, reader)));
        Self { absence, form, read }
    }
}

impl KeyField<Spanned<bool>> {
    /// Returns the key with a warning if it is `true`.
    pub(crate) fn warn_if_true(self, message: &'static str) -> Self {
        self.checked(move |value, key, reader| {
            if value.value {
                reader.warning(value.span, key, message);
            }
        })
    }
}

impl<T: PartialEq + 'static> KeyField<Vec<Spanned<T>>> {
    /// Returns the key with an error for every value that an earlier one repeats; `noun` names a value.
    pub(crate) fn distinct(self, noun: &'static str) -> Self {
        self.checked(move |values, key, reader| {
            for (index, again) in values.iter().enumerate() {
                let mut earlier = values.iter().take(index);
                let Some(first) = earlier.find(|first| first.value == again.value) else { continue };
                let message = format!("this {noun} is listed twice");
                let diagnostic = reader.error(again.span, &format!("{key}[{index}]"), message);
                diagnostic.label(first.span, "the first time");
            }
        })
    }
}

/// How many values a key has.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ValueCount {
    One,
    List,
    NonemptyList,
    /// One value may stand for a list of one.
    OneOrList,
}

impl<T: 'static> ValueType<T> {
    /// Returns a key with a default. The default also replaces a wrong value, whose error prevents the use of the document.
    pub(crate) fn or(self, default: impl Debug) -> KeyField<Spanned<T>> {
        self.key(ValueCount::One, KeyAbsence::default(default), first)
    }

    /// Returns a key that may be left out; `meaning` describes its absence.
    pub(crate) fn optional(self, meaning: &'static str) -> KeyField<Option<Spanned<T>>> {
        self.key(ValueCount::One, KeyAbsence::Explained(meaning), |values| Some(first(values)))
    }

    /// Returns a key that must be written, without which the rest of the table is still read; `example` is a line with it.
    pub(crate) fn required(self, example: &'static str) -> KeyField<Option<Spanned<T>>> {
        self.key(ValueCount::One, KeyAbsence::Required(example), |values| Some(first(values)))
    }

    /// Returns a key without which the table has no meaning; `example` is a line with it.
    pub(crate) fn essential(self, example: &'static str) -> KeyField<Spanned<T>> {
        self.key(ValueCount::One, KeyAbsence::Required(example), first)
    }

    /// Returns the type of a list of such values.
    pub(crate) fn list(self) -> ValueList<T> {
        ValueList { of: self, count: ValueCount::List }
    }

    /// Returns the type of a list of such values that is not written empty.
    pub(crate) fn nonempty_list(self) -> ValueList<T> {
        ValueList { of: self, count: ValueCount::NonemptyList }
    }

    /// Returns the type of one such value, or of a list of them that is not empty.
    pub(crate) fn one_or_list(self) -> ValueList<T> {
        ValueList { of: self, count: ValueCount::OneOrList }
    }

    /// `field` makes the section's field of the values: `None` if no right value is written and there is no default.
    fn key<V: 'static>(
        self,
        count: ValueCount,
        absence: KeyAbsence,
        field: fn(Option<Vec<Spanned<T>>>) -> Option<V>,
    ) -> KeyField<V> {
        let (of, default) = (Rc::new(self), absence.clone());
        let described = Rc::clone(&of);
        let read: ReadKey<V> = Box::new(move |key, reader| {
            let written = of.read(count, key, reader);
            field(written.or_else(|| of.default(&default, reader.span())))
        });
        KeyField { absence, form: Box::new(move || described.form(count)), read }
    }

    fn read(&self, count: ValueCount, key: &str, reader: &mut TableReader<'_>) -> Option<Vec<Spanned<T>>> {
        let is_array = reader.get(key).is_some_and(|(value, _)| value.is_array());
        if count == ValueCount::One || count == ValueCount::OneOrList && !is_array {
            return reader.value(key, self).map(|value| vec![value]);
        }
        if count != ValueCount::List {
            reader.reject_empty(key);
        }
        reader.list(key, self)
    }

    fn default(&self, absence: &KeyAbsence, span: Span) -> Option<Vec<Spanned<T>>> {
        let KeyAbsence::Default(text) = absence else { return None };
        let default = DeValue::parse(text).expect("a test reads the default of every key");
        let parsed = |value: &DeValue<'_>| {
            Spanned::new(self.parse(value).expect("a test reads the default of every key"), span)
        };
        Some(match default.get_ref() {
            DeValue::Array(array) => array.iter().map(|value| parsed(value.get_ref())).collect(),
            value => vec![parsed(value)],
        })
    }

    fn form(&self, count: ValueCount) -> KeyForm {
        let TypeDescription { words, plural, json } = self.description();
        let array = match count {
            ValueCount::List => json!({ "type": "array", "items": json }),
            _ => json!({ "type": "array", "items": json, "minItems": 1 }),
        };
        let (words, json) = match count {
            ValueCount::One => (words, json),
            ValueCount::List | ValueCount::NonemptyList => (plural, array),
            ValueCount::OneOrList => (format!("{words}, or {plural}"), json!({ "anyOf": [json, array] })),
        };
        KeyForm { words, json, table: None }
    }
}

fn first<T>(values: Option<Vec<Spanned<T>>>) -> Option<Spanned<T>> {
    values?.into_iter().next()
}

/// The type of a list of values.
pub(crate) struct ValueList<T> {
    of: ValueType<T>,
    count: ValueCount,
}

impl<T: 'static> ValueList<T> {
    /// Returns a list with a default.
    pub(crate) fn or<const N: usize>(self, default: [&str; N]) -> KeyField<Vec<Spanned<T>>> {
        self.of.key(self.count, KeyAbsence::default(default), |values| values)
    }

    /// Returns a list that may be left out, and is then empty; `meaning` describes its absence.
    pub(crate) fn optional(self, meaning: &'static str) -> KeyField<Vec<Spanned<T>>> {
        self.of.key(self.count, KeyAbsence::Explained(meaning), |values| Some(values.unwrap_or_default()))
    }

    /// Returns a list that must be written and not be empty; `example` is a line with it.
    pub(crate) fn required(self, example: &'static str) -> KeyField<Vec<Spanned<T>>> {
        let count = if self.count == ValueCount::List { ValueCount::NonemptyList } else { self.count };
        self.of.key(count, KeyAbsence::Required(example), |values| Some(values.unwrap_or_default()))
    }
}

/// Returns a key with one table or several, which `read` reads.
fn key_of_tables<T: TableSchema, V>(
    header: HeaderForm,
    absence: KeyAbsence,
    read: impl Fn(&'static str, &mut TableReader<'_>) -> Option<V> + 'static,
) -> KeyField<V> {
    let table = TableKeys { header, names: T::NAMES, keys: T::keys };
    let form = move || KeyForm { words: header.words().to_owned(), json: Value::Null, table: Some(table) };
    KeyField { absence, form: Box::new(form), read: Box::new(read) }
}

/// Returns a key with the table `[key]`, with the defaults of its keys if it is left out. No key of it may be
/// [essential](ValueType::essential).
pub(crate) fn table<T: TableSchema>() -> KeyField<T> {
    key_of_tables::<T, _>(HeaderForm::Single, KeyAbsence::Explained(""), |key, reader| reader.table(key))
}

/// Returns a key with the table `[key]`, which may be left out; `meaning` describes its absence.
pub(crate) fn optional_table<T: TableSchema>(meaning: &'static str) -> KeyField<Option<T>> {
    one_table(KeyAbsence::Explained(meaning))
}

/// Returns a key with the table `[key]`, which must be written; `example` is a line with it.
pub(crate) fn required_table<T: TableSchema>(example: &'static str) -> KeyField<Option<T>> {
    one_table(KeyAbsence::Required(example))
}

fn one_table<T: TableSchema>(absence: KeyAbsence) -> KeyField<Option<T>> {
    let header = HeaderForm::Single;
    key_of_tables::<T, _>(header, absence, move |key, reader| Some(reader.tables(key, header).pop()))
}

/// Returns a key with the table `[key]`, or the one word that stands for none.
pub(crate) fn table_or_word<T: TableSchema>(word: &'static str) -> KeyField<Option<T>> {
    let KeyField { form, read, .. } = one_table(KeyAbsence::Explained(""));
    let form = move || KeyForm {
        words: format!("`{word:?}`, or a table"),
        json: json!({ "const": word }),
        table: form().table,
    };
    let read: ReadKey<Option<T>> = Box::new(move |key, reader| {
        if reader.get(key).is_some_and(|(value, _)| !value.is_table()) {
            reader.value(key, &choice([(word, ())]));
            return Some(None);
        }
        read(key, reader)
    });
    KeyField { absence: KeyAbsence::default(word), form: Box::new(form), read }
}

/// Returns a key with tables `[[key]]`, any number of times.
pub(crate) fn tables<T: TableSchema>(meaning: &'static str) -> KeyField<Vec<T>> {
    several_tables(HeaderForm::Repeated, meaning)
}

/// Returns a key with the table `[key]` once or `[[key]]` any number of times.
pub(crate) fn table_or_tables<T: TableSchema>(meaning: &'static str) -> KeyField<Vec<T>> {
    several_tables(HeaderForm::SingleOrRepeated, meaning)
}

/// Returns a key with tables `[key.NAME]`, any number of times, by names that the operator chooses.
pub(crate) fn named_tables<T: TableSchema>(meaning: &'static str) -> KeyField<Vec<T>> {
    several_tables(HeaderForm::Named, meaning)
}

fn several_tables<T: TableSchema>(header: HeaderForm, meaning: &'static str) -> KeyField<Vec<T>> {
    let absence = KeyAbsence::Explained(meaning);
    key_of_tables::<T, _>(header, absence, move |key, reader| Some(reader.tables(key, header)))
}

/// Returns a key with a table whose keys `parse_key` parses and whose values are `of`; `meaning` describes its absence.
pub(crate) fn pairs<K: 'static, T: 'static>(
    parse_key: fn(&str) -> Result<K, ValueError>,
    of: ValueType<T>,
    meaning: &'static str,
) -> KeyField<Vec<(Spanned<K>, Spanned<T>)>> {
    let (of, absence) = (Rc::new(of), KeyAbsence::Explained(meaning));
    let described = Rc::clone(&of);
    let form = move || {
        let json = json!({ "type": "object", "additionalProperties": described.description().json });
        KeyForm { words: "table".to_owned(), json, table: None }
    };
    let read: ReadKey<_> = Box::new(move |key, reader| Some(reader.pairs(key, parse_key, &of)));
    KeyField { absence, form: Box::new(form), read }
}
