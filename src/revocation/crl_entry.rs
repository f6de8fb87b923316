//! Takes the DER of one entry of a CRL, gives its serial, when and why it was revoked, and who issued it.
//!
//! Never decides whether the CRL may be believed.

use super::cannot_judge::CannotJudge;
use super::crl_der::{next_tag, read_extension, read_time};
use crate::certificate::{DistinguishedName, ObjectIdentifier, directory_names};
use crate::clock::UnixTime;
use const_oid::db::rfc5280;
use der::asn1::{AnyRef, IntRef};
use der::{Decode, Reader, SliceReader, Tag};
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

    /// The number of RFC 5280 5.3.1; 7, which it does not use, where the reason is not known.
    pub(super) fn code(self) -> u8 {
        Self::ALL.iter().zip(0..).find_map(|(reason, code)| (*reason == self).then_some(code)).unwrap_or(7)
    }

    /// The reason with this number.
    pub(super) fn from_code(code: u8) -> Self {
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
pub(super) struct Entry<'a> {
    /// The content of the INTEGER, as encoded.
    pub(super) serial: &'a [u8],
    /// [`UnixTime::EPOCH`] where the CRL does not say it in a way that can be read.
    pub(super) revoked_at: UnixTime,
    pub(super) reason: RevocationReason,
    /// Who issued the certificate of this entry and of those that follow (RFC 5280 5.3.3), where it says so.
    pub(super) issuer: Option<DistinguishedName>,
    pub(super) cannot_judge: Option<CannotJudge>,
}

/// Reads the entry that stands next (RFC 5280 5.1.2.6).
pub(super) fn read<'a>(entries: &mut SliceReader<'a>) -> der::Result<Entry<'a>> {
    entries.sequence(|entry| {
        let serial = AnyRef::decode(entry)?;
        serial.decode_as::<IntRef<'_>>()?;
        let mut found = Entry {
            serial: serial.value(),
            // It decides nothing. An odd one must not take the entry, and all others with it, away.
            revoked_at: read_time(entry)?.unwrap_or(UnixTime::EPOCH),
            reason: RevocationReason::Unspecified,
            issuer: None,
            cannot_judge: None,
        };
        if next_tag(entry)? == Some(Tag::Sequence) {
            entry.sequence(|extensions| read_extensions(extensions, &mut found))?;
        }
        Ok(found)
    })
}

fn read_extensions(extensions: &mut SliceReader<'_>, entry: &mut Entry<'_>) -> der::Result<()> {
    while !extensions.is_finished() {
        let extension = read_extension(extensions)?;
        let oid = extension.oid();
        let is = |known| oid.is_some_and(|oid: ObjectIdentifier| oid == known);
        if is(rfc5280::ID_CE_CRL_REASONS) {
            entry.reason = CrlReason::from_der(extension.value).map_or(RevocationReason::Unknown, Into::into);
        } else if is(rfc5280::ID_CE_CERTIFICATE_ISSUER) {
            entry.issuer = issuer(extension.value);
            if entry.issuer.is_none() {
                entry.cannot_judge = Some(CannotJudge::EntryIssuer);
            }
        } else if extension.critical && !is(rfc5280::ID_CE_INVALIDITY_DATE) {
            entry.cannot_judge =
                Some(oid.map_or(CannotJudge::UnnamedExtension, CannotJudge::CriticalEntryExtension));
        }
    }
    Ok(())
}

/// The one distinguished name among the names of a certificateIssuer; nothing where there is none or more than one.
fn issuer(value: &[u8]) -> Option<DistinguishedName> {
    let [issuer] = <[DistinguishedName; 1]>::try_from(directory_names(value).ok()?).ok()?;
    Some(issuer)
}
