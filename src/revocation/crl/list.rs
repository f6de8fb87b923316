//! One decoded CRL. Its DER is not kept, because that of a CRL of a million entries takes much memory.
//!
//! Whether the CRL is current and signed by an authorised key depends on the certificate that is looked up.

use super::der::minimal;
use super::index::{EntryIndex, EntryList, RevokedEntry};
use super::parse::{MalformedCrl, parse};
use super::scope::CrlScope;
use super::signature::{CrlSignature, SignatureResult};
use super::source::{CrlOrigin, CrlSource};
use super::unusable::UnusableReason;
use crate::certificate::{Certificate, DistinguishedName, SerialNumber};
use crate::clock::UnixTime;
use aws_lc_rs::digest::{SHA256, digest};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Arc, OnceLock};

/// A CRL.
pub(in crate::revocation) struct Crl {
    digest: [u8; 32],
    signature: CrlSignature,
    own_entries: EntryIndex,
    other_entries: HashMap<DistinguishedName, EntryIndex>,
    /// Entries that may belong to any issuer.
    any_entries: EntryIndex,
    scope: CrlScope,
    source: Arc<CrlSource>,
    /// Whether its thisUpdate could be decoded.
    is_dated: bool,
    unusable: Option<UnusableReason>,
    /// The authorised signer, after the lookup of a certificate found it.
    signer: OnceLock<Certificate>,
}

impl Crl {
    /// Decodes the DER of one CRL.
    pub(in crate::revocation) fn parse(der: Vec<u8>, origin: CrlOrigin) -> Result<Self, MalformedCrl> {
        let parts = parse(&der)?;
        let source = CrlSource {
            origin,
            issuer: DistinguishedName::from_der(slice(&der, &parts.issuer)),
            number: parts.number,
            base_number: parts.base_number,
            this_update: parts.this_update.unwrap_or(UnixTime::EPOCH),
            next_update: parts.next_update,
            freshest: parts.freshest,
        };
        let signature = CrlSignature::new(
            slice(&der, &parts.signature_algorithm),
            slice(&der, &parts.tbs),
            slice(&der, &parts.signature),
        );
        let digest = sha256(&der);
        // Sorting needs memory, which is available after the DER is dropped.
        drop(der);
        let others = parts.entries.others.into_iter();
        Ok(Self {
            digest,
            signature,
            own_entries: parts.entries.own.index(),
            other_entries: others.map(|(issuer, entries)| (issuer, EntryList::index(entries))).collect(),
            any_entries: parts.entries.of_any.index(),
            scope: parts.scope,
            is_dated: parts.this_update.is_some(),
            source: Arc::new(source),
            unusable: parts.unusable,
            signer: OnceLock::new(),
        })
    }

    pub(in crate::revocation) fn source(&self) -> &Arc<CrlSource> {
        &self.source
    }

    /// Returns why it cannot show that a certificate is not revoked, if so. The certificates that it lists are revoked
    /// all the same.
    pub(in crate::revocation) fn unusable(&self) -> Option<UnusableReason> {
        self.unusable
    }

    pub(in crate::revocation) fn scope(&self) -> &CrlScope {
        &self.scope
    }

    /// Returns whether it is a delta CRL (RFC 5280 5.2.4).
    pub(in crate::revocation) fn is_delta(&self) -> bool {
        self.source.base_number.is_some()
    }

    /// Returns the SHA-256 of its DER.
    pub(in crate::revocation) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Returns the entry for the certificate that this issuer issued with this serial number.
    pub(in crate::revocation) fn entry(
        &self,
        issuer: &DistinguishedName,
        serial: &SerialNumber,
    ) -> Option<RevokedEntry> {
        let serial = serial.as_bytes();
        let serial = minimal(serial).unwrap_or(serial);
        let named = self.other_entries.get(issuer).and_then(|entries| entries.find(serial));
        let own = self.own_entries.find(serial).filter(|_| *issuer == self.source.issuer);
        let found = [self.any_entries.find(serial), own, named];
        found.into_iter().flatten().max_by_key(|entry| entry.reason.permanence())
    }

    /// Returns whether the key of `signer` signed it.
    pub(in crate::revocation) fn verify(&self, signer: &Certificate) -> SignatureResult {
        self.signature.verify(signer)
    }

    /// Returns whether `issuer` signed it in its own name.
    pub(in crate::revocation) fn is_signed_by(&self, issuer: &Certificate) -> bool {
        *issuer.subject() == self.source.issuer && self.verify(issuer).is_ok()
    }

    /// Records the certificate of the signer after an authorised one was found.
    pub(in crate::revocation) fn accept(&self, signer: &Certificate) {
        self.signer.get_or_init(|| signer.clone());
    }

    /// Returns the authorised signer, if one was found.
    pub(in crate::revocation) fn accepted_signer(&self) -> Option<&Certificate> {
        self.signer.get()
    }

    /// Returns whether it covers all that `other` covers, whatever their dates. A complete CRL includes the delta
    /// CRLs up to its number.
    pub(in crate::revocation) fn includes(&self, other: &Self) -> bool {
        let (own, its) = (&self.source, &other.source);
        let of_kind = match (&own.base_number, &its.base_number) {
            (None, None) => true,
            // Of two delta CRLs the one with the newer base lacks the changes between the bases.
            (Some(own), Some(its)) => own <= its,
            // A complete CRL contains the changes of delta CRLs up to its number.
            (None, Some(_)) => own.number.is_some() && its.number <= own.number,
            (Some(_), None) => false,
        };
        of_kind && self.covers_scope_of(other)
    }

    /// Returns whether it has the issuer of `other` and the same or a wider scope. An unusable CRL covers only
    /// unusable ones.
    pub(in crate::revocation) fn covers_scope_of(&self, other: &Self) -> bool {
        self.source.issuer == other.source.issuer
            && (self.unusable.is_none() || other.unusable.is_some())
            && self.scope.includes(&other.scope)
    }

    /// Returns whether it replaces `other`, a CRL of the same key: it includes it and is newer. If neither of two
    /// CRLs is newer, both count, so that the order in which they were loaded has no effect.
    pub(in crate::revocation) fn supersedes(&self, other: &Self) -> bool {
        self.includes(other) && self.is_newer_than(other)
    }

    /// Returns whether it was certainly issued after `other`, a CRL of the same issuer and key: its thisUpdate is
    /// later and its CRL number is not lower, or its thisUpdate is the same and its CRL number is higher.
    ///
    /// CRL numbers increase within one scope only (RFC 5280 5.2.3), so a higher one proves nothing against a CRL of
    /// another scope. If one of the two has no number, only the dates count; if the thisUpdate of one cannot be
    /// decoded, only the numbers.
    pub(in crate::revocation) fn is_newer_than(&self, other: &Self) -> bool {
        let is_dated = self.is_dated && other.is_dated;
        match self.source.this_update.cmp(&other.source.this_update) {
            Ordering::Greater if is_dated => self.compare_number(other) != Some(Ordering::Less),
            Ordering::Less if is_dated => false,
            _ => self.has_higher_number_than(other),
        }
    }

    /// Returns whether its thisUpdate is later, whatever the CRL numbers.
    pub(in crate::revocation) fn is_dated_after(&self, other: &Self) -> bool {
        self.is_dated && other.is_dated && other.source.this_update < self.source.this_update
    }

    /// Returns whether both are of one scope and its CRL number is the higher one.
    pub(in crate::revocation) fn has_higher_number_than(&self, other: &Self) -> bool {
        self.scope == other.scope && self.compare_number(other) == Some(Ordering::Greater)
    }

    fn compare_number(&self, other: &Self) -> Option<Ordering> {
        let (own, its) = (self.source.number.as_ref()?, other.source.number.as_ref()?);
        Some(own.cmp(its))
    }

    /// Returns whether verifying its signature takes longer than a worker may block.
    pub(in crate::revocation) fn is_slow_to_verify(&self) -> bool {
        self.signature.is_slow()
    }
}

/// Writes the number of entries instead of the entries.
impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others: usize = self.other_entries.values().map(EntryIndex::len).sum();
        let entries = self.own_entries.len() + self.any_entries.len() + others;
        write!(f, "Crl({}, {entries} entries)", self.source.issuer)
    }
}

fn slice<'a>(der: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    der.get(range.clone()).expect("the parser returned this range of the same bytes")
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("a SHA-256 digest is 32 bytes long")
}
