//! Takes the DER of one CRL, gives its parts and what its extensions say, in one pass.
//!
//! Never checks the signature and never compares a date with the time now.

use crate::certificate::{CrlDistributionPoint, DistinguishedName, ObjectIdentifier};
use crate::clock::UnixTime;
use crate::revocation::crl::der::{RawExtension, next_tag, read_extension, read_time};
use crate::revocation::crl::entry::{self, CrlEntry, EntryIssuer};
use crate::revocation::crl::index::EntryList;
use crate::revocation::crl::number::CrlNumber;
use crate::revocation::crl::scope::CrlScope;
use crate::revocation::crl::unusable::UnusableReason;
use const_oid::db::rfc5280;
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber, Tagged};
use std::collections::HashMap;
use std::ops::Range;
use thiserror::Error;

/// Bytes that are not a CRL as RFC 5280 5.1 writes it: not even its signed part and its signature can be told apart.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("not a CRL in DER")]
pub struct MalformedCrl(#[from] der::Error);

/// The parts of one CRL; the ranges are places in the DER that was walked.
pub(in crate::revocation) struct CrlParts {
    pub(in crate::revocation) tbs: Range<usize>,
    pub(in crate::revocation) signature_algorithm: Range<usize>,
    pub(in crate::revocation) signature: Range<usize>,
    pub(in crate::revocation) issuer: Range<usize>,
    /// `None` if it cannot be decoded.
    pub(in crate::revocation) this_update: Option<UnixTime>,
    pub(in crate::revocation) next_update: Option<UnixTime>,
    pub(in crate::revocation) entries: EntriesByIssuer,
    pub(in crate::revocation) number: Option<CrlNumber>,
    /// The BaseCRLNumber of a delta CRL.
    pub(in crate::revocation) base_number: Option<CrlNumber>,
    pub(in crate::revocation) scope: CrlScope,
    /// Where its delta CRLs are found.
    pub(in crate::revocation) freshest: Vec<String>,
    /// The first reason found.
    pub(in crate::revocation) unusable: Option<UnusableReason>,
}

/// Entries by the issuer of their certificates.
#[derive(Default)]
pub(in crate::revocation) struct EntriesByIssuer {
    /// Those of the issuer of the CRL itself.
    pub(in crate::revocation) own: EntryList,
    pub(in crate::revocation) others: HashMap<DistinguishedName, EntryList>,
    /// Those of issuers that cannot be decoded or are too many to be kept apart: each may be of any issuer.
    pub(in crate::revocation) of_any: EntryList,
}

/// The issuer of the entries that stand next.
enum CurrentIssuer {
    /// The issuer of the CRL.
    Own,
    Named(DistinguishedName),
    Any,
}

/// Issuers of an indirect CRL that are kept apart: each of them costs memory, however few its entries.
const MAXIMUM_ISSUERS: usize = 4096;

/// Walks `der`, which must hold one CRL and nothing after it.
///
/// What the signature covers and cannot be decoded sets the CRL aside instead of failing: its readable entries are
/// signed, and dropping them would let revoked certificates pass where revocation is only preferred.
pub(in crate::revocation) fn walk(der: &[u8]) -> Result<CrlParts, MalformedCrl> {
    let mut reader = SliceReader::new(der)?;
    let parts = reader.sequence(|list| {
        let tbs_start = place(list)?;
        let (mut parts, inner_algorithm) = list.sequence(read_tbs)?;
        parts.tbs = tbs_start..place(list)?;
        parts.signature_algorithm = skip(list)?;
        if der.get(inner_algorithm) != der.get(parts.signature_algorithm.clone()) {
            parts.set_aside(Some(UnusableReason::AlgorithmsDiffer));
        }
        let signature = BitStringRef::decode(list)?;
        if signature.unused_bits() != 0 {
            parts.set_aside(Some(UnusableReason::SignatureBits));
        }
        let end = place(list)?;
        parts.signature = end.saturating_sub(signature.raw_bytes().len())..end;
        Ok::<_, der::Error>(parts)
    })?;
    reader.finish()?;
    Ok(parts)
}

/// Reads the fields of a TBSCertList; returns them with the place of the algorithm inside it.
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
    parts.set_aside((version != [1]).then_some(UnusableReason::Version));
    parts.this_update = read_date(tbs)?;
    parts.set_aside(parts.this_update.is_none().then_some(UnusableReason::ThisUpdate));
    // One that cannot be decoded is like none: the CRL counts as stale, and what it lists is revoked all the same.
    parts.next_update = read_date(tbs)?;
    if next_tag(tbs)? == Some(Tag::Sequence) {
        let entries = AnyRef::decode(tbs)?;
        read_entries(SliceReader::new(entries.value())?, &mut parts);
    }
    if matches!(next_tag(tbs)?, Some(Tag::ContextSpecific { number: TagNumber(0), .. })) {
        let explicit = AnyRef::decode(tbs)?;
        if read_crl_extensions(explicit.value(), &mut parts).is_err() {
            parts.set_aside_in_scope(UnusableReason::Extensions);
        }
    }
    while !tbs.is_finished() {
        skip(tbs)?;
        parts.set_aside_in_scope(UnusableReason::Extensions);
    }
    if !parts.scope.is_indirect && !parts.entries.others.is_empty() {
        parts.set_aside(Some(UnusableReason::Indirect));
    }
    Ok((parts, algorithm))
}

/// The time that stands next. `None` if there is something else in its place, or no time at all.
fn read_date(tbs: &mut SliceReader<'_>) -> der::Result<Option<UnixTime>> {
    match next_tag(tbs)? {
        None | Some(Tag::Sequence | Tag::ContextSpecific { .. }) => Ok(None),
        Some(Tag::UtcTime | Tag::GeneralizedTime) => Ok(read_time(tbs)?.ok()),
        Some(_) => skip(tbs).map(|_| None),
    }
}

/// Reads the entries. The issuer that one names is that of those that follow too (RFC 5280 5.3.3).
fn read_entries(mut entries: SliceReader<'_>, parts: &mut CrlParts) {
    let mut issuer = CurrentIssuer::Own;
    while !entries.is_finished() {
        let Ok(next) = AnyRef::decode(&mut entries) else {
            parts.set_aside(Some(UnusableReason::Entry));
            return;
        };
        let Some(entry) = entry::read(next) else {
            // It may have named the issuer of those that follow.
            parts.set_aside(Some(UnusableReason::Entry));
            issuer = CurrentIssuer::Any;
            continue;
        };
        parts.set_aside(entry.unusable);
        match &entry.issuer {
            EntryIssuer::AsBefore => {}
            EntryIssuer::Named(name) => issuer = CurrentIssuer::Named(name.clone()),
            EntryIssuer::Undecodable => issuer = CurrentIssuer::Any,
        }
        let why = parts.entries.push(&issuer, &entry);
        parts.set_aside(why);
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
    fn set_aside(&mut self, why: Option<UnusableReason>) {
        self.unusable = self.unusable.or(why);
    }

    /// As [`Self::set_aside`], for what leaves open which certificates the CRL covers.
    fn set_aside_in_scope(&mut self, why: UnusableReason) {
        self.set_aside(Some(why));
        self.scope = CrlScope::any();
    }
}

/// Reads the extensions of the CRL itself, inside their explicit tag.
fn read_crl_extensions(explicit: &[u8], parts: &mut CrlParts) -> der::Result<()> {
    let mut inner = SliceReader::new(explicit)?;
    let list = AnyRef::decode(&mut inner)?;
    list.tag().assert_eq(Tag::Sequence)?;
    let mut extensions = SliceReader::new(list.value())?;
    let mut seen: Vec<ObjectIdentifier> = Vec::new();
    while !extensions.is_finished() {
        let extension = read_extension(&mut extensions)?;
        let Some(oid) = extension.oid() else {
            parts.set_aside(extension.critical.then_some(UnusableReason::UnnamedExtension));
            continue;
        };
        let flaw = if seen.contains(&oid) {
            Some(UnusableReason::RepeatedExtension(oid))
        } else if read_crl_extension(oid, &extension, parts).is_none() {
            Some(UnusableReason::UndecodableExtension(oid))
        } else {
            None
        };
        match flaw {
            Some(flaw) if oid == rfc5280::ID_CE_ISSUING_DISTRIBUTION_POINT => parts.set_aside_in_scope(flaw),
            flaw => parts.set_aside(flaw),
        }
        seen.push(oid);
    }
    inner.finish()
}

/// Nothing where the extension cannot be decoded. The authority key identifier and the issuer's other names are
/// understood by not being needed: the issuer's key proves itself by verifying the signature (RFC 5280 5.2.1, 5.2.2).
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
        _ if extension.critical => parts.set_aside(Some(UnusableReason::CriticalExtension(oid))),
        _ => {}
    }
    Some(())
}

/// The URIs of a freshestCRL (RFC 5280 5.2.6).
fn freshest(value: &[u8]) -> Option<Vec<String>> {
    let points = CrlDistributionPoint::read_all(value).ok()?;
    Some(points.into_iter().flat_map(|point| point.uris).collect())
}

fn skip(reader: &mut SliceReader<'_>) -> der::Result<Range<usize>> {
    let start = place(reader)?;
    reader.tlv_bytes()?;
    Ok(start..place(reader)?)
}

fn place(reader: &SliceReader<'_>) -> der::Result<usize> {
    usize::try_from(reader.position())
}
