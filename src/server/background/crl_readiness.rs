//! Readiness of the CRLs that realms require: it holds once they were loaded. After that the gateway stays ready: if a
//! CRL expires later, users get the reason, which a load balancer that selects another gateway with the same CRLs would
//! hide.

use crate::clock::UnixTime;
use crate::revocation::{CrlOrigin, CrlSource, RevocationDemand, RevocationMode};
use crate::server::admin::ReadinessCondition;
use crate::site::Realm;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The condition, and for each realm the reason why it does not hold. Clones share them.
#[derive(Clone, Debug)]
pub(in crate::server) struct CrlReadiness {
    condition: ReadinessCondition,
    obstacles: Arc<Mutex<BTreeMap<Arc<str>, String>>>,
}

impl CrlReadiness {
    pub(in crate::server) fn new(condition: ReadinessCondition) -> Self {
        Self { condition, obstacles: Arc::default() }
    }

    /// Checks all realms, at the start.
    pub(super) fn check_all<'a>(&self, realms: impl Iterator<Item = &'a Realm>, now: UnixTime) {
        let mut all = BTreeMap::new();
        for realm in realms {
            all.extend(obstacle(realm, now).map(|obstacle| (Arc::clone(&realm.name), obstacle)));
        }
        self.update(|obstacles| *obstacles = all);
    }

    /// Checks one realm again.
    pub(super) fn check(&self, realm: &Realm, now: UnixTime) {
        if self.condition.holds() {
            return;
        }
        let obstacle = obstacle(realm, now);
        self.update(|obstacles| match obstacle {
            Some(obstacle) => _ = obstacles.insert(Arc::clone(&realm.name), obstacle),
            None => _ = obstacles.remove(&realm.name),
        });
    }

    fn update(&self, change: impl FnOnce(&mut BTreeMap<Arc<str>, String>)) {
        let mut obstacles = self.obstacles.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut obstacles);
        if obstacles.is_empty() {
            self.condition.set(true);
        } else {
            let lines: Vec<_> = obstacles.values().map(String::as_str).collect();
            self.condition.obstacle(lines.join("\n"));
        }
    }
}

/// Returns the reason why a realm cannot check revocation: no CRL although files are its only source, or an expired
/// one. Downloads are not waited for, even if a cached CRL has expired: the first client certificate contains their
/// URL.
fn obstacle(realm: &Realm, now: UnixTime) -> Option<String> {
    let name = &realm.name;
    let store = realm.crls.store();
    let from_files_only = !realm.crls.paths().is_empty() && !realm.crls.fetches();
    if realm.revocation.mode == RevocationMode::Require && store.is_empty() && from_files_only {
        return Some(format!("realm {name} requires CRLs and has none"));
    }
    let from_file = store.newest().filter(|crl| matches!(crl.origin, CrlOrigin::File(_)));
    let mut stale = from_file.filter(|crl| is_stale(crl, realm, now) && is_required(crl, realm));
    stale.next().map(|crl| match crl.next_update {
        Some(due) => {
            format!("realm {name}: the CRL of {} has expired; the next one was due {due}", crl.issuer)
        }
        None => format!("realm {name}: the CRL of {} has no nextUpdate", crl.issuer),
    })
}

fn is_stale(crl: &CrlSource, realm: &Realm, now: UnixTime) -> bool {
    crl.next_update.is_none_or(|due| due.plus(realm.revocation.grace) <= now)
}

/// Returns whether the realm requires the status of certificates of this issuer: the expired CRL of an offline root
/// that is exempt must not prevent readiness. Of several CAs with this name in the realm, the strictest requirement
/// counts.
fn is_required(crl: &CrlSource, realm: &Realm) -> bool {
    let cas = realm.trust.anchors().iter().chain(realm.trust.intermediates());
    let named = cas.filter(|ca| *ca.subject() == crl.issuer);
    let demand = named.map(|ca| realm.revocation.demand_of(ca.key_id())).max();
    demand.map_or(realm.revocation.mode == RevocationMode::Require, |demand| {
        demand == RevocationDemand::Required
    })
}
