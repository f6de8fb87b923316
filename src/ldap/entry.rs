//! Entries of a search result, and the decoding of their attribute values.

use super::error::ProtocolError;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::str::FromStr;

/// An entry. The case of attribute names is ignored (RFC 4512 2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct LdapEntry {
    pub(crate) dn: String,
    attributes: BTreeMap<String, Vec<Bytes>>,
}

/// Returns the error for a value that does not have the syntax of its attribute.
pub(crate) const fn invalid_attribute(attribute: &'static str, reason: &'static str) -> ProtocolError {
    ProtocolError::InvalidAttribute { attribute, reason }
}

impl LdapEntry {
    pub(super) fn new(dn: &str) -> Self {
        Self { dn: dn.to_owned(), attributes: BTreeMap::new() }
    }

    /// Returns the values of an attribute, to which more can be added.
    pub(super) fn attribute(&mut self, name: &str) -> &mut Vec<Bytes> {
        self.attributes.entry(name.to_ascii_lowercase()).or_default()
    }

    /// Returns all attributes with their values. The names are lower case and include options (RFC 4512 2.5).
    pub(crate) fn attributes(&self) -> impl Iterator<Item = (&str, &[Bytes])> {
        self.attributes.iter().map(|(name, values)| (name.as_str(), values.as_slice()))
    }

    /// Returns all values of an attribute, in the server's order.
    ///
    /// # Errors
    /// The server returned only a part of the values, under a name with `;range=` ([MS-ADTS] 3.1.1.3.1.3.3). An
    /// incomplete list, of groups for example, must not be used as if it were complete.
    pub(crate) fn values(&self, name: &'static str) -> Result<&[Bytes], ProtocolError> {
        self.complete_values(name)
            .ok_or(invalid_attribute(name, "the server returned only some of its values"))
    }

    /// Returns all values of an attribute whose name is configured; `None` if the server returned only some of them.
    pub(crate) fn complete_values(&self, name: &str) -> Option<&[Bytes]> {
        let name = name.to_ascii_lowercase();
        let range = format!("{name};range=");
        if self.attributes.keys().any(|attribute| attribute.starts_with(&range)) {
            return None;
        }
        Some(self.attributes.get(&name).map_or(&[], Vec::as_slice))
    }

    /// Returns the values that are text. Other values cannot be names.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let values = self.complete_values(name).unwrap_or_default();
        values.iter().filter_map(|value| std::str::from_utf8(value).ok().map(str::to_owned)).collect()
    }

    /// Returns the value of an attribute that has at most one.
    pub(crate) fn bytes(&self, name: &'static str) -> Result<Option<&[u8]>, ProtocolError> {
        match self.values(name)? {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            [_, _, ..] => Err(invalid_attribute(name, "it has several values")),
        }
    }

    /// Returns the text of an attribute that has at most one value.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<&str>, ProtocolError> {
        let text = |value| std::str::from_utf8(value).map_err(|_| invalid_attribute(name, "it is not UTF-8"));
        self.bytes(name)?.map(text).transpose()
    }

    /// Returns the number of an attribute that has at most one value.
    pub(crate) fn number<N: FromStr>(&self, name: &'static str) -> Result<Option<N>, ProtocolError> {
        let number = |text: &str| text.parse().map_err(|_| invalid_attribute(name, "it is not a number"));
        self.text(name)?.map(number).transpose()
    }
}

#[cfg(test)]
impl LdapEntry {
    /// Creates an entry with these attributes.
    pub(crate) fn of(dn: &str, attributes: &[(&str, &[&[u8]])]) -> Self {
        let mut entry = Self::new(dn);
        for (name, values) in attributes {
            entry.attribute(name).extend(values.iter().map(|value| Bytes::copy_from_slice(value)));
        }
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_case_of_attribute_names_is_ignored() {
        let entry = LdapEntry::of("CN=a", &[("sAMAccountName", &[b"alice"]), ("Count", &[b"12"])]);
        assert_eq!(entry.text("SAMAccountName"), Ok(Some("alice")));
        assert_eq!(entry.number::<u32>("count"), Ok(Some(12)));
        assert_eq!(entry.text("mail"), Ok(None));
    }

    #[test]
    fn values_without_the_syntax_of_their_attribute_are_errors() {
        let entry = LdapEntry::of("CN=a", &[("two", &[b"1", b"2"]), ("odd", &[b"\xff"]), ("n", &[b"x"])]);
        assert_eq!(entry.text("two"), Err(invalid_attribute("two", "it has several values")));
        assert_eq!(entry.text("odd"), Err(invalid_attribute("odd", "it is not UTF-8")));
        assert_eq!(entry.number::<u32>("n"), Err(invalid_attribute("n", "it is not a number")));
    }

    #[test]
    fn an_incomplete_list_of_values_is_an_error() {
        let entry = LdapEntry::of("CN=a", &[("member;range=0-1499", &[b"x"])]);
        let reason = "the server returned only some of its values";
        assert_eq!(entry.values("member"), Err(invalid_attribute("member", reason)));
        assert_eq!(entry.complete_values("member"), None);
    }
}
