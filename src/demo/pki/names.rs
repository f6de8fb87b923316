//! The names, serial numbers and periods of the test PKI.

use std::time::Duration;

/// The common name of the trust anchor, and of the root of the foreign hierarchy.
pub(crate) const ROOT_CA: &str = "Demo Root CA";
/// The common name of the authority between the trust anchor and the issuing authority.
pub(crate) const POLICY_CA: &str = "Demo Policy CA";
/// The common name of the authority that issues client certificates.
pub const ISSUING_CA: &str = "Demo Issuing CA 1";
/// The common name of the authority that issues server certificates, a separate root.
pub(crate) const SERVER_CA: &str = "Demo Server CA";
/// The UPN suffix and mail domain of the organisation.
pub(crate) const DOMAIN: &str = "corp.example";
/// The security identifier of the organisation's domain.
pub(crate) const DOMAIN_SID: &str = "S-1-5-21-1004336348-1177238915-682003330";
/// The host names and addresses of the two server certificates of every test PKI.
pub(crate) const HOSTS: [&str; 5] =
    ["rms.corp.example", "open.corp.example", "localhost", "127.0.0.1", "::1"];

pub(super) const DAY: Duration = Duration::from_secs(86_400);
pub(super) const YEAR: Duration = Duration::from_secs(365 * 86_400);

/// Returns the serial number of the certificate `name`: 16 bytes derived from the name.
///
/// Two certificates of one name have the same serial number, so a renewed certificate needs another name.
pub fn serial_number(name: &str) -> Vec<u8> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes());
    // The first byte keeps the number positive and of full length (RFC 5280 4.1.2.2).
    std::iter::once(0x4d).chain(digest.as_ref().iter().copied().take(15)).collect()
}
