//! Takes the DER of one CRL, gives its parts and what its extensions say, in one pass.
//!
//! Never checks the signature and never compares a date with the time now.

use super::cannot_judge::CannotJudge;
use super::crl_der::{RawExtension, next_tag, read_extension, read_time};
use super::crl_entry::{self, Entry};
use super::crl_index::EntryList;
use super::crl_number::CrlNumber;
use super::crl_scope::Scope;
use crate::certificate::{CrlDistributionPoint, DistinguishedName, ObjectIdentifier};
use crate::clock::UnixTime;
use const_oid::db::rfc5280;
use der::asn1::{AnyRef, BitStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagNumber};
use std::collections::HashMap;
use std::ops::Range;
use thiserror::Error;

/// Why bytes are not a CRL as RFC 5280 5.1 writes it.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum MalformedCrl {
    /// The DER does not follow the ASN.1 of RFC 5280 5.1.
    #[error("not a CRL in DER")]
    Der(#[from] der::Error),
    /// A version other than 2 is written (RFC 5280 5.1.2.1; a version 1 CRL writes none).
    #[error("a CRL of an unknown version")]
    Version,
    /// The algorithm inside the signed part is not the one outside (RFC 5280 5.1.1.2).
    #[error("the signature algorithm differs inside and outside the signed part")]
    AlgorithmsDiffer,
}

/// The parts of one CRL; the ranges are places in the DER that was walked.
pub(super) struct CrlParts {
    pub(super) tbs: Range<usize>,
    pub(super) signature_algorithm: Range<usize>,
    pub(super) signature: Range<usize>,
    pub(super) issuer: Range<usize>,
    pub(super) this_update: UnixTime,
    pub(super) next_update: Option<UnixTime>,
    pub(super) entries: EntriesByIssuer,
    pub(super) number: Option<CrlNumber>,
    /// The BaseCRLNumber of a delta CRL.
    pub(super) base_number: Option<CrlNumber>,
    pub(super) scope: Scope,
    /// Where its delta CRLs are found.
    pub(super) freshest: Vec<String>,
    /// The first reason found.
    pub(super) cannot_judge: Option<CannotJudge>,
}

/// Entries by the issuer of their certificates.
#[derive(Default)]
pub(super) struct EntriesByIssuer {
    /// Those of the issuer of the CRL itself.
    pub(super) own: EntryList,
    pub(super) others: HashMap<DistinguishedName, EntryList>,
}

/// Issuers of an indirect CRL that are kept apart: each of them costs memory, however few its entries.
const MAXIMUM_ISSUERS: usize = 4096;

/// Walks `der`, which must hold one CRL and nothing after it.
pub(super) fn walk(der: &[u8]) -> Result<CrlParts, MalformedCrl> {
    let mut reader = SliceReader::new(der)?;
    let parts = reader.sequence(|list| {
        let tbs_start = place(list)?;
        let (mut parts, inner_algorithm) = list.sequence(read_tbs)?;
        parts.tbs = tbs_start..place(list)?;
        parts.signature_algorithm = skip(list)?;
        if der.get(inner_algorithm) != der.get(parts.signature_algorithm.clone()) {
            return Err(MalformedCrl::AlgorithmsDiffer);
        }
        let signature = BitStringRef::decode(list)?;
        if signature.unused_bits() != 0 {
            parts.set_aside(Some(CannotJudge::SignatureBits));
        }
        let end = place(list)?;
        parts.signature = end.saturating_sub(signature.raw_bytes().len())..end;
        Ok(parts)
    })?;
    reader.finish()?;
    Ok(parts)
}

/// Reads the fields of a TBSCertList; gives them with the place of the algorithm inside it.
fn read_tbs(tbs: &mut SliceReader<'_>) -> Result<(CrlParts, Range<usize>), MalformedCrl> {
    if next_tag(tbs)? == Some(Tag::Integer) && u8::decode(tbs)? != 1 {
        return Err(MalformedCrl::Version);
    }
    let algorithm = skip(tbs)?;
    let mut parts = CrlParts {
        tbs: 0..0,
        signature_algorithm: 0..0,
        signature: 0..0,
        issuer: skip(tbs)?,
        this_update: read_time(tbs)??,
        next_update: None,
        entries: EntriesByIssuer::default(),
        number: None,
        base_number: None,
        scope: Scope::default(),
        freshest: Vec::new(),
        cannot_judge: None,
    };
    if matches!(next_tag(tbs)?, Some(Tag::UtcTime | Tag::GeneralizedTime)) {
        // One that cannot be read is like none: the CRL counts as stale, and what it lists is revoked all the same.
        parts.next_update = read_time(tbs)?.ok();
    }
    if next_tag(tbs)? == Some(Tag::Sequence) {
        tbs.sequence(|entries| read_entries(entries, &mut parts))?;
    }
    if matches!(next_tag(tbs)?, Some(Tag::ContextSpecific { number: TagNumber(0), .. })) {
        let explicit = AnyRef::decode(tbs)?;
        let mut inner = SliceReader::new(explicit.value())?;
        inner.sequence(|extensions| read_crl_extensions(extensions, &mut parts))?;
        inner.finish()?;
    }
    if !parts.scope.is_indirect && !parts.entries.others.is_empty() {
        parts.set_aside(Some(CannotJudge::Indirect));
    }
    Ok((parts, algorithm))
}

/// Reads the entries. The issuer that one names is that of those that follow too (RFC 5280 5.3.3).
fn read_entries(entries: &mut SliceReader<'_>, parts: &mut CrlParts) -> Result<(), MalformedCrl> {
    let mut issuer = None;
    while !entries.is_finished() {
        let entry = crl_entry::read(entries)?;
        parts.set_aside(entry.cannot_judge);
        if entry.issuer.is_some() {
            issuer.clone_from(&entry.issuer);
        }
        let why = parts.entries.push(issuer.as_ref(), &entry);
        parts.set_aside(why);
    }
    Ok(())
}

impl EntriesByIssuer {
    fn push(&mut self, issuer: Option<&DistinguishedName>, entry: &Entry<'_>) -> Option<CannotJudge> {
        let Some(issuer) = issuer else {
            self.own.push(entry);
            return None;
        };
        if let Some(list) = self.others.get_mut(issuer) {
            list.push(entry);
        } else if self.others.len() == MAXIMUM_ISSUERS {
            return Some(CannotJudge::TooManyIssuers);
        } else {
            self.others.entry(issuer.clone()).or_default().push(entry);
        }
        None
    }
}

impl CrlParts {
    fn set_aside(&mut self, why: Option<CannotJudge>) {
        self.cannot_judge = self.cannot_judge.or(why);
    }
}

/// Judges the CRL's own extensions.
fn read_crl_extensions(extensions: &mut SliceReader<'_>, parts: &mut CrlParts) -> Result<(), MalformedCrl> {
    let mut seen: Vec<ObjectIdentifier> = Vec::new();
    while !extensions.is_finished() {
        let extension = read_extension(extensions)?;
        let Some(oid) = extension.oid() else {
            parts.set_aside(extension.critical.then_some(CannotJudge::UnnamedExtension));
            continue;
        };
        if seen.contains(&oid) {
            parts.set_aside(Some(CannotJudge::RepeatedExtension(oid)));
        } else if read_crl_extension(oid, &extension, parts).is_none() {
            parts.set_aside(Some(CannotJudge::UndecodableExtension(oid)));
        }
        seen.push(oid);
    }
    Ok(())
}

/// Nothing where the extension cannot be decoded. The authority key identifier and the issuer's other names are
/// understood by not being needed: the issuer's key proves itself by verifying the signature (RFC 5280 5.2.1, 5.2.2).
fn read_crl_extension(
    oid: ObjectIdentifier,
    extension: &RawExtension<'_>,
    parts: &mut CrlParts,
) -> Option<()> {
    match oid.as_known() {
        Some(rfc5280::ID_CE_ISSUING_DISTRIBUTION_POINT) => parts.scope = Scope::read(extension.value)?,
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
        _ if extension.critical => parts.set_aside(Some(CannotJudge::CriticalExtension(oid))),
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
