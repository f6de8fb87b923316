//! One DER element: its identifier octet, its contents, and the whole element as encoded (X.690 8.1, 10.1).
//!
//! The `der` crate rejects universal types that it does not know, such as UniversalString. Names and alternative names
//! may contain values of any type (RFC 5280 4.1.2.4, 4.2.1.6), so their outer elements are split here, and only known
//! values are decoded.

use der::{ErrorKind, Tag};

/// One element. Nothing is copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct DerElement<'a> {
    /// The first identifier octet: class, form, and the number if it is below 31.
    pub(super) identifier: u8,
    /// Identifier, length and contents.
    pub(super) der: &'a [u8],
    pub(super) contents: &'a [u8],
}

impl<'a> DerElement<'a> {
    /// Returns the only element of `der`.
    pub(super) fn read(der: &'a [u8]) -> der::Result<Self> {
        match Self::split(der) {
            Some((element, [])) => Ok(element),
            Some(_) | None => Err(malformed()),
        }
    }

    /// Returns the elements of `contents`.
    pub(super) fn all(mut contents: &'a [u8]) -> der::Result<Vec<Self>> {
        let mut elements = Vec::new();
        while !contents.is_empty() {
            let (element, rest) = Self::split(contents).ok_or_else(malformed)?;
            elements.push(element);
            contents = rest;
        }
        Ok(elements)
    }

    /// Returns the elements of the SEQUENCE in `der`.
    pub(super) fn sequence(der: &'a [u8]) -> der::Result<Vec<Self>> {
        Self::read(der)?.inside(SEQUENCE)
    }

    /// Returns the elements inside this one, if it has this identifier octet.
    pub(super) fn inside(self, identifier: u8) -> der::Result<Vec<Self>> {
        if self.identifier == identifier { Self::all(self.contents) } else { Err(malformed()) }
    }

    /// Returns the first element of `der` and the bytes after it. `None` if the length is not in its shortest form or
    /// too large.
    fn split(der: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let (identifier, rest) = der.split_first()?;
        let rest = if identifier & LONG_FORM == LONG_FORM { rest.get(number_length(rest)?..)? } else { rest };
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(*first), rest),
            // Four octets are enough for any file or message here.
            0x81..=0x84 => {
                let (octets, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let length = octets.iter().fold(0_usize, |length, octet| length << 8 | usize::from(*octet));
                let is_shortest = octets.first() != Some(&0) && length >= 0x80;
                (is_shortest.then_some(length)?, rest)
            }
            _ => return None,
        };
        let (contents, rest) = rest.split_at_checked(length)?;
        let whole = der.get(..der.len().checked_sub(rest.len())?)?;
        Some((Self { identifier: *identifier, der: whole, contents }, rest))
    }
}

/// The identifier octet of a SEQUENCE.
pub(super) const SEQUENCE: u8 = 0x30;
/// The identifier octet of a SET.
pub(super) const SET: u8 = 0x31;
/// The low bits of an identifier octet whose number follows in octets of its own.
const LONG_FORM: u8 = 0x1f;

/// Returns the number of octets of a number in the long form.
fn number_length(octets: &[u8]) -> Option<usize> {
    let last = octets.iter().take(5).position(|octet| octet & 0x80 == 0)?;
    Some(last + 1)
}

/// Returns the error for an element that is missing or of another type.
pub(super) fn malformed() -> der::Error {
    ErrorKind::Value { tag: Tag::Sequence }.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_of_any_type_is_split_off() {
        for identifier in [0x02, 0x08, 0x19, 0x1c, 0x1d, 0x24, 0x86, 0xa0, 0xdf] {
            let der: &[u8] = if identifier == 0xdf { &[0xdf, 0x81, 1, 1, 7] } else { &[identifier, 1, 7] };
            let element = DerElement::read(der).unwrap();
            assert_eq!(element, DerElement { identifier, der, contents: &[7] });
        }
    }

    #[test]
    fn a_length_is_definite_the_shortest_and_within_the_bytes() {
        let long = [&[0x04, 0x81, 0x80][..], &[0; 0x80]].concat();
        assert_eq!(DerElement::read(&long).unwrap().contents.len(), 0x80);
        for der in [
            &[0x04][..],
            &[0x04, 2, 1],
            &[0x04, 1, 1, 1],
            &[0x04, 0x80, 0, 0],
            &[0x04, 0x81, 1, 7],
            &[0x04, 0x82, 0, 0x80],
            &[0x04, 0x85, 0, 0, 0, 0, 1, 7],
            &[0x1f, 0x81],
        ] {
            assert!(DerElement::read(der).is_err(), "{der:?}");
        }
    }
}
