//! Takes the places where proven certificates say that their CRLs are, gives the CRLs found there, and says when to
//! look again.
//!
//! A place is known only through a [`ValidatedChain`]: nothing that is not proven makes the gate connect anywhere. What
//! was fetched never pushes out what is better: a list of another scope, an older one, or one whose signature is not
//! known to hold.

use crate::certificate::{BundleError, Certificate, crl_ders};
use crate::clock::UnixTime;
use crate::revocation::crl::list::{Crl, CrlOrigin};
use crate::revocation::crl::number::CrlNumber;
use crate::revocation::crl::parse::MalformedCrl;
use crate::revocation::fetch::{FetchError, FetchRules, Fetcher};
use crate::revocation::rule::{RevocationDemand, RevocationRule};
use crate::revocation::store::disk_cache::{CachedFile, DiskCache, DiskError, file_digest};
use crate::revocation::store::distribution_point::{CrlPlacement, DistributionPoint, MAXIMUM_HELD};
use crate::validation::ValidatedChain;
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use thiserror::Error;
use tokio::sync::{Notify, watch};

/// How many places one realm knows. A PKI that splits its CRLs has some hundred.
const MAXIMUM_PLACES: usize = 1024;
/// The most bytes that all fetched CRLs of a realm may have, in memory and on disk.
const MAXIMUM_BYTES: usize = 512 * 1024 * 1024;

/// What a realm fetches by, and where it keeps what it fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadSettings {
    /// The realm, so that two may share a folder.
    pub realm: Arc<str>,
    /// Where from, and at what cost.
    pub rules: FetchRules,
    /// A folder in which fetched CRLs outlive a restart.
    pub cache_folder: Option<PathBuf>,
}

/// The URLs of one distribution point (RFC 5280 4.2.1.13): ways to one CRL, tried in their order.
pub type PointUrls = Arc<[String]>;

/// A CRL that was fetched.
#[derive(Debug)]
pub struct DownloadedCrl {
    /// Whether the key of the issuer that names the place signed it. Another may be right too, for an indirect CRL.
    pub signed_by_issuer: bool,
    /// Whether other CRLs that came from the same place stay in force beside it, since it does not replace them. A
    /// distribution point has one CRL (RFC 5280 4.2.1.13), so something is wrong there.
    pub is_kept_beside: bool,
    /// Why it could not be kept on disk.
    pub not_cached: Option<DiskError>,
}

/// Why a fetch gave no CRL. What was there before stays.
#[derive(Debug, Error)]
pub enum DownloadError {
    /// No URL gave anything; the last one's reason, of those that may be fetched at all.
    #[error("it cannot be fetched")]
    Fetch(#[from] FetchError),
    /// What came is not one CRL.
    #[error("what was fetched is no CRL")]
    NoCrl(#[source] BundleError),
    /// What came holds several CRLs: a distribution point has one (RFC 5280 4.2.1.13).
    #[error("what was fetched holds {0} CRLs")]
    Several(usize),
    /// What came cannot be decoded.
    #[error("the fetched CRL cannot be decoded")]
    Malformed(#[source] MalformedCrl),
    /// What came is older than what is there: somebody plays an old list again.
    #[error("the fetched CRL of {fetched} is older than the one at hand, of {held}")]
    Older {
        /// The date of the fetched one.
        fetched: UnixTime,
        /// The date of the one that stays.
        held: UnixTime,
    },
    /// The fetched CRL has a lower number than the one of the same date that is held: a replay.
    #[error("the fetched CRL has number {fetched}, lower than {held} of the one that is held")]
    LowerNumber {
        /// The number of the fetched one.
        fetched: CrlNumber,
        /// The number of the one that stays.
        held: CrlNumber,
    },
    /// The place served CRLs of too many scopes.
    #[error("the place has served {most} CRLs that do not replace each other")]
    TooManyScopes {
        /// The most that one place may hold.
        most: usize,
    },
    /// All that is fetched would be more than a realm may hold.
    #[error("the fetched CRLs of this realm would have more than {MAXIMUM_BYTES} bytes")]
    NoRoom,
    /// The place is not known any more, or the work was broken off.
    #[error("the fetch was broken off")]
    BrokenOff,
}

/// The places of one realm and what was fetched from them.
#[derive(Debug)]
pub(in crate::revocation) struct CrlDownloads {
    fetcher: Fetcher,
    disk: Option<DiskCache>,
    places: Mutex<HashMap<PointUrls, DistributionPoint>>,
    /// Tells the refresher that a place is new.
    news: Notify,
    /// Distribution points rejected because the table was full.
    refused: AtomicU64,
}

/// The first fetches from places of a chain which nobody has looked at yet.
#[derive(Debug, Default)]
pub struct InitialFetches(Vec<watch::Receiver<bool>>);

impl InitialFetches {
    /// Whether there is anything to wait for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until each has succeeded or failed.
    pub async fn done(self) {
        for mut attempted in self.0 {
            // A place that is given up with its realm will not be fetched from.
            drop(attempted.wait_for(|done| *done).await);
        }
    }
}

impl CrlDownloads {
    /// Begins with what is on disk and with what `before`, the same realm's of an earlier configuration, has fetched.
    pub(in crate::revocation) fn new(
        settings: DownloadSettings,
        before: Option<&Self>,
        now: UnixTime,
    ) -> Self {
        let disk = settings.cache_folder.clone().map(|folder| DiskCache::new(folder, &settings.realm));
        let mut places: HashMap<_, _> = before.map(Self::handed_over).unwrap_or_default();
        let handed_over: HashSet<PointUrls> = places.keys().cloned().collect();
        for kept in disk.iter().flat_map(|disk| disk.read(MAXIMUM_PLACES * MAXIMUM_HELD, MAXIMUM_BYTES)) {
            let CachedFile { urls, bytes, file } = kept;
            if places.len() >= MAXIMUM_PLACES && !places.contains_key(&urls) {
                continue;
            }
            // What cannot be decoded any more is fetched again, and then replaced.
            if let (false, Ok(crl)) = (handed_over.contains(&urls), decode(&bytes, &urls)) {
                let place = places.entry(urls).or_insert_with(|| DistributionPoint::new(now));
                place.keep(crl, bytes.len(), file, now);
            }
        }
        Self {
            fetcher: Fetcher::new(settings.rules),
            disk,
            places: Mutex::new(places),
            news: Notify::new(),
            refused: AtomicU64::new(0),
        }
    }

    fn handed_over(&self) -> HashMap<PointUrls, DistributionPoint> {
        self.places().iter().map(|(urls, place)| (Arc::clone(urls), place.handed_over())).collect()
    }

    /// Learns where the CRLs of a proven chain are, as far as `rule` asks for them. Takes no more than a lock.
    pub(in crate::revocation) fn register(
        &self,
        chain: &ValidatedChain,
        rule: &RevocationRule,
        now: UnixTime,
    ) -> InitialFetches {
        let mut first = InitialFetches::default();
        let mut places = self.places();
        for path in chain.paths() {
            let certificates = path.certificates();
            for (certificate, issuer) in certificates.iter().zip(certificates.iter().skip(1)) {
                if rule.demand_of(issuer.key_id()) == RevocationDemand::Never {
                    continue;
                }
                for urls in points(certificate) {
                    let place = self.learn(&mut places, urls, issuer, now);
                    first.0.extend(place.and_then(|place| place.first_fetch()));
                }
            }
        }
        first
    }

    /// The place at these URLs, known from now on. `None` where there is no room for one more.
    fn learn<'p>(
        &self,
        places: &'p mut HashMap<PointUrls, DistributionPoint>,
        urls: PointUrls,
        issuer: &Certificate,
        now: UnixTime,
    ) -> Option<&'p mut DistributionPoint> {
        if places.len() >= MAXIMUM_PLACES && !places.contains_key(&urls) {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let place = places.entry(urls).or_insert_with(|| DistributionPoint::new(now));
        if place.add_issuer(issuer) {
            self.news.notify_one();
        }
        Some(place)
    }

    /// Returns when a place is new since the last time.
    pub(in crate::revocation) async fn news(&self) {
        self.news.notified().await;
    }

    /// How many places were not taken for want of room.
    pub(in crate::revocation) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The places to fetch from now, at most `room`; they count as being fetched from until [`CrlDownloads::fetch`] ends.
    pub(in crate::revocation) fn due(&self, room: usize, now: UnixTime) -> Vec<PointUrls> {
        let mut places = self.places();
        let due = places.iter_mut().filter(|(_, place)| place.is_due(now)).take(room);
        due.map(|(urls, place)| {
            place.begin();
            Arc::clone(urls)
        })
        .collect()
    }

    /// Fetches from one place: takes the CRL of the first of its URLs that serves an acceptable one. The caller makes a
    /// new store of it.
    pub(in crate::revocation) async fn fetch(
        self: &Arc<Self>,
        urls: &PointUrls,
        now: UnixTime,
    ) -> Result<DownloadedCrl, DownloadError> {
        let taken = self.first_of(urls, now).await;
        if let Some(place) = self.places().get_mut(urls) {
            match &taken {
                Ok(_) => place.succeeded(now),
                Err(DownloadError::Fetch(error)) if is_for_good(error) => place.failed_for_good(),
                Err(_) => place.failed(now),
            }
        }
        taken
    }

    /// Lets those go on that wait for a first fetch. Called when the new store is in force.
    pub(in crate::revocation) fn announce(&self, urls: &PointUrls) {
        if let Some(place) = self.places().get(urls) {
            place.announce();
        }
    }

    async fn first_of(
        self: &Arc<Self>,
        urls: &PointUrls,
        now: UnixTime,
    ) -> Result<DownloadedCrl, DownloadError> {
        let mut reason = None;
        for url in urls.iter() {
            match self.take_from(url, urls, now).await {
                Ok(taken) => return Ok(taken),
                // That a directory's URL is not fetched says little where an http one beside it failed.
                Err(DownloadError::Fetch(error)) if is_for_good(&error) => {
                    _ = reason.get_or_insert(DownloadError::Fetch(error));
                }
                Err(error) => reason = Some(error),
            }
        }
        Err(reason.unwrap_or(FetchError::MalformedUrl { url: String::new() }.into()))
    }

    async fn take_from(
        self: &Arc<Self>,
        url: &str,
        urls: &PointUrls,
        now: UnixTime,
    ) -> Result<DownloadedCrl, DownloadError> {
        let bytes = self.fetcher.get(url).await?;
        let (this, urls) = (Arc::clone(self), Arc::clone(urls));
        let taking = tokio::task::spawn_blocking(move || this.take(&urls, &bytes, now));
        taking.await.unwrap_or(Err(DownloadError::BrokenOff))
    }

    /// Decodes, weighs against what is there, and keeps. Slow for a large CRL.
    fn take(&self, urls: &PointUrls, bytes: &Bytes, now: UnixTime) -> Result<DownloadedCrl, DownloadError> {
        let crl = decode(bytes, urls)?;
        let (signers, held) =
            self.places().get(urls).map(DistributionPoint::facts).ok_or(DownloadError::BrokenOff)?;
        // Here and not under the lock, where workers would wait: what is verified once is remembered.
        for held in held {
            signers.iter().any(|signer| is_signed_by(&held, signer));
        }
        let signer = signers.into_iter().find(|signer| is_signed_by(&crl, signer));
        let key = signer.as_ref().map(Certificate::key_id);
        let mut places = self.places();
        let others = places.iter().filter(|(other, _)| *other != urls).map(|(_, place)| place.bytes());
        if others.sum::<usize>().saturating_add(bytes.len()) > MAXIMUM_BYTES {
            return Err(DownloadError::NoRoom);
        }
        let place = places.get_mut(urls).ok_or(DownloadError::BrokenOff)?;
        let taken = place.take(Arc::clone(&crl), bytes.len(), file_digest(bytes), key, now)?;
        let files = place.files();
        // Where the changes since this list are found is believed once the list is.
        if let (Some(signer), false) = (&signer, crl.source().freshest.is_empty()) {
            self.learn(&mut places, crl.source().freshest.as_slice().into(), signer, now);
        }
        drop(places);
        let kept = self.disk.as_ref().map_or(Ok(()), |disk| disk.keep(urls, bytes, &files));
        Ok(DownloadedCrl {
            signed_by_issuer: signer.is_some(),
            is_kept_beside: taken == CrlPlacement::Beside,
            not_cached: kept.err(),
        })
    }

    /// All that was fetched and is still held.
    pub(in crate::revocation) fn crls(&self) -> Vec<Arc<Crl>> {
        self.places().values().flat_map(DistributionPoint::crls).collect()
    }

    /// Removes from disk what belongs to no place of this realm any more.
    pub(in crate::revocation) fn remove_unused_files(&self) {
        if let Some(disk) = &self.disk {
            let known: Vec<PointUrls> = self.places().keys().cloned().collect();
            disk.remove_unused_files(&known);
        }
    }

    fn places(&self) -> MutexGuard<'_, HashMap<PointUrls, DistributionPoint>> {
        // Nothing is left half done under this lock.
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the CRLs about a certificate are, complete ones and deltas (RFC 5280 4.2.1.13 and 4.2.1.15).
fn points(certificate: &Certificate) -> impl Iterator<Item = PointUrls> {
    let points = certificate.crl_distribution_points().iter().chain(certificate.freshest_crls());
    points.filter(|point| !point.uris.is_empty()).map(|point| point.uris.as_slice().into())
}

/// The one CRL of an answer. RFC 5280 4.2.1.13 wants DER; PEM is understood too, since some servers give it.
pub(in crate::revocation) fn decode(bytes: &[u8], urls: &PointUrls) -> Result<Arc<Crl>, DownloadError> {
    let mut ders = crl_ders(bytes.to_vec()).map_err(DownloadError::NoCrl)?;
    let (Some(der), true) = (ders.pop(), ders.is_empty()) else {
        return Err(DownloadError::Several(ders.len() + 1));
    };
    let url = urls.iter().find(|url| url.starts_with("http:")).or(urls.first());
    let origin = CrlOrigin::Url(url.cloned().unwrap_or_default());
    Crl::parse(der, origin).map(Arc::new).map_err(DownloadError::Malformed)
}

/// Whether this CA has made the CRL in its own name.
pub(in crate::revocation) fn is_signed_by(crl: &Crl, issuer: &Certificate) -> bool {
    *issuer.subject() == crl.source().issuer && crl.verify(issuer).is_ok()
}

/// Whether another try could only end alike: nothing was connected to.
fn is_for_good(error: &FetchError) -> bool {
    match error {
        FetchError::MalformedUrl { .. }
        | FetchError::Scheme { .. }
        | FetchError::NoServer { .. }
        | FetchError::NoAuthority { .. }
        | FetchError::HostNotListed { .. } => true,
        FetchError::Unresolved { .. }
        | FetchError::AddressRefused { .. }
        | FetchError::Unreachable { .. }
        | FetchError::Broken { .. }
        | FetchError::Status { .. }
        | FetchError::Directory { .. }
        | FetchError::NoValue { .. }
        | FetchError::TooLarge { .. }
        | FetchError::Timeout { .. }
        | FetchError::TooManyRedirects { .. }
        | FetchError::BadRedirect { .. } => false,
    }
}
