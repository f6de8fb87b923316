//! The decoding of a CRL in one pass. Neither the signature nor any date is checked here.

use super::der::{RawExtension, next_tag, read_extension, read_time};
use super::entry::{CrlEntry, EntryIssuer, read_entry};
use super::index::EntryList;
use super::scope::CrlScope;
use super::source::CrlNumber;
use super::unusable::UnusableReason;
use crate::certificate::{CrlDistributionPoint, DistinguishedName, ObjectIdentifier};
use crate::clock::UnixTime;
use const_oid::db::rfc5280;
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use std::collections::HashMap;
use std::ops::Range;
use thiserror::Error;

/// The bytes are not a CRL (RFC 5280 5.1): not even the signed part and the signature can be distinguished.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not a CRL in DER")]
pub struct MalformedCrl(#[from] der::Error);

/// The parts of a CRL. The ranges are positions in its DER.
pub(in crate::revocation) struct CrlParts {
    pub(super) tbs: Range<usize>,
    pub(super) signature_algorithm: Range<usize>,
    pub(super) signature: Range<usize>,
    pub(super) issuer: Range<usize>,
    /// `None` if it cannot be decoded.
    pub(super) this_update: Option<UnixTime>,
    pub(super) next_update: Option<UnixTime>,
    pub(super) entries: EntriesByIssuer,
    pub(super) number: Option<CrlNumber>,
    /// The BaseCRLNumber of a delta CRL.
    pub(super) base_number: Option<CrlNumber>,
    pub(super) scope: CrlScope,
    /// The URLs of its delta CRLs.
    pub(super) freshest: Vec<String>,
    /// The first of possibly several reasons.
    pub(super) unusable: Option<UnusableReason>,
}

/// Entries by the issuer of their certificates.
#[derive(Default)]
pub(super) struct EntriesByIssuer {
    /// Those of the CRL's issuer.
    pub(super) own: EntryList,
    pub(super) others: HashMap<DistinguishedName, EntryList>,
    /// Those of issuers that cannot be decoded or are too many: each may be of any issuer.
    pub(super) of_any: EntryList,
}

/// The issuer of the next entries.
enum CurrentIssuer {
    /// The issuer of the CRL.
    Own,
    Named(DistinguishedName),
    Any,
}

/// The maximum number of issuers of an indirect CRL that are distinguished: each takes memory, even with few entries.
const MAXIMUM_ISSUERS: usize = 4096;

/// Decodes `der`, which must contain one CRL and nothing else.
///
/// A signed part that cannot be decoded makes the CRL unusable instead of failing: the entries that can be decoded
/// are signed, and without them revoked certificates would pass under `prefer`.
pub(in crate::revocation) fn parse(der: &[u8]) -> Result<CrlParts, MalformedCrl> {
    let mut reader = SliceReader::new(der)?;
    let parts = reader.sequence(|list| {
        let tbs_start = position(list)?;
        let (mut parts, inner_algorithm) = list.sequence(read_tbs)?;
        parts.tbs = tbs_start..position(list)?;
        parts.signature_algorithm = skip(list)?;
        if der.get(inner_algorithm) != der.get(parts.signature_algorithm.clone()) {
            parts.mark_unusable(Some(UnusableReason::AlgorithmsDiffer));
        }
        let signature = BitStringRef::decode(list)?;
        if signature.unused_bits() != 0 {
            parts.mark_unusable(Some(UnusableReason::SignatureBits));
        }
        let end = position(list)?;
        parts.signature = end.saturating_sub(signature.raw_bytes().len())..end;
        Ok::<_, der::Error>(parts)
    })?;
    reader.finish()?;
    Ok(parts)
}

/// Decodes the fields of a TBSCertList. Returns them with the position of the algorithm in it.
fn read_tbs(tbs: &mut SliceReader<'_>) -> der::Result<(CrlParts, Range<usize>)> {
    let mut version = [1].as_slice();
    if next_tag(tbs)? == Some(Tag::Integer) {
        version = AnyRef::decode(tbs)?.value();
    }
    let algorithm = skip(tbs)?;
    let mut parts = CrlParts {
        tbs: 0..0,
        signature_algorithm: 0..0,
        signature: 0..0,
        issuer: skip(tbs)?,
        this_update: None,
        next_update: None,
        entries: EntriesByIssuer::default(),
        number: None,
        base_number: None,
        scope: CrlScope::default(),
        freshest: Vec::new(),
        unusable: None,
    };
    parts.mark_unusable((version != [1]).then_some(UnusableReason::Version));
    parts.this_update = read_date(tbs)?;
    parts.mark_unusable(parts.this_update.is_none().then_some(UnusableReason::ThisUpdate));
    // If it cannot be decoded, the CRL counts as expired, and the certificates that it lists are revoked all the same.
    parts.next_update = read_date(tbs)?;
    if next_tag(tbs)? == Some(Tag::Sequence) {
        let entries = AnyRef::decode(tbs)?;
        read_entries(SliceReader::new(entries.value())?, &mut parts);
    }
    if matches!(next_tag(tbs)?, Some(Tag::ContextSpecific { number: TagNumber(0), .. })) {
        let explicit = AnyRef::decode(tbs)?;
        if read_crl_extensions(explicit.value(), &mut parts).is_err() {
            parts.mark_scope_unusable(UnusableReason::Extensions);
        }
    }
    while !tbs.is_finished() {
        skip(tbs)?;
        parts.mark_scope_unusable(UnusableReason::Extensions);
    }
    if !parts.scope.is_indirect && !parts.entries.others.is_empty() {
        parts.mark_unusable(Some(UnusableReason::Indirect));
    }
    Ok((parts, algorithm))
}

/// Decodes the next element as a time. Returns `None` if it is something else or cannot be decoded.
fn read_date(tbs: &mut SliceReader<'_>) -> der::Result<Option<UnixTime>> {
    match next_tag(tbs)? {
        None | Some(Tag::Sequence | Tag::ContextSpecific { .. }) => Ok(None),
        Some(Tag::UtcTime | Tag::GeneralizedTime) => Ok(read_time(tbs)?.ok()),
        Some(_) => skip(tbs).map(|_| None),
    }
}

/// Decodes the entries. The issuer of an entry is also that of the entries that follow (RFC 5280 5.3.3).
fn read_entries(mut entries: SliceReader<'_>, parts: &mut CrlParts) {
    let mut issuer = CurrentIssuer::Own;
    while !entries.is_finished() {
        let Ok(next) = AnyRef::decode(&mut entries) else {
            parts.mark_unusable(Some(UnusableReason::Entry));
            return;
        };
        let Some(entry) = read_entry(next) else {
            // It may have changed the issuer of those that follow.
            parts.mark_unusable(Some(UnusableReason::Entry));
            issuer = CurrentIssuer::Any;
            continue;
        };
        parts.mark_unusable(entry.unusable);
        match &entry.issuer {
            EntryIssuer::Unchanged => {}
            EntryIssuer::Named(name) => issuer = CurrentIssuer::Named(name.clone()),
            EntryIssuer::Undecodable => issuer = CurrentIssuer::Any,
        }
        let why = parts.entries.push(&issuer, &entry);
        parts.mark_unusable(why);
    }
}

impl EntriesByIssuer {
    fn push(&mut self, issuer: &CurrentIssuer, entry: &CrlEntry<'_>) -> Option<UnusableReason> {
        match issuer {
            CurrentIssuer::Own => self.own.push(entry),
            CurrentIssuer::Any => self.of_any.push(entry),
            CurrentIssuer::Named(name) => {
                if let Some(list) = self.others.get_mut(name) {
                    list.push(entry);
                } else if self.others.len() == MAXIMUM_ISSUERS {
                    self.of_any.push(entry);
                    return Some(UnusableReason::TooManyIssuers);
                } else {
                    self.others.entry(name.clone()).or_default().push(entry);
                }
            }
        }
        None
    }
}

impl CrlParts {
    fn mark_unusable(&mut self, why: Option<UnusableReason>) {
        self.unusable = self.unusable.or(why);
    }

    /// As [`Self::mark_unusable`], if it is unknown which certificates the CRL covers.
    fn mark_scope_unusable(&mut self, why: UnusableReason) {
        self.mark_unusable(Some(why));
        self.scope = CrlScope::any();
    }
}

/// Decodes the extensions of the CRL, inside their explicit tag.
fn read_crl_extensions(explicit: &[u8], parts: &mut CrlParts) -> der::Result<()> {
    let mut inner = SliceReader::new(explicit)?;
    let list = AnyRef::decode(&mut inner)?;
    list.tag().assert_eq(Tag::Sequence)?;
    let mut extensions = SliceReader::new(list.value())?;
    let mut seen: Vec<ObjectIdentifier> = Vec::new();
    while !extensions.is_finished() {
        let extension = read_extension(&mut extensions)?;
        let Some(oid) = extension.oid() else {
            parts.mark_unusable(extension.critical.then_some(UnusableReason::UnnamedExtension));
            continue;
        };
        let reason = if seen.contains(&oid) {
            Some(UnusableReason::RepeatedExtension(oid))
        } else if read_crl_extension(oid, &extension, parts).is_none() {
            Some(UnusableReason::UndecodableExtension(oid))
        } else {
            None
        };
        match reason {
            Some(reason) if oid == rfc5280::ID_CE_ISSUING_DISTRIBUTION_POINT => {
                parts.mark_scope_unusable(reason);
            }
            reason => parts.mark_unusable(reason),
        }
        seen.push(oid);
    }
    inner.finish()
}

/// Decodes one extension. Returns `None` if that fails. The authority key identifier and the issuer's other names are
/// not needed: the signature shows which key signed the CRL (RFC 5280 5.2.1, 5.2.2).
fn read_crl_extension(
    oid: ObjectIdentifier,
    extension: &RawExtension<'_>,
    parts: &mut CrlParts,
) -> Option<()> {
    match oid.as_known() {
        Some(rfc5280::ID_CE_ISSUING_DISTRIBUTION_POINT) => parts.scope = CrlScope::read(extension.value)?,
        Some(rfc5280::ID_CE_DELTA_CRL_INDICATOR) => {
            parts.base_number = Some(CrlNumber::from_der(extension.value)?);
        }
        Some(rfc5280::ID_CE_CRL_NUMBER) => parts.number = Some(CrlNumber::from_der(extension.value)?),
        Some(rfc5280::ID_CE_FRESHEST_CRL) => parts.freshest = freshest(extension.value)?,
        Some(
            rfc5280::ID_CE_AUTHORITY_KEY_IDENTIFIER
            | rfc5280::ID_CE_ISSUER_ALT_NAME
            | rfc5280::ID_PE_AUTHORITY_INFO_ACCESS,
        ) => {}
        _ if extension.critical => parts.mark_unusable(Some(UnusableReason::CriticalExtension(oid))),
        _ => {}
    }
    Some(())
}

/// Returns the URLs of a freshestCRL (RFC 5280 5.2.6).
fn freshest(value: &[u8]) -> Option<Vec<String>> {
    let points = CrlDistributionPoint::read_all(value).ok()?;
    Some(points.into_iter().flat_map(|point| point.uris).collect())
}

fn skip(reader: &mut SliceReader<'_>) -> der::Result<Range<usize>> {
    let start = position(reader)?;
    reader.tlv_bytes()?;
    Ok(start..position(reader)?)
}

fn position(reader: &SliceReader<'_>) -> der::Result<usize> {
    usize::try_from(reader.position())
}
