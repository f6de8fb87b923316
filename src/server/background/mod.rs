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
        context: CrlRefreshContext,
        control: &ControlRuntime,
    ) -> io::Result<Self> {
        let realms = realms_of(snapshot);
        context.readiness.check_all(realms.values().map(Arc::as_ref), context.clock.now());
        let (realms, realms_in_force) = watch::channel(realms);
        let running = control.start(|stopping| async move {
            stopping.run_until_cancelled_owned(refresh_all(realms_in_force, context)).await;
        })?;
        Ok(Self { realms, running })
    }

    /// Replaces the realms by those of another snapshot.
    pub(super) fn replace_realms(&self, snapshot: &Snapshot) {
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
async fn refresh_all(mut realms_in_force: watch::Receiver<Realms>, context: CrlRefreshContext) {
    loop {
        let realms = realms_in_force.borrow_and_update().clone();
        let mut refreshing = JoinSet::new();
        for realm in realms.into_values() {
            refreshing.spawn(CrlRefresher::new(realm, context.clone()).run());
        }
        let has_ended = realms_in_force.changed().await.is_err();
        refreshing.shutdown().await;
        if has_ended {
            return;
        }
    }
}
