//! The keys of a [`section!`](super::section): the form of each value, and the meaning of its absence.

use super::diagnostic::ValueError;
use super::reader::{TableReader, TableSchema};
use super::span::{Span, Spanned};
use super::table::{HeaderForm, KeyAbsence, KeyForm, TableKeys};
use super::value_type::{ValueType, choice};
use serde_json::{Value, json};
use toml::de::DeValue;

/// Reads the value of one key of a table.
pub(crate) trait KeyField {
    /// The type of the section's field.
    type Value;

    /// The form of the value.
    fn form(&self) -> KeyForm;

    /// Reads the value. `None` if the table has no meaning without it; the error is recorded.
    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Self::Value>;
}

/// The form of a key that is `V` in the section. The type of the section's field decides that of the value.
pub(crate) fn key_form<V>(field: &impl KeyField<Value = V>) -> KeyForm {
    field.form()
}

/// Reads a key that is `V` in the section.
pub(crate) fn read_key<V>(
    field: &impl KeyField<Value = V>,
    key: &'static str,
    reader: &mut TableReader<'_>,
) -> Option<V> {
    field.read(key, reader)
}

/// A key with one value or a list of values, which is `V` in the section.
pub(crate) struct ValueField<T, V> {
    of: ValueType<T>,
    list: Option<ListForm>,
    absence: KeyAbsence,
    /// From the values to the section's field: `None` if no right value is written and there is no default.
    field: fn(Option<Vec<Spanned<T>>>) -> Option<V>,
}

/// The form of a list of values.
#[derive(Clone, Copy)]
struct ListForm {
    /// Whether one value may stand for a list of one.
    or_one: bool,
    may_be_empty: bool,
}

impl<T> ValueType<T> {
    /// A key with a default. The default also replaces a wrong value, whose error prevents the use of the document.
    pub(crate) fn or(self, default: impl TomlLiteral) -> ValueField<T, Spanned<T>> {
        ValueField { of: self, list: None, absence: KeyAbsence::Default(default.toml()), field: first }
    }

    /// A key that may be left out; `meaning` describes its absence.
    pub(crate) fn optional(self, meaning: &'static str) -> ValueField<T, Option<Spanned<T>>> {
        let absence = KeyAbsence::Explained(meaning);
        ValueField { of: self, list: None, absence, field: |values| Some(first(values)) }
    }

    /// A key that must be written, without which the rest of the table is still read; `example` is a line with it.
    pub(crate) fn required(self, example: &'static str) -> ValueField<T, Option<Spanned<T>>> {
        ValueField { absence: KeyAbsence::Required(example), ..self.optional("") }
    }

    /// A key without which the table has no meaning; `example` is a line with it.
    pub(crate) fn essential(self, example: &'static str) -> ValueField<T, Spanned<T>> {
        ValueField { of: self, list: None, absence: KeyAbsence::Required(example), field: first }
    }

    /// A list of such values.
    pub(crate) fn list(self) -> ValueList<T> {
        ValueList { of: self, form: ListForm { or_one: false, may_be_empty: true } }
    }

    /// A list of such values that is not written empty.
    pub(crate) fn nonempty_list(self) -> ValueList<T> {
        ValueList { of: self, form: ListForm { or_one: false, may_be_empty: false } }
    }

    /// One such value, or a list of them that is not empty.
    pub(crate) fn one_or_list(self) -> ValueList<T> {
        ValueList { of: self, form: ListForm { or_one: true, may_be_empty: false } }
    }
}

fn first<T>(values: Option<Vec<Spanned<T>>>) -> Option<Spanned<T>> {
    values?.into_iter().next()
}

/// A list of values.
pub(crate) struct ValueList<T> {
    of: ValueType<T>,
    form: ListForm,
}

impl<T> ValueList<T> {
    /// A list with a default.
    pub(crate) fn or<const N: usize>(self, default: [&str; N]) -> ValueField<T, Vec<Spanned<T>>> {
        self.field(KeyAbsence::Default(format!("{default:?}")))
    }

    /// A list that may be left out, and is then empty; `meaning` describes its absence.
    pub(crate) fn optional(self, meaning: &'static str) -> ValueField<T, Vec<Spanned<T>>> {
        self.field(KeyAbsence::Explained(meaning))
    }

    /// A list that must be written and not be empty; `example` is a line with it.
    pub(crate) fn required(mut self, example: &'static str) -> ValueField<T, Vec<Spanned<T>>> {
        self.form.may_be_empty = false;
        self.field(KeyAbsence::Required(example))
    }

    fn field(self, absence: KeyAbsence) -> ValueField<T, Vec<Spanned<T>>> {
        let field = |values: Option<Vec<_>>| Some(values.unwrap_or_default());
        ValueField { of: self.of, list: Some(self.form), absence, field }
    }
}

impl<T, V> ValueField<T, V> {
    fn default(&self, span: Span) -> Option<Vec<Spanned<T>>> {
        let KeyAbsence::Default(text) = &self.absence else { return None };
        let default = DeValue::parse(text).expect("a test reads the default of every key");
        let parsed = |value: &DeValue<'_>| {
            Spanned::new(self.of.parse(value).expect("a test reads the default of every key"), span)
        };
        Some(match default.get_ref() {
            DeValue::Array(array) => array.iter().map(|value| parsed(value.get_ref())).collect(),
            value => vec![parsed(value)],
        })
    }
}

impl<T, V> KeyField for ValueField<T, V> {
    type Value = V;

    fn form(&self) -> KeyForm {
        let of = self.of.description();
        let (words, json) = match self.list {
            None => (of.words, of.json),
            Some(ListForm { or_one, may_be_empty }) => {
                let mut array = json!({ "type": "array", "items": of.json.clone() });
                if let (false, Value::Object(array)) = (may_be_empty, &mut array) {
                    array.insert("minItems".to_owned(), 1.into());
                }
                match or_one {
                    true => (format!("{}, or {}", of.words, of.plural), json!({ "anyOf": [of.json, array] })),
                    false => (of.plural, array),
                }
            }
        };
        KeyForm { words, absence: self.absence.clone(), json, table: None }
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<V> {
        if let KeyAbsence::Required(example) = self.absence {
            reader.require(key, example);
        }
        let is_array = reader.get(key).is_some_and(|(value, _)| value.is_array());
        let values = match self.list {
            Some(ListForm { or_one, may_be_empty }) if is_array || !or_one => {
                if !may_be_empty {
                    reader.reject_empty(key);
                }
                reader.list(key, &self.of)
            }
            Some(_) | None => reader.value(key, &self.of).map(|value| vec![value]),
        };
        (self.field)(values.or_else(|| self.default(reader.span())))
    }
}

/// A default, as it would be written in TOML.
pub(crate) trait TomlLiteral {
    /// In TOML.
    fn toml(self) -> String;
}

impl TomlLiteral for &str {
    fn toml(self) -> String {
        format!("{self:?}")
    }
}

impl TomlLiteral for bool {
    fn toml(self) -> String {
        self.to_string()
    }
}

impl TomlLiteral for i32 {
    fn toml(self) -> String {
        self.to_string()
    }
}

type ReadTable<V> = Box<dyn Fn(&'static str, &mut TableReader<'_>) -> Option<V>>;

/// A key with a table or several, which is `V` in the section.
pub(crate) struct TableField<V> {
    form: KeyForm,
    read: ReadTable<V>,
}

impl<V> TableField<V> {
    fn new<T: TableSchema>(
        words: &str,
        absence: KeyAbsence,
        header: HeaderForm,
        read: impl Fn(&'static str, &mut TableReader<'_>) -> Option<V> + 'static,
    ) -> Self {
        let table = Some(TableKeys { header, names: T::NAMES, keys: T::keys });
        let form = KeyForm { words: words.to_owned(), absence, json: Value::Null, table };
        Self { form, read: Box::new(read) }
    }
}

impl<V> KeyField for TableField<V> {
    type Value = V;

    fn form(&self) -> KeyForm {
        self.form.clone()
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<V> {
        if let KeyAbsence::Required(example) = self.form.absence {
            reader.require(key, example);
        }
        (self.read)(key, reader)
    }
}

/// `[key]`, with the defaults of its keys if it is left out. No key of it may be [essential](ValueType::essential).
pub(crate) fn table<T: TableSchema>() -> TableField<T> {
    let absence = KeyAbsence::Explained("");
    TableField::new::<T>("table", absence, HeaderForm::Single, |key, reader| reader.table(key))
}

/// `[key]`, which may be left out; `meaning` describes its absence.
pub(crate) fn optional_table<T: TableSchema>(meaning: &'static str) -> TableField<Option<T>> {
    let absence = KeyAbsence::Explained(meaning);
    TableField::new::<T>("table", absence, HeaderForm::Single, |key, reader| Some(reader.optional_table(key)))
}

/// `[key]`, which must be written; `example` is a line with it.
pub(crate) fn required_table<T: TableSchema>(example: &'static str) -> TableField<Option<T>> {
    let absence = KeyAbsence::Required(example);
    TableField::new::<T>("table", absence, HeaderForm::Single, |key, reader| Some(reader.optional_table(key)))
}

/// `[key]`, or the one word that stands for none.
pub(crate) fn table_or_word<T: TableSchema>(word: &'static str) -> TableField<Option<T>> {
    let (words, absence) = (format!("`{word:?}`, or a table"), KeyAbsence::Default(format!("{word:?}")));
    let mut field = TableField::new::<T>(&words, absence, HeaderForm::Single, move |key, reader| {
        if reader.get(key).is_some_and(|(value, _)| !value.is_table()) {
            reader.value(key, &choice([(word, ())]));
            return Some(None);
        }
        Some(reader.optional_table(key))
    });
    field.form.json = json!({ "const": word });
    field
}

/// `[[key]]`, any number of times.
pub(crate) fn tables<T: TableSchema>(meaning: &'static str) -> TableField<Vec<T>> {
    let absence = KeyAbsence::Explained(meaning);
    TableField::new::<T>("tables", absence, HeaderForm::Repeated, |key, reader| Some(reader.tables(key)))
}

/// `[key]` once or `[[key]]` any number of times.
pub(crate) fn table_or_tables<T: TableSchema>(meaning: &'static str) -> TableField<Vec<T>> {
    let absence = KeyAbsence::Explained(meaning);
    TableField::new::<T>("table, or tables", absence, HeaderForm::SingleOrRepeated, |key, reader| {
        Some(match reader.get(key).is_some_and(|(value, _)| !value.is_array()) {
            true => reader.optional_table(key).into_iter().collect(),
            false => reader.tables(key),
        })
    })
}

/// `[key.NAME]`, any number of times, by names that the operator chooses.
pub(crate) fn named_tables<T: TableSchema>(meaning: &'static str) -> TableField<Vec<T>> {
    let absence = KeyAbsence::Explained(meaning);
    TableField::new::<T>("named tables", absence, HeaderForm::Named, |key, reader| {
        Some(reader.named_tables(key))
    })
}

/// A table whose keys the operator chooses too.
pub(crate) struct PairsField<K, T> {
    parse_key: fn(&str) -> Result<K, ValueError>,
    of: ValueType<T>,
    meaning: &'static str,
}

/// A table whose keys `parse_key` parses and whose values are `of`; `meaning` describes its absence.
pub(crate) fn pairs<K, T>(
    parse_key: fn(&str) -> Result<K, ValueError>,
    of: ValueType<T>,
    meaning: &'static str,
) -> PairsField<K, T> {
    PairsField { parse_key, of, meaning }
}

impl<K, T> KeyField for PairsField<K, T> {
    type Value = Vec<(Spanned<K>, Spanned<T>)>;

    fn form(&self) -> KeyForm {
        let json = json!({ "type": "object", "additionalProperties": self.of.description().json });
        KeyForm { words: "table".to_owned(), absence: KeyAbsence::Explained(self.meaning), json, table: None }
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Self::Value> {
        Some(reader.pairs(key, self.parse_key, &self.of))
    }
}
