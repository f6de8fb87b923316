//! The fields by which operators can identify a CRL.

use super::number::CrlNumber;
use crate::certificate::DistinguishedName;
use crate::clock::UnixTime;
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
