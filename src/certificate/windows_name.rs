//! Takes a distinguished name, gives the text that Windows writes for it in altSecurityIdentities: root-most first,
//! commas without blanks ([MS-PKCA] 3.1.5.2.1), keywords and quotes as CertNameToStr puts them. And the other way.
//!
//! For people to copy into a directory, and for what they copied. Never for comparing: two names are compared decoded,
//! never as text.

use super::element::Element;
use super::name::{Attribute, DistinguishedName, is_invisible};
use super::object_identifier::ObjectIdentifier;
use const_oid::db::{rfc3280, rfc4519};
use der::asn1::{AnyRef, Utf8StringRef};
use der::{Encode, Tag};

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
const KEYWORDS: [(&str, const_oid::ObjectIdentifier); 14] = [
    ("CN", rfc4519::COMMON_NAME),
    ("L", rfc4519::LOCALITY_NAME),
    ("S", rfc4519::ST),
    ("O", rfc4519::ORGANIZATION_NAME),
    ("OU", rfc4519::ORGANIZATIONAL_UNIT_NAME),
    ("C", rfc4519::COUNTRY_NAME),
    ("STREET", rfc4519::STREET),
    ("DC", rfc4519::DOMAIN_COMPONENT),
    ("SN", rfc4519::SURNAME),
    ("G", rfc4519::GIVEN_NAME),
    ("I", rfc4519::INITIALS),
    ("SERIALNUMBER", rfc4519::SERIAL_NUMBER),
    ("T", rfc4519::TITLE),
    ("E", rfc3280::EMAIL_ADDRESS),
];

/// What people write beside them, who copy from OpenSSL or from a directory.
const OTHER_KEYWORDS: [(&str, const_oid::ObjectIdentifier); 7] = [
    ("ST", rfc4519::ST),
    ("UID", rfc4519::UID),
    ("EMAIL", rfc3280::EMAIL_ADDRESS),
    ("EMAILADDRESS", rfc3280::EMAIL_ADDRESS),
    ("GIVENNAME", rfc4519::GIVEN_NAME),
    ("TITLE", rfc4519::TITLE),
    ("SURNAME", rfc4519::SURNAME),
];

fn keyword(oid: ObjectIdentifier) -> Option<&'static str> {
    KEYWORDS.iter().find(|(_, known)| oid == *known).map(|(keyword, _)| *keyword)
}

/// The name that `text` means, root-most first as Windows writes it. `None` where it is no name or could be read two
/// ways: a quote inside bare text, an unknown keyword.
pub(super) fn from_windows_text(text: &str) -> Option<DistinguishedName> {
    let mut reader = Reader { rest: text };
    let mut name = Vec::new();
    loop {
        let mut attributes = vec![reader.attribute()?];
        while reader.take('+') {
            attributes.push(reader.attribute()?);
        }
        attributes.sort();
        name.extend(encoded(Tag::Set, &attributes.concat())?);
        if reader.rest.is_empty() {
            let name = DistinguishedName::from_der(&encoded(Tag::Sequence, &name)?);
            return name.is_decoded().then_some(name);
        }
        if !reader.take_separator() {
            return None;
        }
    }
}

/// What is left of a text that is read from the left.
struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    fn take(&mut self, expected: char) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// A comma; a semicolon and a new line too, as [MS-PKCA] 3.1.5.2.1 and CertStrToName have it.
    fn take_separator(&mut self) -> bool {
        self.take(',') || self.take(';') || {
            self.take('\r');
            self.take('\n')
        }
    }

    /// An AttributeTypeAndValue in DER.
    fn attribute(&mut self) -> Option<Vec<u8>> {
        let (keyword, rest) = self.rest.split_once('=')?;
        let oid = identifier(keyword.trim())?;
        self.rest = rest.trim_start_matches(' ');
        let value = if self.take('"') { text_value(&self.quoted()?)? } else { self.bare()? };
        encoded(Tag::Sequence, &[oid.to_der().ok()?, value].concat())
    }

    /// To the closing quote; a quote inside is written twice.
    fn quoted(&mut self) -> Option<String> {
        let mut text = String::new();
        loop {
            let (part, rest) = self.rest.split_once('"')?;
            text.push_str(part);
            self.rest = rest;
            if !self.take('"') {
                self.rest = self.rest.trim_start_matches(' ');
                return Some(text);
            }
            text.push('"');
        }
    }

    /// To the next separator: text, or after `#` the DER of a value in hexadecimal.
    fn bare(&mut self) -> Option<Vec<u8>> {
        let end = self.rest.find([',', ';', '+', '\r', '\n']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let text = text.trim_matches(' ');
        if text.is_empty() || text.contains(['"', '<', '>']) {
            return None;
        }
        match text.strip_prefix('#') {
            Some(digits) => from_hexadecimal(digits).filter(|value| Element::read(value).is_ok()),
            None => text_value(text),
        }
    }
}

fn text_value(text: &str) -> Option<Vec<u8>> {
    Utf8StringRef::new(text).ok()?.to_der().ok()
}

fn encoded(tag: Tag, contents: &[u8]) -> Option<Vec<u8>> {
    AnyRef::new(tag, contents).ok()?.to_der().ok()
}

fn identifier(keyword: &str) -> Option<ObjectIdentifier> {
    let known = KEYWORDS.iter().chain(&OTHER_KEYWORDS);
    let mut known = known.filter(|(word, _)| word.eq_ignore_ascii_case(keyword));
    if let Some((_, oid)) = known.next() {
        return Some(ObjectIdentifier::known(*oid));
    }
    let dotted = match keyword.split_at_checked(4) {
        Some((prefix, rest)) if prefix.eq_ignore_ascii_case("OID.") => rest,
        _ => keyword,
    };
    dotted.parse().ok()
}

/// The bytes that these digits write, whatever the case of letters. `None` where they are none, or half a byte.
pub(super) fn from_hexadecimal(digits: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = digits.as_bytes().as_chunks::<2>();
    if pairs.is_empty() || !rest.is_empty() {
        return None;
    }
    let byte = |pair: &[u8; 2]| {
        let digits = str::from_utf8(pair).ok().filter(|_| pair.iter().all(u8::is_ascii_hexdigit))?;
        u8::from_str_radix(digits, 16).ok()
    };
    pairs.iter().map(byte).collect()
}
