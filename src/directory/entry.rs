//! Takes an entry as the client library gives it, gives its attributes in the forms that they have. Never guesses: a
//! value that does not have its form is an error.

use super::error::Nonsense;
use ldap3::asn1::StructureTag;
use std::collections::BTreeMap;
use std::str::FromStr;

/// An entry of a directory. Names of attributes are compared without regard to case (RFC 4512 2.5).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) dn: String,
    attributes: BTreeMap<String, Vec<Vec<u8>>>,
}

impl Entry {
    /// Reads RFC 4511 4.5.2: a name, and attributes with their values.
    pub(super) fn read(tag: StructureTag) -> Result<Self, Nonsense> {
        let mut parts = constructed(tag)?.into_iter();
        let dn = text(parts.next())?;
        let mut attributes = BTreeMap::<String, Vec<Vec<u8>>>::new();
        for attribute in constructed(parts.next().ok_or(NO_ENTRY)?)? {
            let mut parts = constructed(attribute)?.into_iter();
            let name = text(parts.next())?.to_ascii_lowercase();
            let values = constructed(parts.next().ok_or(NO_ENTRY)?)?;
            let values = values.into_iter().map(|value| value.expect_primitive().ok_or(NO_ENTRY));
            let values = values.collect::<Result<Vec<_>, _>>()?;
            attributes.entry(name).or_default().extend(values);
        }
        Ok(Self { dn, attributes })
    }

    /// All values, in the directory's order.
    ///
    /// [MS-ADTS] 3.1.1.3.1.3.3: of an attribute with very many values the first ones come, under a name with `;range=`.
    /// Some of somebody's groups are not their groups.
    pub(super) fn values(&self, name: &'static str) -> Result<&[Vec<u8>], Nonsense> {
        self.values_of(name).ok_or_else(|| wrong(name, "it has more values than the directory gives at once"))
    }

    /// As [`Entry::values`], for a name that the administrator chose. `None` where not all values came.
    pub(super) fn values_of(&self, name: &str) -> Option<&[Vec<u8>]> {
        let name = name.to_ascii_lowercase();
        let part = format!("{name};range=");
        if self.attributes.keys().any(|attribute| attribute.starts_with(&part)) {
            return None;
        }
        Some(self.attributes.get(&name).map_or(&[], Vec::as_slice))
    }

    /// All values that are texts; the others are no names of anybody.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let values = self.values_of(name).unwrap_or_default();
        values.iter().filter_map(|value| String::from_utf8(value.clone()).ok()).collect()
    }

    /// The one value, where there is one.
    pub(super) fn bytes(&self, name: &'static str) -> Result<Option<&[u8]>, Nonsense> {
        match self.values(name)? {
            [] => Ok(None),
            [value] => Ok(Some(value)),
            [_, _, ..] => Err(wrong(name, "it has several values")),
        }
    }

    /// The one text, where there is one.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Nonsense> {
        let value = self.bytes(name)?;
        value.map(|value| std::str::from_utf8(value).map_err(|_| wrong(name, "it is not UTF-8"))).transpose()
    }

    /// The one number, where there is one.
    pub(super) fn number<N: FromStr>(&self, name: &'static str) -> Result<Option<N>, Nonsense> {
        let text = self.text(name)?;
        text.map(|text| text.parse().map_err(|_| wrong(name, "it is no number"))).transpose()
    }
}

const NO_ENTRY: Nonsense = Nonsense::Malformed("it is no entry");

pub(super) fn wrong(attribute: &'static str, reason: &'static str) -> Nonsense {
    Nonsense::Attribute { attribute, reason }
}

fn constructed(tag: StructureTag) -> Result<Vec<StructureTag>, Nonsense> {
    tag.expect_constructed().ok_or(NO_ENTRY)
}

fn text(tag: Option<StructureTag>) -> Result<String, Nonsense> {
    let bytes = tag.and_then(StructureTag::expect_primitive).ok_or(NO_ENTRY)?;
    String::from_utf8(bytes).map_err(|_| NO_ENTRY)
}

#[cfg(test)]
impl Entry {
    /// An entry with these attributes.
    pub(super) fn of(dn: &str, attributes: &[(&str, &[&[u8]])]) -> Self {
        let attributes = attributes.iter().map(|(name, values)| {
            (name.to_ascii_lowercase(), values.iter().map(|value| value.to_vec()).collect())
        });
        Self { dn: dn.to_owned(), attributes: attributes.collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_found_whatever_the_case_of_their_names() {
        let entry = Entry::of("CN=a", &[("sAMAccountName", &[b"alice"]), ("Count", &[b"12"])]);
        assert_eq!(entry.text("SAMAccountName"), Ok(Some("alice")));
        assert_eq!(entry.number::<u32>("count"), Ok(Some(12)));
        assert_eq!(entry.text("mail"), Ok(None));
    }

    #[test]
    fn values_without_their_form_are_errors() {
        let entry = Entry::of("CN=a", &[("two", &[b"1", b"2"]), ("odd", &[b"\xff"])]);
        assert_eq!(entry.text("two"), Err(wrong("two", "it has several values")));
        assert_eq!(entry.text("odd"), Err(wrong("odd", "it is not UTF-8")));
        assert_eq!(Entry::of("", &[("n", &[b"x"])]).number::<u32>("n"), Err(wrong("n", "it is no number")));
    }

    #[test]
    fn values_of_which_only_the_first_came_are_an_error() {
        let entry = Entry::of("CN=a", &[("member;range=0-1499", &[b"x"])]);
        let reason = "it has more values than the directory gives at once";
        assert_eq!(entry.values("member"), Err(wrong("member", reason)));
        assert_eq!(entry.values_of("member"), None);
    }
}
