//! Reads and writes elements of BER as far as RFC 4511 5.1 lets LDAP have it: definite lengths, one-byte tags. Looks at
//! what it is asked for and no deeper: nothing here recurses, copies or trusts a length.

use super::error::Nonsense;
use zeroize::Zeroizing;

pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// X.690 8.1.2.4: the tag goes on in further bytes. LDAP has none of these.
const LONG_TAG: u8 = 0x1f;
/// The most bytes of a length that can matter: 4 GiB.
const MAXIMUM_LENGTH_BYTES: usize = 4;

/// Elements one after another. Lengths may be longer than they need be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elements<'m>(&'m [u8]);

/// What the start of an element says.
struct Header {
    tag: u8,
    /// Bytes of tag and length.
    own: usize,
    /// Bytes of content.
    content: usize,
}

impl Header {
    /// `None` where there are too few bytes to say.
    fn read(bytes: &[u8]) -> Result<Option<Self>, Nonsense> {
        let Some((&[tag, first], rest)) = bytes.split_first_chunk() else { return Ok(None) };
        if tag & LONG_TAG == LONG_TAG {
            return Err(Nonsense::Malformed("a tag of several bytes"));
        }
        if first < 0x80 {
            return Ok(Some(Self { tag, own: 2, content: usize::from(first) }));
        }
        let count = usize::from(first & 0x7f);
        if count == 0 {
            return Err(Nonsense::Malformed("an indefinite length"));
        }
        if count > MAXIMUM_LENGTH_BYTES {
            return Err(Nonsense::Malformed("a length beyond four bytes"));
        }
        let Some(length) = rest.get(..count) else { return Ok(None) };
        let content = length.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
        Ok(Some(Self { tag, own: 2 + count, content }))
    }
}

/// How many bytes the element has that begins here, tag and length counted; `None` where too few have come to say.
/// Refused as soon as its head says that it is no SEQUENCE, which every message is, or longer than `limit`.
pub(super) fn message_length(bytes: &[u8], limit: usize) -> Result<Option<usize>, Nonsense> {
    if bytes.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Err(Nonsense::Malformed("it does not begin as a message"));
    }
    let Some(header) = Header::read(bytes)? else { return Ok(None) };
    let length = header.own.saturating_add(header.content);
    if length > limit {
        return Err(Nonsense::TooLong { limit });
    }
    Ok(Some(length))
}

impl<'m> Elements<'m> {
    pub(super) fn of(bytes: &'m [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// The tag and the content of the next one.
    pub(super) fn next(&mut self) -> Result<(u8, &'m [u8]), Nonsense> {
        let short = Nonsense::Malformed("an element breaks off");
        let header = Header::read(self.0)?.ok_or(short)?;
        let (_, content) = self.0.split_at_checked(header.own).ok_or(short)?;
        let (content, rest) = content.split_at_checked(header.content).ok_or(short)?;
        self.0 = rest;
        Ok((header.tag, content))
    }

    /// The content of the next one, which has this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'m [u8], Nonsense> {
        let (found, content) = self.next()?;
        (found == tag).then_some(content).ok_or(Nonsense::Malformed("an element of another kind"))
    }

    /// The content of the next one if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'m [u8]>, Nonsense> {
        if self.0.first() == Some(&tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// A text that is the next one, an OCTET STRING.
    pub(super) fn text(&mut self) -> Result<&'m str, Nonsense> {
        utf8(self.expect(OCTET_STRING)?)
    }

    /// A number of the next one, which has this tag and is not negative.
    pub(super) fn number(&mut self, tag: u8) -> Result<u32, Nonsense> {
        let bytes = self.expect(tag)?;
        let plain = matches!(bytes, [0..=0x7f] | [0..=0x7f, _] | [0..=0x7f, _, _] | [0..=0x7f, _, _, _]);
        let number = bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte));
        plain.then_some(number).ok_or(Nonsense::Malformed("a number out of bounds"))
    }

    /// Refuses what comes behind the last element that may.
    pub(super) fn end(self) -> Result<(), Nonsense> {
        self.0.is_empty().then_some(()).ok_or(Nonsense::Malformed("something behind the last element"))
    }
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, Nonsense> {
    std::str::from_utf8(bytes).map_err(|_| Nonsense::Malformed("a text that is not UTF-8"))
}

/// A tag, the length, the content, which is wiped afterwards since it may be a password. The length always takes four
/// bytes, which BER (X.690 8.1.3.5) permits.
pub(super) fn element(tag: u8, content: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = content.iter().map(|part| part.len()).sum();
    let announced = u32::try_from(length).expect("what the gate sends is short: names, passwords, an OID");
    // All of it at once: a vector that grows leaves what it held behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 + length));
    bytes.extend([tag, 0x84]);
    bytes.extend(announced.to_be_bytes());
    content.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_are_read_one_after_another() {
        let mut elements = Elements::of(&[4, 2, b'h', b'i', 0x0a, 0x81, 1, 7]);
        assert_eq!(elements.text(), Ok("hi"));
        assert_eq!(elements.optional(INTEGER), Ok(None));
        assert_eq!(elements.number(ENUMERATED), Ok(7));
        assert!(elements.is_empty());
    }

    #[test]
    fn what_no_ldap_has_is_refused() {
        let cases: [(&[u8], Nonsense); 6] = [
            (&[4, 0x80, 0, 0], Nonsense::Malformed("an indefinite length")),
            (&[4, 0x85, 0, 0, 0, 0, 0], Nonsense::Malformed("a length beyond four bytes")),
            (&[0x1f, 1, 0], Nonsense::Malformed("a tag of several bytes")),
            (&[4, 3, 1, 2], Nonsense::Malformed("an element breaks off")),
            (&[4, 0x84, 0xff, 0xff, 0xff, 0xff], Nonsense::Malformed("an element breaks off")),
            (&[4], Nonsense::Malformed("an element breaks off")),
        ];
        for (bytes, nonsense) in cases {
            assert_eq!(Elements::of(bytes).next(), Err(nonsense), "{bytes:x?}");
        }
    }

    #[test]
    fn a_message_is_refused_as_soon_as_its_head_is_there() {
        assert_eq!(message_length(&[], 100), Ok(None));
        assert_eq!(message_length(&[0x30], 100), Ok(None));
        assert_eq!(message_length(&[0x30, 0x82, 1], 100), Ok(None));
        assert_eq!(message_length(&[0x30, 98], 100), Ok(Some(100)));
        assert_eq!(message_length(&[0x30, 99], 100), Err(Nonsense::TooLong { limit: 100 }));
        assert_eq!(message_length(b"H", 100), Err(Nonsense::Malformed("it does not begin as a message")));
    }

    #[test]
    fn numbers_that_are_negative_or_too_long_are_refused() {
        for bytes in [&[2_u8, 0][..], &[2, 1, 0x80], &[2, 5, 0, 0, 0, 0, 1]] {
            let number = Elements::of(bytes).number(INTEGER);
            assert_eq!(number, Err(Nonsense::Malformed("a number out of bounds")), "{bytes:?}");
        }
        assert_eq!(Elements::of(&[2, 4, 0x7f, 0xff, 0xff, 0xff]).number(INTEGER), Ok(0x7fff_ffff));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again(tag in 0_u8..0x1f, content in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = element(tag, &[&content]);
            let mut elements = Elements::of(&bytes);
            prop_assert_eq!(elements.next(), Ok((tag, content.as_slice())));
            prop_assert_eq!(elements.end(), Ok(()));
        }
    }
}
