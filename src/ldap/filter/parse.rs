//! The parser of filter text (RFC 4515 section 3), which writes the BER encoding.

use super::super::ber::{OCTET_STRING, SEQUENCE, encode};

/// Tags of the filter choices (RFC 4511 4.5.1.7).
pub(super) const AND: u8 = 0xa0;
pub(super) const OR: u8 = 0xa1;
const NOT: u8 = 0xa2;
pub(super) const EQUALITY: u8 = 0xa3;
const SUBSTRINGS: u8 = 0xa4;
const GREATER_OR_EQUAL: u8 = 0xa5;
const LESS_OR_EQUAL: u8 = 0xa6;
pub(super) const PRESENT: u8 = 0x87;
const APPROXIMATE: u8 = 0xa8;
const EXTENSIBLE: u8 = 0xa9;

/// The maximum depth of nested filters. The parser recurses once for each level.
const MAXIMUM_DEPTH: usize = 32;

/// Parts of a substring filter (RFC 4511 4.5.1.7.2).
const INITIAL: u8 = 0x80;
const ANY: u8 = 0x81;
const FINAL: u8 = 0x82;
/// Fields of an extensible match (RFC 4511 4.5.1.7.7).
const MATCHING_RULE: u8 = 0x81;
const ATTRIBUTE: u8 = 0x82;
const MATCH_VALUE: u8 = 0x83;
const DN_ATTRIBUTES: u8 = 0x84;

/// Encodes a filter; returns `None` if `text` is not exactly one filter.
pub(super) fn encode_filter(text: &str) -> Option<Vec<u8>> {
    let (encoded, rest) = filter(text, MAXIMUM_DEPTH)?;
    rest.is_empty().then_some(encoded)
}

/// Parses one filter and returns the text after it.
fn filter(text: &str, depth: usize) -> Option<(Vec<u8>, &str)> {
    let depth = depth.checked_sub(1)?;
    let inner = text.strip_prefix('(')?;
    let (encoded, rest) = if let Some(list) = inner.strip_prefix('&') {
        filter_list(AND, list, depth)?
    } else if let Some(list) = inner.strip_prefix('|') {
        filter_list(OR, list, depth)?
    } else if let Some(negated) = inner.strip_prefix('!') {
        let (negated, rest) = filter(negated, depth)?;
        (encode(NOT, &[&negated]).to_vec(), rest)
    } else {
        // Parentheses in values are escaped, so the first one ends the item.
        let (item_text, rest) = inner.split_at(inner.find(')')?);
        (item(item_text)?, rest)
    };
    Some((encoded, rest.strip_prefix(')')?))
}

fn filter_list(tag: u8, mut text: &str, depth: usize) -> Option<(Vec<u8>, &str)> {
    let mut filters = Vec::new();
    while text.starts_with('(') {
        let (encoded, rest) = filter(text, depth)?;
        filters.extend(encoded);
        text = rest;
    }
    Some((encode(tag, &[&filters]).to_vec(), text))
}

/// Encodes `attribute=value` or another comparison.
fn item(text: &str) -> Option<Vec<u8>> {
    let (attribute, assertion) = text.split_once('=')?;
    if let Some(attribute) = attribute.strip_suffix('>') {
        return Some(comparison(GREATER_OR_EQUAL, description(attribute)?, &value(assertion)?));
    }
    if let Some(attribute) = attribute.strip_suffix('<') {
        return Some(comparison(LESS_OR_EQUAL, description(attribute)?, &value(assertion)?));
    }
    if let Some(attribute) = attribute.strip_suffix('~') {
        return Some(comparison(APPROXIMATE, description(attribute)?, &value(assertion)?));
    }
    if let Some(attribute) = attribute.strip_suffix(':') {
        return extensible(attribute, &value(assertion)?);
    }
    let attribute = description(attribute)?;
    if assertion == "*" {
        return Some(encode(PRESENT, &[attribute.as_bytes()]).to_vec());
    }
    if assertion.contains('*') {
        return substrings(attribute, assertion);
    }
    Some(comparison(EQUALITY, attribute, &value(assertion)?))
}

/// Encodes `initial*any*any*final`; the first and the last part may be empty.
fn substrings(attribute: &str, assertion: &str) -> Option<Vec<u8>> {
    let parts: Vec<&str> = assertion.split('*').collect();
    let last = parts.len().checked_sub(1)?;
    let mut encoded = Vec::new();
    for (index, part) in parts.into_iter().enumerate() {
        let tag = match index {
            0 => INITIAL,
            index if index == last => FINAL,
            _ => ANY,
        };
        match (part.is_empty(), tag) {
            (true, ANY) => return None,
            (true, _) => {}
            (false, _) => encoded.extend_from_slice(&encode(tag, &[&value(part)?])),
        }
    }
    let attribute = encode(OCTET_STRING, &[attribute.as_bytes()]);
    Some(encode(SUBSTRINGS, &[&attribute, &encode(SEQUENCE, &[&encoded])]).to_vec())
}

/// Encodes `attribute:dn:rule:=value`, in which either the attribute or the rule may be absent. `text` is the part
/// before the last colon.
fn extensible(text: &str, value: &[u8]) -> Option<Vec<u8>> {
    let mut parts = text.split(':').peekable();
    let attribute = Some(parts.next()?).filter(|attribute| !attribute.is_empty());
    let dn_attributes = parts.next_if(|part| part.eq_ignore_ascii_case("dn")).is_some();
    let rule = parts.next();
    if parts.next().is_some() || (attribute.is_none() && rule.is_none()) {
        return None;
    }
    let mut encoded = Vec::new();
    if let Some(rule) = rule {
        encoded.extend_from_slice(&encode(MATCHING_RULE, &[object_identifier(rule)?.as_bytes()]));
    }
    if let Some(attribute) = attribute {
        encoded.extend_from_slice(&encode(ATTRIBUTE, &[description(attribute)?.as_bytes()]));
    }
    encoded.extend_from_slice(&encode(MATCH_VALUE, &[value]));
    if dn_attributes {
        encoded.extend_from_slice(&[DN_ATTRIBUTES, 1, 0xff]);
    }
    Some(encode(EXTENSIBLE, &[&encoded]).to_vec())
}

/// Returns `text` if it is an attribute description: a name or object identifier, with options (RFC 4512 2.5).
fn description(text: &str) -> Option<&str> {
    let mut parts = text.split(';');
    object_identifier(parts.next()?)?;
    let is_option = |option: &str| !option.is_empty() && option.bytes().all(is_key_byte);
    parts.all(is_option).then_some(text)
}

/// Returns `text` if it is a name, or numbers separated by dots (RFC 4512 1.4, `oid`).
fn object_identifier(text: &str) -> Option<&str> {
    let is_name =
        text.starts_with(|letter: char| letter.is_ascii_alphabetic()) && text.bytes().all(is_key_byte);
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    (is_name || text.split('.').all(is_number)).then_some(text)
}

const fn is_key_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-'
}

/// Decodes a value, in which a backslash and two hexadecimal digits encode a byte.
fn value(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'\\' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let (high, low) = (digit()?, digit()?);
                bytes.push(u8::try_from(high << 4 | low).ok()?);
            }
            b'(' | b'*' | 0 => return None,
            other => bytes.push(other),
        }
    }
    Some(bytes)
}

/// Encodes an item that compares an attribute with a value.
pub(super) fn comparison(tag: u8, attribute: &str, value: &[u8]) -> Vec<u8> {
    let (attribute, value) = (encode(OCTET_STRING, &[attribute.as_bytes()]), encode(OCTET_STRING, &[value]));
    encode(tag, &[&attribute, &value]).to_vec()
}
