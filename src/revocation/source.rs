//! Who says that a certificate is revoked or is not: a CRL, or the answer of an OCSP responder.

use super::ocsp::OcspSource;
use crate::clock::UnixTime;
use crate::revocation::crl::list::CrlSource;
use std::fmt;
use std::sync::Arc;

/// Where a verdict comes from, for `explain` and for records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RevocationSource {
    /// A CRL.
    Crl(Arc<CrlSource>),
    /// The answer of an OCSP responder.
    Ocsp(Arc<OcspSource>),
}

impl RevocationSource {
    /// When it was known to be true: its age is the time since.
    pub fn this_update(&self) -> UnixTime {
        match self {
            Self::Crl(source) => source.this_update,
            Self::Ocsp(source) => source.this_update,
        }
    }

    /// When a newer one is due, where it says so.
    pub fn next_update(&self) -> Option<UnixTime> {
        match self {
            Self::Crl(source) => source.next_update,
            Self::Ocsp(source) => source.next_update,
        }
    }
}

/// `the CRL of CN=…`, `the OCSP responder http://…`.
impl fmt::Display for RevocationSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crl(source) => write!(f, "the CRL of {}", source.issuer),
            Self::Ocsp(source) => write!(f, "the OCSP responder {}", source.url),
        }
    }
}
