//! How the value of a key is written, and what holds if it is not: the right-hand sides of a
//! [`section!`](super::section).

use super::reader::Section;
use super::reader::TableReader;
use super::section::{Absence, Form, Header, SubTable};
use super::span::Spanned;
use super::value_error::ValueError;
use serde_json::{Value, json};
use std::marker::PhantomData;
use toml::de::DeValue;

/// Reads the value of one key of a table.
pub(in crate::config) trait Field {
    /// What the section holds for the key.
    type Value;

    /// How it is written.
    fn form(&self) -> Form;

    /// Reads it. `None` if the table means nothing without it, which is recorded as an error.
    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Self::Value>;
}

/// The type of a single value.
pub(in crate::config) trait ValueType: Sized {
    /// The value when read.
    type Value: Clone;

    /// Parses it.
    fn parse(&self, value: &DeValue<'_>) -> Result<Self::Value, ValueError>;

    /// In words, for the reference: `duration, 1s to 5m`.
    fn words(&self) -> String;

    /// Several, in words.
    fn plural(&self) -> String {
        format!("list of {}", self.words())
    }

    /// Its JSON Schema.
    fn json(&self) -> Value;

    /// A key with a default. The default also stands in for a value that is wrong, whose error keeps the document
    /// from being served.
    fn or(self, default: impl Literal) -> WithDefault<Self> {
        WithDefault { of: self, default: default.toml() }
    }

    /// A key that may be left out; `meaning` is what holds then.
    fn optional(self, meaning: &'static str) -> Optional<Self> {
        Optional { of: self, absence: Absent::Means(meaning) }
    }

    /// A key that must be written, without which the rest of the table is still read; `example` is a line for it.
    fn required(self, example: &'static str) -> Optional<Self> {
        Optional { of: self, absence: Absent::Error(example) }
    }

    /// A key without which the table means nothing; `example` is a line for it.
    fn essential(self, example: &'static str) -> Essential<Self> {
        Essential { of: self, example }
    }

    /// A list of such values.
    fn list(self) -> List<Self> {
        List { of: self, or_one: false, may_be_empty: true }
    }

    /// A list of such values that is not written empty.
    fn nonempty_list(self) -> List<Self> {
        List { of: self, or_one: false, may_be_empty: false }
    }

    /// One such value, or a list of them that is not empty.
    fn one_or_list(self) -> List<Self> {
        List { of: self, or_one: true, may_be_empty: false }
    }
}

/// A default, as it would be written in TOML.
pub(in crate::config) trait Literal {
    /// In TOML.
    fn toml(&self) -> String;
}

impl Literal for &str {
    fn toml(&self) -> String {
        format!("{self:?}")
    }
}

impl Literal for bool {
    fn toml(&self) -> String {
        self.to_string()
    }
}

impl Literal for i32 {
    fn toml(&self) -> String {
        self.to_string()
    }
}

impl<const N: usize> Literal for [&str; N] {
    fn toml(&self) -> String {
        format!("{self:?}")
    }
}

fn literal<T: ValueType>(of: &T, text: &str) -> T::Value {
    let value = DeValue::parse(text).expect("a test reads the default of every key");
    of.parse(value.get_ref()).expect("a test reads the default of every key")
}

#[derive(Clone, Copy)]
enum Absent {
    Means(&'static str),
    Error(&'static str),
}

impl Absent {
    fn absence(self) -> Absence {
        match self {
            Self::Means(meaning) => Absence::Explained(meaning),
            Self::Error(_) => Absence::Required,
        }
    }
}

/// [`ValueType::or`]
pub(in crate::config) struct WithDefault<T> {
    of: T,
    default: String,
}

impl<T: ValueType> Field for WithDefault<T> {
    type Value = Spanned<T::Value>;

    fn form(&self) -> Form {
        let absence = Absence::Default(self.default.clone());
        Form { words: self.of.words(), absence, json: self.of.json(), table: None }
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Self::Value> {
        let default = Spanned::new(literal(&self.of, &self.default), reader.span());
        Some(value(&self.of, key, reader).unwrap_or(default))
    }
}

fn value<T: ValueType>(of: &T, key: &str, reader: &mut TableReader<'_>) -> Option<Spanned<T::Value>> {
    let (value, span) = reader.get(key)?;
    reader.parsed(key, value, span, |value| of.parse(value))
}

/// [`ValueType::optional`] and [`ValueType::required`]
pub(in crate::config) struct Optional<T> {
    of: T,
    absence: Absent,
}

impl<T: ValueType> Field for Optional<T> {
    type Value = Option<Spanned<T::Value>>;

    fn form(&self) -> Form {
        let absence = self.absence.absence();
        Form { words: self.of.words(), absence, json: self.of.json(), table: None }
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Self::Value> {
        if let Absent::Error(example) = self.absence {
            reader.require(key, example);
        }
        Some(value(&self.of, key, reader))
    }
}

/// [`ValueType::essential`]
pub(in crate::config) struct Essential<T> {
    of: T,
    example: &'static str,
}

impl<T: ValueType> Field for Essential<T> {
    type Value = Spanned<T::Value>;

    fn form(&self) -> Form {
        Form { words: self.of.words(), absence: Absence::Required, json: self.of.json(), table: None }
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Self::Value> {
        reader.require(key, self.example);
        value(&self.of, key, reader)
    }
}

/// A list of values.
pub(in crate::config) struct List<T> {
    of: T,
    or_one: bool,
    may_be_empty: bool,
}

impl<T: ValueType> List<T> {
    /// A list with a default.
    pub(in crate::config) fn or<const N: usize>(self, default: [&str; N]) -> ListField<T> {
        ListField { list: self, default: Some(default.toml()), absence: Absent::Means("") }
    }

    /// A list that may be left out, and is then empty; `meaning` is what holds then.
    pub(in crate::config) fn optional(self, meaning: &'static str) -> ListField<T> {
        ListField { list: self, default: None, absence: Absent::Means(meaning) }
    }

    /// A list that must be written and not be empty; `example` is a line for it.
    pub(in crate::config) fn required(self, example: &'static str) -> ListField<T> {
        let list = Self { may_be_empty: false, ..self };
        ListField { list, default: None, absence: Absent::Error(example) }
    }
}

/// A list of values as a key has it.
pub(in crate::config) struct ListField<T> {
    list: List<T>,
    default: Option<String>,
    absence: Absent,
}

impl<T: ValueType> Field for ListField<T> {
    type Value = Vec<Spanned<T::Value>>;

    fn form(&self) -> Form {
        let List { of, or_one, may_be_empty } = &self.list;
        let mut array = json!({ "type": "array", "items": of.json() });
        if let (false, Value::Object(array)) = (may_be_empty, &mut array) {
            array.insert("minItems".to_owned(), 1.into());
        }
        Form {
            words: if *or_one { format!("{}, or {}", of.words(), of.plural()) } else { of.plural() },
            absence: self.default.clone().map_or_else(|| self.absence.absence(), Absence::Default),
            json: if *or_one { json!({ "anyOf": [of.json(), array] }) } else { array },
            table: None,
        }
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Self::Value> {
        if let Absent::Error(example) = self.absence {
            reader.require(key, example);
        }
        let List { of, or_one, may_be_empty } = &self.list;
        if !may_be_empty {
            reader.refuse_empty(key);
        }
        let one = *or_one && reader.get(key).is_some_and(|(value, _)| !value.is_array());
        let read = match one {
            true => value(of, key, reader).map(|value| vec![value]),
            false => reader.list(key, |value| of.parse(value)),
        };
        let default = || {
            let text = self.default.as_deref()?;
            let list = DeValue::parse(text).expect("a test reads the default of every key");
            let values = list.get_ref().as_array()?.iter();
            let parsed = values.filter_map(|value| of.parse(value.get_ref()).ok());
            Some(parsed.map(|value| Spanned::new(value, reader.span())).collect())
        };
        Some(read.or_else(default).unwrap_or_default())
    }
}

/// A table of values as the value of a key.
pub(in crate::config) struct Table<T, V> {
    presence: Presence,
    of: PhantomData<(T, V)>,
}

#[derive(Clone, Copy)]
enum Presence {
    /// Read as an empty one if it is not written.
    Always,
    Optional(&'static str),
    Required(&'static str),
    /// A word in its place.
    OrWord(&'static str),
    Repeated(&'static str),
    SingleOrRepeated(&'static str),
    Named(&'static str),
}

/// `[key]`, with the defaults of its keys if it is left out. No key of it may be [essential](ValueType::essential).
pub(in crate::config) fn table<T: Section>() -> Table<T, T> {
    Table { presence: Presence::Always, of: PhantomData }
}

/// `[key]`, which may be left out; `meaning` is what holds then.
pub(in crate::config) fn optional_table<T: Section>(meaning: &'static str) -> Table<T, Option<T>> {
    Table { presence: Presence::Optional(meaning), of: PhantomData }
}

/// `[key]`, which must be written; `example` is a line for it.
pub(in crate::config) fn required_table<T: Section>(example: &'static str) -> Table<T, Option<T>> {
    Table { presence: Presence::Required(example), of: PhantomData }
}

/// `[key]`, or the one word that stands for none.
pub(in crate::config) fn table_or_word<T: Section>(word: &'static str) -> Table<T, Option<T>> {
    Table { presence: Presence::OrWord(word), of: PhantomData }
}

/// `[[key]]`, any number of times.
pub(in crate::config) fn tables<T: Section>(meaning: &'static str) -> Table<T, Vec<T>> {
    Table { presence: Presence::Repeated(meaning), of: PhantomData }
}

/// `[key]` once or `[[key]]` any number of times.
pub(in crate::config) fn table_or_tables<T: Section>(meaning: &'static str) -> Table<T, Vec<T>> {
    Table { presence: Presence::SingleOrRepeated(meaning), of: PhantomData }
}

/// `[key.NAME]`, any number of times, by names that the operator chooses.
pub(in crate::config) fn named_tables<T: Section>(meaning: &'static str) -> Table<T, Vec<T>> {
    Table { presence: Presence::Named(meaning), of: PhantomData }
}

impl<T: Section, V> Table<T, V> {
    fn form_of_table(&self) -> Form {
        let explained = Absence::Explained;
        let (words, absence, header) = match self.presence {
            Presence::Always => ("table".to_owned(), explained(""), Header::Single),
            Presence::Optional(meaning) => ("table".to_owned(), explained(meaning), Header::Single),
            Presence::Required(_) => ("table".to_owned(), Absence::Required, Header::Single),
            Presence::OrWord(word) => {
                (format!("`{word:?}`, or a table"), Absence::Default(format!("{word:?}")), Header::Single)
            }
            Presence::Repeated(meaning) => ("tables".to_owned(), explained(meaning), Header::Repeated),
            Presence::SingleOrRepeated(meaning) => {
                ("table, or tables".to_owned(), explained(meaning), Header::SingleOrRepeated)
            }
            Presence::Named(meaning) => ("named tables".to_owned(), explained(meaning), Header::Named),
        };
        let json = match self.presence {
            Presence::OrWord(word) => json!({ "const": word }),
            _ => Value::Null,
        };
        Form { words, absence, json, table: Some(SubTable { header, names: T::NAMES, keys: T::keys }) }
    }
}

impl<T: Section> Field for Table<T, T> {
    type Value = T;

    fn form(&self) -> Form {
        self.form_of_table()
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<T> {
        reader.table(key)
    }
}

impl<T: Section> Field for Table<T, Option<T>> {
    type Value = Option<T>;

    fn form(&self) -> Form {
        self.form_of_table()
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Option<T>> {
        match self.presence {
            Presence::Required(example) => reader.require(key, example),
            Presence::OrWord(word) => {
                if let Some((value, span)) = reader.get(key).filter(|(value, _)| !value.is_table()) {
                    reader.parsed(key, value, span, |value| super::values::one_of(&[(word, ())], value));
                    return Some(None);
                }
            }
            _ => {}
        }
        Some(reader.optional_table(key))
    }
}

impl<T: Section> Field for Table<T, Vec<T>> {
    type Value = Vec<T>;

    fn form(&self) -> Form {
        self.form_of_table()
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Vec<T>> {
        Some(match self.presence {
            Presence::Named(_) => reader.named_tables(key),
            Presence::SingleOrRepeated(_) if reader.get(key).is_some_and(|(value, _)| !value.is_array()) => {
                reader.optional_table(key).into_iter().collect()
            }
            _ => reader.tables(key),
        })
    }
}

/// A table whose keys are free too.
pub(in crate::config) struct Pairs<K, T> {
    parse_key: fn(&str) -> Result<K, ValueError>,
    of: T,
    meaning: &'static str,
}

/// A table whose keys `parse_key` reads and whose values are `of`; `meaning` is what holds if it is left out.
pub(in crate::config) fn pairs<K, T: ValueType>(
    parse_key: fn(&str) -> Result<K, ValueError>,
    of: T,
    meaning: &'static str,
) -> Pairs<K, T> {
    Pairs { parse_key, of, meaning }
}

impl<K, T: ValueType> Field for Pairs<K, T> {
    type Value = Vec<(Spanned<K>, Spanned<T::Value>)>;

    fn form(&self) -> Form {
        let json = json!({ "type": "object", "additionalProperties": self.of.json() });
        Form { words: "table".to_owned(), absence: Absence::Explained(self.meaning), json, table: None }
    }

    fn read(&self, key: &'static str, reader: &mut TableReader<'_>) -> Option<Self::Value> {
        Some(reader.pairs(key, self.parse_key, |value| self.of.parse(value)))
    }
}
