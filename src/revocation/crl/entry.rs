//! The decoding of one entry of a CRL: serial number, date, reason and issuer.
//!
//! A certificate is revoked by its serial number alone: an entry counts even if nothing else in it can be decoded.

use super::der::{minimal, next_tag, read_extension, read_time};
use super::reason::RevocationReason;
use super::unusable::UnusableReason;
use crate::certificate::{DistinguishedName, ObjectIdentifier, directory_names};
use crate::clock::UnixTime;
use const_oid::db::rfc5280;
use der::asn1::AnyRef;
use der::{Decode, Reader, SliceReader, Tag, Tagged};
use x509_cert::ext::pkix::CrlReason;

/// An entry of a CRL.
pub(super) struct CrlEntry<'a> {
    /// The content of the INTEGER without padding.
    pub(super) serial: &'a [u8],
    /// [`UnixTime::EPOCH`] if it cannot be decoded.
    pub(super) revoked_at: UnixTime,
    pub(super) reason: RevocationReason,
    /// The issuer of the certificate of this entry and of those that follow (RFC 5280 5.3.3).
    pub(super) issuer: EntryIssuer,
    pub(super) unusable: Option<UnusableReason>,
}

/// The issuer of the certificate of an entry, as the entry specifies it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum EntryIssuer {
    /// Not specified: the issuer is that of the entry before.
    Unchanged,
    Named(DistinguishedName),
    /// It cannot be decoded, so it may be any issuer.
    Undecodable,
}

/// Decodes an entry (RFC 5280 5.1.2.6). Returns `None` if its serial number cannot be decoded. If anything else
/// cannot be decoded, the certificate is revoked and the CRL is unusable.
pub(super) fn read_entry(entry: AnyRef<'_>) -> Option<CrlEntry<'_>> {
    entry.tag().assert_eq(Tag::Sequence).ok()?;
    let mut fields = SliceReader::new(entry.value()).ok()?;
    let serial = AnyRef::decode(&mut fields).ok()?;
    serial.tag().assert_eq(Tag::Integer).ok()?;
    let mut found = CrlEntry {
        serial: minimal(serial.value())?,
        revoked_at: UnixTime::EPOCH,
        reason: RevocationReason::Unspecified,
        issuer: EntryIssuer::Unchanged,
        unusable: None,
    };
    if read_fields(&mut fields, &mut found).is_err() {
        found.reason = RevocationReason::Unknown;
        found.issuer = EntryIssuer::Undecodable;
        found.unusable = Some(UnusableReason::Entry);
    }
    Some(found)
}

fn read_fields(fields: &mut SliceReader<'_>, found: &mut CrlEntry<'_>) -> der::Result<()> {
    // The date has no effect. An invalid one must not remove this entry or the others.
    found.revoked_at = read_time(fields)?.unwrap_or(UnixTime::EPOCH);
    if next_tag(fields)? == Some(Tag::Sequence) {
        fields.sequence(|extensions| read_extensions(extensions, found))?;
    }
    next_tag(fields)?.map_or(Ok(()), |tag| Err(tag.unexpected_error(None).into()))
}

fn read_extensions(extensions: &mut SliceReader<'_>, entry: &mut CrlEntry<'_>) -> der::Result<()> {
    let mut reasons: Vec<RevocationReason> = Vec::new();
    while !extensions.is_finished() {
        let extension = read_extension(extensions)?;
        let oid = extension.oid();
        let is = |known| oid.is_some_and(|oid: ObjectIdentifier| oid == known);
        if is(rfc5280::ID_CE_CRL_REASONS) {
            reasons.push(CrlReason::from_der(extension.value).map_or(RevocationReason::Unknown, Into::into));
        } else if is(rfc5280::ID_CE_CERTIFICATE_ISSUER) {
            let issuer = issuer(extension.value).filter(|_| entry.issuer == EntryIssuer::Unchanged);
            if issuer.is_none() {
                entry.unusable = Some(UnusableReason::EntryIssuer);
            }
            entry.issuer = issuer.map_or(EntryIssuer::Undecodable, EntryIssuer::Named);
        } else if extension.critical && !is(rfc5280::ID_CE_INVALIDITY_DATE) {
            entry.unusable =
                Some(oid.map_or(UnusableReason::UnnamedExtension, UnusableReason::CriticalEntryExtension));
        }
    }
    // The order of several reasons has no effect.
    if let Some(reason) = reasons.iter().max_by_key(|reason| reason.permanence()) {
        entry.reason = *reason;
    }
    if reasons.len() > 1 {
        entry.unusable = Some(UnusableReason::Entry);
    }
    Ok(())
}

/// Returns the distinguished name of a certificateIssuer, or `None` if it has none or several.
fn issuer(value: &[u8]) -> Option<DistinguishedName> {
    let [issuer] = <[DistinguishedName; 1]>::try_from(directory_names(value).ok()?).ok()?;
    Some(issuer)
}
