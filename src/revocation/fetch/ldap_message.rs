//! Writes the two requests that reading one attribute takes, and reads a directory's answers (RFC 4511).
//!
//! A reader of its own, since whoever answers on a plain connection is not to be trusted: it looks at each answer at
//! the depth where something is expected and no deeper, never recurses, never panics, and copies nothing.

use thiserror::Error;

/// RFC 4511 4.2: `neverDerefAliases` and `baseObject` are both this.
const ENUMERATED_ZERO: [u8; 3] = [ENUMERATED, 1, 0];

const BOOLEAN: u8 = 0x01;
const INTEGER: u8 = 0x02;
const OCTET_STRING: u8 = 0x04;
const ENUMERATED: u8 = 0x0a;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const BIND_REQUEST: u8 = 0x60;
const BIND_RESPONSE: u8 = 0x61;
const SEARCH_REQUEST: u8 = 0x63;
const SEARCH_RESULT_ENTRY: u8 = 0x64;
const SEARCH_RESULT_DONE: u8 = 0x65;
const SEARCH_RESULT_REFERENCE: u8 = 0x73;
/// The choice `simple` of a bind request's authentication.
const SIMPLE: u8 = 0x80;
/// The choice `present` of a filter.
const PRESENT: u8 = 0x87;

/// The most attributes of an entry, and values of one, that are looked at: empty ones cost a directory two bytes, and
/// what asks for one has no use for more.
const MAXIMUM_ITEMS: usize = 16;

/// An answer that is no LDAP, or not one that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("it is no answer of a directory to what was asked")]
pub(super) struct MalformedMessage;

/// What a directory says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer<'m> {
    /// The bind is over, with this result code (RFC 4511 A.1).
    Bound(u32),
    /// What an entry has of what was asked for.
    Entry(Vec<Attribute<'m>>),
    /// That the rest is in another directory.
    Reference,
    /// The search is over, with this result code.
    Searched(u32),
}

/// An attribute of an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Attribute<'m> {
    /// Its description (RFC 4512 2.5).
    pub(super) name: &'m [u8],
    pub(super) values: Vec<&'m [u8]>,
}

/// A bind without a name and without a password: anonymous (RFC 4513 5.1.1). The gate has no credential to leak.
pub(super) fn anonymous_bind(id: u8) -> Vec<u8> {
    let version = [INTEGER, 1, 3];
    let bind = [&version[..], &element(OCTET_STRING, &[]), &element(SIMPLE, &[])].concat();
    message(id, &element(BIND_REQUEST, &bind))
}

/// A search for one attribute of one entry.
pub(super) fn search(id: u8, entry: &str, attribute: &str) -> Vec<u8> {
    let search = [
        &element(OCTET_STRING, entry.as_bytes())[..],
        &ENUMERATED_ZERO,
        &ENUMERATED_ZERO,
        // At most one entry; no time limit, since the gate keeps its own; values and not only names.
        &[INTEGER, 1, 1, INTEGER, 1, 0, BOOLEAN, 1, 0],
        &element(PRESENT, b"objectClass"),
        &element(SEQUENCE, &element(OCTET_STRING, attribute.as_bytes())),
    ];
    message(id, &element(SEARCH_REQUEST, &search.concat()))
}

fn message(id: u8, operation: &[u8]) -> Vec<u8> {
    element(SEQUENCE, &[&[INTEGER, 1, id], operation].concat())
}

/// A tag, the length, the content. The length always takes four bytes, which BER (X.690 8.1.3.5) permits.
fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("a URL of a certificate is shorter than 4 GiB");
    let [a, b, c, d] = length.to_be_bytes();
    [&[tag, 0x84, a, b, c, d], content].concat()
}

/// How many bytes the length of a message has after its first two bytes, where these can begin one.
pub(super) fn length_bytes(start: [u8; 2]) -> Result<usize, MalformedMessage> {
    match start {
        [SEQUENCE, 0..=0x7f] => Ok(0),
        [SEQUENCE, form @ 0x81..=0x84] => Ok(usize::from(form & 0x7f)),
        _ => Err(MalformedMessage),
    }
}

/// The length of a message's content, from the second byte of the message and what [`length_bytes`] says.
pub(super) fn content_length(first: u8, more: &[u8]) -> usize {
    if more.is_empty() {
        return usize::from(first);
    }
    more.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte))
}

impl<'m> Answer<'m> {
    /// Reads the content of a message that answers the request `id`.
    pub(super) fn parse(content: &'m [u8], id: u8) -> Result<Self, MalformedMessage> {
        let mut reader = Reader(content);
        if reader.expect(INTEGER)? != [id] {
            return Err(MalformedMessage);
        }
        let (tag, operation) = reader.element()?;
        match tag {
            BIND_RESPONSE => Ok(Self::Bound(result_code(operation)?)),
            SEARCH_RESULT_DONE => Ok(Self::Searched(result_code(operation)?)),
            SEARCH_RESULT_REFERENCE => Ok(Self::Reference),
            SEARCH_RESULT_ENTRY => Ok(Self::Entry(attributes(operation)?)),
            _ => Err(MalformedMessage),
        }
    }
}

fn result_code(operation: &[u8]) -> Result<u32, MalformedMessage> {
    let code = Reader(operation).expect(ENUMERATED)?;
    if code.is_empty() || code.len() > 4 {
        return Err(MalformedMessage);
    }
    Ok(code.iter().fold(0, |value, byte| (value << 8) | u32::from(*byte)))
}

fn attributes(entry: &[u8]) -> Result<Vec<Attribute<'_>>, MalformedMessage> {
    let mut entry = Reader(entry);
    entry.expect(OCTET_STRING)?;
    let mut list = Reader(entry.expect(SEQUENCE)?);
    let mut attributes = Vec::new();
    while !list.0.is_empty() {
        let mut attribute = Reader(list.expect(SEQUENCE)?);
        let name = attribute.expect(OCTET_STRING)?;
        let mut set = Reader(attribute.expect(SET)?);
        let mut values = Vec::new();
        while !set.0.is_empty() {
            push(&mut values, set.expect(OCTET_STRING)?)?;
        }
        push(&mut attributes, Attribute { name, values })?;
    }
    Ok(attributes)
}

fn push<T>(items: &mut Vec<T>, item: T) -> Result<(), MalformedMessage> {
    if items.len() >= MAXIMUM_ITEMS {
        return Err(MalformedMessage);
    }
    items.push(item);
    Ok(())
}

/// Elements one after another. Lengths are definite (RFC 4511 5.1) and may be longer than they need be.
struct Reader<'m>(&'m [u8]);

impl<'m> Reader<'m> {
    fn element(&mut self) -> Result<(u8, &'m [u8]), MalformedMessage> {
        let (&[tag, first], rest) = self.0.split_first_chunk().ok_or(MalformedMessage)?;
        let long = if first < 0x80 { 0 } else { usize::from(first & 0x7f) };
        if first == 0x80 || long > 4 {
            return Err(MalformedMessage);
        }
        let (length, rest) = rest.split_at_checked(long).ok_or(MalformedMessage)?;
        let length = content_length(first, length);
        let (content, rest) = rest.split_at_checked(length).ok_or(MalformedMessage)?;
        self.0 = rest;
        Ok((tag, content))
    }

    fn expect(&mut self, expected: u8) -> Result<&'m [u8], MalformedMessage> {
        self.element().and_then(|(tag, content)| (tag == expected).then_some(content).ok_or(MalformedMessage))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_entry_in_either_form_of_lengths_gives_its_values() {
        let short = b"\x02\x01\x02\x64\x0f\x04\x01a\x30\x0a\x30\x08\x04\x01b\x31\x03\x04\x01c";
        let expected = Answer::Entry(vec![Attribute { name: b"b", values: vec![b"c"] }]);
        assert_eq!(Answer::parse(short, 2), Ok(expected.clone()));
        let value = element(SET, &element(OCTET_STRING, b"c"));
        let attribute = element(SEQUENCE, &[element(OCTET_STRING, b"b"), value].concat());
        let entry = [element(OCTET_STRING, b"a"), element(SEQUENCE, &attribute)].concat();
        let long = [&[INTEGER, 1, 2][..], &element(SEARCH_RESULT_ENTRY, &entry)].concat();
        assert_eq!(Answer::parse(&long, 2), Ok(expected));
    }

    #[test]
    fn an_answer_to_another_request_and_an_unasked_one_are_malformed() {
        let done = b"\x02\x01\x02\x65\x07\x0a\x01\x20\x04\x00\x04\x00";
        assert_eq!(Answer::parse(done, 2), Ok(Answer::Searched(32)));
        assert_eq!(Answer::parse(done, 3), Err(MalformedMessage));
        // RFC 4511 4.4.1: a notice of disconnection has the number 0.
        let notice = b"\x02\x01\x00\x78\x07\x0a\x01\x34\x04\x00\x04\x00";
        assert_eq!(Answer::parse(notice, 2), Err(MalformedMessage));
    }

    #[test]
    fn a_message_of_indefinite_or_absurd_length_is_malformed() {
        assert_eq!(length_bytes([SEQUENCE, 0x7f]), Ok(0));
        assert_eq!(length_bytes([SEQUENCE, 0x84]), Ok(4));
        for start in [[SEQUENCE, 0x80], [SEQUENCE, 0x85], [SEQUENCE, 0xff], [SET, 1], *b"HT"] {
            assert_eq!(length_bytes(start), Err(MalformedMessage));
        }
    }

    #[test]
    fn an_entry_of_many_empty_values_is_malformed() {
        let entry = |values: usize| {
            let set = element(SET, &[OCTET_STRING, 0].repeat(values));
            let attribute = element(SEQUENCE, &[element(OCTET_STRING, b"b"), set].concat());
            let entry = [element(OCTET_STRING, b"a"), element(SEQUENCE, &attribute)].concat();
            [&[INTEGER, 1, 2][..], &element(SEARCH_RESULT_ENTRY, &entry)].concat()
        };
        assert!(matches!(Answer::parse(&entry(16), 2), Ok(Answer::Entry(_))));
        assert_eq!(Answer::parse(&entry(17), 2), Err(MalformedMessage));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60), tag in 0x60u8..0x80) {
            drop(Answer::parse(&bytes, 2));
            let operation = [&[INTEGER, 1, 2][..], &element(tag, &bytes)].concat();
            drop(Answer::parse(&operation, 2));
        }
    }
}
