//! Request identifiers, in responses, audit records and requests to backends.
//!
//! An identifier from the client is never used: a client could then give its request the identifier of another one.

use std::fmt;

const BYTES: usize = 16;

/// A request identifier: 128 random bits, displayed as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct RequestId([u8; BYTES]);

impl RequestId {
    /// Returns a random identifier.
    pub(crate) fn random() -> Self {
        let mut bytes = [0; BYTES];
        aws_lc_rs::rand::fill(&mut bytes)
            .expect("aws-lc's RAND_bytes either fills the buffer or ends the process: openssl/rand.h");
        Self(bytes)
    }

    /// Returns the digits in ASCII.
    fn hex(self) -> [u8; 2 * BYTES] {
        let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
        let mut digits = [0; 2 * BYTES];
        for (pair, byte) in digits.chunks_exact_mut(2).zip(self.0) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 0xf)]);
        }
        digits
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(str::from_utf8(&self.hex()).unwrap_or_default())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_displayed_as_32_lower_case_digits() {
        let id = RequestId([0x00, 0x0f, 0xf0, 0xff, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xab]);
        assert_eq!(id.to_string(), "000ff0ff0405060708090a0b0c0d0eab");
        assert_eq!(id.hex(), *b"000ff0ff0405060708090a0b0c0d0eab");
    }

    #[test]
    fn a_thousand_requests_have_different_identifiers() {
        let ids: std::collections::HashSet<RequestId> = (0..1000).map(|_| RequestId::random()).collect();
        assert_eq!(ids.len(), 1000);
    }
}
