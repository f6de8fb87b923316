//! What one card is to say. Takes nothing, gives plain data that a test changes field by field.

use std::time::Duration;

use const_oid::ObjectIdentifier;

use super::authority::{DAY, serial_number};
use super::{DOMAIN, DOMAIN_SID, KeyKind, POLICY, SMARTCARD_LOGON};
use crate::clock::UnixTime;

const CLIENT_AUTHENTICATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.5.5.7.3.2");

/// The authorities that can sign a card or a revocation list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The authority that issues cards.
    Issuing,
    /// The authority above it.
    Policy,
    /// The trust anchor.
    Root,
    /// The issuing authority of the foreign hierarchy.
    Foreign,
}

/// An extension to be written as given.
#[derive(Clone, Debug)]
pub struct ExtraExtension {
    /// What the extension is.
    pub identifier: ObjectIdentifier,
    /// Whether a reader that does not know it must refuse the certificate.
    pub critical: bool,
    /// The extension's value in DER.
    pub value: Vec<u8>,
}

/// What one card is to say. [`CardProfile::of`] gives a good card; a test changes the fields that it is about.
#[derive(Clone, Debug)]
pub struct CardProfile {
    /// The name of the card's files.
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
    /// The extended key usages; none leaves the extension out.
    pub extended_key_usages: Vec<ObjectIdentifier>,
    /// The certificate policies; none leaves the extension out.
    pub policies: Vec<ObjectIdentifier>,
    /// The first second of validity.
    pub not_before: UnixTime,
    /// The last second of validity.
    pub not_after: UnixTime,
    /// The kind of key on the card.
    pub key: KeyKind,
    /// Who signs it.
    pub signer: Signer,
    /// Where the issuer's revocation list can be fetched; none leaves the extension out.
    pub crl_distribution_points: Vec<String>,
    /// Extensions beyond these.
    pub extra_extensions: Vec<ExtraExtension>,
}

impl CardProfile {
    /// A good card for the account `name`: valid from yesterday for a year, P-256, UPN, mail address, SID, both usages.
    pub fn of(name: &str, now: UnixTime) -> Self {
        let address = format!("{name}@{DOMAIN}");
        let serial_number = serial_number(name);
        // A RID that follows from the name, so that it is the same in every run.
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

    /// This profile with TLS client authentication as its only usage.
    #[must_use]
    pub fn without_smartcard_logon(self) -> Self {
        Self { extended_key_usages: vec![CLIENT_AUTHENTICATION], ..self }
    }
}
