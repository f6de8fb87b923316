//! The contents of the certificates of the test PKI: their names, identifiers and serial numbers, and the profiles of client
//! certificates.

use std::time::Duration;

use const_oid::ObjectIdentifier;

use super::key::KeyKind;
use crate::clock::UnixTime;

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

/// The certificate policy that the demo's path rules require (NIST's test policy 1).
pub(crate) const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.2.1.48.1");
/// Another policy that the issuing authority may assert (NIST's test policy 2).
pub(crate) const OTHER_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.2.1.48.2");
/// The extended key usage for Windows smartcard logon (MS-WCCE).
pub(crate) const SMARTCARD_LOGON: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.2");

pub(super) const ANY_POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.32.0");
pub(super) const USER_PRINCIPAL_NAME: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("1.3.6.1.4.1.311.20.2.3");
const CLIENT_AUTHENTICATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// The authorities that can sign a client certificate or a CRL.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The authority that issues client certificates.
    Issuing,
    /// The authority above it.
    Policy,
    /// The trust anchor.
    Root,
    /// The issuing authority of the foreign hierarchy.
    Foreign,
}

/// An extension with its encoded value.
#[derive(Clone, Debug)]
pub struct ExtraExtension {
    /// The object identifier of the extension.
    pub identifier: ObjectIdentifier,
    /// Whether the extension is critical (RFC 5280 4.2).
    pub critical: bool,
    /// The extension's value in DER.
    pub value: Vec<u8>,
}

/// The contents of one client certificate. [`CertificateProfile::of`] returns a valid one; a test changes single fields.
#[derive(Clone, Debug)]
pub struct CertificateProfile {
    /// The name of the files, without the suffix.
    pub name: String,
    /// The subject's common name.
    pub common_name: String,
    /// The serial number, big-endian without sign.
    pub serial_number: Vec<u8>,
    /// The user principal names in the subject alternative name.
    pub upns: Vec<String>,
    /// The mail addresses in the subject alternative name.
    pub emails: Vec<String>,
    /// The SID in Microsoft's security extension.
    pub sid: Option<String>,
    /// The extended key usages; if empty, the extension is omitted.
    pub extended_key_usages: Vec<ObjectIdentifier>,
    /// The certificate policies; if empty, the extension is omitted.
    pub policies: Vec<ObjectIdentifier>,
    /// The first second of validity.
    pub not_before: UnixTime,
    /// The last second of validity.
    pub not_after: UnixTime,
    /// The kind of key.
    pub key: KeyKind,
    /// The authority that signs the certificate.
    pub signer: Signer,
    /// The URLs of the issuer's CRL; if empty, the extension is omitted.
    pub crl_distribution_points: Vec<String>,
    /// Additional extensions.
    pub extra_extensions: Vec<ExtraExtension>,
}

impl CertificateProfile {
    /// Returns the profile of a valid certificate for the account `name`: valid from a day before `now` to a year after it,
    /// with a P-256 key, a UPN, a mail address, a SID and both usages.
    pub fn of(name: &str, now: UnixTime) -> Self {
        let address = format!("{name}@{DOMAIN}");
        let serial_number = serial_number(name);
        // A RID derived from the name, so that it is the same in every run.
        let rid = serial_number.iter().take(2).fold(1000_u32, |sum, byte| sum * 7 + u32::from(*byte));
        Self {
            name: name.to_owned(),
            common_name: name.to_owned(),
            serial_number,
            upns: vec![address.clone()],
            emails: vec![address],
            sid: Some(format!("{DOMAIN_SID}-{rid}")),
            extended_key_usages: vec![CLIENT_AUTHENTICATION, SMARTCARD_LOGON],
            policies: vec![POLICY],
            not_before: UnixTime::from(now.since_epoch().saturating_sub(DAY)),
            not_after: now.plus(YEAR),
            key: KeyKind::EcdsaP256,
            signer: Signer::Issuing,
            crl_distribution_points: vec![format!("http://pki.{DOMAIN}/crl/issuing.crl")],
            extra_extensions: Vec::new(),
        }
    }

    /// Returns this profile with TLS client authentication as the only usage.
    #[must_use]
    pub fn without_smartcard_logon(self) -> Self {
        Self { extended_key_usages: vec![CLIENT_AUTHENTICATION], ..self }
    }
}

/// Returns the serial number of the certificate `name`: 16 bytes derived from the name.
///
/// Two certificates of one name have the same serial number, so a renewed certificate needs another name.
pub fn serial_number(name: &str) -> Vec<u8> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, name.as_bytes());
    // The first byte keeps the number positive and of full length (RFC 5280 4.1.2.2).
    std::iter::once(0x4d).chain(digest.as_ref().iter().copied().take(15)).collect()
}
