//! Security identifiers ([MS-DTYP] 2.4.2), as text and as the bytes of an objectSid attribute. Each has one accepted
//! spelling only, so that equal identifiers compare equal.

use std::fmt;
use std::str::FromStr;
use thiserror::Error;

/// The only revision ([MS-DTYP] 2.4.2.2).
const REVISION: u8 = 1;
/// The maximum of SubAuthorityCount ([MS-DTYP] 2.4.2.2).
const MAXIMUM_SUB_AUTHORITIES: usize = 15;
/// The lowest authority that is written in hexadecimal ([MS-DTYP] 2.4.2.1).
const HEXADECIMAL_AUTHORITY: u64 = 1 << 32;

/// A security identifier. Displayed as `S-1-5-21-…`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sid {
    /// Less than 2^48.
    authority: u64,
    /// 1 to 15 numbers.
    sub_authorities: Vec<u32>,
}

/// Text or bytes that are not a security identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("not a security identifier: write it as S-1-5-21-…")]
pub struct SidError;

impl Sid {
    /// Parses `S-1-…` ([MS-DTYP] 2.4.2.1). Leading zeros, signs and a lower-case s are rejected.
    ///
    /// # Errors
    /// The text has another form.
    pub fn parse(text: &str) -> Result<Self, SidError> {
        let mut parts = text.strip_prefix("S-1-").ok_or(SidError)?.split('-');
        let authority = parse_authority(parts.next().ok_or(SidError)?)?;
        let sub_authorities = parts.map(decimal).collect::<Result<Vec<u32>, SidError>>()?;
        Self::checked(authority, sub_authorities)
    }

    /// Reads the value of an objectSid attribute ([MS-DTYP] 2.4.2.2).
    ///
    /// # Errors
    /// The bytes are not exactly one identifier.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SidError> {
        let (&[revision, count], rest) = bytes.split_first_chunk().ok_or(SidError)?;
        let (&[a, b, c, d, e, f], rest) = rest.split_first_chunk().ok_or(SidError)?;
        let (sub_authorities, rest) = rest.as_chunks::<4>();
        if revision != REVISION || !rest.is_empty() || sub_authorities.len() != usize::from(count) {
            return Err(SidError);
        }
        let authority = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Self::checked(authority, sub_authorities.iter().copied().map(u32::from_le_bytes).collect())
    }

    fn checked(authority: u64, sub_authorities: Vec<u32>) -> Result<Self, SidError> {
        let counted = (1..=MAXIMUM_SUB_AUTHORITIES).contains(&sub_authorities.len());
        counted.then_some(Self { authority, sub_authorities }).ok_or(SidError)
    }

    /// Returns the value for an objectSid attribute: the authority big-endian, the other numbers little-endian.
    pub fn to_bytes(&self) -> Vec<u8> {
        let count = u8::try_from(self.sub_authorities.len()).expect("`checked` accepts at most 15");
        let [_, _, authority @ ..] = self.authority.to_be_bytes();
        let mut bytes = vec![REVISION, count];
        bytes.extend(authority);
        bytes.extend(self.sub_authorities.iter().flat_map(|part| part.to_le_bytes()));
        bytes
    }

    /// Returns the identifier without its last sub-authority: for an account, that of its domain. `None` if there is
    /// only one.
    pub fn domain(&self) -> Option<Self> {
        let (_, rest) = self.sub_authorities.split_last()?;
        Self::checked(self.authority, rest.to_vec()).ok()
    }

    /// Returns whether it identifies an account or group of a domain, `S-1-5-21-…`. Such identifiers are unique in a
    /// forest.
    pub(super) fn is_of_a_domain(&self) -> bool {
        self.authority == 5 && matches!(self.sub_authorities.as_slice(), [21, _, _, _, _])
    }

    /// Returns whether it identifies a built-in group, `S-1-5-32-…`, which each domain has of its own.
    ///
    /// Other identifiers describe how or where an account is logged on ([MS-DTYP] 2.4.2.4).
    pub(super) fn is_built_in(&self) -> bool {
        self.authority == 5 && matches!(self.sub_authorities.as_slice(), [32, _])
    }
}

/// Parses an authority: decimal below 2^32, otherwise twelve hexadecimal digits ([MS-DTYP] 2.4.2.1).
fn parse_authority(text: &str) -> Result<u64, SidError> {
    let Some(digits) = text.strip_prefix("0x") else { return decimal(text).map(u64::from) };
    if digits.len() != 12 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return Err(SidError);
    }
    let authority = u64::from_str_radix(digits, 16).map_err(|_| SidError)?;
    (authority >= HEXADECIMAL_AUTHORITY).then_some(authority).ok_or(SidError)
}

fn decimal(text: &str) -> Result<u32, SidError> {
    let plain = text == "0" || !text.starts_with(['0', '+']);
    plain.then(|| text.parse().ok()).flatten().ok_or(SidError)
}

impl FromStr for Sid {
    type Err = SidError;

    fn from_str(text: &str) -> Result<Self, SidError> {
        Self::parse(text)
    }
}

impl fmt::Display for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.authority < HEXADECIMAL_AUTHORITY {
            write!(f, "S-1-{}", self.authority)?;
        } else {
            write!(f, "S-1-0x{:012X}", self.authority)?;
        }
        self.sub_authorities.iter().try_for_each(|part| write!(f, "-{part}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const TEXT: &str = "S-1-5-21-1004336348-1177238915-682003330-512";
    /// [MS-DTYP] 2.4.2.2, computed by hand for the text above.
    const BYTES: [u8; 28] = [
        1, 5, 0, 0, 0, 0, 0, 5, 0x15, 0, 0, 0, 0xdc, 0xf4, 0xdc, 0x3b, 0x83, 0x3d, 0x2b, 0x46, 0x82, 0x8b,
        0xa6, 0x28, 0, 2, 0, 0,
    ];

    #[test]
    fn text_and_bytes_are_the_same_identifier() {
        assert_eq!(Sid::parse(TEXT).unwrap().to_bytes(), BYTES);
        assert_eq!(Sid::from_bytes(&BYTES).unwrap().to_string(), TEXT);
    }

    #[test]
    fn the_domain_of_an_account_is_its_identifier_without_the_last_part() {
        let domain = Sid::parse(TEXT).unwrap().domain().unwrap();
        assert_eq!(domain.to_string(), "S-1-5-21-1004336348-1177238915-682003330");
        assert_eq!(Sid::parse("S-1-1-0").unwrap().domain(), None);
    }

    #[test]
    fn other_spellings_are_rejected() {
        let sixteen = format!("S-1-5{}", "-1".repeat(16));
        let others = [
            "",
            "S-1",
            "S-1-",
            "S-1-5",
            "s-1-5-21",
            "S-2-5-21",
            "S-1-5-021",
            "S-1-5-+21",
            "S-1-5--21",
            "S-1-5-21-",
            " S-1-5-21",
            "S-1-5-21 ",
            "S-1-5-4294967296",
            "S-1-0x5-21",
            "S-1-0x000000000005-21",
            "S-1-5-0x15",
            &sixteen,
        ];
        for other in others {
            assert_eq!(Sid::parse(other), Err(SidError), "{other}");
        }
    }

    #[test]
    fn bytes_that_are_not_exactly_one_identifier_are_rejected() {
        for length in 0..BYTES.len() {
            assert_eq!(Sid::from_bytes(&BYTES[..length]), Err(SidError), "{length}");
        }
        assert_eq!(Sid::from_bytes(&[&BYTES[..], &[0]].concat()), Err(SidError));
        assert_eq!(Sid::from_bytes(&[2, 1, 0, 0, 0, 0, 0, 5, 1, 0, 0, 0]), Err(SidError));
    }

    #[test]
    fn an_authority_beyond_32_bits_is_written_in_hexadecimal() {
        let sid = Sid::from_bytes(&[1, 1, 0, 1, 0, 0, 0, 0, 7, 0, 0, 0]).unwrap();
        assert_eq!(sid.to_string(), "S-1-0x000100000000-7");
        assert_eq!(Sid::parse("S-1-0x000100000000-7"), Ok(sid));
    }

    proptest! {
        #[test]
        fn bytes_that_are_accepted_are_written_back_unchanged(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
            if let Ok(sid) = Sid::from_bytes(&bytes) {
                prop_assert_eq!(sid.to_bytes(), bytes);
                prop_assert_eq!(Sid::parse(&sid.to_string()), Ok(sid));
            }
        }

        #[test]
        fn text_that_is_accepted_is_written_back_unchanged(text in "S-1-[0-9x-]{0,40}") {
            if let Ok(sid) = Sid::parse(&text) {
                prop_assert_eq!(sid.to_string(), text);
            }
        }
    }
}
