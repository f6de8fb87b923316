//! What goes on beside the requests, on a thread and a runtime of its own: the CRLs of every realm are kept fresh, so
//! that no worker ever reads a file, waits for a CA's server or decodes a list of a million cards.

mod crl_readiness;
mod crl_refresher;
mod crl_watch;

use crate::clock::Clock;
use crate::proxy::Snapshot;
use crate::site::Realm;
use crate::telemetry::Metrics;
use crl_refresher::CrlRefresher;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

pub(super) use crl_readiness::CrlReadiness;

/// The realms in force, each once, by name.
type Realms = BTreeMap<Arc<str>, Arc<Realm>>;

/// The running thread. Dropped, it ends by itself; [`Background::stop`] waits for it.
#[derive(Debug)]
pub(super) struct Background {
    realms: watch::Sender<Realms>,
    stopping: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

/// What the work needs besides the realms.
#[derive(Clone, Debug)]
pub(super) struct Surroundings {
    pub(super) clock: Clock,
    pub(super) metrics: Arc<Metrics>,
    pub(super) readiness: CrlReadiness,
}

impl Background {
    /// Starts the thread, with the realms of this configuration. Whether their first CRLs are there is said before
    /// this returns.
    pub(super) fn start(snapshot: &Snapshot, surroundings: Surroundings) -> io::Result<Self> {
        let realms = realms_of(snapshot);
        surroundings.readiness.begin(realms.values().map(Arc::as_ref), surroundings.clock.now());
        let (realms, followed) = watch::channel(realms);
        let stopping = CancellationToken::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let work = stopping.clone().run_until_cancelled_owned(follow(followed, surroundings));
        let run = move || {
            runtime.block_on(work);
            // A resolver that hangs must not keep the process from ending.
            runtime.shutdown_background();
        };
        let thread = std::thread::Builder::new().name("background".to_owned()).spawn(run)?;
        Ok(Self { realms, stopping, thread: Some(thread) })
    }

    /// Turns to the realms of another configuration.
    pub(super) fn turn_to(&self, snapshot: &Snapshot) {
        self.realms.send_replace(realms_of(snapshot));
    }

    /// Breaks off what runs, and waits for the thread.
    pub(super) fn stop(mut self) -> std::thread::Result<()> {
        self.stopping.cancel();
        self.thread.take().map_or(Ok(()), JoinHandle::join)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stopping.cancel();
    }
}

fn realms_of(snapshot: &Snapshot) -> Realms {
    let sites = snapshot.sites.tls.values().flat_map(|listener| &listener.sites);
    let realms = sites.filter_map(|site| site.realm.as_ref());
    realms.map(|realm| (Arc::clone(&realm.name), Arc::clone(realm))).collect()
}

/// Keeps the realms in force fresh. Those before are let go first: they show numbers under the same names.
async fn follow(mut followed: watch::Receiver<Realms>, surroundings: Surroundings) {
    loop {
        let realms = followed.borrow_and_update().clone();
        let mut refreshing = JoinSet::new();
        for realm in realms.into_values() {
            refreshing.spawn(CrlRefresher::new(realm, surroundings.clone()).run());
        }
        let has_ended = followed.changed().await.is_err();
        refreshing.shutdown().await;
        if has_ended {
            return;
        }
    }
}
