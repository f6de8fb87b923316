//! Encryption types of tickets and session keys, with their numbers in IANA's registry (RFC 3961 8).

use std::fmt;

/// An encryption type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EncryptionType(i32);

impl EncryptionType {
    /// RC4-HMAC (RFC 4757), which RFC 8429 deprecates: its key is the unsalted NT hash of the password, which makes
    /// offline guessing cheap.
    pub const RC4_HMAC: Self = Self(23);

    /// Returns the type with this number.
    pub const fn new(number: i32) -> Self {
        Self(number)
    }

    /// Returns the number.
    pub const fn number(self) -> i32 {
        self.0
    }

    /// Returns whether it is one of the AES types (RFC 3962, RFC 8009).
    pub const fn is_aes(self) -> bool {
        matches!(self.0, 17..=20)
    }
}

/// The name as in krb5.conf and klist.
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

/// The encryption types that are accepted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AcceptedEncryption {
    /// AES only.
    #[default]
    Aes,
    /// AES, and RC4 for servers that support nothing else.
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
    fn aes_is_accepted_and_rc4_only_if_configured() {
        let numbers = |accepted: AcceptedEncryption| -> Vec<i32> {
            (-200..=200).filter(|number| accepted.accepts(EncryptionType::new(*number))).collect()
        };
        assert_eq!(numbers(AcceptedEncryption::Aes), [17, 18, 19, 20]);
        assert_eq!(numbers(AcceptedEncryption::AesAndUnsafeRc4), [17, 18, 19, 20, 23]);
    }
}
