//! One tree of the directories: a directory with its servers, what it is asked for, and how much at once.

use super::active_directory::group_names::GroupNames;
use super::active_directory::schema as active_directory;
use super::error::{DirectoryError, Step};
use super::filter::SearchFilter;
use super::generic;
use super::login_name::LoginName;
use super::lookup_keys::{LookupKeys, can_be_somebodys};
use super::operation_limit::OperationLimit;
use super::replicas::{Access, ReplicaSet};
use super::settings::{AccountSchema, DirectorySettings};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Whom a question is about.
#[derive(Clone, Debug)]
pub(super) enum LookupTarget {
    /// Whoever any of these fits.
    Names(LookupKeys),
    /// Whoever logs in by this.
    Login(LoginName),
}

/// A directory that can be asked.
#[derive(Debug)]
pub(super) struct ConfiguredDirectory {
    pub(super) settings: DirectorySettings,
    pub(super) servers: Arc<ReplicaSet>,
    pub(super) catalogue: Option<Arc<ReplicaSet>>,
    pub(super) group_names: GroupNames,
    look_ups: OperationLimit,
    passwords: OperationLimit,
}

impl ConfiguredDirectory {
    pub(super) fn new(settings: DirectorySettings) -> Self {
        let limits = settings.limits;
        let is_active_directory = settings.schema == AccountSchema::ActiveDirectory;
        let access = |has_domains| Access {
            directory: Arc::clone(&settings.name),
            tls: Arc::clone(&settings.tls),
            bind_dn: settings.bind_dn.clone(),
            bind_password: settings.bind_password.clone(),
            limits,
            has_domains,
        };
        let catalogue = (is_active_directory && !settings.global_catalog.is_empty())
            .then(|| ReplicaSet::new(access(false), settings.global_catalog.clone()));
        Self {
            servers: ReplicaSet::new(access(is_active_directory), settings.servers.clone()),
            catalogue,
            group_names: GroupNames::new(),
            look_ups: OperationLimit::new(limits.look_ups, limits.waiting_look_ups),
            passwords: OperationLimit::new(limits.passwords, limits.waiting_passwords),
            settings,
        }
    }

    /// Those of the names that this directory may have, by its tables.
    pub(super) fn own(&self, names: &LookupKeys) -> LookupKeys {
        let mut own = names.clone();
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

    /// The filter by which it is asked for the names. `None` where it is not asked.
    pub(super) fn names_filter(&self, names: &LookupKeys) -> Option<SearchFilter> {
        let own = self.own(names);
        match &self.settings.schema {
            AccountSchema::ActiveDirectory => active_directory::by_names(&own),
            AccountSchema::Generic(schema) => generic::by_names(schema, &own),
        }
    }

    /// The filter by which it is asked. `None` where it is not. Whose name a domain has, Active Directory has to tell.
    pub(super) async fn filter(&self, wanted: &LookupTarget) -> Result<Option<SearchFilter>, DirectoryError> {
        let login = match wanted {
            LookupTarget::Names(names) => return Ok(self.names_filter(names)),
            LookupTarget::Login(login) if !can_be_somebodys(login.account()) => return Ok(None),
            LookupTarget::Login(LoginName::Upn(upn)) if !self.has_suffix_of(upn) => return Ok(None),
            LookupTarget::Login(login) => login,
        };
        match &self.settings.schema {
            AccountSchema::ActiveDirectory => {
                let domains = self.servers.domains().await?;
                Ok(active_directory::by_login(login, domains.of(&domains.own)))
            }
            AccountSchema::Generic(schema) => Ok(generic::by_login(schema, &self.settings.name, login)),
        }
    }

    /// Does a look-up in its turn and within the limit for all of it.
    pub(super) async fn in_turn<T>(
        &self,
        look_up: impl Future<Output = Result<T, DirectoryError>>,
    ) -> Result<T, DirectoryError> {
        self.admitted(&self.look_ups, look_up).await
    }

    /// The same for a password.
    pub(super) async fn password_in_turn<T>(
        &self,
        check: impl Future<Output = Result<T, DirectoryError>>,
    ) -> Result<T, DirectoryError> {
        self.admitted(&self.passwords, check).await
    }

    async fn admitted<T>(
        &self,
        admission: &OperationLimit,
        work: impl Future<Output = Result<T, DirectoryError>>,
    ) -> Result<T, DirectoryError> {
        let limit = self.settings.limits.question;
        let turn = async {
            let busy = |_| DirectoryError::Busy { directory: Arc::clone(&self.settings.name) };
            let _place = admission.enter().await.map_err(busy)?;
            work.await
        };
        timeout(limit, turn).await.unwrap_or_else(|_| Err(self.out_of_time(limit)))
    }

    fn out_of_time(&self, limit: Duration) -> DirectoryError {
        let directory = Arc::clone(&self.settings.name);
        DirectoryError::Timeout { directory, server: self.servers.to_string(), step: Step::Answer, limit }
    }
}
