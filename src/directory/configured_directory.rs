//! One configured directory: its servers, the names that it may hold, and its limits.

use super::active_directory::group_names::GroupNames;
use super::active_directory::schema as active_directory;
use super::error::DirectoryError;
use super::generic;
use super::login_name::LoginName;
use super::lookup_keys::{LookupKeys, LookupTarget, is_searchable};
use super::operation_limit::OperationLimit;
use super::replicas::{ReplicaSet, ServerAccess};
use super::settings::{AccountSchema, DirectorySettings};
use crate::ldap::{LdapOperation, SearchFilter};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

/// A directory with its settings and connections.
#[derive(Debug)]
pub(super) struct ConfiguredDirectory {
    pub(super) settings: DirectorySettings,
    pub(super) servers: Arc<ReplicaSet>,
    pub(super) global_catalog: Option<Arc<ReplicaSet>>,
    pub(super) group_names: GroupNames,
    lookups: OperationLimit,
    password_checks: OperationLimit,
}

impl ConfiguredDirectory {
    pub(super) fn new(settings: DirectorySettings, cancellation: &CancellationToken) -> Self {
        let limits = settings.limits;
        let is_active_directory = settings.schema == AccountSchema::ActiveDirectory;
        let access = |has_domains| ServerAccess {
            directory: Arc::clone(&settings.name),
            tls: Arc::clone(&settings.tls),
            bind_dn: settings.bind_dn.clone(),
            bind_password: settings.bind_password.clone(),
            limits,
            has_domains,
            cancellation: cancellation.clone(),
        };
        let global_catalog = (is_active_directory && !settings.global_catalog.is_empty())
            .then(|| ReplicaSet::new(access(false), settings.global_catalog.clone()));
        Self {
            servers: ReplicaSet::new(access(is_active_directory), settings.servers.clone()),
            global_catalog,
            group_names: GroupNames::new(),
            lookups: OperationLimit::new(limits.max_lookups, limits.max_waiting_lookups),
            password_checks: OperationLimit::new(
                limits.max_password_checks,
                limits.max_waiting_password_checks,
            ),
            settings,
        }
    }

    /// Returns the filter for those of `keys` that this directory may hold; `None` if it holds none of them and is not
    /// searched.
    pub(super) fn keys_filter(&self, keys: &LookupKeys) -> Option<SearchFilter> {
        let own = self.own_keys(keys);
        match &self.settings.schema {
            AccountSchema::ActiveDirectory => active_directory::keys_filter(&own),
            AccountSchema::Generic(schema) => generic::keys_filter(schema, &own),
        }
    }

    /// Returns the filter for `target`; `None` if this directory is not searched. In Active Directory the names of the
    /// domain are read first.
    pub(super) async fn filter(&self, target: &LookupTarget) -> Result<Option<SearchFilter>, DirectoryError> {
        let login = match target {
            LookupTarget::Keys(keys) => return Ok(self.keys_filter(keys)),
            LookupTarget::Login(login) if !is_searchable(login.account_part()) => return Ok(None),
            LookupTarget::Login(LoginName::Upn(upn)) if !self.has_suffix_of(upn) => return Ok(None),
            LookupTarget::Login(login) => login,
        };
        match &self.settings.schema {
            AccountSchema::ActiveDirectory => {
                let domains = self.servers.domains().await?;
                Ok(active_directory::login_filter(login, domains.of(&domains.own)))
            }
            AccountSchema::Generic(schema) => Ok(generic::login_filter(schema, &self.settings.name, login)),
        }
    }

    /// Runs a lookup within the limits of time and concurrency.
    pub(super) async fn run_lookup<T>(
        &self,
        lookup: impl Future<Output = Result<T, DirectoryError>>,
    ) -> Result<T, DirectoryError> {
        self.run(&self.lookups, lookup).await
    }

    /// Runs a password check within the limits of time and concurrency.
    pub(super) async fn run_password_check<T>(
        &self,
        check: impl Future<Output = Result<T, DirectoryError>>,
    ) -> Result<T, DirectoryError> {
        self.run(&self.password_checks, check).await
    }

    async fn run<T>(
        &self,
        concurrency: &OperationLimit,
        operation: impl Future<Output = Result<T, DirectoryError>>,
    ) -> Result<T, DirectoryError> {
        let limit = self.settings.limits.lookup;
        let permitted = async {
            let busy = |_| DirectoryError::Busy { directory: Arc::clone(&self.settings.name) };
            let _permit = concurrency.acquire().await.map_err(busy)?;
            operation.await
        };
        timeout(limit, permitted).await.unwrap_or_else(|_| Err(self.lookup_timeout(limit)))
    }

    fn lookup_timeout(&self, limit: Duration) -> DirectoryError {
        let directory = Arc::clone(&self.settings.name);
        let server = self.servers.to_string();
        DirectoryError::Timeout { directory, server, operation: LdapOperation::Lookup, limit }
    }

    fn own_keys(&self, keys: &LookupKeys) -> LookupKeys {
        let mut own = keys.clone();
        own.upns.retain(|upn| self.has_suffix_of(upn));
        let domains = &self.settings.sid_domains;
        own.sids
            .retain(|sid| domains.is_empty() || sid.domain().is_some_and(|domain| domains.contains(&domain)));
        own
    }

    fn has_suffix_of(&self, upn: &str) -> bool {
        let suffixes = &self.settings.upn_suffixes;
        let suffix = upn.rsplit_once('@').map(|(_, suffix)| suffix.to_lowercase());
        suffixes.is_empty()
            || suffix.is_some_and(|suffix| suffixes.iter().any(|own| own.to_lowercase() == suffix))
    }
}
