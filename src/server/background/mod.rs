//! Background tasks on the control runtime: the CRLs of every realm are refreshed there, so that no worker reads a
//! file, waits for a CA's server or decodes a CRL of a million entries.

mod crl_readiness;
mod crl_refresher;
mod crl_watch;

use crate::control::{ControlRuntime, ControlTask, TaskPanicked};
use crate::proxy::Snapshot;
use crate::site::Realm;
use crl_refresher::CrlRefresher;
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub(super) use crl_readiness::CrlReadiness;
pub(super) use crl_refresher::CrlRefreshContext;

/// The realms in force, each once, by name.
type Realms = BTreeMap<Arc<str>, Arc<Realm>>;

/// The running tasks. Dropping this cancels them; [`BackgroundTasks::stop`] also waits until they have ended.
#[derive(Debug)]
pub(super) struct BackgroundTasks {
    realms: watch::Sender<Realms>,
    running: ControlTask,
}

impl BackgroundTasks {
    /// Starts the tasks for the realms of this snapshot. The readiness of their CRLs is set before this returns.
    pub(super) fn start(
        snapshot: &Snapshot,
        surroundings: CrlRefreshContext,
        control: &ControlRuntime,
    ) -> io::Result<Self> {
        let realms = realms_of(snapshot);
        surroundings.readiness.begin(realms.values().map(Arc::as_ref), surroundings.clock.now());
        let (realms, followed) = watch::channel(realms);
        let running = control.start(|stopping| async move {
            stopping.run_until_cancelled_owned(follow(followed, surroundings)).await;
        })?;
        Ok(Self { realms, running })
    }

    /// Replaces the realms by those of another snapshot.
    pub(super) fn turn_to(&self, snapshot: &Snapshot) {
        self.realms.send_replace(realms_of(snapshot));
    }

    /// Cancels the tasks and waits until they have ended.
    ///
    /// # Errors
    /// A task panicked.
    pub(super) fn stop(self) -> Result<(), TaskPanicked> {
        self.running.stop()
    }
}

fn realms_of(snapshot: &Snapshot) -> Realms {
    let sites = snapshot.sites.tls.values().flat_map(|listener| &listener.sites);
    let realms = sites.filter_map(|site| site.realm.as_ref());
    realms.map(|realm| (Arc::clone(&realm.name), Arc::clone(realm))).collect()
}

/// Refreshes the realms in force. The tasks of the previous realms end before new ones start, because both publish
/// metrics under the same names.
async fn follow(mut followed: watch::Receiver<Realms>, surroundings: CrlRefreshContext) {
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
