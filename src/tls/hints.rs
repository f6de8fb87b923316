//! CA hints: the names that the server sends in its CertificateRequest, and their limits.

use rustls::DistinguishedName;

/// The list has a 16-bit length (RFC 8446 4.2.4). rustls would truncate a greater one, and every handshake of the site
/// would fail.
const LIMIT: usize = 65_535;

/// Schannel clients abort if the server's handshake messages exceed 32 KB (`MessageLimitClient`); half of that leaves
/// room for the other messages.
const SCHANNEL_LIMIT: usize = 16 * 1024;

/// The bytes of the certificate chain and of the CA hints in the server's handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HintSize {
    /// The longest certificate chain of the site.
    pub chain: usize,
    /// The CA hints.
    pub hints: usize,
}

impl HintSize {
    /// Returns whether Windows clients may abort: more than 16 KB of chain and hints together.
    pub fn exceeds_schannel_limit(self) -> bool {
        self.chain + self.hints > SCHANNEL_LIMIT
    }
}

/// The CA hints do not fit into the handshake message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the names of the trust anchors have {bytes} bytes in the TLS handshake; the limit is {LIMIT}")]
pub struct HintsTooLong {
    /// The bytes of the names.
    pub bytes: usize,
}

/// Converts subject names in DER into hints.
pub(super) fn hints(names: &[Vec<u8>]) -> Result<Vec<DistinguishedName>, HintsTooLong> {
    let bytes = size(names);
    if bytes > LIMIT {
        return Err(HintsTooLong { bytes });
    }
    Ok(names.iter().cloned().map(DistinguishedName::from).collect())
}

/// Returns the bytes in the handshake: each name has a 16-bit length before it.
pub(super) fn size(names: &[Vec<u8>]) -> usize {
    names.iter().map(|name| name.len() + 2).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_beyond_the_handshakes_limit_are_an_error_with_their_size() {
        let names = vec![vec![0x30; 500]; 131];
        assert_eq!(hints(&names).unwrap_err(), HintsTooLong { bytes: 131 * 502 });
        assert_eq!(hints(&names[..130]).unwrap().len(), 130);
    }

    #[test]
    fn more_than_16_kb_of_chain_and_hints_exceed_the_limit_of_schannel() {
        assert!(!HintSize { chain: 4_096, hints: 12_288 }.exceeds_schannel_limit());
        assert!(HintSize { chain: 4_096, hints: 12_289 }.exceeds_schannel_limit());
    }
}
