//! Lookups and password checks for all workers. All I/O with directories runs on the control runtime, so that the
//! workers share the connections.

use super::account::DirectoryAccount;
use super::diagnostics::{ServerDiagnosis, diagnose};
use super::error::DirectoryError;
use super::login_name::LoginName;
use super::lookup::DirectorySet;
use super::lookup_keys::{LookupKeys, LookupTarget};
use super::password_verdict::PasswordVerdict;
use super::settings::DirectorySettings;
use crate::clock::Clock;
use crate::control::{ControlRuntime, ControlTasks};
use crate::secret::Secret;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

/// The directories of a realm, with their connections. Callers may be on any runtime. A lookup ends when its future is
/// dropped; all operations and connections end when this is dropped, for example after a reload.
#[derive(Debug)]
pub struct RealmDirectories {
    set: Arc<DirectorySet>,
    clock: Clock,
    tasks: ControlTasks,
}

impl RealmDirectories {
    /// Creates directories with these settings, without I/O. Diagnostics compare the servers' clocks with `clock`.
    pub fn new(directories: Vec<DirectorySettings>, clock: Clock, control: ControlRuntime) -> Self {
        let tasks = ControlTasks::new(control);
        let set = Arc::new(DirectorySet::new(directories, tasks.cancellation()));
        Self { set, clock, tasks }
    }

    /// Returns all accounts that match any of the keys, each once. If more than eight match, only some of them are
    /// returned, which is as ambiguous as all of them.
    ///
    /// # Errors
    /// A directory that must be searched failed.
    pub async fn look_up(&self, keys: &LookupKeys) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        self.accounts(LookupTarget::Keys(keys.clone())).await
    }

    /// Returns all accounts of a login name.
    ///
    /// # Errors
    /// As [`look_up`](Self::look_up).
    pub async fn by_login(&self, login: &LoginName) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        self.accounts(LookupTarget::Login(login.clone())).await
    }

    async fn accounts(&self, target: LookupTarget) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        let set = Arc::clone(&self.set);
        self.run(async move { set.accounts(&target).await }).await?
    }

    /// Checks the password of the only account in `found`, which [`by_login`](Self::by_login) returned for `login`. If
    /// there is none or several, no password is correct.
    ///
    /// `settle` receives the verdict even if the caller is dropped: a check runs to its end once the password is sent,
    /// so that a guess counts even if its client disconnects.
    ///
    /// # Errors
    /// As [`look_up`](Self::look_up); or the password must not be sent to a directory, in which case it was not sent.
    pub async fn verify_password_of(
        &self,
        login: &LoginName,
        found: &[DirectoryAccount],
        password: &Secret,
        settle: impl FnOnce(&Result<PasswordVerdict, DirectoryError>) + Send + 'static,
    ) -> Result<PasswordVerdict, DirectoryError> {
        let (set, target) = (Arc::clone(&self.set), LookupTarget::Login(login.clone()));
        let (found, password) = (found.to_vec(), password.clone());
        let check = self.tasks.spawn(async move {
            let verdict = set.check_password(&target, &found, &password).await;
            settle(&verdict);
            verdict
        });
        let check = check.map_err(|error| DirectoryError::NoRuntime(Arc::new(error)))?;
        // A task that panics affects no other operation.
        check.await.ok().flatten().ok_or(DirectoryError::Cancelled)?
    }

    /// Returns the filters that [`look_up`](Self::look_up) would send, one for each directory that it would search.
    pub fn filters(&self, keys: &LookupKeys) -> Vec<String> {
        let filters = self.set.all.iter().filter_map(|directory| directory.keys_filter(keys));
        filters.map(|filter| filter.to_string()).collect()
    }

    /// Queries each server of each directory for `check --online`. Each result has the name of its server: `directory
    /// NAME at URL`.
    pub async fn diagnose(&self) -> Vec<ServerDiagnosis> {
        let (set, clock) = (Arc::clone(&self.set), self.clock.clone());
        let diagnosed = self.run(async move {
            let mut diagnoses = Vec::new();
            for directory in &set.all {
                diagnoses.extend(diagnose(directory, &clock).await);
            }
            diagnoses
        });
        diagnosed.await.unwrap_or_else(|error| vec![("directories".to_owned(), Err(error))])
    }

    /// Returns the directories that have no available server, with the reasons, as of the latest lookups. Probes each
    /// directory in the background, so that the next call returns the current state.
    pub fn outages(&self) -> Vec<String> {
        let outages = self.set.all.iter().filter_map(|directory| {
            let outage = directory.servers.outage()?;
            Some(format!("directory {} is unavailable: {outage}", directory.settings.name))
        });
        let outages = outages.collect();
        for directory in &self.set.all {
            let servers = Arc::clone(&directory.servers);
            drop(self.tasks.spawn(async move { servers.probe().await }));
        }
        outages
    }

    /// Runs an operation on the control runtime, until the returned future is dropped.
    ///
    /// Not an async function: its state would contain the operation, which is large, and every client connection would
    /// reserve memory for one.
    fn run<T, Operation>(
        &self,
        operation: Operation,
    ) -> impl Future<Output = Result<T, DirectoryError>> + use<T, Operation>
    where
        T: Send + 'static,
        Operation: Future<Output = T> + Send + 'static,
    {
        let running = self.tasks.spawn(operation).map(AbortOnDropHandle::new);
        let running = running.map_err(|error| DirectoryError::NoRuntime(Arc::new(error)));
        // An operation that panics affects no other one.
        async { running?.await.ok().flatten().ok_or(DirectoryError::Cancelled) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_lookup_that_panics_affects_no_other_lookup() {
        let directories = RealmDirectories::new(Vec::new(), Clock::system(), ControlRuntime::default());
        let panicked = directories.run(async { panic!("a defect") }).await;
        assert!(matches!(panicked, Err::<(), _>(DirectoryError::Cancelled)));
        assert_eq!(directories.run(async { 7 }).await.ok(), Some(7));
    }

    #[tokio::test]
    async fn without_directories_no_account_is_found() {
        let directories = RealmDirectories::new(Vec::new(), Clock::system(), ControlRuntime::default());
        let keys = LookupKeys { upns: vec!["alice@corp.example".to_owned()], ..LookupKeys::default() };
        assert_eq!(directories.look_up(&keys).await.unwrap(), []);
        assert_eq!(directories.filters(&keys), [""; 0]);
    }

    #[tokio::test]
    async fn operations_end_with_their_owner() {
        let control = ControlRuntime::default();
        let directories = RealmDirectories::new(Vec::new(), Clock::system(), control.clone());
        let lookup = directories.run(std::future::pending::<()>());
        // A password check runs on without its caller, but not without its directories.
        let check = directories.tasks.spawn(std::future::pending::<()>()).unwrap();
        drop(directories);
        assert!(matches!(lookup.await, Err(DirectoryError::Cancelled)));
        assert_eq!(check.await.unwrap(), None);
        assert!(control.handle().is_ok());
    }
}
