//! Fields of distinguished names, by their names in IIS (`certificateSubField`).

use crate::certificate::ObjectIdentifier;
use const_oid::db::{rfc3280, rfc4519};
use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// A field of a distinguished name: `CN`, `OU`, `E`, or a dotted object identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SubField(ObjectIdentifier);

/// A text that is not the name of a field.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error(
    "`{0}` is neither a known field of a distinguished name, such as CN, O or OU, nor an object identifier, such as 2.5.4.3"
)]
pub struct UnknownSubField(pub String);

/// The names of IIS and Windows (`certificateSubField`; CertStrToName) and of RFC 4514. `SN` is the surname in both. The
/// first name of a field is the one that is displayed.
const NAMES: [(&str, const_oid::ObjectIdentifier); 26] = [
    ("CN", rfc4519::COMMON_NAME),
    ("commonName", rfc4519::COMMON_NAME),
    ("O", rfc4519::ORGANIZATION_NAME),
    ("organizationName", rfc4519::ORGANIZATION_NAME),
    ("OU", rfc4519::ORGANIZATIONAL_UNIT_NAME),
    ("organizationalUnitName", rfc4519::ORGANIZATIONAL_UNIT_NAME),
    ("C", rfc4519::COUNTRY_NAME),
    ("L", rfc4519::LOCALITY_NAME),
    ("S", rfc4519::ST),
    ("ST", rfc4519::ST),
    ("STREET", rfc4519::STREET),
    ("DC", rfc4519::DOMAIN_COMPONENT),
    ("E", rfc3280::EMAIL_ADDRESS),
    ("EMAIL", rfc3280::EMAIL_ADDRESS),
    ("emailAddress", rfc3280::EMAIL_ADDRESS),
    ("T", rfc4519::TITLE),
    ("title", rfc4519::TITLE),
    ("GN", rfc4519::GIVEN_NAME),
    ("G", rfc4519::GIVEN_NAME),
    ("givenName", rfc4519::GIVEN_NAME),
    ("I", rfc4519::INITIALS),
    ("initials", rfc4519::INITIALS),
    ("SN", rfc4519::SURNAME),
    ("surname", rfc4519::SURNAME),
    ("serialNumber", rfc4519::SERIAL_NUMBER),
    ("UID", rfc4519::UID),
];

impl SubField {
    /// Returns every known name, for suggestions.
    pub fn names() -> impl Iterator<Item = &'static str> {
        NAMES.iter().map(|(name, _)| *name)
    }

    /// Returns the object identifier of the attribute.
    pub const fn oid(self) -> ObjectIdentifier {
        self.0
    }
}

/// The case of letters is not significant.
impl FromStr for SubField {
    type Err = UnknownSubField;

    fn from_str(text: &str) -> Result<Self, UnknownSubField> {
        if let Some((_, oid)) = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)) {
            return Ok(Self(ObjectIdentifier::known(*oid)));
        }
        text.parse().map(Self).map_err(|_| UnknownSubField(text.to_owned()))
    }
}

impl fmt::Display for SubField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match NAMES.iter().find(|(_, oid)| self.0 == *oid) {
            Some((name, _)) => f.write_str(name),
            None => fmt::Display::fmt(&self.0, f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn iis_names_and_dotted_identifiers_denote_the_same_field() {
        for (name, oid) in
            [("cn", "2.5.4.3"), ("S", "2.5.4.8"), ("ST", "2.5.4.8"), ("E", "1.2.840.113549.1.9.1")]
        {
            assert_eq!(name.parse::<SubField>().unwrap(), oid.parse().unwrap());
        }
        assert_eq!("sn".parse::<SubField>().unwrap().oid().to_string(), "2.5.4.4");
    }

    #[test]
    fn a_field_is_displayed_by_its_short_name_if_it_has_one() {
        assert_eq!("2.5.4.11".parse::<SubField>().unwrap().to_string(), "OU");
        assert_eq!("1.2.3.4".parse::<SubField>().unwrap().to_string(), "1.2.3.4");
    }

    #[test]
    fn an_unknown_name_is_an_error() {
        assert_eq!("CNN".parse::<SubField>(), Err(UnknownSubField("CNN".to_owned())));
    }

    proptest! {
        #[test]
        fn no_text_causes_a_panic(text in any::<String>(), dotted in "[0-9.]{0,40}") {
            let _ = text.parse::<SubField>();
            let _ = dotted.parse::<SubField>();
        }
    }
}
