//! Takes a distinguished name, gives the text that Windows writes for it in altSecurityIdentities: root-most first,
//! commas without blanks ([MS-PKCA] 3.1.5.2.1), keywords and quotes as CertNameToStr puts them.
//!
//! For people to copy into a directory. Never for comparing: two names are compared decoded, never as text.

use super::name::{Attribute, DistinguishedName, is_invisible};
use const_oid::ObjectIdentifier;
use const_oid::db::{rfc3280, rfc4519};

/// The text of `name`. None where it is empty, or holds what cannot be written so that it is read back the same: a
/// value that is no text, or a character that is not seen.
pub(super) fn windows_text(name: &DistinguishedName) -> Option<String> {
    let relative_names = name.relative_names();
    if relative_names.is_empty() {
        return None;
    }
    let written: Option<Vec<String>> = relative_names
        .iter()
        .map(|attributes| {
            let attributes: Option<Vec<String>> = attributes.iter().map(attribute).collect();
            attributes.map(|attributes| attributes.join(" + "))
        })
        .collect();
    written.map(|names| names.join(","))
}

fn attribute(attribute: &Attribute) -> Option<String> {
    let text = attribute.text.as_deref()?;
    if text.chars().any(|character| character.is_control() || is_invisible(character)) {
        return None;
    }
    let keyword = keyword(attribute.oid).map_or_else(|| format!("OID.{}", attribute.oid), str::to_owned);
    Some(format!("{keyword}={}", quoted(text)))
}

/// A quote inside quotes is written twice.
fn quoted(text: &str) -> String {
    let needs_quotes = text.is_empty()
        || text.starts_with(' ')
        || text.ends_with(' ')
        || text.contains([',', '+', '=', '"', '<', '>', '#', ';']);
    if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// Windows says `E`, `S`, `T` and `G` where RFC 4514 has other words or none.
fn keyword(oid: ObjectIdentifier) -> Option<&'static str> {
    Some(match oid {
        rfc4519::COMMON_NAME => "CN",
        rfc4519::LOCALITY_NAME => "L",
        rfc4519::ST => "S",
        rfc4519::ORGANIZATION_NAME => "O",
        rfc4519::ORGANIZATIONAL_UNIT_NAME => "OU",
        rfc4519::COUNTRY_NAME => "C",
        rfc4519::STREET => "STREET",
        rfc4519::DOMAIN_COMPONENT => "DC",
        rfc4519::SURNAME => "SN",
        rfc4519::GIVEN_NAME => "G",
        rfc4519::INITIALS => "I",
        rfc4519::SERIAL_NUMBER => "SERIALNUMBER",
        rfc4519::TITLE => "T",
        rfc3280::EMAIL_ADDRESS => "E",
        _ => return None,
    })
}
