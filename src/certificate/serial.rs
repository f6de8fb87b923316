//! The serial number of a certificate: the bytes of the INTEGER as encoded, never normalized.

use std::fmt;

use super::fingerprint::write_hex;

/// A serial number (RFC 5280 4.1.2.2), most significant byte first, with the leading zero byte that DER requires before a
/// set high bit. May be zero, negative or longer than 20 bytes: real CAs have issued such.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SerialNumber(Box<[u8]>);

impl SerialNumber {
    /// Returns the serial number with these content bytes of a DER INTEGER.
    pub fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }

    /// Returns the content bytes of the INTEGER as encoded.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Lower case hex, most significant byte first.
impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_hex(f, &self.0)
    }
}

impl fmt::Debug for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
