//! The contents of client certificates.

use std::time::Duration;

use const_oid::ObjectIdentifier;

use super::extension::{POLICY, SMARTCARD_LOGON};
use super::key::KeyKind;
use super::names::{DAY, DOMAIN, DOMAIN_SID, serial_number};
use crate::clock::UnixTime;

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

/// The contents of one client certificate. [`CardProfile::of`] returns a valid one; a test changes single fields.
#[derive(Clone, Debug)]
pub struct CardProfile {
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

impl CardProfile {
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
            not_after: now.plus(Duration::from_secs(365 * 86_400)),
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
