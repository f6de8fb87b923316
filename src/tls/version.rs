//! TLS versions: the supported ones, and older ones that clients offer.

use std::fmt;

/// The supported versions of TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246), with ECDHE and AEAD suites only.
    Tls12,
    /// TLS 1.3 (RFC 8446).
    Tls13,
}

impl TlsVersion {
    /// Returns `1.2` or `1.3`.
    pub const fn number(self) -> &'static str {
        match self {
            Self::Tls12 => "1.2",
            Self::Tls13 => "1.3",
        }
    }
}

/// A version of SSL or TLS that is not supported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UnsupportedVersion {
    major: u8,
    minor: u8,
}

impl UnsupportedVersion {
    pub(super) fn new(major: u8, minor: u8) -> Self {
        Self { major, minor }
    }

    /// Returns major and minor version for a record header, for an alert that the client can read.
    pub(super) fn on_the_wire(self) -> [u8; 2] {
        [3, self.minor.min(3)]
    }
}

impl fmt::Display for UnsupportedVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.major, self.minor) {
            (3, 0) => f.write_str("SSL 3.0"),
            (3, minor @ 1..) => write!(f, "TLS 1.{}", minor - 1),
            (major, minor) => write!(f, "SSL {major}.{minor}"),
        }
    }
}
