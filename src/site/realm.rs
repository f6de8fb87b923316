//! Realms: how client certificates and passwords are authenticated and mapped.

use crate::directory::Directories;
use crate::identity::{AccountLifetimes, MappingSettings};
use crate::login_throttle::{LoginThrottle, LoginThrottleLimits};
use crate::revocation::ocsp::OcspClient;
use crate::revocation::{LiveCrls, RevocationRule};
use crate::validation::{TrustSet, ValidationRule};
use std::sync::Arc;
use std::time::Duration;

/// The trust, revocation and mapping settings of one realm.
#[derive(Debug)]
pub struct Realm {
    /// The name in proxy.toml. Part of every cache key.
    pub name: Arc<str>,
    /// Incremented whenever the realm may have changed, so that no cached verdict outlives its settings.
    pub generation: u64,
    /// Trust anchors and intermediates.
    pub trust: Arc<TrustSet>,
    /// The conditions on chains.
    pub validation: Arc<ValidationRule>,
    /// The revocation settings.
    pub revocation: RevocationRule,
    /// The CRL store.
    pub crls: Arc<LiveCrls>,
    /// The OCSP client, if the realm uses OCSP.
    pub ocsp: Option<Arc<OcspClient>>,
    /// The mapping settings.
    pub mapping: MappingSettings,
    /// The directories. Without one, accounts have only what certificates and rules contain.
    pub directory: Option<Arc<Directories>>,
    /// How long the results of directory lookups are cached.
    pub account_lifetimes: AccountLifetimes,
    /// The settings of passwords of the directory.
    pub passwords: PasswordSettings,
    /// The longest time for which any verdict is cached.
    pub verdict_cache_ttl: Duration,
}

/// The settings of passwords of a realm's directory.
#[derive(Clone, Debug)]
pub struct PasswordSettings {
    /// The domain of a user name without one. `None`: every domain is searched.
    pub default_domain: Option<String>,
    /// The count of failed log-ins, which reloads do not reset.
    pub login_throttle: Arc<LoginThrottle>,
    /// How long a right password is accepted without asking the directory. Zero: never.
    pub cache_ttl: Duration,
}

impl Default for PasswordSettings {
    fn default() -> Self {
        Self {
            default_domain: None,
            login_throttle: Arc::new(LoginThrottle::new(LoginThrottleLimits::default())),
            cache_ttl: Duration::from_secs(60),
        }
    }
}
