//! The types of single values: text, numbers, durations, sizes, words of a closed set, identifiers.
//!
//! Each parses one TOML value, or says in an operator's words what is wrong with it. No other key and no file is looked
//! at.

use super::fields::ValueType;
use super::suggestion::{alternatives, nearest};
use super::value_error::ValueError;
use crate::certificate::{ObjectIdentifier, usage};
use crate::directory::Sid;
use bytesize::ByteSize;
use const_oid::db::rfc5280::{ANY_EXTENDED_KEY_USAGE, ANY_POLICY};
use serde_json::{Value, json};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;
use toml::de::DeValue;

/// A string that a function parses.
pub(in crate::config) struct Parsed<T> {
    words: &'static str,
    plural: &'static str,
    parse: fn(&DeValue<'_>) -> Result<T, ValueError>,
}

impl<T> Parsed<T> {
    /// `words` and `plural` are its name in the reference.
    pub(in crate::config) const fn new(
        words: &'static str,
        plural: &'static str,
        parse: fn(&DeValue<'_>) -> Result<T, ValueError>,
    ) -> Self {
        Self { words, plural, parse }
    }
}

impl<T: Clone> ValueType for Parsed<T> {
    type Value = T;

    fn parse(&self, value: &DeValue<'_>) -> Result<T, ValueError> {
        (self.parse)(value)
    }

    fn words(&self) -> String {
        self.words.to_owned()
    }

    fn plural(&self) -> String {
        self.plural.to_owned()
    }

    fn json(&self) -> Value {
        json!({ "type": "string" })
    }
}

/// Text on one line that is not empty.
pub(in crate::config) const TEXT: Parsed<String> = Parsed::new("text", "texts", text);
/// The name of a file. Relative names start at the folder of proxy.toml, which only the compile step knows.
pub(in crate::config) const FILE: Parsed<PathBuf> = Parsed::new("file", "files", file);
/// The name of a file, or of a folder of such files.
pub(in crate::config) const FILE_OR_FOLDER: Parsed<PathBuf> =
    Parsed::new("file or folder", "files or folders", file);
/// The name of a folder.
pub(in crate::config) const FOLDER: Parsed<PathBuf> = Parsed::new("folder", "folders", file);
/// An extended key usage (RFC 5280 4.2.1.12), by name or number.
pub(in crate::config) const USAGE: Parsed<ObjectIdentifier> =
    Parsed::new("usage", "usages", extended_key_usage);
/// A certificate policy (RFC 5280 4.2.1.4), by number.
pub(in crate::config) const POLICY: Parsed<ObjectIdentifier> = Parsed::new("policy", "policies", policy);
/// A security identifier ([MS-DTYP] 2.4.2.1).
pub(in crate::config) const SID: Parsed<Sid> = Parsed::new("SID", "SIDs", sid);
/// A SHA-256 in hexadecimal.
pub(in crate::config) const SHA256: Parsed<[u8; 32]> =
    Parsed::new("64 hexadecimal digits", "lists of 64 hexadecimal digits", sha256);

/// `true` or `false`.
pub(in crate::config) struct Boolean;

/// `true` or `false`.
pub(in crate::config) const BOOLEAN: Boolean = Boolean;

impl ValueType for Boolean {
    type Value = bool;

    fn parse(&self, value: &DeValue<'_>) -> Result<bool, ValueError> {
        let error = || match value.as_str() {
            Some(word @ ("true" | "false")) => {
                ValueError::wrong_type("true or false", value).help(format!("write {word} without quotes"))
            }
            Some(_) | None => ValueError::wrong_type("true or false", value),
        };
        value.as_bool().ok_or_else(error)
    }

    fn words(&self) -> String {
        "`true`, `false`".to_owned()
    }

    fn json(&self) -> Value {
        json!({ "type": "boolean" })
    }
}

/// A whole number in a range.
pub(in crate::config) struct Integer(RangeInclusive<usize>);

/// A whole number from `least` to `most`.
pub(in crate::config) const fn integer(least: usize, most: usize) -> Integer {
    Integer(least..=most)
}

impl ValueType for Integer {
    type Value = usize;

    fn parse(&self, value: &DeValue<'_>) -> Result<usize, ValueError> {
        let number = value.as_integer().ok_or_else(|| ValueError::wrong_type("a whole number", value))?;
        let in_range = usize::from_str_radix(number.as_str(), number.radix()).ok();
        in_range.filter(|number| self.0.contains(number)).ok_or_else(|| {
            let (least, most) = (self.0.start(), self.0.end());
            ValueError::new(format!("{number} is out of range")).help(format!("from {least} to {most}"))
        })
    }

    fn words(&self) -> String {
        format!("{} to {}", self.0.start(), self.0.end())
    }

    fn json(&self) -> Value {
        json!({ "type": "integer", "minimum": self.0.start(), "maximum": self.0.end() })
    }
}

/// A duration in words, `1h 30min`, in a range.
pub(in crate::config) struct DurationValue {
    least: &'static str,
    most: &'static str,
}

/// A duration from `least` to `most`, which are written as in proxy.toml.
pub(in crate::config) const fn duration(least: &'static str, most: &'static str) -> DurationValue {
    DurationValue { least, most }
}

impl ValueType for DurationValue {
    type Value = Duration;

    fn parse(&self, value: &DeValue<'_>) -> Result<Duration, ValueError> {
        let bound = |text| parsed_duration(text).expect("a test reads the range of every key");
        let range = bound(self.least)..=bound(self.most);
        let examples = ["500ms", "30s", "5m", "8h"].into_iter();
        let in_range = |text: &&str| parsed_duration(text).is_ok_and(|example| range.contains(&example));
        let help = format!(
            "from {} to {}, such as {}",
            self.least,
            self.most,
            alternatives(examples.filter(in_range))
        );
        if value.is_integer() {
            return Err(ValueError::new("a duration needs a unit, in quotes").help(help));
        }
        let text = raw_text(value)?;
        let duration = parsed_duration(text)
            .map_err(|reason| ValueError::new(format!("{text:?} is not a duration: {reason}")).help(&help))?;
        if !range.contains(&duration) {
            return Err(ValueError::new(format!("{text:?} is out of range")).help(help));
        }
        Ok(duration)
    }

    fn words(&self) -> String {
        format!("duration, {} to {}", self.least, self.most)
    }

    fn json(&self) -> Value {
        json!({ "type": "string", "pattern": "^[0-9]" })
    }
}

/// humantime panics if the seconds come to just above what a `Duration` holds, so numbers and text are bounded first.
fn parsed_duration(text: &str) -> Result<Duration, String> {
    let longest_number = text.split(|letter: char| !letter.is_ascii_digit()).map(str::len).max();
    if text.len() > 64 || longest_number.is_some_and(|digits| digits > 9) {
        return Err("it is too long".to_owned());
    }
    humantime::parse_duration(text).map_err(|error| error.to_string())
}

/// An amount of bytes, `64KiB`, in a range.
pub(in crate::config) struct Size {
    least: &'static str,
    most: &'static str,
}

/// An amount of bytes from `least` to `most`, which are written as in proxy.toml.
pub(in crate::config) const fn size(least: &'static str, most: &'static str) -> Size {
    Size { least, most }
}

impl Size {
    fn range(&self) -> RangeInclusive<u64> {
        let bound = |text| parsed_size(text).expect("a test reads the range of every key");
        bound(self.least)..=bound(self.most)
    }
}

impl ValueType for Size {
    type Value = u64;

    fn parse(&self, value: &DeValue<'_>) -> Result<u64, ValueError> {
        let help = format!("from {} to {}, such as \"64KiB\", \"1MiB\" or \"12MiB\"", self.least, self.most);
        let size = match value {
            DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
            other => parsed_size(raw_text(other)?),
        };
        let written = value.as_str().map_or_else(|| "the number".to_owned(), |text| format!("{text:?}"));
        let size = size.ok_or_else(|| ValueError::new(format!("{written} is not a size")).help(&help))?;
        if !self.range().contains(&size) {
            return Err(ValueError::new(format!("{written} is out of range")).help(help));
        }
        Ok(size)
    }

    fn words(&self) -> String {
        format!("size, {} to {}", self.least, self.most)
    }

    fn json(&self) -> Value {
        let range = self.range();
        json!({ "anyOf": [
            { "type": "integer", "minimum": range.start(), "maximum": range.end() },
            { "type": "string", "pattern": "^ *[0-9]" },
        ] })
    }
}

/// The messages of [`ByteSize`] speak of Rust types, so they are left out.
fn parsed_size(text: &str) -> Option<u64> {
    text.trim().parse::<ByteSize>().ok().map(|size| size.as_u64())
}

/// One word of a closed set.
pub(in crate::config) struct Choice<T: 'static>(&'static [(&'static str, T)]);

/// One of `words`, with the meaning of each.
pub(in crate::config) const fn choice<T: Copy>(words: &'static [(&'static str, T)]) -> Choice<T> {
    Choice(words)
}

impl<T: Copy> ValueType for Choice<T> {
    type Value = T;

    fn parse(&self, value: &DeValue<'_>) -> Result<T, ValueError> {
        one_of(self.0, value)
    }

    fn words(&self) -> String {
        let words: Vec<_> = self.0.iter().map(|(word, _)| format!("`{word:?}`")).collect();
        words.join(", ")
    }

    fn json(&self) -> Value {
        json!({ "enum": self.0.iter().map(|(word, _)| *word).collect::<Vec<_>>() })
    }
}

/// The meaning of a word in `words`.
pub(super) fn one_of<T: Copy>(words: &[(&str, T)], value: &DeValue<'_>) -> Result<T, ValueError> {
    let known = || words.iter().map(|(word, _)| *word);
    let text = raw_text(value).map_err(|error| error.help(format!("write {}", alternatives(known()))))?;
    if let Some((_, meaning)) = words.iter().find(|(word, _)| *word == text) {
        return Ok(*meaning);
    }
    let help = match nearest(text, known()) {
        Some(near) => format!("did you mean {near:?}?"),
        None => format!("write {}", alternatives(known())),
    };
    Err(ValueError::new(format!("{text:?} is not a value of this key")).help(help))
}

/// Text on one line that is not empty.
pub(in crate::config) fn text(value: &DeValue<'_>) -> Result<String, ValueError> {
    let text = raw_text(value)?;
    if text.trim().is_empty() {
        return Err(ValueError::new("the text is empty"));
    }
    if text.chars().any(char::is_control) {
        return Err(ValueError::new("the text holds a line break or another control character"));
    }
    Ok(text.to_owned())
}

/// Any string.
pub(in crate::config) fn raw_text<'v>(value: &'v DeValue<'_>) -> Result<&'v str, ValueError> {
    value.as_str().ok_or_else(|| ValueError::wrong_type("a string", value))
}

/// A name, not the contents that some operators paste.
fn file(value: &DeValue<'_>) -> Result<PathBuf, ValueError> {
    if raw_text(value)?.contains("-----BEGIN") {
        return Err(ValueError::new("expected the name of a PEM file, found its contents"));
    }
    text(value).map(PathBuf::from)
}

/// An extended key usage by name or number. anyExtendedKeyUsage is refused: it would admit certificates for any use.
fn extended_key_usage(value: &DeValue<'_>) -> Result<ObjectIdentifier, ValueError> {
    let text = raw_text(value)?;
    if let Some(usage) = usage::of_name(text) {
        return Ok(usage);
    }
    let names = || usage::NAMED.iter().map(|(name, _)| *name);
    let usage: ObjectIdentifier = text.parse().map_err(|_| {
        let help = match nearest(text, names()) {
            Some(near) => format!("did you mean {near:?}?"),
            None => format!("write {} or a dotted number", alternatives(names())),
        };
        ValueError::new(format!("{text:?} is not an extended key usage")).help(help)
    })?;
    if usage == ANY_EXTENDED_KEY_USAGE {
        return Err(ValueError::new("anyExtendedKeyUsage does not say what a certificate is for")
            .help("name the usages that it must have, or [] for no demand"));
    }
    Ok(usage)
}

/// A dotted object identifier, as of a certificate policy. anyPolicy (RFC 5280 4.2.1.4) demands nothing and is refused.
fn policy(value: &DeValue<'_>) -> Result<ObjectIdentifier, ValueError> {
    let text = raw_text(value)?;
    let policy: ObjectIdentifier = text.parse().map_err(|_| {
        ValueError::new(format!("{text:?} is not an object identifier"))
            .help("dotted numbers, such as \"2.16.840.1.101.3.2.1.3.13\"")
    })?;
    if policy == ANY_POLICY {
        return Err(
            ValueError::new("anyPolicy demands nothing").help("name the policies, or leave the key out")
        );
    }
    Ok(policy)
}

/// A security identifier ([MS-DTYP] 2.4.2.1).
pub(in crate::config) fn sid(value: &DeValue<'_>) -> Result<Sid, ValueError> {
    let text = raw_text(value)?;
    Sid::parse(text).map_err(|_| {
        ValueError::new(format!("{text:?} is not a security identifier"))
            .help("such as \"S-1-5-21-1004336348-1177238915-682003330\"")
    })
}

/// A SHA-256 in hexadecimal, with or without colons between the bytes.
fn sha256(value: &DeValue<'_>) -> Result<[u8; 32], ValueError> {
    let text = raw_text(value)?;
    let fault = || {
        ValueError::new("this is not a SHA-256 in hexadecimal")
            .help("64 digits, as `portcullis inspect` and `openssl x509 -noout -fingerprint -sha256` show")
    };
    let digits: Vec<char> = text.chars().filter(|letter| *letter != ':').collect();
    let mut bytes = Vec::with_capacity(32);
    for pair in digits.chunks(2) {
        let pair: String = pair.iter().collect();
        let both_hexadecimal = pair.len() == 2 && pair.bytes().all(|digit| digit.is_ascii_hexdigit());
        let byte = u8::from_str_radix(&pair, 16).ok().filter(|_| both_hexadecimal);
        bytes.push(byte.ok_or_else(fault)?);
    }
    bytes.try_into().map_err(|_| fault())
}
