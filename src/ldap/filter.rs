//! Search filters (RFC 4515): composed from attributes and values, or parsed from configuration text.
//!
//! A filter is stored in its BER encoding, in which a value cannot be read as syntax, and as text for logs.

mod parse;

use self::parse::{AND, EQUALITY, OR, PRESENT, comparison};
use super::ber::encode;
use std::fmt::{self, Write};
use thiserror::Error;

/// The name of an attribute: a letter, then letters, digits and hyphens (RFC 4512 1.4, `keystring`). Options and numeric
/// object identifiers are not accepted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeName(String);

/// Text that is not an [`AttributeName`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is not a valid attribute name: use a letter, then letters, digits and hyphens")]
pub struct AttributeNameError(pub String);

/// Text that is not a [`SearchFilter`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is not a valid LDAP search filter: write it in parentheses, as in `(objectClass=person)` (RFC 4515)"
)]
pub struct SearchFilterError(pub String);

/// A search filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchFilter {
    encoded: Vec<u8>,
    text: String,
}

impl AttributeName {
    /// Parses a name.
    ///
    /// # Errors
    /// `text` has another form.
    pub fn parse(text: &str) -> Result<Self, AttributeNameError> {
        let starts = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
        let continues = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (starts && continues)
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| AttributeNameError(text.to_owned()))
    }

    /// Returns the name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SearchFilter {
    /// Parses a whole filter with its parentheses (RFC 4515).
    ///
    /// # Errors
    /// `text` is not exactly one filter, or is nested too deeply.
    pub fn parse(text: &str) -> Result<Self, SearchFilterError> {
        let encoded = parse::encode_filter(text).ok_or_else(|| SearchFilterError(text.to_owned()))?;
        Ok(Self { encoded, text: text.to_owned() })
    }

    /// Returns a filter for entries whose attribute has this value, according to the attribute's matching rule.
    pub(crate) fn equals(attribute: &str, value: impl AsRef<[u8]>) -> Self {
        let value = value.as_ref();
        Self {
            encoded: comparison(EQUALITY, attribute, value),
            text: format!("({attribute}={})", EscapedValue(value)),
        }
    }

    /// Returns a filter for entries that have the attribute.
    pub(crate) fn present(attribute: &str) -> Self {
        Self { encoded: encode(PRESENT, &[attribute.as_bytes()]).to_vec(), text: format!("({attribute}=*)") }
    }

    /// Returns a filter for entries that match all of `filters`.
    pub(crate) fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::joined(AND, '&', filters)
    }

    /// Returns a filter for entries that match at least one of `filters`; `None` if there are none: no entry could
    /// match, and servers need not support the filter for that (RFC 4526).
    pub(crate) fn any(filters: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut filters = filters.into_iter().peekable();
        filters.peek()?;
        Some(Self::joined(OR, '|', filters))
    }

    fn joined(tag: u8, operator: char, filters: impl IntoIterator<Item = Self>) -> Self {
        let mut text = format!("({operator}");
        let mut encoded = Vec::new();
        for filter in filters {
            text.push_str(&filter.text);
            encoded.extend(filter.encoded);
        }
        text.push(')');
        Self { encoded: encode(tag, &[&encoded]).to_vec(), text }
    }

    /// Returns the filter as encoded in a request.
    pub(super) fn encoded(&self) -> &[u8] {
        &self.encoded
    }

    /// Returns the filter as text (RFC 4515).
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for SearchFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A value in the text of a filter. RFC 4515 section 3 requires escapes for five bytes. Three more have a meaning
/// outside of values and are escaped so that a log reader cannot confuse them with syntax, and so are all that are not
/// printable.
struct EscapedValue<'v>(&'v [u8]);

impl fmt::Display for EscapedValue<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            b'*' | b'(' | b')' | b'\\' | b'&' | b'|' | b'!' => write!(f, "\\{byte:02x}"),
            b' '..=b'~' => f.write_char(char::from(*byte)),
            other => write!(f, "\\{other:02x}"),
        })
    }
}

#[cfg(test)]
mod tests;
