//! Takes attributes and the values that they should have, gives a search filter as text (RFC 4515). Never lets a value
//! be anything but a value.

use std::fmt::{self, Write};
use thiserror::Error;

/// The name of an attribute: a letter, then letters, digits and hyphens (RFC 4512 1.4, `keystring`). Options after a
/// semicolon and names as numbers are not taken.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AttributeName(String);

/// Text that is no [`AttributeName`].
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no name of an attribute: a letter, then letters, digits and hyphens")]
pub struct AttributeNameError(pub String);

/// A text that is no filter.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("`{0}` is no search filter in parentheses (RFC 4515)")]
pub struct SearchFilterError(pub String);

/// What entries a search is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchFilter(String);

impl AttributeName {
    /// Reads a name.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, AttributeNameError> {
        let starts = text.starts_with(|letter: char| letter.is_ascii_alphabetic());
        let goes_on = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        (starts && goes_on).then(|| Self(text.to_owned())).ok_or_else(|| AttributeNameError(text.to_owned()))
    }

    /// The name as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl SearchFilter {
    /// Takes a filter that an administrator wrote, with its parentheses.
    ///
    /// # Errors
    /// Where it is none.
    pub fn parse(text: &str) -> Result<Self, SearchFilterError> {
        let whole = text.starts_with('(') && text.ends_with(')') && ldap3::parse_filter(text).is_ok();
        whole.then(|| Self(text.to_owned())).ok_or_else(|| SearchFilterError(text.to_owned()))
    }

    /// Entries whose attribute has this value, by the attribute's own rule of equality.
    pub(super) fn equals(attribute: &str, value: impl AsRef<[u8]>) -> Self {
        Self(format!("({attribute}={})", Escaped(value.as_ref())))
    }

    /// Entries that have the attribute.
    pub(super) fn has(attribute: &str) -> Self {
        Self(format!("({attribute}=*)"))
    }

    /// Entries that fit all of them.
    pub(super) fn all(filters: impl IntoIterator<Item = Self>) -> Self {
        Self::joined('&', filters)
    }

    /// Entries that fit at least one. `None` where there is none to fit: RFC 4526 has a filter for it that directories
    /// need not know, and nobody needs to be asked.
    pub(super) fn any(filters: impl IntoIterator<Item = Self>) -> Option<Self> {
        let mut filters = filters.into_iter().peekable();
        filters.peek()?;
        Some(Self::joined('|', filters))
    }

    fn joined(operator: char, filters: impl IntoIterator<Item = Self>) -> Self {
        let mut text = format!("({operator}");
        for Self(filter) in filters {
            text.push_str(&filter);
        }
        text.push(')');
        Self(text)
    }

    /// The text of it, as it is sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SearchFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A value in a filter. RFC 4515 3 demands an escape for five bytes; three more mean something outside of values and
/// are escaped so that a lax reader cannot take them for it. What is not printable ASCII is escaped as well.
struct Escaped<'v>(&'v [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| match byte {
            b'*' | b'(' | b')' | b'\\' | b'&' | b'|' | b'!' => write!(f, "\\{byte:02x}"),
            b' '..=b'~' => f.write_char(char::from(*byte)),
            other => write!(f, "\\{other:02x}"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_value_can_be_nothing_but_a_value() {
        let cases = [
            ("alice@corp.example", "(upn=alice@corp.example)"),
            ("*)(objectClass=*", r"(upn=\2a\29\28objectClass=\2a)"),
            ("*", r"(upn=\2a)"),
            ("a\0b", r"(upn=a\00b)"),
            (r"\2a", r"(upn=\5c2a)"),
            ("é\u{202e}", r"(upn=\c3\a9\e2\80\ae)"),
            (" a|!&b ", r"(upn= a\7c\21\26b )"),
            ("X509:<I>DC=corp,CN=CA<SR>12", "(upn=X509:<I>DC=corp,CN=CA<SR>12)"),
            ("", "(upn=)"),
        ];
        for (value, filter) in cases {
            assert_eq!(SearchFilter::equals("upn", value).as_str(), filter);
        }
    }

    #[test]
    fn filters_are_joined() {
        let two = || [SearchFilter::equals("a", "1"), SearchFilter::has("b")];
        assert_eq!(SearchFilter::all(two()).as_str(), "(&(a=1)(b=*))");
        assert_eq!(SearchFilter::any(two()).unwrap().as_str(), "(|(a=1)(b=*))");
    }

    #[test]
    fn a_choice_among_nothing_is_no_filter() {
        assert_eq!(SearchFilter::any([]), None);
    }

    #[test]
    fn an_administrators_filter_is_taken_whole_or_not_at_all() {
        assert!(SearchFilter::parse("(objectClass=inetOrgPerson)").is_ok());
        assert!(SearchFilter::parse("(&(a=1)(!(b=2)))").is_ok());
        for wrong in ["", "objectClass=person", "(a=1", "(a=1)(b=2)", "(a=1))", " (a=1)", "(a=\\zz)"] {
            assert_eq!(SearchFilter::parse(wrong), Err(SearchFilterError(wrong.to_owned())));
        }
    }

    #[test]
    fn a_name_of_an_attribute_holds_nothing_that_a_filter_or_a_list_could_take_for_its_own() {
        assert_eq!(AttributeName::parse("msDS-User").unwrap().as_str(), "msDS-User");
        for wrong in ["", "1.2.3", "a b", "a)", "a;binary", "a=*", "-a", "ä", "*", "+"] {
            assert_eq!(AttributeName::parse(wrong), Err(AttributeNameError(wrong.to_owned())));
        }
    }

    proptest! {
        #[test]
        fn whatever_the_value_the_client_reads_one_comparison_with_just_these_bytes(value in prop::collection::vec(any::<u8>(), 0..60)) {
            use ldap3::asn1::{ASNTag, PL, Tag};
            let filter = SearchFilter::equals("upn", &value);
            let read = match ldap3::parse_filter(filter.as_str()).unwrap() {
                Tag::Sequence(sequence) => sequence.into_structure(),
                other => panic!("no comparison: {other:?}"),
            };
            // RFC 4511 4.5.1.7: equalityMatch is [3], an attribute and a value.
            prop_assert_eq!(read.id, 3);
            let PL::C(parts) = read.payload else { panic!("a comparison has parts") };
            let parts: Vec<_> = parts.into_iter().map(|part| part.expect_primitive().unwrap()).collect();
            prop_assert_eq!(parts, vec![b"upn".to_vec(), value]);
        }
    }
}
