//! How a presented certificate is judged and whom it names.

use super::passwords::PasswordPolicy;
use crate::directory::Directories;
use crate::identity::{AccountLifetimes, MappingSettings};
use crate::revocation::ocsp::OcspClient;
use crate::revocation::{LiveCrls, RevocationRule};
use crate::validation::{TrustSet, ValidationRule};
use std::sync::Arc;
use std::time::Duration;

/// One realm: trust, revocation and mapping, as the stages take them.
#[derive(Debug)]
pub struct Realm {
    /// As in proxy.toml; part of every cache key.
    pub name: Arc<str>,
    /// Raised whenever anything of this may have changed, so that no verdict outlives the settings it came from.
    pub generation: u64,
    /// Anchors and intermediates.
    pub trust: Arc<TrustSet>,
    /// What a chain must satisfy to be valid here at all.
    pub validation: Arc<ValidationRule>,
    /// How much must be known about revocation.
    pub revocation: RevocationRule,
    /// The CRLs at hand, and where more of them come from.
    pub crls: Arc<LiveCrls>,
    /// Asks responders, where the realm does.
    pub ocsp: Option<Arc<OcspClient>>,
    /// Whom a certificate names.
    pub mapping: MappingSettings,
    /// Where accounts are looked up; a realm without one knows of accounts what certificates and rules say.
    pub directory: Option<Arc<Directories>>,
    /// How long the directory's word on an account is believed.
    pub account_lifetimes: AccountLifetimes,
    /// How passwords are taken, where a path takes them by the directory.
    pub passwords: PasswordPolicy,
    /// The longest that any verdict lives.
    pub max_age: Duration,
}
