//! One distribution point: the CRLs that it served, and the schedule of its fetches.

use super::fetched::{DownloadError, FetchedCrl, FileDigest};
use crate::certificate::{Certificate, KeyId};
use crate::clock::UnixTime;
use crate::revocation::crl::Crl;
use aws_lc_rs::rand;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The maximum number of issuers that are tried as signers of the CRLs of one distribution point.
const MAXIMUM_ISSUERS: usize = 8;
/// The minimum and the maximum time between two fetches. CAs publish before nextUpdate when a key is compromised, so a
/// CRL that is valid for a year must be fetched again long before half of it.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// The maximum time until the next fetch after a CRL of unknown signature.
const LONGEST_UNVERIFIED: Duration = Duration::from_secs(300);
/// The maximum time until a failed fetch is repeated. It begins with [`SHORTEST`] and doubles.
const LONGEST_RETRY: Duration = Duration::from_secs(16 * 60);

/// The maximum number of CRLs that are held of one distribution point, of different scopes, keys and base CRLs. It
/// should serve one.
pub(super) const MAXIMUM_HELD: usize = 16;
/// The maximum number of those of unknown signature.
const MAXIMUM_UNVERIFIED: usize = 3;

/// A distribution point with its CRLs.
///
/// A fetched CRL replaces only those that it covers: a server that serves another CRL at the same URL (for CA certificates
/// only, another partition, a delta CRL, an older one) must not make the gateway forget a revocation. CRLs that it
/// does not replace stay in force beside it.
#[derive(Debug)]
pub(in crate::revocation) struct DistributionPoint {
    /// The issuers of the certificates that name it.
    issuers: Vec<Certificate>,
    held: Vec<HeldCrl>,
    /// The nextUpdate of the CRL that came last, and the longest time until the next fetch.
    schedule: Option<(Option<UnixTime>, Duration)>,
    due: UnixTime,
    failures: u32,
    is_fetching: bool,
    attempted: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
struct HeldCrl {
    fetched: FetchedCrl,
    /// The authorised key that is known to have signed it. A CRL without one may be an indirect CRL or a forgery: it
    /// is held beside the verified ones, and its signature is verified when a certificate is looked up.
    key: Option<KeyId>,
}

/// How a fetched CRL is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::revocation) enum CrlPlacement {
    /// It is the first one, or replaces one.
    Replaced,
    /// It replaces none of the CRLs that the distribution point served before: they stay beside it.
    Beside,
}

impl DistributionPoint {
    /// Returns a distribution point that was never fetched.
    pub(in crate::revocation) fn new(now: UnixTime) -> Self {
        Self {
            issuers: Vec::new(),
            held: Vec::new(),
            schedule: None,
            due: now,
            failures: 0,
            is_fetching: false,
            attempted: watch::Sender::new(false),
        }
    }

    /// Adds a CRL of the disk cache. If all of them have expired, requests wait for the first fetch as for a new
    /// distribution point.
    pub(in crate::revocation) fn restore(&mut self, fetched: FetchedCrl, now: UnixTime) {
        let is_fresh = is_fresh(&fetched.crl, now);
        if self.held.len() < MAXIMUM_HELD {
            self.held.push(HeldCrl { fetched, key: None });
            if is_fresh {
                self.attempted.send_replace(true);
            }
        }
    }

    /// Returns a copy for the next configuration.
    pub(super) fn handed_over(&self) -> Self {
        Self {
            issuers: self.issuers.clone(),
            held: self.held.clone(),
            schedule: self.schedule,
            due: self.due,
            failures: self.failures,
            is_fetching: false,
            attempted: watch::Sender::new(*self.attempted.borrow()),
        }
    }

    /// Adds the issuer of a certificate that names the distribution point. Returns whether it is new.
    pub(in crate::revocation) fn add_issuer(&mut self, issuer: &Certificate) -> bool {
        let is_new = self.issuers.len() < MAXIMUM_ISSUERS && !self.issuers.contains(issuer);
        if is_new {
            self.issuers.push(issuer.clone());
        }
        is_new
    }

    /// Returns the possible signers of its CRLs: the issuers that name it, and the authorised signers of the held CRLs.
    pub(in crate::revocation) fn signers(&self) -> Vec<Certificate> {
        let mut signers = self.issuers.clone();
        let accepted = self.held.iter().filter_map(|held| held.fetched.crl.accepted_signer());
        for signer in accepted {
            if !signers.contains(signer) {
                signers.push(signer.clone());
            }
        }
        signers
    }

    /// Returns a channel to wait on, unless the first fetch has ended.
    pub(in crate::revocation) fn initial_fetch(&self) -> Option<watch::Receiver<bool>> {
        (!*self.attempted.borrow()).then(|| self.attempted.subscribe())
    }

    /// Returns whether it must be fetched now. One of the disk cache is fetched only after a certificate names it:
    /// until then it is unknown whose signature to expect.
    pub(in crate::revocation) fn is_due(&self, now: UnixTime) -> bool {
        !self.is_fetching && !self.issuers.is_empty() && self.due <= now
    }

    /// Marks it as being fetched.
    pub(in crate::revocation) fn begin(&mut self) {
        self.is_fetching = true;
    }

    /// Adds a CRL that `key` signed, or an unknown key. It replaces those that it covers and is certainly newer than;
    /// the others stay beside it.
    ///
    /// # Errors
    /// [`DownloadError`] if it is certainly older than a held one that covers the same, or if too many are held.
    pub(in crate::revocation) fn add(
        &mut self,
        fetched: FetchedCrl,
        key: Option<KeyId>,
        now: UnixTime,
    ) -> Result<CrlPlacement, DownloadError> {
        self.verify_held();
        let crl = Arc::clone(&fetched.crl);
        if let Some(key) = key {
            self.reject_older(&crl, key, now)?;
        }
        let is_future = now < crl.source().this_update;
        let is_replaced = |held: &HeldCrl| {
            let other = &held.fetched.crl;
            let is_same = other.digest() == crl.digest();
            // After the held CRL has expired, a CA that restarted its numbers is accepted.
            let has_new_numbers = || !is_fresh(other, now) && crl.is_dated_after(other);
            // A CA whose clock was wrong once: its numbers show which CRL is newer.
            let corrects_date = || now < other.source().this_update && crl.has_higher_number_than(other);
            let is_newer = || crl.is_newer_than(other) || has_new_numbers() || corrects_date();
            let is_of_key = key.is_some() && held.key == key;
            is_same || is_of_key && !is_future && crl.includes(other) && is_newer()
        };
        let mut kept: Vec<HeldCrl> = self.held.iter().filter(|held| !is_replaced(held)).cloned().collect();
        if key.is_none() && kept.iter().filter(|held| held.key.is_none()).count() >= MAXIMUM_UNVERIFIED {
            // The last one is replaced, so that an attacker who keeps sending new forgeries does not evict the CRLs
            // that were held before.
            let last = kept.iter().rposition(|held| held.key.is_none());
            last.map(|last| kept.remove(last));
        }
        if kept.len() >= MAXIMUM_HELD {
            return Err(DownloadError::TooManyScopes { most: MAXIMUM_HELD });
        }
        let replaces = self.held.iter().any(is_replaced);
        let is_beside = kept.iter().any(|held| held.key.is_some() && !held.fetched.crl.is_delta());
        kept.push(HeldCrl { fetched, key });
        self.held = kept;
        let is_regular = !is_beside && self.held.iter().all(|held| held.key.is_some());
        self.schedule =
            Some((crl.source().next_update, if is_regular { LONGEST } else { LONGEST_UNVERIFIED }));
        Ok(if is_beside && !replaces { CrlPlacement::Beside } else { CrlPlacement::Replaced })
    }

    /// Verifies the CRLs that came from the disk cache, or before their issuer was known.
    fn verify_held(&mut self) {
        let signers = self.signers();
        for held in self.held.iter_mut().filter(|held| held.key.is_none()) {
            let signer = signers.iter().find(|signer| held.fetched.crl.is_signed_by(signer));
            held.key = signer.map(Certificate::key_id);
        }
    }

    fn reject_older(&self, crl: &Crl, key: KeyId, now: UnixTime) -> Result<(), DownloadError> {
        // A date in the future would make every later CRL look old.
        let is_newer = |held: &&HeldCrl| {
            let other = &held.fetched.crl;
            held.key == Some(key) && other.source().this_update <= now && other.supersedes(crl)
        };
        let Some(HeldCrl { fetched: held, .. }) = self.held.iter().find(is_newer) else { return Ok(()) };
        if held.crl.is_dated_after(crl) {
            let (fetched, held) = (crl.source().this_update, held.crl.source().this_update);
            return Err(DownloadError::Older { fetched, held });
        }
        match (crl.source().number.clone(), held.crl.source().number.clone()) {
            (Some(fetched), Some(held)) => Err(DownloadError::LowerNumber { fetched, held }),
            _ => Ok(()),
        }
    }

    /// Schedules the next fetch after a successful one.
    pub(in crate::revocation) fn succeeded(&mut self, now: UnixTime) {
        let Some((next_update, longest)) = self.schedule else { return self.failed(now) };
        self.failures = 0;
        self.is_fetching = false;
        let lifetime = next_update.map_or(Duration::ZERO, |next| next.since(now));
        self.due = now.plus(jittered((lifetime / 2).clamp(SHORTEST, longest)));
    }

    /// Schedules the repetition of a failed fetch.
    pub(in crate::revocation) fn failed(&mut self, now: UnixTime) {
        let pause = SHORTEST.saturating_mul(1 << self.failures.min(8)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        self.is_fetching = false;
        self.due = now.plus(jittered(pause));
    }

    /// Schedules no further fetch.
    pub(super) fn failed_permanently(&mut self) {
        self.is_fetching = false;
        self.due = UnixTime::END;
    }

    /// Ends the waiting for the first fetch.
    pub(in crate::revocation) fn announce(&self) {
        self.attempted.send_replace(true);
    }

    pub(in crate::revocation) fn crls(&self) -> impl Iterator<Item = Arc<Crl>> {
        self.held.iter().map(|held| Arc::clone(&held.fetched.crl))
    }

    pub(in crate::revocation) fn bytes(&self) -> usize {
        self.held.iter().map(|held| held.fetched.bytes).sum()
    }

    /// Returns the files of the held CRLs.
    pub(super) fn files(&self) -> Vec<FileDigest> {
        self.held.iter().map(|held| held.fetched.file).collect()
    }
}

fn is_fresh(crl: &Crl, now: UnixTime) -> bool {
    crl.source().next_update.is_some_and(|next| now < next)
}

/// Returns up to a tenth less, so that many gateways do not fetch from one server at the same moment.
fn jittered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without random bytes they do, which does not harm this gateway.
    _ = rand::fill(&mut byte);
    let [byte] = byte;
    pause.saturating_sub(pause / 10 * u32::from(byte) / 256)
}
