//! Distinguished names in the text form that Windows uses in altSecurityIdentities: root first, commas without spaces
//! ([MS-PKCA] 3.1.5.2.1), keywords and quotes as in CertNameToStr.
//!
//! Administrators copy the text into a directory, from which it is read again. Names are never compared as text, but
//! decoded.

use super::super::element::DerElement;
use super::super::name::{DistinguishedName, NameAttribute, is_invisible};
use super::super::object_identifier::ObjectIdentifier;
use const_oid::db::{rfc3280, rfc4519};
use der::asn1::{AnyRef, Utf8StringRef};
use der::{Encode, Tag};

/// Returns the text of `name`. `None` if it is empty or cannot be written so that it is read back as the same name: a
/// value that is not text, or an invisible character.
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

fn attribute(attribute: &NameAttribute) -> Option<String> {
    let text = attribute.text.as_deref()?;
    if text.chars().any(|character| character.is_control() || is_invisible(character)) {
        return None;
    }
    let keyword = keyword(attribute.oid).map_or_else(|| format!("OID.{}", attribute.oid), str::to_owned);
    Some(format!("{keyword}={}", quoted(text)))
}

/// Quotes a value; a quote inside quotes is doubled.
fn quoted(text: &str) -> String {
    let needs_quotes = text.is_empty()
        || text.starts_with(' ')
        || text.ends_with(' ')
        || text.contains([',', '+', '=', '"', '<', '>', '#', ';']);
    if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

/// The keywords of Windows, which has `E`, `S`, `T` and `G` instead of those of RFC 4514, or if that has none.
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

/// Other keywords, which administrators copy from OpenSSL or a directory.
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

/// Parses a name, root first as Windows writes it. Returns `None` if `text` is not a name or is ambiguous: a quote
/// inside unquoted text, an unknown keyword.
pub(super) fn from_windows_text(text: &str) -> Option<DistinguishedName> {
    let mut reader = WindowsNameParser { rest: text };
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

/// The rest of a text that is parsed from the left.
struct WindowsNameParser<'a> {
    rest: &'a str,
}

impl WindowsNameParser<'_> {
    fn take(&mut self, expected: char) -> bool {
        let rest = self.rest.strip_prefix(expected);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads a separator, if one is next: a comma, a semicolon or a new line ([MS-PKCA] 3.1.5.2.1, CertStrToName).
    fn take_separator(&mut self) -> bool {
        self.take(',') || self.take(';') || {
            self.take('\r');
            self.take('\n')
        }
    }

    /// Reads one attribute. Returns an AttributeTypeAndValue in DER.
    fn attribute(&mut self) -> Option<Vec<u8>> {
        let (keyword, rest) = self.rest.split_once('=')?;
        let oid = identifier(keyword.trim())?;
        self.rest = rest.trim_start_matches(' ');
        let value = if self.take('"') { text_value(&self.quoted()?)? } else { self.bare()? };
        encoded(Tag::Sequence, &[oid.to_der().ok()?, value].concat())
    }

    /// Reads up to the closing quote; a quote inside is doubled.
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

    /// Reads up to the next separator: text, or `#` and the DER of a value in hexadecimal.
    fn bare(&mut self) -> Option<Vec<u8>> {
        let end = self.rest.find([',', ';', '+', '\r', '\n']).unwrap_or(self.rest.len());
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        let text = text.trim_matches(' ');
        if text.is_empty() || text.contains(['"', '<', '>']) {
            return None;
        }
        match text.strip_prefix('#') {
            Some(digits) => from_hexadecimal(digits).filter(|value| DerElement::read(value).is_ok()),
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

/// Returns the bytes of these hexadecimal digits, in either case. `None` for other characters or an odd number.
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
