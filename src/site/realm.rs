//! Realms: how client certificates and passwords are authenticated and mapped.

use crate::directory::RealmDirectories;
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
    /// The configured name, which is a part of every cache key.
    pub name: Arc<str>,
    /// A number that is incremented whenever the realm may have changed, so that no cached verdict outlives its settings.
    pub generation: u64,
    /// The trust anchors and intermediate CAs.
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
    /// The directories. Without one, accounts are established from certificates and mapping rules alone.
    pub directory: Option<Arc<RealmDirectories>>,
    /// How long the results of directory lookups are cached.
    pub account_lifetimes: AccountLifetimes,
    /// The settings of passwords of the directory.
    pub passwords: PasswordSettings,
    /// The maximum lifetime of a cached verdict.
    pub verdict_cache_ttl: Duration,
}

/// The settings of passwords of a realm's directory.
#[derive(Clone, Debug)]
pub struct PasswordSettings {
    /// The domain of a user name without one. If it is `None`, all domains are searched.
    pub default_domain: Option<String>,
    /// The count of failed logins, which reloads do not reset.
    pub login_throttle: Arc<LoginThrottle>,
    /// How long a right password is accepted without a check by the directory. Zero disables the cache.
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
