//! Takes the DER of one CRL, gives a list that can be asked for a serial and for whose key signed it. The DER is not
//! kept: a CRL of a million entries would fill memory with what nobody reads again.
//!
//! Never says that a certificate is good: only the look-up knows whether this CRL may be believed, and until when.

use crate::certificate::signature::SignatureError;
use crate::certificate::{Certificate, DistinguishedName, KeyId, SerialNumber};
use crate::clock::UnixTime;
use crate::revocation::crl::der::minimal;
use crate::revocation::crl::index::{EntryIndex, EntryList, RevokedEntry};
use crate::revocation::crl::number::CrlNumber;
use crate::revocation::crl::parse::{self, MalformedCrl};
use crate::revocation::crl::scope::CrlScope;
use crate::revocation::crl::signature::CrlSignature;
use crate::revocation::crl::unusable::UnusableReason;
use aws_lc_rs::digest::{SHA256, digest};
use std::cmp::Ordering;
use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Where a CRL came from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum CrlOrigin {
    /// A file that the operator named, or one of a folder.
    File(PathBuf),
    /// A distribution point.
    Url(String),
}

impl fmt::Display for CrlOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Url(url) => f.write_str(url),
        }
    }
}

/// Which CRL an answer comes from, for `explain` and for records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CrlSource {
    /// Where it came from.
    pub origin: CrlOrigin,
    /// Who issued it.
    pub issuer: DistinguishedName,
    /// Its number (RFC 5280 5.2.3), where it has one.
    pub number: Option<CrlNumber>,
    /// The number of the CRL that it tells the changes since, where it is a delta CRL (RFC 5280 5.2.4).
    pub base_number: Option<CrlNumber>,
    /// When it was issued: its age is the time since.
    pub this_update: UnixTime,
    /// When the next one is due. Without it nobody knows when this one is stale, so it counts as stale at once.
    pub next_update: Option<UnixTime>,
    /// Where its delta CRLs are found (freshestCRL, RFC 5280 5.2.6).
    pub freshest: Vec<String>,
}

/// One CRL.
pub(in crate::revocation) struct Crl {
    digest: [u8; 32],
    signed: CrlSignature,
    own_entries: EntryIndex,
    other_entries: HashMap<DistinguishedName, EntryIndex>,
    /// Entries that may be of any issuer.
    any_entries: EntryIndex,
    scope: CrlScope,
    source: Arc<CrlSource>,
    /// Whether its thisUpdate could be decoded.
    is_dated: bool,
    unusable: Option<UnusableReason>,
    /// Which keys were tried, and what came of it.
    proofs: Mutex<Vec<(KeyId, SignatureResult)>>,
    /// The authorised signer, once the look-up of a certificate found it.
    signer: OnceLock<Certificate>,
}

/// Whether one key signed a CRL.
type SignatureResult = Result<(), SignatureError>;

/// More keys than this under one issuer's name are tried each time anew rather than remembered.
const MAXIMUM_PROOFS: usize = 64;

impl Crl {
    /// Reads the one CRL that `der` holds.
    pub(in crate::revocation) fn parse(der: Vec<u8>, origin: CrlOrigin) -> Result<Self, MalformedCrl> {
        let parts = parse::walk(&der)?;
        let source = CrlSource {
            origin,
            issuer: DistinguishedName::from_der(slice(&der, &parts.issuer)),
            number: parts.number,
            base_number: parts.base_number,
            this_update: parts.this_update.unwrap_or(UnixTime::EPOCH),
            next_update: parts.next_update,
            freshest: parts.freshest,
        };
        let signed = CrlSignature::new(
            slice(&der, &parts.signature_algorithm),
            slice(&der, &parts.tbs),
            slice(&der, &parts.signature),
        );
        let digest = sha256(&der);
        // Sorting takes memory of its own, which is there when the DER is gone.
        drop(der);
        let others = parts.entries.others.into_iter();
        Ok(Self {
            digest,
            signed,
            own_entries: parts.entries.own.index(),
            other_entries: others.map(|(issuer, entries)| (issuer, EntryList::index(entries))).collect(),
            any_entries: parts.entries.of_any.index(),
            scope: parts.scope,
            is_dated: parts.this_update.is_some(),
            source: Arc::new(source),
            unusable: parts.unusable,
            proofs: Mutex::default(),
            signer: OnceLock::new(),
        })
    }

    pub(in crate::revocation) fn source(&self) -> &Arc<CrlSource> {
        &self.source
    }

    /// Why it is set aside, if it is: it shows of no certificate that it is good, and what it lists is revoked.
    pub(in crate::revocation) fn unusable(&self) -> Option<UnusableReason> {
        self.unusable
    }

    pub(in crate::revocation) fn scope(&self) -> &CrlScope {
        &self.scope
    }

    /// Whether it only tells what changed since another CRL.
    pub(in crate::revocation) fn is_delta(&self) -> bool {
        self.source.base_number.is_some()
    }

    /// The SHA-256 of its DER.
    pub(in crate::revocation) fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// What it says of the certificate that this issuer gave this serial.
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
        found.into_iter().flatten().max_by_key(|listed| listed.reason.permanence())
    }

    /// Whether the key of `signer` signed it.
    pub(in crate::revocation) fn verify(&self, signer: &Certificate) -> SignatureResult {
        if let Some(known) = self.known_proof(signer.key_id()) {
            return known;
        }
        // Not under the lock: two may verify at once, which costs time, but nobody waits for somebody else's key.
        let proof = self.signed.verify(signer);
        let mut proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        if proofs.len() < MAXIMUM_PROOFS && !proofs.iter().any(|(key, _)| *key == signer.key_id()) {
            proofs.push((signer.key_id(), proof.clone()));
        }
        proof
    }

    /// Records the certificate of the signer, once an authorised one was found.
    pub(in crate::revocation) fn accept(&self, signer: &Certificate) {
        self.signer.get_or_init(|| signer.clone());
    }

    /// The authorised signer that was found.
    pub(in crate::revocation) fn accepted_signer(&self) -> Option<&Certificate> {
        self.signer.get()
    }

    /// Whether it covers all that `other`, a CRL of the same kind, covers, whatever their dates: a complete CRL includes
    /// the delta CRLs up to its number.
    pub(in crate::revocation) fn includes(&self, other: &Self) -> bool {
        let (own, its) = (&self.source, &other.source);
        let of_kind = match (&own.base_number, &its.base_number) {
            (None, None) => true,
            // Of two delta CRLs the one with the newer base lacks what changed between the bases.
            (Some(own), Some(its)) => own <= its,
            // A complete CRL holds what a delta CRL of at most its number changed.
            (None, Some(_)) => own.number.is_some() && its.number <= own.number,
            (Some(_), None) => false,
        };
        of_kind && self.covers_scope_of(other)
    }

    /// Whether its scope is that of `other`, a CRL of the same issuer, or wider. If it is set aside, only if `other` is
    /// too.
    pub(in crate::revocation) fn covers_scope_of(&self, other: &Self) -> bool {
        self.source.issuer == other.source.issuer
            && (self.unusable.is_none() || other.unusable.is_some())
            && self.scope.includes(&other.scope)
    }

    /// Whether this CRL makes another one of the same key obsolete: it covers the same and is newer. Of two CRLs neither
    /// of which is newer both count, so the order in which they were loaded decides nothing.
    pub(in crate::revocation) fn supersedes(&self, other: &Self) -> bool {
        self.includes(other) && self.is_newer_than(other)
    }

    /// Whether it was certainly issued after `other`, a CRL of the same issuer and key: its thisUpdate is later and its
    /// CRL number is not lower, or its thisUpdate is the same and its CRL number is higher.
    ///
    /// CRL numbers increase within one scope only (RFC 5280 5.2.3), so a higher one proves nothing against a CRL of another
    /// scope. If one of the two has no number, only the dates count. A thisUpdate that cannot be decoded proves nothing.
    pub(in crate::revocation) fn is_newer_than(&self, other: &Self) -> bool {
        let is_dated = self.is_dated && other.is_dated;
        match self.source.this_update.cmp(&other.source.this_update) {
            Ordering::Greater if is_dated => self.compare_number(other) != Some(Ordering::Less),
            Ordering::Less if is_dated => false,
            _ => self.has_higher_number_than(other),
        }
    }

    /// Whether its thisUpdate is later, whatever the CRL numbers.
    pub(in crate::revocation) fn is_dated_after(&self, other: &Self) -> bool {
        self.is_dated && other.is_dated && other.source.this_update < self.source.this_update
    }

    /// Whether both are of one scope and its CRL number is the higher one.
    pub(in crate::revocation) fn has_higher_number_than(&self, other: &Self) -> bool {
        self.scope == other.scope && self.compare_number(other) == Some(Ordering::Greater)
    }

    fn compare_number(&self, other: &Self) -> Option<Ordering> {
        let (own, its) = (self.source.number.as_ref()?, other.source.number.as_ref()?);
        Some(own.cmp(its))
    }

    /// Whether verifying it takes longer than a worker may be held up.
    pub(in crate::revocation) fn is_slow_to_verify(&self) -> bool {
        self.signed.is_slow()
    }

    /// Whether this key signed it, where that is known already.
    fn known_proof(&self, key: KeyId) -> Option<SignatureResult> {
        let proofs = self.proofs.lock().unwrap_or_else(PoisonError::into_inner);
        proofs.iter().find(|(known, _)| *known == key).map(|(_, proof)| proof.clone())
    }
}

/// Without the megabytes.
impl fmt::Debug for Crl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let others: usize = self.other_entries.values().map(EntryIndex::len).sum();
        let entries = self.own_entries.len() + self.any_entries.len() + others;
        write!(f, "Crl({}, {entries} entries)", self.source.issuer)
    }
}

fn slice<'a>(der: &'a [u8], range: &Range<usize>) -> &'a [u8] {
    der.get(range.clone()).expect("the walk took this range from the same bytes")
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    digest(&SHA256, bytes).as_ref().try_into().expect("a SHA-256 digest is 32 bytes long")
}
