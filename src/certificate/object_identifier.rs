//! Object identifiers (X.660) of any size, from two arcs on, stored as encoded.
//!
//! const-oid, which has constants for the known identifiers, supports arcs of 32 bits, at least three of them, and 39
//! octets. CAs use others: 2.25 with a UUID (X.667), an Australian business number (1.2.36.<11 digits>), identifiers that
//! AD CS generates. None of them may make a certificate unreadable, equal another identifier, or be shown as another one.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::digest::{SHA256, digest};
use der::{DecodeValue, EncodeValue, FixedTag, Header, Length, Reader, Tag, Writer};
use num_bigint::BigUint;
use thiserror::Error;

use super::identifiers::write_hex;

/// The maximum length of a stored encoding: 64 bytes with the length, because a client chooses how many identifiers a
/// list has. The longest identifier that AD CS generates has 50.
const KEPT: usize = 56;
/// The maximum length of a text that is parsed: more digits than [`KEPT`] octets can encode.
const LONGEST_TEXT: usize = 160;

/// An object identifier. One whose encoding is longer than 56 octets is stored as its SHA-256: it equals only itself,
/// and is displayed as the hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectIdentifier {
    /// The contents octets, or their SHA-256, followed by zeros.
    octets: [u8; KEPT],
    /// The number of contents octets.
    length: usize,
}

/// A text that is not an object identifier in dotted decimal notation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not an object identifier in dotted decimal notation")]
pub struct InvalidObjectIdentifier;

impl ObjectIdentifier {
    /// Returns an identifier that is a constant in const-oid.
    pub const fn known(oid: const_oid::ObjectIdentifier) -> Self {
        let contents = oid.as_bytes();
        let mut octets = [0; KEPT];
        octets.split_at_mut(contents.len()).0.copy_from_slice(contents);
        Self { octets, length: contents.len() }
    }

    /// Returns the identifier as in const-oid, for comparisons with its constants. `None` if const-oid cannot
    /// represent it: then it is none of them.
    pub fn as_known(&self) -> Option<const_oid::ObjectIdentifier> {
        const_oid::ObjectIdentifier::from_bytes(self.octets.get(..self.length)?).ok()
    }

    /// Returns the identifier with these contents octets (X.690 8.19). Fails if a subidentifier is truncated or padded.
    pub fn from_contents(contents: &[u8]) -> der::Result<Self> {
        let ends = contents.last().is_some_and(|octet| octet & MORE == 0);
        let mut begins = true;
        let is_padded = contents.iter().any(|octet| {
            let padded = begins && *octet == MORE;
            begins = octet & MORE == 0;
            padded
        });
        if !ends || is_padded {
            return Err(Tag::ObjectIdentifier.value_error().into());
        }
        let mut octets = [0; KEPT];
        match octets.get_mut(..contents.len()) {
            Some(kept) => kept.copy_from_slice(contents),
            None => {
                octets.iter_mut().zip(digest(&SHA256, contents).as_ref()).for_each(|(to, from)| *to = *from);
            }
        }
        Ok(Self { octets, length: contents.len() })
    }

    /// Returns the unique bytes: the contents octets, or their SHA-256.
    pub(super) fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_else(|| self.sha256())
    }

    fn sha256(&self) -> &[u8] {
        self.octets.split_at(SHA256.output_len()).0
    }
}

/// Set in every octet of a subidentifier except the last.
const MORE: u8 = 0x80;

/// Dotted decimal notation (X.660).
impl FromStr for ObjectIdentifier {
    type Err = InvalidObjectIdentifier;

    fn from_str(text: &str) -> Result<Self, InvalidObjectIdentifier> {
        if text.len() > LONGEST_TEXT {
            return Err(InvalidObjectIdentifier);
        }
        let arcs: Option<Vec<BigUint>> = text.split('.').map(arc).collect();
        let Some([root, second, others @ ..]) = arcs.as_deref() else { return Err(InvalidObjectIdentifier) };
        let limited = *root < BigUint::from(2_u8);
        if *root > BigUint::from(2_u8) || limited && *second >= BigUint::from(ROOT_WEIGHT) {
            return Err(InvalidObjectIdentifier);
        }
        let first = root * ROOT_WEIGHT + second;
        let contents: Vec<u8> = std::iter::once(&first).chain(others).flat_map(subidentifier).collect();
        if contents.len() > KEPT {
            return Err(InvalidObjectIdentifier);
        }
        Self::from_contents(&contents).map_err(|_| InvalidObjectIdentifier)
    }
}

/// The first subidentifier is the root arc times this and the second arc (X.690 8.19.4).
const ROOT_WEIGHT: u8 = 40;

/// Parses an arc: digits only, without leading zeros.
fn arc(text: &str) -> Option<BigUint> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let is_shortest = text == "0" || !text.starts_with('0');
    (is_number && is_shortest).then(|| BigUint::parse_bytes(text.as_bytes(), 10))?
}

fn subidentifier(arc: &BigUint) -> Vec<u8> {
    let mut octets = arc.to_radix_be(128);
    if let Some((_, others)) = octets.split_last_mut() {
        others.iter_mut().for_each(|octet| *octet |= MORE);
    }
    octets
}

impl fmt::Display for ObjectIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(contents) = self.octets.get(..self.length) else {
            write!(f, "(object identifier of {} bytes, SHA-256 ", self.length)?;
            write_hex(f, self.sha256())?;
            return f.write_str(")");
        };
        for (index, octets) in contents.split_inclusive(|octet| octet & MORE == 0).enumerate() {
            let digits: Vec<u8> = octets.iter().map(|octet| octet & !MORE).collect();
            let arc = BigUint::from_radix_be(&digits, 128).unwrap_or_default();
            if index > 0 {
                write!(f, ".{arc}")?;
                continue;
            }
            let root = (&arc / ROOT_WEIGHT).min(BigUint::from(2_u8));
            write!(f, "{root}.{}", arc - &root * ROOT_WEIGHT)?;
        }
        Ok(())
    }
}

impl fmt::Debug for ObjectIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<const_oid::ObjectIdentifier> for ObjectIdentifier {
    fn from(oid: const_oid::ObjectIdentifier) -> Self {
        Self::known(oid)
    }
}

impl PartialEq<const_oid::ObjectIdentifier> for ObjectIdentifier {
    fn eq(&self, other: &const_oid::ObjectIdentifier) -> bool {
        self.as_octets() == other.as_bytes()
    }
}

impl FixedTag for ObjectIdentifier {
    const TAG: Tag = Tag::ObjectIdentifier;
}

impl<'a> DecodeValue<'a> for ObjectIdentifier {
    type Error = der::Error;

    fn decode_value<R: Reader<'a>>(reader: &mut R, header: Header) -> der::Result<Self> {
        Self::from_contents(reader.read_slice(header.length())?)
    }
}

/// Fails for an identifier that is stored as its hash.
impl EncodeValue for ObjectIdentifier {
    fn value_len(&self) -> der::Result<Length> {
        Length::try_from(self.length)
    }

    fn encode_value(&self, writer: &mut impl Writer) -> der::Result<()> {
        writer.write(self.octets.get(..self.length).ok_or_else(|| Tag::ObjectIdentifier.length_error())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use const_oid::db::{rfc4519, rfc5280};
    use der::{Decode, Encode};
    use proptest::prelude::*;

    #[test]
    fn identifiers_beyond_the_usual_limits_are_read_and_displayed() {
        for (text, contents) in [
            ("0.0", vec![0]),
            ("2.999", vec![0x88, 0x37]),
            ("2.47.1", vec![0x7f, 1]),
            ("2.48", vec![0x81, 0]),
            ("1.2.36.99999999999", vec![0x2a, 0x24, 0x82, 0xf4, 0xc3, 0xdb, 0xcf, 0x7f]),
            ("1.2.36.20000000001.1.1", vec![0x2a, 0x24, 0xca, 0xc0, 0xdf, 0x90, 0x01, 1, 1]),
        ] {
            let oid: ObjectIdentifier = text.parse().unwrap();
            assert_eq!(oid.as_octets(), contents, "{text}");
            assert_eq!(oid.to_string(), text);
        }
        // X.667: the UUID f81d4fae-7dec-11d0-a765-00a0c91e6bf6.
        let uuid = "2.25.329800735698586629295641978511506172918";
        assert_eq!(uuid.parse::<ObjectIdentifier>().unwrap().to_string(), uuid);
        assert_eq!(uuid.parse::<ObjectIdentifier>().unwrap().as_known(), None);
    }

    #[test]
    fn a_text_that_is_not_an_object_identifier_is_refused() {
        for text in [
            "",
            ".",
            "1",
            "1.",
            ".1",
            "1..2",
            "3.1",
            "1.40",
            "0.40",
            "1.2.-3",
            "1.2.+3",
            "1.2.03",
            "1.2.3_4",
            "1.2.x",
            " 1.2",
            "1.2 ",
            "1.2.\u{663}",
        ] {
            assert_eq!(text.parse::<ObjectIdentifier>(), Err(InvalidObjectIdentifier), "{text}");
        }
        assert!(format!("1.2.{}", "9".repeat(200)).parse::<ObjectIdentifier>().is_err());
    }

    #[test]
    fn a_truncated_or_padded_subidentifier_is_refused() {
        for contents in [&[][..], &[0x81], &[0x80, 1], &[0x2a, 0x80, 1], &[0x2a, 1, 0xff]] {
            assert!(ObjectIdentifier::from_contents(contents).is_err(), "{contents:?}");
        }
    }

    #[test]
    fn a_known_identifier_equals_what_is_decoded() {
        let der = rfc4519::COMMON_NAME.to_der().unwrap();
        let oid = ObjectIdentifier::from_der(&der).unwrap();
        assert_eq!(oid, rfc4519::COMMON_NAME);
        assert_eq!(oid, ObjectIdentifier::known(rfc4519::COMMON_NAME));
        assert_ne!(oid, rfc5280::ANY_POLICY);
        assert_eq!(oid.as_known(), Some(rfc4519::COMMON_NAME));
        assert_eq!(oid.to_der().unwrap(), der);
        assert_eq!(oid.to_string(), "2.5.4.3");
    }

    #[test]
    fn a_very_long_identifier_equals_only_itself() {
        let (mut one, mut other) = (vec![0x2a; KEPT + 1], vec![0x2a; KEPT + 1]);
        let same = ObjectIdentifier::from_contents(&one).unwrap();
        assert_eq!(ObjectIdentifier::from_contents(&one).unwrap(), same);
        other[KEPT] = 0x2b;
        assert_ne!(ObjectIdentifier::from_contents(&other).unwrap(), same);
        assert!(same.to_string().starts_with("(object identifier of 57 bytes, SHA-256 "));
        assert_eq!(same.as_known(), None);
        assert!(same.to_der().is_err());
        one.pop();
        let kept = ObjectIdentifier::from_contents(&one).unwrap();
        assert_eq!(kept.to_string(), format!("1.2{}", ".42".repeat(KEPT - 1)));
    }

    proptest! {
        #[test]
        fn a_displayed_identifier_is_parsed_as_the_same(root in 0..3_u8, second in 0..40_u8, others in prop::collection::vec(any::<u64>(), 0..5)) {
            let others: String = others.iter().map(|arc| format!(".{arc}")).collect();
            let text = format!("{root}.{second}{others}");
            prop_assert_eq!(text.parse::<ObjectIdentifier>().unwrap().to_string(), text);
        }

        #[test]
        fn any_bytes_and_any_text_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80), text in "[0-9.]{0,60}") {
            if let Ok(oid) = ObjectIdentifier::from_contents(&bytes) {
                let shown = oid.to_string();
                prop_assert!(bytes.len() > KEPT || shown.parse::<ObjectIdentifier>() == Ok(oid));
            }
            let _ = text.parse::<ObjectIdentifier>();
        }
    }
}
