//! Takes the DER of one entry of a CRL, gives its serial, when and why it was revoked, and who issued it.
//!
//! Never decides whether the CRL may be believed. A certificate is listed by its serial number alone: nothing beside it that
//! cannot be decoded takes the entry away.

use crate::certificate::{DistinguishedName, ObjectIdentifier, directory_names};
use crate::clock::UnixTime;
use crate::revocation::crl::der::{minimal, next_tag, read_extension, read_time};
use crate::revocation::crl::unusable::UnusableReason;
use const_oid::db::rfc5280;
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use std::fmt;
use x509_cert::ext::pkix::CrlReason;

/// Why a certificate was revoked (RFC 5280 5.3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RevocationReason {
    /// No reason given, or `unspecified`.
    Unspecified,
    /// The holder's key is known or suspected to others.
    KeyCompromise,
    /// The CA's key is known or suspected to others.
    CaCompromise,
    /// The holder's name or place changed.
    AffiliationChanged,
    /// Another certificate replaces it.
    Superseded,
    /// No longer needed.
    CessationOfOperation,
    /// On hold: may come back, and is revoked until it does.
    CertificateHold,
    /// A delta CRL takes it off its base (RFC 5280 5.3.1). Has no place in a complete CRL, where it counts as revoked.
    RemoveFromCrl,
    /// A privilege was withdrawn.
    PrivilegeWithdrawn,
    /// The attribute authority's key is known or suspected to others.
    AaCompromise,
    /// A reason that RFC 5280 does not know. Revoked all the same.
    Unknown,
}

impl From<CrlReason> for RevocationReason {
    fn from(reason: CrlReason) -> Self {
        match reason {
            CrlReason::Unspecified => Self::Unspecified,
            CrlReason::KeyCompromise => Self::KeyCompromise,
            CrlReason::CaCompromise => Self::CaCompromise,
            CrlReason::AffiliationChanged => Self::AffiliationChanged,
            CrlReason::Superseded => Self::Superseded,
            CrlReason::CessationOfOperation => Self::CessationOfOperation,
            CrlReason::CertificateHold => Self::CertificateHold,
            CrlReason::RemoveFromCRL => Self::RemoveFromCrl,
            CrlReason::PrivilegeWithdrawn => Self::PrivilegeWithdrawn,
            CrlReason::AaCompromise => Self::AaCompromise,
        }
    }
}

impl RevocationReason {
    /// All of them, in the order of [`Self::code`].
    const ALL: [Self; 11] = [
        Self::Unspecified,
        Self::KeyCompromise,
        Self::CaCompromise,
        Self::AffiliationChanged,
        Self::Superseded,
        Self::CessationOfOperation,
        Self::CertificateHold,
        Self::Unknown,
        Self::RemoveFromCrl,
        Self::PrivilegeWithdrawn,
        Self::AaCompromise,
    ];

    /// Of two entries for one serial number, the one with the greater permanence counts: "no longer listed" never hides
    /// "revoked", and a hold, which a delta CRL can lift, never hides what nothing can lift.
    pub(in crate::revocation) fn permanence(self) -> u8 {
        match self {
            Self::RemoveFromCrl => 0,
            Self::CertificateHold => 1,
            _ => 2,
        }
    }

    /// The number of RFC 5280 5.3.1; 7, which it does not use, where the reason is not known.
    pub(in crate::revocation) fn code(self) -> u8 {
        Self::ALL.iter().zip(0..).find_map(|(reason, code)| (*reason == self).then_some(code)).unwrap_or(7)
    }

    /// The reason with this number.
    pub(in crate::revocation) fn from_code(code: u8) -> Self {
        Self::ALL.get(usize::from(code)).copied().unwrap_or(Self::Unknown)
    }
}

/// As RFC 5280 5.3.1 spells it: `keyCompromise`.
impl fmt::Display for RevocationReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unspecified => "unspecified",
            Self::KeyCompromise => "keyCompromise",
            Self::CaCompromise => "cACompromise",
            Self::AffiliationChanged => "affiliationChanged",
            Self::Superseded => "superseded",
            Self::CessationOfOperation => "cessationOfOperation",
            Self::CertificateHold => "certificateHold",
            Self::RemoveFromCrl => "removeFromCRL",
            Self::PrivilegeWithdrawn => "privilegeWithdrawn",
            Self::AaCompromise => "aACompromise",
            Self::Unknown => "unknown",
        })
    }
}

/// One entry of a CRL.
pub(in crate::revocation) struct CrlEntry<'a> {
    /// The content of the INTEGER, without what pads it.
    pub(in crate::revocation) serial: &'a [u8],
    /// [`UnixTime::EPOCH`] if the CRL does not specify it in a way that can be decoded.
    pub(in crate::revocation) revoked_at: UnixTime,
    pub(in crate::revocation) reason: RevocationReason,
    /// Who issued the certificate of this entry and of those that follow (RFC 5280 5.3.3).
    pub(in crate::revocation) issuer: EntryIssuer,
    pub(in crate::revocation) unusable: Option<UnusableReason>,
}

/// What an entry specifies about the issuer of its certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::revocation) enum EntryIssuer {
    /// Nothing: the issuer is that of the entry before.
    AsBefore,
    Named(DistinguishedName),
    /// It cannot be decoded, so it may be any issuer.
    Undecodable,
}

/// Reads one entry (RFC 5280 5.1.2.6). `None` if it has no serial number that can be decoded.
///
/// What stands behind the serial number and cannot be decoded sets the CRL aside and revokes this certificate all the same.
pub(in crate::revocation) fn read(entry: AnyRef<'_>) -> Option<CrlEntry<'_>> {
    entry.tag().assert_eq(Tag::Sequence).ok()?;
    let mut fields = SliceReader::new(entry.value()).ok()?;
    let serial = AnyRef::decode(&mut fields).ok()?;
    serial.tag().assert_eq(Tag::Integer).ok()?;
    let mut found = CrlEntry {
        serial: minimal(serial.value())?,
        revoked_at: UnixTime::EPOCH,
        reason: RevocationReason::Unspecified,
        issuer: EntryIssuer::AsBefore,
        unusable: None,
    };
    if read_facts(&mut fields, &mut found).is_err() {
        found.reason = RevocationReason::Unknown;
        found.issuer = EntryIssuer::Undecodable;
        found.unusable = Some(UnusableReason::Entry);
    }
    Some(found)
}

fn read_facts(fields: &mut SliceReader<'_>, found: &mut CrlEntry<'_>) -> der::Result<()> {
    // It decides nothing. An odd one must not take the entry, and all others with it, away.
    found.revoked_at = read_time(fields)?.unwrap_or(UnixTime::EPOCH);
    if next_tag(fields)? == Some(Tag::Sequence) {
        fields.sequence(|extensions| read_extensions(extensions, found))?;
    }
    next_tag(fields)?.map_or(Ok(()), |tag| Err(tag.unexpected_error(None).into()))
}

fn read_extensions(extensions: &mut SliceReader<'_>, entry: &mut CrlEntry<'_>) -> der::Result<()> {
    while !extensions.is_finished() {
        let extension = read_extension(extensions)?;
        let oid = extension.oid();
        let is = |known| oid.is_some_and(|oid: ObjectIdentifier| oid == known);
        if is(rfc5280::ID_CE_CRL_REASONS) {
            entry.reason = CrlReason::from_der(extension.value).map_or(RevocationReason::Unknown, Into::into);
        } else if is(rfc5280::ID_CE_CERTIFICATE_ISSUER) {
            let issuer = issuer(extension.value).filter(|_| entry.issuer == EntryIssuer::AsBefore);
            if issuer.is_none() {
                entry.unusable = Some(UnusableReason::EntryIssuer);
            }
            entry.issuer = issuer.map_or(EntryIssuer::Undecodable, EntryIssuer::Named);
        } else if extension.critical && !is(rfc5280::ID_CE_INVALIDITY_DATE) {
            entry.unusable =
                Some(oid.map_or(UnusableReason::UnnamedExtension, UnusableReason::CriticalEntryExtension));
        }
    }
    Ok(())
}

/// The one distinguished name among the names of a certificateIssuer; nothing if there is none or more than one.
fn issuer(value: &[u8]) -> Option<DistinguishedName> {
    let [issuer] = <[DistinguishedName; 1]>::try_from(directory_names(value).ok()?).ok()?;
    Some(issuer)
}
