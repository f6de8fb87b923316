//! The downloads of a realm's CRLs from the distribution points of validated certificates.
//!
//! Distribution points are taken from a [`ValidatedChain`] only: an invalid certificate never makes the gateway connect
//! to a server.

use super::disk_cache::{DiskCache, DiskError};
use super::distribution_point::{CrlPlacement, DistributionPoint, MAXIMUM_HELD};
use super::fetched::{DownloadError, FetchedCrl, MAXIMUM_BYTES, PointUrls};
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::revocation::crl::Crl;
use crate::revocation::fetch::{FetchError, FetchRules, Fetcher};
use crate::revocation::rule::{RevocationDemand, RevocationRule};
use crate::validation::ValidatedChain;
use bytes::Bytes;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Notify, watch};

/// The maximum number of distribution points of one realm. A PKI that partitions its CRLs has some hundred.
const MAXIMUM_POINTS: usize = 1024;

/// The settings of a realm for downloads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DownloadSettings {
    /// The name of the realm, so that two realms may share a folder.
    pub realm: Arc<str>,
    /// The allowed hosts, and limits.
    pub rules: FetchRules,
    /// A folder in which downloaded CRLs survive a restart.
    pub cache_folder: Option<PathBuf>,
}

/// A CRL that was downloaded.
#[derive(Debug)]
pub struct DownloadedCrl {
    /// Whether an issuer that names the distribution point signed it. Another signer may be authorised, of an
    /// indirect CRL.
    pub signed_by_issuer: bool,
    /// Whether other CRLs of the same distribution point stay in force beside it, since it does not replace them. A
    /// distribution point has one CRL (RFC 5280 4.2.1.13), so this is an error of the CA or an attack.
    pub is_kept_beside: bool,
    /// Why it was not written to the disk cache.
    pub not_cached: Option<DiskError>,
}

/// The distribution points of one realm with their CRLs.
#[derive(Debug)]
pub(super) struct CrlDownloads {
    fetcher: Fetcher,
    disk: Option<DiskCache>,
    points: Mutex<HashMap<PointUrls, DistributionPoint>>,
    /// Notifies the refresher of a new distribution point.
    new_points: Notify,
    /// Distribution points rejected because the table was full.
    rejected: AtomicU64,
}

/// The first fetches from the distribution points of a chain that have not ended yet.
#[derive(Debug, Default)]
pub struct InitialFetches(Vec<watch::Receiver<bool>>);

impl InitialFetches {
    /// Returns whether there is nothing to wait for.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Waits until each has succeeded or failed.
    pub async fn done(self) {
        for mut attempted in self.0 {
            // A distribution point that is dropped with its realm is not fetched.
            drop(attempted.wait_for(|done| *done).await);
        }
    }
}

impl CrlDownloads {
    /// Starts with the CRLs of the disk cache and with those of `before`, the downloads of the same realm in an earlier
    /// configuration.
    pub(super) fn new(settings: DownloadSettings, before: Option<&Self>, now: UnixTime) -> Self {
        let disk = settings.cache_folder.clone().map(|folder| DiskCache::new(folder, &settings.realm));
        let mut points: HashMap<_, _> = before.map(Self::handed_over).unwrap_or_default();
        let handed_over: HashSet<PointUrls> = points.keys().cloned().collect();
        let most = MAXIMUM_POINTS * MAXIMUM_HELD;
        for cached in disk.iter().flat_map(|disk| disk.read(most, MAXIMUM_BYTES)) {
            let urls = cached.urls;
            if points.len() >= MAXIMUM_POINTS && !points.contains_key(&urls) {
                continue;
            }
            // A CRL that can no longer be decoded is downloaded again, and then replaced.
            if let (false, Ok(crl)) = (handed_over.contains(&urls), FetchedCrl::decode(&cached.bytes, &urls))
            {
                points.entry(urls).or_insert_with(|| DistributionPoint::new(now)).restore(crl, now);
            }
        }
        Self {
            fetcher: Fetcher::new(settings.rules),
            disk,
            points: Mutex::new(points),
            new_points: Notify::new(),
            rejected: AtomicU64::new(0),
        }
    }

    fn handed_over(&self) -> HashMap<PointUrls, DistributionPoint> {
        self.points().iter().map(|(urls, point)| (Arc::clone(urls), point.handed_over())).collect()
    }

    /// Registers the distribution points of a validated chain whose CRLs `rule` requires. Takes one lock and does not
    /// wait.
    pub(super) fn register(
        &self,
        chain: &ValidatedChain,
        rule: &RevocationRule,
        now: UnixTime,
    ) -> InitialFetches {
        let mut initial = InitialFetches::default();
        let mut points = self.points();
        for path in chain.paths() {
            let certificates = path.certificates();
            for (certificate, issuer) in certificates.iter().zip(certificates.iter().skip(1)) {
                if rule.demand_of(issuer.key_id()) == RevocationDemand::Never {
                    continue;
                }
                for urls in urls_of(certificate) {
                    let point = self.entry(&mut points, urls, issuer, now);
                    initial.0.extend(point.and_then(|point| point.initial_fetch()));
                }
            }
        }
        initial
    }

    /// Returns the distribution point with these URLs, which is added if it is new. Returns `None` if the table is
    /// full.
    fn entry<'p>(
        &self,
        points: &'p mut HashMap<PointUrls, DistributionPoint>,
        urls: PointUrls,
        issuer: &Certificate,
        now: UnixTime,
    ) -> Option<&'p mut DistributionPoint> {
        if points.len() >= MAXIMUM_POINTS && !points.contains_key(&urls) {
            self.rejected.fetch_add(1, Ordering::Relaxed);
            return None;
        }
        let point = points.entry(urls).or_insert_with(|| DistributionPoint::new(now));
        if point.add_issuer(issuer) {
            self.new_points.notify_one();
        }
        Some(point)
    }

    /// Returns after a distribution point was added since the last call.
    pub(super) async fn new_point(&self) {
        self.new_points.notified().await;
    }

    /// Returns how many distribution points were rejected because the table was full.
    pub(super) fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Returns the distribution points to fetch now, at most `room`. They count as being fetched until
    /// [`CrlDownloads::fetch`] ends.
    pub(super) fn due(&self, room: usize, now: UnixTime) -> Vec<PointUrls> {
        let mut points = self.points();
        let due = points.iter_mut().filter(|(_, point)| point.is_due(now)).take(room);
        due.map(|(urls, point)| {
            point.begin();
            Arc::clone(urls)
        })
        .collect()
    }

    /// Fetches the CRL of one distribution point from the first of its URLs that returns an acceptable one. The
    /// caller makes a new store with it.
    pub(super) async fn fetch(
        self: &Arc<Self>,
        urls: &PointUrls,
        now: UnixTime,
    ) -> Result<DownloadedCrl, DownloadError> {
        let downloaded = self.fetch_first(urls, now).await;
        if let Some(point) = self.points().get_mut(urls) {
            match &downloaded {
                Ok(_) => point.succeeded(now),
                Err(DownloadError::Fetch(error)) if is_permanent(error) => point.failed_permanently(),
                Err(_) => point.failed(now),
            }
        }
        downloaded
    }

    /// Ends the waiting for the first fetch. Called when the new store is in force.
    pub(super) fn announce(&self, urls: &PointUrls) {
        if let Some(point) = self.points().get(urls) {
            point.announce();
        }
    }

    async fn fetch_first(
        self: &Arc<Self>,
        urls: &PointUrls,
        now: UnixTime,
    ) -> Result<DownloadedCrl, DownloadError> {
        let mut reason = None;
        for url in urls.iter() {
            match self.fetch_from(url, urls, now).await {
                Ok(downloaded) => return Ok(downloaded),
                // The failure of an http URL is more important than that a directory's URL beside it may not be fetched.
                Err(DownloadError::Fetch(error)) if is_permanent(&error) => {
                    _ = reason.get_or_insert(DownloadError::Fetch(error));
                }
                Err(error) => reason = Some(error),
            }
        }
        Err(reason.unwrap_or(FetchError::MalformedUrl { url: String::new() }.into()))
    }

    async fn fetch_from(
        self: &Arc<Self>,
        url: &str,
        urls: &PointUrls,
        now: UnixTime,
    ) -> Result<DownloadedCrl, DownloadError> {
        let bytes = self.fetcher.get(url).await?;
        let (this, urls) = (Arc::clone(self), Arc::clone(urls));
        let adding = tokio::task::spawn_blocking(move || this.add(&urls, &bytes, now));
        adding.await.unwrap_or(Err(DownloadError::Interrupted))
    }

    /// Decodes a response, adds it to its distribution point and writes it to the disk cache. Slow for a large CRL.
    fn add(&self, urls: &PointUrls, bytes: &Bytes, now: UnixTime) -> Result<DownloadedCrl, DownloadError> {
        let fetched = FetchedCrl::decode(bytes, urls)?;
        let facts = self.points().get(urls).map(|point| (point.signers(), point.crls().collect::<Vec<_>>()));
        let (signers, held) = facts.ok_or(DownloadError::Interrupted)?;
        // Verified here and not under the lock, which workers wait for: the results are remembered.
        for held in held {
            signers.iter().any(|signer| held.is_signed_by(signer));
        }
        let signer = signers.into_iter().find(|signer| fetched.crl.is_signed_by(signer));
        let key = signer.as_ref().map(Certificate::key_id);
        let freshest: PointUrls = fetched.crl.source().freshest.as_slice().into();
        let mut points = self.points();
        let others = points.iter().filter(|(other, _)| *other != urls).map(|(_, point)| point.bytes());
        if others.sum::<usize>().saturating_add(bytes.len()) > MAXIMUM_BYTES {
            return Err(DownloadError::NoRoom);
        }
        let point = points.get_mut(urls).ok_or(DownloadError::Interrupted)?;
        let placement = point.add(fetched, key, now)?;
        let files = point.files();
        // The URLs of its delta CRLs are trusted only if its signature is.
        if let (Some(signer), false) = (&signer, freshest.is_empty()) {
            self.entry(&mut points, freshest, signer, now);
        }
        drop(points);
        let written = self.disk.as_ref().map_or(Ok(()), |disk| disk.write(urls, bytes, &files));
        Ok(DownloadedCrl {
            signed_by_issuer: signer.is_some(),
            is_kept_beside: placement == CrlPlacement::Beside,
            not_cached: written.err(),
        })
    }

    /// Returns all CRLs that were downloaded and are still held.
    pub(super) fn crls(&self) -> Vec<Arc<Crl>> {
        self.points().values().flat_map(DistributionPoint::crls).collect()
    }

    /// Removes the files of distribution points that the realm no longer has.
    pub(super) fn remove_unused_files(&self) {
        if let Some(disk) = &self.disk {
            let known: Vec<PointUrls> = self.points().keys().cloned().collect();
            disk.remove_unused_files(&known);
        }
    }

    fn points(&self) -> MutexGuard<'_, HashMap<PointUrls, DistributionPoint>> {
        // A panic under this lock leaves no entry half changed.
        self.points.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the URLs of the CRLs for a certificate, complete ones and deltas (RFC 5280 4.2.1.13 and 4.2.1.15).
fn urls_of(certificate: &Certificate) -> impl Iterator<Item = PointUrls> {
    let points = certificate.crl_distribution_points().iter().chain(certificate.freshest_crls());
    points.filter(|point| !point.uris.is_empty()).map(|point| point.uris.as_slice().into())
}

/// Returns whether a repetition would fail in the same way: nothing was connected to.
fn is_permanent(error: &FetchError) -> bool {
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
