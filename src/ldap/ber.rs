//! BER elements as restricted by RFC 4511 section 5.1: definite lengths and tags of one byte.
//!
//! The reader decodes one level at a time, on request: it does not recurse, copies nothing, and checks every length
//! against the bytes that were received.

use super::error::ProtocolError;
use zeroize::Zeroizing;

pub(super) const BOOLEAN: u8 = 0x01;
pub(super) const INTEGER: u8 = 0x02;
pub(super) const OCTET_STRING: u8 = 0x04;
pub(super) const ENUMERATED: u8 = 0x0a;
pub(super) const SEQUENCE: u8 = 0x30;
pub(super) const SET: u8 = 0x31;

/// The bits of a tag that continues in further bytes (X.690 8.1.2.4). LDAP has no such tag.
const MULTI_BYTE_TAG: u8 = 0x1f;
/// The maximum size of a length: four bytes encode 4 GiB, far above every limit.
const MAXIMUM_LENGTH_BYTES: usize = 4;

/// Reads elements one after another. Lengths need not have their shortest form.
#[derive(Clone, Copy, Debug)]
pub(super) struct BerReader<'m>(&'m [u8]);

/// Tag and length of an element.
struct ElementHeader {
    tag: u8,
    /// The number of bytes of the tag and the length.
    header: usize,
    /// The number of bytes of the content.
    content: usize,
}

/// Returns the length of the message at the beginning of `bytes`, including tag and length; `None` if more bytes are
/// needed to determine it.
///
/// # Errors
/// The first bytes show that the message is not a SEQUENCE, as every message is, or is longer than `limit`.
pub(super) fn message_length(bytes: &[u8], limit: usize) -> Result<Option<usize>, ProtocolError> {
    if bytes.first().is_some_and(|tag| *tag != SEQUENCE) {
        return Err(ProtocolError::Malformed("not an LDAP message"));
    }
    let Some(header) = ElementHeader::read(bytes)? else { return Ok(None) };
    let length = header.header.saturating_add(header.content);
    if length > limit {
        return Err(ProtocolError::MessageTooLong { limit });
    }
    Ok(Some(length))
}

/// Encodes an element: tag, length, and the parts of its content. The length always takes four bytes, which X.690
/// 8.1.3.5 permits.
///
/// The returned bytes are zeroed when they are dropped, because they may contain a password.
pub(super) fn encode(tag: u8, content: &[&[u8]]) -> Zeroizing<Vec<u8>> {
    let length: usize = content.iter().map(|part| part.len()).sum();
    let encoded_length =
        u32::try_from(length).expect("requests hold names, filters and passwords, far below 4 GiB");
    // Allocated once: a vector that grows leaves copies of its contents in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(6 + length));
    bytes.extend([tag, 0x84]);
    bytes.extend(encoded_length.to_be_bytes());
    content.iter().for_each(|part| bytes.extend_from_slice(part));
    bytes
}

/// Encodes a non-negative number in its shortest form (X.690 8.3.2).
pub(super) fn encode_number(tag: u8, number: u32) -> Vec<u8> {
    // One more byte, so that the highest bit of the number is never read as a sign.
    let bytes = u64::from(number).to_be_bytes();
    let redundant = bytes.windows(2).take_while(|pair| matches!(pair, [0, 0..=0x7f])).count();
    let shortest = bytes.get(redundant..).unwrap_or_default();
    let length = u8::try_from(shortest.len()).expect("a number of 32 bits has at most five bytes");
    [&[tag, length], shortest].concat()
}

pub(super) fn utf8(bytes: &[u8]) -> Result<&str, ProtocolError> {
    std::str::from_utf8(bytes).map_err(|_| ProtocolError::Malformed("text that is not UTF-8"))
}

impl ElementHeader {
    /// Reads tag and length; returns `None` if more bytes are needed.
    fn read(bytes: &[u8]) -> Result<Option<Self>, ProtocolError> {
        let Some((&[tag, first], rest)) = bytes.split_first_chunk() else { return Ok(None) };
        if tag & MULTI_BYTE_TAG == MULTI_BYTE_TAG {
            return Err(ProtocolError::Malformed("tag of several bytes"));
        }
        if first < 0x80 {
            return Ok(Some(Self { tag, header: 2, content: usize::from(first) }));
        }
        let count = usize::from(first & 0x7f);
        if count == 0 {
            return Err(ProtocolError::Malformed("indefinite length"));
        }
        if count > MAXIMUM_LENGTH_BYTES {
            return Err(ProtocolError::Malformed("length of more than four bytes"));
        }
        let Some(length) = rest.get(..count) else { return Ok(None) };
        let content = length.iter().fold(0, |length, byte| (length << 8) | usize::from(*byte));
        Ok(Some(Self { tag, header: 2 + count, content }))
    }
}

impl<'m> BerReader<'m> {
    pub(super) fn new(bytes: &'m [u8]) -> Self {
        Self(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Returns the tag and the content of the next element.
    pub(super) fn element(&mut self) -> Result<(u8, &'m [u8]), ProtocolError> {
        let truncated = ProtocolError::Malformed("truncated element");
        let header = ElementHeader::read(self.0)?.ok_or(truncated)?;
        let (_, content) = self.0.split_at_checked(header.header).ok_or(truncated)?;
        let (content, rest) = content.split_at_checked(header.content).ok_or(truncated)?;
        self.0 = rest;
        Ok((header.tag, content))
    }

    /// Returns the content of the next element, which must have this tag.
    pub(super) fn expect(&mut self, tag: u8) -> Result<&'m [u8], ProtocolError> {
        let (found, content) = self.element()?;
        (found == tag).then_some(content).ok_or(ProtocolError::Malformed("element with an unexpected tag"))
    }

    /// Returns the content of the next element if it has this tag.
    pub(super) fn optional(&mut self, tag: u8) -> Result<Option<&'m [u8]>, ProtocolError> {
        if self.0.first() == Some(&tag) { self.expect(tag).map(Some) } else { Ok(None) }
    }

    /// Returns the text of an OCTET STRING.
    pub(super) fn text(&mut self) -> Result<&'m str, ProtocolError> {
        utf8(self.expect(OCTET_STRING)?)
    }

    /// Returns a number with this tag, from 0 to 2^31 - 1, the range of LDAP (RFC 4511 4.1.1).
    pub(super) fn number(&mut self, tag: u8) -> Result<u32, ProtocolError> {
        let bytes = self.expect(tag)?;
        let in_range = matches!(bytes, [0..=0x7f] | [0..=0x7f, _] | [0..=0x7f, _, _] | [0..=0x7f, _, _, _]);
        let number = bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte));
        in_range.then_some(number).ok_or(ProtocolError::Malformed("number out of range"))
    }

    /// Checks that no element is left.
    pub(super) fn end(self) -> Result<(), ProtocolError> {
        self.0.is_empty().then_some(()).ok_or(ProtocolError::Malformed("trailing data"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn elements_are_read_one_after_another() {
        let mut reader = BerReader::new(&[4, 2, b'h', b'i', 0x0a, 0x81, 1, 7]);
        assert_eq!(reader.text(), Ok("hi"));
        assert_eq!(reader.optional(INTEGER), Ok(None));
        assert_eq!(reader.number(ENUMERATED), Ok(7));
        assert!(reader.is_empty());
    }

    #[test]
    fn encodings_that_ldap_forbids_are_rejected() {
        let cases: [(&[u8], &str); 6] = [
            (&[4, 0x80, 0, 0], "indefinite length"),
            (&[4, 0x85, 0, 0, 0, 0, 0], "length of more than four bytes"),
            (&[0x1f, 1, 0], "tag of several bytes"),
            (&[4, 3, 1, 2], "truncated element"),
            (&[4, 0x84, 0xff, 0xff, 0xff, 0xff], "truncated element"),
            (&[4], "truncated element"),
        ];
        for (bytes, reason) in cases {
            assert_eq!(BerReader::new(bytes).element(), Err(ProtocolError::Malformed(reason)), "{bytes:x?}");
        }
    }

    #[test]
    fn a_message_is_rejected_as_soon_as_its_first_bytes_are_invalid() {
        assert_eq!(message_length(&[], 100), Ok(None));
        assert_eq!(message_length(&[0x30], 100), Ok(None));
        assert_eq!(message_length(&[0x30, 0x82, 1], 100), Ok(None));
        assert_eq!(message_length(&[0x30, 98], 100), Ok(Some(100)));
        assert_eq!(message_length(&[0x30, 99], 100), Err(ProtocolError::MessageTooLong { limit: 100 }));
        assert_eq!(message_length(b"H", 100), Err(ProtocolError::Malformed("not an LDAP message")));
        assert_eq!(message_length(&[0x30, 0x80], 100), Err(ProtocolError::Malformed("indefinite length")));
    }

    #[test]
    fn negative_empty_and_long_numbers_are_rejected() {
        for bytes in [&[2_u8, 0][..], &[2, 1, 0x80], &[2, 5, 0, 0, 0, 0, 1]] {
            let number = BerReader::new(bytes).number(INTEGER);
            assert_eq!(number, Err(ProtocolError::Malformed("number out of range")), "{bytes:?}");
        }
        assert_eq!(BerReader::new(&[2, 4, 0x7f, 0xff, 0xff, 0xff]).number(INTEGER), Ok(0x7fff_ffff));
    }

    #[test]
    fn numbers_are_encoded_in_their_shortest_form() {
        let cases: [(u32, &[u8]); 6] = [
            (0, &[2, 1, 0]),
            (127, &[2, 1, 127]),
            (128, &[2, 2, 0, 128]),
            (0x7fff, &[2, 2, 0x7f, 0xff]),
            (0x8000, &[2, 3, 0, 0x80, 0]),
            (u32::MAX, &[2, 5, 0, 0xff, 0xff, 0xff, 0xff]),
        ];
        for (number, encoded) in cases {
            assert_eq!(encode_number(INTEGER, number), encoded, "{number}");
        }
    }

    proptest! {
        #[test]
        fn an_encoded_element_is_read_again(tag in 0_u8..0x1f, content in prop::collection::vec(any::<u8>(), 0..300)) {
            let bytes = encode(tag, &[&content]);
            let mut reader = BerReader::new(&bytes);
            prop_assert_eq!(reader.element(), Ok((tag, content.as_slice())));
            prop_assert_eq!(reader.end(), Ok(()));
        }

        #[test]
        fn an_encoded_number_is_read_again(number in 0..=0x7fff_ffff_u32) {
            prop_assert_eq!(BerReader::new(&encode_number(INTEGER, number)).number(INTEGER), Ok(number));
        }
    }
}
