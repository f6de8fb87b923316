//! One place that CRLs are fetched from: what it gave, and when to look there again.

use super::crl::Crl;
use super::refresh::{DownloadError, is_signed_by};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
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

/// Whether a key that may sign what is here is known to have signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Proven,
    NotProven,
}

#[derive(Debug)]
pub(super) struct Place {
    /// Of the certificates that name it.
    issuers: Vec<Certificate>,
    proven: Option<Held>,
    /// May be an indirect CRL or a forgery: it stands beside the proven one, and only what its signature is found to be
    /// when a certificate is looked up counts.
    unproven: Option<Held>,
    due: UnixTime,
    failures: u32,
    is_fetching: bool,
    attempted: watch::Sender<bool>,
}

#[derive(Clone, Debug)]
struct Held {
    crl: Arc<Crl>,
    bytes: usize,
}

impl Place {
    /// A place that was never looked at.
    pub(super) fn new(now: UnixTime) -> Self {
        Self {
            issuers: Vec::new(),
            proven: None,
            unproven: None,
            due: now,
            failures: 0,
            is_fetching: false,
            attempted: watch::Sender::new(false),
        }
    }

    /// A place whose CRL was on disk. One that is stale is waited for like one that was never looked at.
    pub(super) fn kept(crl: Arc<Crl>, bytes: usize, now: UnixTime) -> Self {
        let is_fresh = crl.source().next_update.is_some_and(|next| now < next);
        let place = Self { unproven: Some(Held { crl, bytes }), ..Self::new(now) };
        place.attempted.send_replace(is_fresh);
        place
    }

    /// The same place for the next configuration.
    pub(super) fn handed_over(&self) -> Self {
        Self {
            issuers: self.issuers.clone(),
            proven: self.proven.clone(),
            unproven: self.unproven.clone(),
            due: self.due,
            failures: self.failures,
            is_fetching: false,
            attempted: watch::Sender::new(*self.attempted.borrow()),
        }
    }

    /// Learns that this issuer's certificates name the place. Whether that was news.
    pub(super) fn add_issuer(&mut self, issuer: &Certificate) -> bool {
        let is_new = self.issuers.len() < MAXIMUM_ISSUERS && !self.issuers.contains(issuer);
        if is_new {
            self.issuers.push(issuer.clone());
        }
        is_new
    }

    /// Its issuers and its CRLs.
    pub(super) fn facts(&self) -> (Vec<Certificate>, Vec<Arc<Crl>>) {
        (self.issuers.clone(), self.crls().collect())
    }

    /// Something to wait for, unless a first fetch has ended.
    pub(super) fn first_fetch(&self) -> Option<watch::Receiver<bool>> {
        (!*self.attempted.borrow()).then(|| self.attempted.subscribe())
    }

    /// What was found on disk is fetched anew only once a certificate names the place: until then nobody knows whose
    /// signature to look for.
    pub(super) fn is_due(&self, now: UnixTime) -> bool {
        !self.is_fetching && !self.issuers.is_empty() && self.due <= now
    }

    pub(super) fn begin(&mut self) {
        self.is_fetching = true;
    }

    /// Takes a CRL, unless it is older than the one at hand.
    pub(super) fn take(
        &mut self,
        crl: Arc<Crl>,
        bytes: usize,
        standing: Standing,
        now: UnixTime,
    ) -> Result<(), DownloadError> {
        // What was on disk, or came before its issuer was known, may be proven by now.
        let is_proven = |held: &mut Held| self.issuers.iter().any(|issuer| is_signed_by(&held.crl, issuer));
        if let Some(held) = self.unproven.take_if(is_proven) {
            self.proven = Some(held);
        }
        let fetched = crl.source().this_update;
        let held = self.proven.as_ref().map(|held| held.crl.source().this_update);
        // A date in the future would make every later list look old.
        if let Some(held) = held.filter(|held| fetched < *held && *held <= now) {
            return Err(DownloadError::Older { fetched, held });
        }
        match standing {
            Standing::Proven => (self.proven, self.unproven) = (Some(Held { crl, bytes }), None),
            Standing::NotProven => self.unproven = Some(Held { crl, bytes }),
        }
        Ok(())
    }

    pub(super) fn succeeded(&mut self, now: UnixTime) {
        self.failures = 0;
        self.is_fetching = false;
        let (held, longest) = match (&self.proven, &self.unproven) {
            (Some(held), None) => (held, LONGEST),
            (_, Some(held)) => (held, LONGEST_UNPROVEN),
            (None, None) => return self.failed(now),
        };
        let life = held.crl.source().next_update.map_or(Duration::ZERO, |next| next.since(now));
        self.due = now.plus(scattered((life / 2).clamp(SHORTEST, longest)));
    }

    pub(super) fn failed(&mut self, now: UnixTime) {
        let pause = SHORTEST.saturating_mul(1 << self.failures.min(8)).min(LONGEST_RETRY);
        self.failures = self.failures.saturating_add(1);
        self.is_fetching = false;
        self.due = now.plus(scattered(pause));
    }

    pub(super) fn failed_for_good(&mut self) {
        self.is_fetching = false;
        self.due = UnixTime::END;
    }

    pub(super) fn announce(&self) {
        self.attempted.send_replace(true);
    }

    pub(super) fn crls(&self) -> impl Iterator<Item = Arc<Crl>> {
        self.proven.iter().chain(&self.unproven).map(|held| Arc::clone(&held.crl))
    }

    pub(super) fn bytes(&self) -> usize {
        self.proven.iter().chain(&self.unproven).map(|held| held.bytes).sum()
    }
}

/// Up to a tenth less, so that many gates do not come to one server at one moment.
fn scattered(pause: Duration) -> Duration {
    let mut byte = [0];
    // Without randomness they come together, which is no harm to the one gate.
    _ = rand::fill(&mut byte);
    let [byte] = byte;
    pause.saturating_sub(pause / 10 * u32::from(byte) / 256)
}
