//! Distinguished names: attributes, text (RFC 4514) and comparison (RFC 5280 7.1). Reading never fails: a name that cannot
//! be decoded has no attributes, is displayed in hex and equals only the same bytes.

use std::cmp::Ordering;
use std::fmt::{self, Write};
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use const_oid::db::{rfc3280, rfc4519};
use der::Decode;

use super::element::{DerElement, SEQUENCE, SET};
use super::identifiers::write_hex;
use super::object_identifier::ObjectIdentifier;
use super::text::text;
use crate::name_folding::fold_name;
use crate::telemetry::BoundedText;

/// A distinguished name (RFC 5280 4.1.2.4). Clones share their contents.
#[derive(Clone)]
pub struct DistinguishedName {
    decoded: Arc<DecodedName>,
}

struct DecodedName {
    der: Box<[u8]>,
    /// Root first, as encoded; empty if the name cannot be decoded.
    relative_names: Vec<Vec<NameAttribute>>,
    /// Two names are equal by RFC 5280 7.1 if and only if these bytes are.
    comparable: Box<[u8]>,
    /// As `comparable`, of folded texts; computed at its first use.
    folded: OnceLock<Box<[u8]>>,
}

/// One attribute of a relative name.
pub(super) struct NameAttribute {
    pub(super) oid: ObjectIdentifier,
    value_der: Vec<u8>,
    /// `None` if the value is not readable text.
    pub(super) text: Option<String>,
}

impl DistinguishedName {
    /// Returns the name with this encoding.
    pub fn from_der(der: &[u8]) -> Self {
        let relative_names = decode(der);
        let comparable = comparable(der, relative_names.as_deref(), fold);
        let relative_names = relative_names.unwrap_or_default();
        Self {
            decoded: Arc::new(DecodedName {
                der: der.into(),
                relative_names,
                comparable,
                folded: OnceLock::new(),
            }),
        }
    }

    /// Returns the name for messages, truncated to 128 bytes.
    pub fn shown(&self) -> BoundedText<128> {
        BoundedText::of(self)
    }

    /// Returns the name as encoded.
    pub fn der(&self) -> &[u8] {
        &self.decoded.der
    }

    /// Returns whether it has no attributes: an empty SEQUENCE, or a name that cannot be decoded.
    pub fn is_empty(&self) -> bool {
        self.decoded.relative_names.is_empty()
    }

    /// Returns whether it could be decoded; otherwise it equals only the same bytes.
    pub fn is_decoded(&self) -> bool {
        self.decoded.comparable.starts_with(DECODED)
    }

    /// Returns whether it could be decoded and every value is text, so that it can be compared with names from other
    /// sources.
    pub fn is_text(&self) -> bool {
        self.is_decoded() && self.decoded.relative_names.iter().flatten().all(|a| a.text.is_some())
    }

    /// Returns whether it begins with the relative names of `subtree` (RFC 5280 7.1: each compared like a whole name).
    pub fn is_within(&self, subtree: &Self) -> bool {
        // Every relative name is preceded by its length, so a prefix never ends inside one.
        subtree.is_decoded() && self.decoded.comparable.starts_with(&subtree.decoded.comparable)
    }

    /// Returns whether it may begin with the relative names of `subtree`: as [`Self::is_within`], with texts equal in
    /// any spelling that a directory may treat as the same ([`fold_name`]). For subtrees that exclude.
    pub fn may_be_within(&self, subtree: &Self) -> bool {
        subtree.is_decoded() && self.folded().starts_with(subtree.folded())
    }

    fn folded(&self) -> &[u8] {
        let names = || Some(self.decoded.relative_names.as_slice()).filter(|_| self.is_decoded());
        self.decoded.folded.get_or_init(|| comparable(&self.decoded.der, names(), fold_name))
    }

    /// Returns the relative names, root first as encoded; empty if the name cannot be decoded.
    pub(super) fn relative_names(&self) -> &[Vec<NameAttribute>] {
        &self.decoded.relative_names
    }

    /// Returns the attributes whose value is text, root first as encoded.
    pub fn attributes(&self) -> impl Iterator<Item = (ObjectIdentifier, &str)> {
        self.decoded.relative_names.iter().flatten().filter_map(|a| Some((a.oid, a.text.as_deref()?)))
    }

    /// Returns the values of the attributes of this type, root first as encoded.
    pub fn values(&self, oid: const_oid::ObjectIdentifier) -> AttributeValues<'_> {
        self.values_of(ObjectIdentifier::known(oid))
    }

    /// Returns the values of the attributes of this type, root first as encoded.
    pub fn values_of(&self, oid: ObjectIdentifier) -> AttributeValues<'_> {
        let attributes = self.decoded.relative_names.iter().flatten().filter(|a| a.oid == oid);
        let mut values = AttributeValues { texts: Vec::new(), hidden: Vec::new() };
        for attribute in attributes {
            match &attribute.text {
                Some(text) => values.texts.push(text),
                None => values.hidden.push(&attribute.value_der),
            }
        }
        if !self.is_decoded() {
            values.hidden.push(&self.decoded.der);
        }
        values
    }
}

/// The values of one attribute type. A decision that depends on the absence of a value must check the hidden ones too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributeValues<'a> {
    /// The values that are text.
    pub texts: Vec<&'a str>,
    /// The DER of values that are not text, or of the whole name if it cannot be decoded: then it may have any value.
    pub hidden: Vec<&'a [u8]>,
}

/// RFC 5280 7.1, without the rules of RFC 4518 that would only make more names equal (Unicode normal forms): in doubt, two
/// names differ.
impl PartialEq for DistinguishedName {
    fn eq(&self, other: &Self) -> bool {
        self.decoded.comparable == other.decoded.comparable
    }
}

impl Eq for DistinguishedName {}

impl Hash for DistinguishedName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.decoded.comparable.hash(state);
    }
}

impl PartialOrd for DistinguishedName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for DistinguishedName {
    fn cmp(&self, other: &Self) -> Ordering {
        self.decoded.comparable.cmp(&other.decoded.comparable)
    }
}

/// RFC 4514: the relative names in reverse, so that the most specific one is first. Control characters, invisible
/// characters and those that change the direction of writing are in hex, so that a name cannot forge a log line.
impl fmt::Display for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // An empty SEQUENCE is the empty string (RFC 4514 2.1); any other name without attributes could not be decoded.
        if self.decoded.relative_names.is_empty() && *self.decoded.der != [0x30, 0x00] {
            f.write_char('#')?;
            return write_hex(f, &self.decoded.der);
        }
        for (index, relative_name) in self.decoded.relative_names.iter().rev().enumerate() {
            if index > 0 {
                f.write_char(',')?;
            }
            for (index, attribute) in relative_name.iter().enumerate() {
                if index > 0 {
                    f.write_char('+')?;
                }
                fmt::Display::fmt(attribute, f)?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for DistinguishedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for NameAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match keyword(self.oid) {
            Some(keyword) => write!(f, "{keyword}=")?,
            None => write!(f, "{}=", self.oid)?,
        }
        match (&self.text, keyword(self.oid)) {
            (Some(text), Some(_)) => write_escaped(f, text),
            // RFC 4514 2.4: the value of an attribute with a numeric type is in hex.
            _ => {
                f.write_char('#')?;
                write_hex(f, &self.value_der)
            }
        }
    }
}

/// Returns the keyword of RFC 4514 section 3, or the usual one for another attribute in personal certificates.
fn keyword(oid: ObjectIdentifier) -> Option<&'static str> {
    Some(match oid.as_known()? {
        rfc4519::COMMON_NAME => "CN",
        rfc4519::LOCALITY_NAME => "L",
        rfc4519::ST => "ST",
        rfc4519::ORGANIZATION_NAME => "O",
        rfc4519::ORGANIZATIONAL_UNIT_NAME => "OU",
        rfc4519::COUNTRY_NAME => "C",
        rfc4519::STREET => "STREET",
        rfc4519::DOMAIN_COMPONENT => "DC",
        rfc4519::UID => "UID",
        rfc4519::SURNAME => "SN",
        rfc4519::GIVEN_NAME => "givenName",
        rfc4519::SERIAL_NUMBER => "serialNumber",
        rfc4519::TITLE => "title",
        rfc3280::EMAIL_ADDRESS => "emailAddress",
        _ => return None,
    })
}

/// Writes text with the escapes of RFC 4514 2.4.
fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    let last = text.chars().count().saturating_sub(1);
    for (index, character) in text.chars().enumerate() {
        match character {
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => write!(f, "\\{character}")?,
            ' ' if index == 0 || index == last => f.write_str("\\ ")?,
            '#' if index == 0 => f.write_str("\\#")?,
            _ if character.is_control() || is_invisible(character) => {
                let mut utf8 = [0; 4];
                for byte in character.encode_utf8(&mut utf8).bytes() {
                    write!(f, "\\{byte:02x}")?;
                }
            }
            _ => f.write_char(character)?,
        }
    }
    Ok(())
}

/// Returns whether the character is invisible and changes how the characters around them are displayed.
pub(super) fn is_invisible(character: char) -> bool {
    matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The first bytes of the comparable form of a decoded name.
const DECODED: &[u8] = b"dec";

/// Decodes a Name. Returns `None` if the structure is another one. Values and attribute types may be of any type.
fn decode(der: &[u8]) -> Option<Vec<Vec<NameAttribute>>> {
    let relative_names = DerElement::sequence(der).ok()?.into_iter();
    relative_names
        .map(|relative_name| {
            let attributes = relative_name.inside(SET).ok()?.into_iter();
            let mut attributes = attributes.map(attribute).collect::<Option<Vec<_>>>()?;
            // In the order of a SET OF in DER, whatever order the encoding has.
            attributes.sort_by(|(one, _), (other, _)| one.cmp(other));
            Some(attributes.into_iter().map(|(_, attribute)| attribute).collect())
        })
        .collect()
}

/// Returns an AttributeTypeAndValue, and the bytes by which it is sorted.
fn attribute(element: DerElement<'_>) -> Option<(Vec<u8>, NameAttribute)> {
    let parts = element.inside(SEQUENCE).ok()?;
    let [oid, value] = parts.as_slice() else { return None };
    let oid = ObjectIdentifier::from_der(oid.der).ok()?;
    Some((element.der.to_vec(), NameAttribute { oid, value_der: value.der.to_vec(), text: text(value.der) }))
}

/// Returns bytes that are equal for names that RFC 5280 7.1 calls equal: each relative name as the sorted set of its
/// attributes, all parts preceded by their length, so that two different names never have the same bytes.
fn comparable(
    der: &[u8],
    relative_names: Option<&[Vec<NameAttribute>]>,
    fold: fn(&str) -> String,
) -> Box<[u8]> {
    let Some(relative_names) = relative_names else {
        return [b"raw", der].concat().into();
    };
    let mut name = Vec::new();
    for relative_name in relative_names {
        let mut attributes: Vec<_> =
            relative_name.iter().map(|one| comparable_attribute(one, fold)).collect();
        attributes.sort();
        append(&mut name, &attributes.concat());
    }
    [DECODED, name.as_slice()].concat().into()
}

fn comparable_attribute(attribute: &NameAttribute, fold: fn(&str) -> String) -> Vec<u8> {
    let mut bytes = Vec::new();
    append(&mut bytes, attribute.oid.as_octets());
    match &attribute.text {
        Some(text) => append(&mut bytes, fold(text).as_bytes()),
        None => {
            // No text in UTF-8 begins with this byte.
            append(&mut bytes, &[0xff]);
            append(&mut bytes, &attribute.value_der);
        }
    }
    bytes
}

fn append(to: &mut Vec<u8>, part: &[u8]) {
    to.extend_from_slice(&u64::try_from(part.len()).expect("a length fits 64 bits").to_be_bytes());
    to.extend_from_slice(part);
}

/// Returns the text in lower case, without white space at either end, and with one space for each run of white space
/// inside.
fn fold(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}
