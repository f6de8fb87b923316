//! Refreshes the CRLs of one realm: reads its files again when they change, downloads CRLs that are due, and reports
//! this in the log and the metrics.

use super::crl_readiness::CrlReadiness;
use super::crl_watch::CrlWatch;
use crate::clock::{Clock, UnixTime};
use crate::revocation::{DownloadError, DownloadedCrl, PointUrls, RevocationMode};
use crate::site::Realm;
use crate::telemetry::{BoundedText, CrlMetrics, Metrics};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval, interval_at, sleep};

/// How often files are read again even without an event of the watch, which may lose some.
const REREAD_PERIOD: Duration = Duration::from_secs(60);
/// The wait for further changes: events come in bursts, the first one before the last byte is written.
const BURST: Duration = Duration::from_millis(200);
/// How often due downloads are looked for. They are due by the wall clock, which may jump.
const DUE_PERIOD: Duration = Duration::from_secs(1);
/// The maximum number of concurrent downloads of one realm.
const FETCHES: usize = 8;

/// The parts of the gateway that every refresher uses.
#[derive(Clone, Debug)]
pub(in crate::server) struct CrlRefreshContext {
    pub(in crate::server) clock: Clock,
    pub(in crate::server) metrics: Arc<Metrics>,
    pub(in crate::server) readiness: CrlReadiness,
}

/// Refreshes the CRLs of one realm.
pub(super) struct CrlRefresher {
    realm: Arc<Realm>,
    context: CrlRefreshContext,
    metrics: CrlMetrics,
    fetching: JoinSet<(PointUrls, Result<DownloadedCrl, DownloadError>)>,
    /// The failures of files that were logged, so that each is logged once and not once a minute.
    logged_failures: BTreeSet<String>,
    rejected_distribution_points: u64,
}

impl CrlRefresher {
    pub(super) fn new(realm: Arc<Realm>, context: CrlRefreshContext) -> Self {
        let metrics = context.metrics.crls(&realm.name);
        let (fetching, logged_failures) = (JoinSet::new(), BTreeSet::new());
        Self { realm, context, metrics, fetching, logged_failures, rejected_distribution_points: 0 }
    }

    /// Refreshes the CRLs until the future is dropped. Returns only if the realm does not check revocation.
    pub(super) async fn run(mut self) {
        if self.realm.revocation.mode == RevocationMode::Off && self.realm.revocation.issuers.is_empty() {
            return;
        }
        let mut watch = CrlWatch::new(self.realm.crls.paths());
        self.run_blocking(|realm| realm.crls.remove_unused_files()).await;
        // A file may have changed after the configuration was loaded and before the watch began.
        self.reload_files().await;
        let mut due_timer = interval(DUE_PERIOD);
        due_timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut reload_timer = interval_at(Instant::now() + REREAD_PERIOD, REREAD_PERIOD);
        reload_timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = watch.changed() => {
                    sleep(BURST).await;
                    self.reload_files().await;
                }
                _ = reload_timer.tick() => {
                    watch.renew();
                    self.reload_files().await;
                }
                () = self.realm.crls.new_distribution_point() => self.fetch_due(),
                _ = due_timer.tick() => self.fetch_due(),
                Some(fetched) = self.fetching.join_next() => {
                    if let Ok((urls, fetched)) = fetched {
                        self.report_download(&urls, &fetched);
                        self.publish();
                    }
                    self.fetch_due();
                }
            }
        }
    }

    /// Reads the files again, on a thread for blocking work.
    async fn reload_files(&mut self) {
        let Some(reload) = self.run_blocking(|realm| realm.crls.reload_files()).await else { return };
        let realm = &*self.realm.name;
        let mut failing = BTreeSet::new();
        for failure in &reload.failures {
            self.metrics.reload_failures.inc();
            let reason = BoundedText::<512>::error_chain(failure).to_string();
            if !self.logged_failures.contains(&reason) {
                tracing::error!(realm, reason, "cannot read a CRL file; keeping its previous CRLs");
            }
            failing.insert(reason);
        }
        self.logged_failures = failing;
        if reload.changed {
            tracing::info!(realm, crls = self.realm.crls.store().len(), "CRL files changed");
        }
        self.publish();
    }

    fn fetch_due(&mut self) {
        let now = self.context.clock.now();
        let room = FETCHES.saturating_sub(self.fetching.len());
        for urls in self.realm.crls.due(room, now) {
            let crls = Arc::clone(&self.realm.crls);
            self.fetching.spawn(async move {
                let fetched = crls.fetch(Arc::clone(&urls), now).await;
                (urls, fetched)
            });
        }
        let rejected = self.realm.crls.rejected_distribution_points();
        if rejected > self.rejected_distribution_points {
            let realm = &*self.realm.name;
            tracing::error!(
                realm,
                rejected,
                "the limit on distribution points of a realm is reached; further CRLs are not downloaded"
            );
            self.rejected_distribution_points = rejected;
        }
    }

    fn report_download(&self, urls: &PointUrls, fetched: &Result<DownloadedCrl, DownloadError>) {
        let (realm, urls) = (&*self.realm.name, BoundedText::<512>::of(urls.join(" ")));
        let urls = urls.as_str();
        match fetched {
            Ok(downloaded) => {
                self.metrics.fetched.inc();
                let signed_by_issuer = downloaded.signed_by_issuer;
                tracing::info!(realm, urls, signed_by_issuer, "CRL downloaded");
                if downloaded.is_kept_beside {
                    tracing::warn!(
                        realm,
                        urls,
                        "the downloaded CRL does not replace those of its distribution point; all stay in force"
                    );
                }
                if let Some(error) = &downloaded.not_cached {
                    let reason = BoundedText::<512>::error_chain(error);
                    let reason = reason.as_str();
                    tracing::warn!(
                        realm,
                        reason,
                        "cannot save a downloaded CRL in `cache_dir`; it will be lost at a restart"
                    );
                }
            }
            Err(error) => {
                self.metrics.not_fetched.inc();
                let reason = BoundedText::<512>::error_chain(error);
                let reason = reason.as_str();
                tracing::warn!(realm, urls, reason, "CRL download failed; using the previous CRL");
            }
        }
    }

    /// Publishes the dates of the CRLs in force as metrics, and updates the readiness.
    fn publish(&mut self) {
        let store = self.realm.crls.store();
        self.metrics.show(store.newest().map(|crl| {
            let next_update = crl.next_update.map(UnixTime::seconds);
            (BoundedText::<192>::of(&crl.issuer).to_string(), crl.this_update.seconds(), next_update)
        }));
        self.context.readiness.check(&self.realm, self.context.clock.now());
    }

    /// Runs work that waits for the disk on a thread for blocking work.
    async fn run_blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Realm) -> T + Send + 'static,
    ) -> Option<T> {
        let realm = Arc::clone(&self.realm);
        tokio::task::spawn_blocking(move || work(&realm)).await.ok()
    }
}
