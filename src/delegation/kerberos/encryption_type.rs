//! How tickets and their keys are encrypted, by the numbers that Kerberos gives the types (RFC 3961 8, IANA's registry).

use std::fmt;

/// An encryption type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EncryptionType(i32);

impl EncryptionType {
    /// RC4-HMAC (RFC 4757), which RFC 8429 deprecates: its key is the unsalted NT hash of a password, and what is
    /// encrypted with it can be guessed at leisure.
    pub const RC4_HMAC: Self = Self(23);

    /// The type with this number.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Its number.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Whether it is one of the AES types (RFC 3962, RFC 8009).
    pub const fn is_aes(self) -> bool {
        matches!(self.0, 17..=20)
    }
}

/// The name that administrators know it by.
impl fmt::Display for EncryptionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => f.write_str("des-cbc-crc"),
            3 => f.write_str("des-cbc-md5"),
            16 => f.write_str("des3-cbc-sha1"),
            17 => f.write_str("aes128-cts-hmac-sha1-96"),
            18 => f.write_str("aes256-cts-hmac-sha1-96"),
            19 => f.write_str("aes128-cts-hmac-sha256-128"),
            20 => f.write_str("aes256-cts-hmac-sha384-192"),
            23 => f.write_str("rc4-hmac"),
            24 => f.write_str("rc4-hmac-exp"),
            number => write!(f, "encryption type {number}"),
        }
    }
}

/// Which encryption types are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcceptedEncryption {
    /// AES only.
    #[default]
    Aes,
    /// AES and, for servers that know nothing else, RC4.
    AesAndUnsafeRc4,
}

impl AcceptedEncryption {
    pub(super) fn accepts(self, kind: EncryptionType) -> bool {
        kind.is_aes() || (self == Self::AesAndUnsafeRc4 && kind == EncryptionType::RC4_HMAC)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aes_is_taken_and_rc4_where_it_is_asked_for() {
        let taken = |accepted: AcceptedEncryption| -> Vec<i32> {
            (-200..=200).filter(|number| accepted.accepts(EncryptionType::new(*number))).collect()
        };
        assert_eq!(taken(AcceptedEncryption::Aes), [17, 18, 19, 20]);
        assert_eq!(taken(AcceptedEncryption::AesAndUnsafeRc4), [17, 18, 19, 20, 23]);
    }
}
