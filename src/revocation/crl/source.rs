//! The fields by which operators can identify a CRL.

use crate::certificate::DistinguishedName;
use crate::clock::UnixTime;
use der::Decode;
use der::asn1::UintRef;
use std::cmp::Ordering;
use std::fmt;
use std::path::PathBuf;

/// The origin of a CRL.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CrlOrigin {
    /// A configured file, or a file in a configured folder.
    File(PathBuf),
    /// A distribution point.
    Url(String),
}

impl fmt::Display for CrlOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// The CRL that a status comes from, for `explain` and audit records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlSource {
    /// The file or URL.
    pub origin: CrlOrigin,
    /// The issuer of the CRL.
    pub issuer: DistinguishedName,
    /// Its CRL number (RFC 5280 5.2.3).
    pub number: Option<CrlNumber>,
    /// Of a delta CRL the number of its base (RFC 5280 5.2.4).
    pub base_number: Option<CrlNumber>,
    /// The time of its issue. [`UnixTime::EPOCH`] if it cannot be decoded.
    pub this_update: UnixTime,
    /// The time by which the next CRL is issued. A CRL without one counts as expired at once.
    pub next_update: Option<UnixTime>,
    /// The URLs of its delta CRLs (freshestCRL, RFC 5280 5.2.6).
    pub freshest: Vec<String>,
}

/// The number of a CRL (RFC 5280 5.2.3), by which delta CRLs are combined with complete ones. Never negative; a later
/// CRL of the same scope has a greater one.
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
