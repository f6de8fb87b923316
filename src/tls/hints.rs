//! The list of CA names that the server sends with its request for a certificate, and how long it may get.
//!
//! Takes subject names of trust anchors, gives rustls's form of them and their size on the wire. Never judges.

use rustls::DistinguishedName;

/// rustls writes a truncated length for more, and every handshake of the site then fails (RFC 8446 4.2.4 gives the
/// list a 16-bit length).
const LIMIT: usize = 65_535;

/// Schannel clients break off when the server's handshake messages exceed 32 KB (`MessageLimitClient`); half of that
/// leaves room for the rest of the flight.
const SCHANNEL_COMFORT: usize = 16 * 1024;

/// How much of the server's handshake the certificate chain and the CA hints take together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HintSize {
    /// Bytes of the longest certificate chain of the site.
    pub chain: usize,
    /// Bytes of the CA hints.
    pub hints: usize,
}

impl HintSize {
    /// Whether Windows clients may break off: more than 16 KB of chain and hints together.
    pub fn strains_schannel(self) -> bool {
        self.chain + self.hints > SCHANNEL_COMFORT
    }
}

/// The CA hints do not fit the handshake message.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the names of the trust anchors take {bytes} bytes of the TLS handshake, and {LIMIT} is the most it can hold"
)]
pub struct HintsTooLong {
    /// Bytes that the names would take.
    pub bytes: usize,
}

/// Turns DER-encoded subject names into hints.
pub(super) fn hints(names: &[Vec<u8>]) -> Result<Vec<DistinguishedName>, HintsTooLong> {
    let bytes = size(names);
    if bytes > LIMIT {
        return Err(HintsTooLong { bytes });
    }
    Ok(names.iter().cloned().map(DistinguishedName::from).collect())
}

/// Bytes on the wire: each name has a 16-bit length before it.
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
    fn sixteen_kilobytes_of_chain_and_hints_strain_schannel() {
        assert!(!HintSize { chain: 4_096, hints: 12_288 }.strains_schannel());
        assert!(HintSize { chain: 4_096, hints: 12_289 }.strains_schannel());
    }
}
