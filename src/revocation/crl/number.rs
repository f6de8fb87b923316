//! CRL numbers (RFC 5280 5.2.3), by which delta CRLs are combined with complete CRLs.

use der::Decode;
use der::asn1::UintRef;
use std::cmp::Ordering;
use std::fmt;

/// The number of a CRL, never negative. A later CRL of the same scope has a greater one.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CrlNumber(
    /// Big-endian, without leading zero bytes.
    Box<[u8]>,
);

impl CrlNumber {
    /// Decodes a CRLNumber. RFC 5280 allows 20 bytes; a longer one is compared like any other.
    pub(super) fn from_der(der: &[u8]) -> Option<Self> {
        let bytes = UintRef::from_der(der).ok()?.as_bytes();
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        Some(Self(bytes.get(zeros..)?.into()))
    }
}

impl Ord for CrlNumber {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for CrlNumber {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// In hexadecimal, as `openssl crl -crlnumber` prints it, but in lower case.
impl fmt::Display for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("00");
        }
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for CrlNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
