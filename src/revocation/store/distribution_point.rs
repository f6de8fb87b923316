//! One place that CRLs are fetched from: what it gave, and when to look there again.

use crate::certificate::{Certificate, KeyId};
use crate::clock::UnixTime;
use crate::revocation::crl::list::Crl;
use crate::revocation::store::disk_cache::FileDigest;
use crate::revocation::store::downloads::{DownloadError, is_signed_by};
use aws_lc_rs::rand;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Issuers beyond these are not tried on what comes from one place.
const MAXIMUM_ISSUERS: usize = 8;
/// The shortest and the longest time between two fetches from one place. CAs publish before nextUpdate when a card is
/// stolen, so a CRL of a year is not left alone for half of it.
const SHORTEST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(4 * 3600);
/// What nobody is known to have signed is soon asked for again.
const LONGEST_UNPROVEN: Duration = Duration::from_secs(300);
/// The longest time until a failed fetch is tried again; it begins with [`SHORTEST`] and doubles.
const LONGEST_RETRY: Duration = Duration::from_secs(16 * 60);

/// The most CRLs that one place holds: of different scopes, keys and base CRLs. A place should serve one.
pub(in crate::revocation) const MAXIMUM_HELD: usize = 16;
/// How many of them may be of unknown signature.
const MAXIMUM_UNPROVEN: usize = 3;

/// One place, and what it gave.
///
/// What is fetched replaces only what it covers: a server that serves another CRL at the same URL (for CA certificates
/// only, another partition, a delta CRL, an older one) must not make the gateway forget what it knew. What is not replaced
/// stays beside the new one.
#[derive(Debug)]
pub(in crate::revocation) struct DistributionPoint {
    /// Of the certificates that name it.
    issuers: Vec<Certificate>,
    held: Vec<HeldCrl>,
    /// When the CRL that came last wants to be replaced, and the longest time until it is looked for.
    watched: Option<(Option<UnixTime>, Duration)>,
    due: UnixTime,
    failures: u32,
    is_fetching: bool,
    attempted: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
struct HeldCrl {
    crl: Arc<Crl>,
    bytes: usize,
    /// By which its file on disk is named.
    file: FileDigest,
    /// The key that is known to have signed it, with the right to. Without one it may be an indirect CRL or a forgery:
    /// it stands beside the proven ones, and only what its signature is found to be when a certificate is looked up
    /// counts.
    key: Option<KeyId>,
}

/// How a CRL was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::revocation) enum CrlPlacement {
    /// It is the first one, or replaces one of its scope.
    Replaced,
    /// It replaces none of the CRLs that the place gave before: they stay beside it.
    Beside,
}

impl DistributionPoint {
    /// A place that was never looked at.
    pub(in crate::revocation) fn new(now: UnixTime) -> Self {
        Self {
            issuers: Vec::new(),
            held: Vec::new(),
            watched: None,
            due: now,
            failures: 0,
            is_fetching: false,
            attempted: watch::Sender::new(false),
        }
    }

    /// Adds a CRL that was on disk. A place whose CRLs are all stale is waited for like a new one.
    pub(in crate::revocation) fn keep(
        &mut self,
        crl: Arc<Crl>,
        bytes: usize,
        file: FileDigest,
        now: UnixTime,
    ) {
        let is_fresh = crl.source().next_update.is_some_and(|next| now < next);
        if self.held.len() < MAXIMUM_HELD {
            self.held.push(HeldCrl { crl, bytes, file, key: None });
            if is_fresh {
                self.attempted.send_replace(true);
            }
        }
    }

    /// The same place for the next configuration.
    pub(in crate::revocation) fn handed_over(&self) -> Self {
        Self {
            issuers: self.issuers.clone(),
            held: self.held.clone(),
            watched: self.watched,
            due: self.due,
            failures: self.failures,
            is_fetching: false,
            attempted: watch::Sender::new(*self.attempted.borrow()),
        }
    }

    /// Learns that this issuer's certificates name the place. Whether that was news.
    pub(in crate::revocation) fn add_issuer(&mut self, issuer: &Certificate) -> bool {
        let is_new = self.issuers.len() < MAXIMUM_ISSUERS && !self.issuers.contains(issuer);
        if is_new {
            self.issuers.push(issuer.clone());
        }
        is_new
    }

    /// The certificates that may have signed what comes from here, and the CRLs: the issuers that name the place, and the
    /// authorised signers of what is held.
    pub(in crate::revocation) fn facts(&self) -> (Vec<Certificate>, Vec<Arc<Crl>>) {
        let mut signers = self.issuers.clone();
        let accepted = self.held.iter().filter_map(|held| held.crl.accepted_signer());
        for signer in accepted {
            if !signers.contains(signer) {
                signers.push(signer.clone());
            }
        }
        (signers, self.crls().collect())
    }

    /// Something to wait for, unless a first fetch has ended.
    pub(in crate::revocation) fn first_fetch(&self) -> Option<watch::Receiver<bool>> {
        (!*self.attempted.borrow()).then(|| self.attempted.subscribe())
    }

    /// What was found on disk is fetched anew only once a certificate names the place: until then nobody knows whose
    /// signature to look for.
    pub(in crate::revocation) fn is_due(&self, now: UnixTime) -> bool {
        !self.is_fetching && !self.issuers.is_empty() && self.due <= now
    }

    pub(in crate::revocation) fn begin(&mut self) {
        self.is_fetching = true;
    }

    /// Takes a CRL that `key` signed, or an unknown key. Refuses one that is certainly older than one that covers the same;
    /// replaces those that it covers and is certainly newer than; keeps the others beside it.
    pub(in crate::revocation) fn take(
        &mut self,
        crl: Arc<Crl>,
        bytes: usize,
        file: FileDigest,
        key: Option<KeyId>,
        now: UnixTime,
    ) -> Result<CrlPlacement, DownloadError> {
        self.prove();
        if let Some(key) = key {
            self.refuse_older(&crl, key, now)?;
        }
        let is_future = now < crl.source().this_update;
        let is_replaced = |held: &HeldCrl| {
            let older = &held.crl;
            let is_same = older.digest() == crl.digest();
            // Once the one that is held is stale, a CA that restarted its numbers is accepted.
            let has_new_numbers = || !is_fresh(older, now) && crl.is_dated_after(older);
            // A CA whose clock was wrong once: its numbers show which CRL is newer.
            let corrects_date = || now < older.source().this_update && crl.has_higher_number_than(older);
            let is_newer = || crl.is_newer_than(older) || has_new_numbers() || corrects_date();
            let is_of_key = key.is_some() && held.key == key;
            is_same || is_of_key && !is_future && crl.includes(older) && is_newer()
        };
        let watched = crl.source().next_update;
        let mut kept: Vec<HeldCrl> = self.held.iter().filter(|held| !is_replaced(held)).cloned().collect();
        if key.is_none() && kept.iter().filter(|held| held.key.is_none()).count() >= MAXIMUM_UNPROVEN {
            // The last one, so that an attacker who sends ever new forgeries does not evict what was held before them.
            let last = kept.iter().rposition(|held| held.key.is_none());
            last.map(|last| kept.remove(last));
        }
        if kept.len() >= MAXIMUM_HELD {
            return Err(DownloadError::TooManyScopes { most: MAXIMUM_HELD });
        }
        let replaces = self.held.iter().any(is_replaced);
        let is_beside = kept.iter().any(|held| held.key.is_some() && !held.crl.is_delta());
        kept.push(HeldCrl { crl, bytes, file, key });
        self.held = kept;
        let is_usual = !is_beside && self.held.iter().all(|held| held.key.is_some());
        self.watched = Some((watched, if is_usual { LONGEST } else { LONGEST_UNPROVEN }));
        Ok(if is_beside && !replaces { CrlPlacement::Beside } else { CrlPlacement::Replaced })
    }

    /// What was on disk, or came before its issuer was known, may be proven by now.
    fn prove(&mut self) {
        let (signers, _) = self.facts();
        for held in self.held.iter_mut().filter(|held| held.key.is_none()) {
            let signer = signers.iter().find(|signer| is_signed_by(&held.crl, signer));
            held.key = signer.map(Certificate::key_id);
        }
    }

    fn refuse_older(&self, crl: &Crl, key: KeyId, now: UnixTime) -> Result<(), DownloadError> {
        // A date in the future would make every later list look old.
        let is_newer = |held: &&HeldCrl| {
            held.key == Some(key) && held.crl.source().this_update <= now && held.crl.supersedes(crl)
        };
        let Some(HeldCrl { crl: held, .. }) = self.held.iter().find(is_newer) else { return Ok(()) };
        if held.is_dated_after(crl) {
            let (fetched, held) = (crl.source().this_update, held.source().this_update);
            return Err(DownloadError::Older { fetched, held });
        }
        match (crl.source().number.clone(), held.source().number.clone()) {
            (Some(fetched), Some(held)) => Err(DownloadError::LowerNumber { fetched, held }),
            _ => Ok(()),
        }
    }

    pub(in crate::revocation) fn succeeded(&mut self, now: UnixTime) {
        let Some((next_update, longest)) = self.watched else { return self.failed(now) };
        self.failures = 0;
        self.is_fetching = false;
        let life = next_update.map_or(Duration::ZERO, |next| next.since(now));
        self.due = now.plus(scattered((life / 2).clamp(SHORTEST, longest)));
    }

    pub(in crate::revocation) fn failed(&mut self, now: UnixTime) {
        let pause = SHORTEST.saturating_mul(1 << self.failures.min(8)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        self.is_fetching = false;
        self.due = now.plus(scattered(pause));
    }

    pub(in crate::revocation) fn failed_for_good(&mut self) {
        self.is_fetching = false;
        self.due = UnixTime::END;
    }

    pub(in crate::revocation) fn announce(&self) {
        self.attempted.send_replace(true);
    }

    pub(in crate::revocation) fn crls(&self) -> impl Iterator<Item = Arc<Crl>> {
        self.held.iter().map(|held| Arc::clone(&held.crl))
    }

    pub(in crate::revocation) fn bytes(&self) -> usize {
        self.held.iter().map(|held| held.bytes).sum()
    }

    /// The files of what it holds.
    pub(in crate::revocation) fn files(&self) -> Vec<FileDigest> {
        self.held.iter().map(|held| held.file).collect()
    }
}

fn is_fresh(crl: &Crl, now: UnixTime) -> bool {
    crl.source().next_update.is_some_and(|next| now < next)
}

/// Up to a tenth less, so that many gates do not come to one server at one moment.
fn scattered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness they come together, which is no harm to the one gate.
    _ = rand::fill(&mut byte);
    let [byte] = byte;
    pause.saturating_sub(pause / 10 * u32::from(byte) / 256)
}
