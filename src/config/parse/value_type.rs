//! The types of single values: text, numbers, durations, sizes, words of a closed set, identifiers. Each is parsed without
//! regard to other keys and to files.

use super::diagnostic::ValueError;
use super::suggestion::{alternatives, did_you_mean};
use crate::certificate::{ObjectIdentifier, usage};
use crate::directory::Sid;
use bytesize::ByteSize;
use const_oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ANY_POLICY};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

type ParseValue<T> = Box<dyn Fn(&DeValue<'_>) -> Result<T, ValueError>>;

/// The type of a value: its parser and its description.
pub(crate) struct ValueType<T> {
    parse: ParseValue<T>,
    describe: Box<dyn Fn() -> TypeDescription>,
}

/// A type of values in the reference and in the JSON Schema.
pub(super) struct TypeDescription {
    /// In words: `duration, 1s to 5m`.
    pub(super) words: String,
    /// A list of them in words.
    pub(super) plural: String,
    pub(super) json: Value,
}

impl<T> ValueType<T> {
    fn new(
        parse: impl Fn(&DeValue<'_>) -> Result<T, ValueError> + 'static,
        describe: impl Fn() -> (String, Value) + 'static,
    ) -> Self {
        let describe = move || {
            let (words, json) = describe();
            TypeDescription { plural: format!("list of {words}"), words, json }
        };
        Self { parse: Box::new(parse), describe: Box::new(describe) }
    }

    /// Returns the same type under another name in the reference.
    pub(crate) fn called(self, words: &'static str, plural: &'static str) -> Self
    where
        T: 'static,
    {
        let Self { parse, describe } = self;
        let (words, plural) = (words.to_owned(), plural.to_owned());
        let describe = move || TypeDescription { words: words.clone(), plural: plural.clone(), ..describe() };
        Self { parse, describe: Box::new(describe) }
    }

    pub(super) fn parse(&self, value: &DeValue<'_>) -> Result<T, ValueError> {
        (self.parse)(value)
    }

    pub(super) fn description(&self) -> TypeDescription {
        (self.describe)()
    }
}

/// Returns the type of a string that `parse` reads; `words` and `plural` name it in the reference.
pub(crate) fn string<T: 'static>(
    words: &'static str,
    plural: &'static str,
    parse: impl Fn(&str) -> Result<T, ValueError> + 'static,
) -> ValueType<T> {
    let parse = move |value: &DeValue<'_>| parse(string_of(value)?);
    ValueType::new(parse, || (String::new(), json!({ "type": "string" }))).called(words, plural)
}

/// Returns a type like [`string`], for text on one line that is not empty.
pub(crate) fn line<T: 'static>(
    words: &'static str,
    plural: &'static str,
    parse: impl Fn(&str) -> Result<T, ValueError> + 'static,
) -> ValueType<T> {
    string(words, plural, move |text| parse(one_line(text)?))
}

/// Returns the type of text on one line that is not empty.
pub(crate) fn text() -> ValueType<String> {
    line("text", "texts", |text| Ok(text.to_owned()))
}

/// Returns the type of the name of a file. Relative names start at the folder of proxy.toml, which only the compilation
/// knows.
pub(crate) fn file() -> ValueType<PathBuf> {
    string("file", "files", parse_file)
}

pub(crate) fn parse_file(name: &str) -> Result<PathBuf, ValueError> {
    match name.contains("-----BEGIN") {
        true => Err(ValueError::new("expected the name of a PEM file, found its contents")),
        false => one_line(name).map(PathBuf::from),
    }
}

/// Returns the type of the name of a file, or of a folder of such files.
pub(crate) fn file_or_folder() -> ValueType<PathBuf> {
    file().called("file or folder", "files or folders")
}

/// Returns the type of the name of a folder.
pub(crate) fn folder() -> ValueType<PathBuf> {
    file().called("folder", "folders")
}

pub(crate) fn boolean() -> ValueType<bool> {
    let parse = |value: &DeValue<'_>| {
        let error = || ValueError::wrong_type("true or false", value);
        value.as_bool().ok_or_else(|| match value.as_str() {
            Some(word @ ("true" | "false")) => error().help(format!("write {word} without quotes")),
            Some(_) | None => error(),
        })
    };
    ValueType::new(parse, || ("`true`, `false`".to_owned(), json!({ "type": "boolean" })))
}

/// Returns the type of a whole number from `least` to `most`.
pub(crate) fn integer<T: TryFrom<u64>>(least: u64, most: u64) -> ValueType<T> {
    let parse = move |value: &DeValue<'_>| {
        let number = value.as_integer().ok_or_else(|| ValueError::wrong_type("a whole number", value))?;
        let parsed = u64::from_str_radix(number.as_str(), number.radix()).ok();
        let in_range = parsed.filter(|number| (least..=most).contains(number));
        let error = || ValueError::new(format!("{number} is out of range"));
        let value = in_range.and_then(|number| T::try_from(number).ok());
        value.ok_or_else(|| error().help(format!("from {least} to {most}")))
    };
    ValueType::new(parse, move || {
        (format!("{least} to {most}"), json!({ "type": "integer", "minimum": least, "maximum": most }))
    })
}

/// Returns the type of a duration in words, `1h 30min`, from `least` to `most`, which are written as in proxy.toml.
pub(crate) fn duration(least: &'static str, most: &'static str) -> ValueType<Duration> {
    let parse = move |value: &DeValue<'_>| {
        let bound = |text| parse_duration(text).expect("a test reads the range of every key");
        let range = bound(least)..=bound(most);
        let examples = ["500ms", "30s", "5m", "8h"].into_iter();
        let examples = examples.filter(|text| range.contains(&bound(*text)));
        let help = format!("from {least} to {most}, such as {}", alternatives(examples));
        if value.is_integer() {
            return Err(ValueError::new("a duration needs a unit, in quotes").help(help));
        }
        let text = string_of(value)?;
        match parse_duration(text) {
            Ok(duration) if range.contains(&duration) => Ok(duration),
            Ok(_) => Err(ValueError::new(format!("{text:?} is out of range")).help(help)),
            Err(reason) => Err(ValueError::new(format!("{text:?} is not a duration: {reason}")).help(help)),
        }
    };
    ValueType::new(parse, move || {
        (format!("duration, {least} to {most}"), json!({ "type": "string", "pattern": "^[0-9]" }))
    })
}

/// humantime panics if the seconds amount to just above the longest `Duration`, so numbers and text are bounded first.
fn parse_duration(text: &str) -> Result<Duration, String> {
    let longest_number = text.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max();
    if text.len() > 64 || longest_number.is_some_and(|digits| digits > 9) {
        return Err("it is too long".to_owned());
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// Returns the type of an amount of bytes, `64KiB`, from `least` to `most`, which are written as in proxy.toml.
pub(crate) fn size<T: TryFrom<u64>>(least: &'static str, most: &'static str) -> ValueType<T> {
    let range = move || {
        let bound = |text| parse_size(text).expect("a test reads the range of every key");
        bound(least)..=bound(most)
    };
    let parse = move |value: &DeValue<'_>| {
        let help = format!("from {least} to {most}, such as \"64KiB\", \"1MiB\" or \"12MiB\"");
        let size = match value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            other => parse_size(string_of(other)?),
        };
        let written = value.as_str().map_or_else(|| "the number".to_owned(), |text| format!("{text:?}"));
        let size = size.ok_or_else(|| ValueError::new(format!("{written} is not a size")).help(&help))?;
        let in_range = T::try_from(size).ok().filter(|_| range().contains(&size));
        in_range.ok_or_else(|| ValueError::new(format!("{written} is out of range")).help(help))
    };
    ValueType::new(parse, move || {
        let integer = json!({ "type": "integer", "minimum": range().start(), "maximum": range().end() });
        let string = json!({ "type": "string", "pattern": "^ *[0-9]" });
        (format!("size, {least} to {most}"), json!({ "anyOf": [integer, string] }))
    })
}

/// The messages of [`ByteSize`] name Rust types, so they are not repeated.
fn parse_size(text: &str) -> Option<u64> {
    text.trim().parse::<ByteSize>().ok().map(|size| size.as_u64())
}

/// Returns the type of one of `words`, each with its meaning.
pub(crate) fn choice<T: Copy, W>(words: W) -> ValueType<T>
where
    W: AsRef<[(&'static str, T)]> + Clone + 'static,
{
    let known = words.clone();
    let parse = move |value: &DeValue<'_>| {
        let names = || known.as_ref().iter().map(|(word, _)| *word);
        let otherwise = || format!("write {}", alternatives(names()));
        let text = string_of(value).map_err(|error| error.help(otherwise()))?;
        let meaning = known.as_ref().iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        let help = || did_you_mean(text, names(), otherwise);
        meaning.ok_or_else(|| ValueError::new(format!("{text:?} is not a value of this key")).help(help()))
    };
    ValueType::new(parse, move || {
        let names: Vec<_> = words.as_ref().iter().map(|(word, _)| *word).collect();
        let quoted: Vec<_> = names.iter().map(|word| format!("`{word:?}`")).collect();
        (quoted.join(", "), json!({ "enum": names }))
    })
}

/// Returns the type of an extended key usage (RFC 5280 4.2.1.12), by name or number. anyExtendedKeyUsage is rejected: it
/// would permit certificates for any purpose.
pub(crate) fn extended_key_usage() -> ValueType<ObjectIdentifier> {
    string("usage", "usages", |text| {
        if let Some(usage) = usage::of_name(text) {
            return Ok(usage);
        }
        let names = || usage::NAMED.iter().map(|(name, _)| *name);
        let otherwise = || format!("write {} or a dotted number", alternatives(names()));
        let help = || did_you_mean(text, names(), otherwise);
        let error = || ValueError::new(format!("{text:?} is not an extended key usage")).help(help());
        let usage = text.parse().map_err(|_| error())?;
        let any = ValueError::new("anyExtendedKeyUsage permits every purpose");
        let help = "list the required usages, or [] for none";
        if usage == ANY_EXTENDED_KEY_USAGE { Err(any.help(help)) } else { Ok(usage) }
    })
}

/// Returns the type of a certificate policy, by number. anyPolicy (RFC 5280 4.2.1.4) requires nothing and is rejected.
pub(crate) fn certificate_policy() -> ValueType<ObjectIdentifier> {
    string("policy", "policies", |text| {
        let help = "dotted numbers, such as \"2.16.840.1.101.3.2.1.3.13\"";
        let error = || ValueError::new(format!("{text:?} is not an object identifier")).help(help);
        let policy = text.parse().map_err(|_| error())?;
        let any = ValueError::new("anyPolicy requires nothing");
        let help = "name the policies, or leave the key out";
        if policy == ANY_POLICY { Err(any.help(help)) } else { Ok(policy) }
    })
}

/// Returns the type of a security identifier ([MS-DTYP] 2.4.2.1).
pub(crate) fn sid() -> ValueType<Sid> {
    string("SID", "SIDs", parse_sid)
}

pub(crate) fn parse_sid(text: &str) -> Result<Sid, ValueError> {
    let help = "such as \"S-1-5-21-1004336348-1177238915-682003330\"";
    Sid::parse(text).map_err(|_| ValueError::new(format!("{text:?} is not a security identifier")).help(help))
}

/// Returns the type of a SHA-256 in hexadecimal, with or without colons between the bytes.
pub(crate) fn sha256() -> ValueType<[u8; 32]> {
    string("64 hexadecimal digits", "lists of 64 hexadecimal digits", |text| {
        let digits: Vec<char> = text.chars().filter(|letter| *letter != ':').collect();
        let byte = |pair: &[char]| match pair {
            [high, low] => u8::try_from(high.to_digit(16)? << 4 | low.to_digit(16)?).ok(),
            _ => None,
        };
        let bytes: Option<Vec<u8>> = digits.chunks(2).map(byte).collect();
        let help = "64 digits, as `portcullis inspect` and `openssl x509 -noout -fingerprint -sha256` show";
        let error = || ValueError::new("this is not a SHA-256 in hexadecimal").help(help);
        bytes.and_then(|bytes| bytes.try_into().ok()).ok_or_else(error)
    })
}

fn string_of<'v>(value: &'v DeValue<'_>) -> Result<&'v str, ValueError> {
    value.as_str().ok_or_else(|| ValueError::wrong_type("a string", value))
}

fn one_line(text: &str) -> Result<&str, ValueError> {
    if text.trim().is_empty() {
        return Err(ValueError::new("the text is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(ValueError::new("the text contains a line break or another control character"));
    }
    Ok(text)
}
