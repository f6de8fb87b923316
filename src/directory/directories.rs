//! Takes names, gives the accounts that all directories of a realm have for them. All that waits for a directory runs on
//! one thread, so that connections are shared by all workers and none of these waits for a lock.

use super::account::DirectoryAccount;
use super::configured_directory::LookupTarget;
use super::diagnostics::examine;
use super::error::DirectoryError;
use super::fact::ServerFact;
use super::filter::SearchFilter;
use super::login_name::LoginName;
use super::lookup::DirectorySet;
use super::lookup_keys::LookupKeys;
use super::password_verdict::PasswordVerdict;
use super::settings::DirectorySettings;
use crate::clock::Clock;
use crate::secret::Secret;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::runtime::{Builder, Handle};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

/// The directories of a realm. Making one asks nobody; a thread of its own is started by the first question and ends
/// when this is dropped. Callers may be on any runtime; one that stops waiting ends its question.
#[derive(Debug)]
pub struct Directories {
    directories: Arc<DirectorySet>,
    clock: Clock,
    thread: Mutex<Option<Thread>>,
}

#[derive(Debug)]
struct Thread {
    runtime: Handle,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Directories {
    /// A directories of these directories. Does no I/O. The clock is what the servers' clocks are compared with.
    pub fn new(directories: Vec<DirectorySettings>, clock: Clock) -> Self {
        Self { directories: Arc::new(DirectorySet::new(directories)), clock, thread: Mutex::new(None) }
    }

    /// Every account that any of the names fits, each once; none where none fits, which is an answer and no error.
    ///
    /// More than eight are not all given: they are several in any case.
    ///
    /// # Errors
    /// Where a single directory that would have to be asked gives no answer.
    pub async fn look_up(&self, names: &LookupKeys) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        self.people(LookupTarget::Names(names.clone())).await
    }

    /// Every account that the name to log in by is of.
    ///
    /// # Errors
    /// As [`Directories::look_up`].
    pub async fn by_login(&self, login: &LoginName) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        self.people(LookupTarget::Login(login.clone())).await
    }

    async fn people(&self, wanted: LookupTarget) -> Result<Vec<DirectoryAccount>, DirectoryError> {
        let directories = Arc::clone(&self.directories);
        self.ask(async move { directories.people(&wanted).await }).await?
    }

    /// Whether this is the password of the account that [`Directories::by_login`] finds. Nobody's password is correct where
    /// it finds none or several.
    ///
    /// # Errors
    /// Where no directory says so or the contrary; at once for passwords that must not be sent.
    pub async fn verify_password(
        &self,
        login: &LoginName,
        password: &Secret,
    ) -> Result<PasswordVerdict, DirectoryError> {
        let (directories, login, password) = (Arc::clone(&self.directories), login.clone(), password.clone());
        self.ask(async move { directories.verify(&login, &password).await }).await?
    }

    /// Whether this is the password of the one account in `found`, which [`Directories::by_login`] returned for `login`: for a
    /// caller that must know whose it is before it is tried. Without an account, or with several, no password is correct.
    ///
    /// `settle` receives the verdict even if the caller is dropped meanwhile: a password that was sent is tried to the
    /// end, so that a client which leaves is counted by what the directory answered.
    ///
    /// # Errors
    /// As [`Directories::look_up`].
    pub async fn verify_password_of(
        &self,
        login: &LoginName,
        found: &[DirectoryAccount],
        password: &Secret,
        settle: impl FnOnce(&Result<PasswordVerdict, DirectoryError>) + Send + 'static,
    ) -> Result<PasswordVerdict, DirectoryError> {
        let (directories, wanted) = (Arc::clone(&self.directories), LookupTarget::Login(login.clone()));
        let (found, password) = (found.to_vec(), password.clone());
        let runtime = self.runtime().map_err(|error| DirectoryError::NoThread(Arc::new(error)))?;
        let tried = runtime.spawn(async move {
            let verdict = directories.verify_of(&wanted, &found, &password).await;
            settle(&verdict);
            verdict
        });
        // A task that panics ends itself only.
        tried.await.map_err(|_| DirectoryError::Dropped)?
    }

    /// The filters that [`Directories::look_up`] would send, one for each directory that it would ask.
    pub fn filters(&self, names: &LookupKeys) -> Vec<String> {
        let filters = self.directories.all.iter().filter_map(|directory| directory.names_filter(names));
        filters.map(|filter: SearchFilter| filter.to_string()).collect()
    }

    /// Asks each server of each directory what an administrator wants to know before relying on it: `directory NAME at
    /// SERVER`, and what it showed.
    pub async fn examine(&self) -> Vec<(String, Result<Vec<ServerFact>, DirectoryError>)> {
        let (directories, clock) = (Arc::clone(&self.directories), self.clock.clone());
        let examined = self.ask(async move {
            let mut findings = Vec::new();
            for directory in &directories.all {
                findings.extend(examine(directory, &clock).await);
            }
            findings
        });
        examined.await.unwrap_or_else(|error| vec![("directories".to_owned(), Err(error))])
    }

    /// The directories none of whose servers answers, with the reasons, as far as the questions so far have shown; and
    /// asks each for the next time.
    pub fn outages(&self) -> Vec<String> {
        let outages = self.directories.all.iter().filter_map(|directory| {
            let outage = directory.servers.outage()?;
            Some(format!("the directory {} does not answer: {outage}", directory.settings.name))
        });
        let outages = outages.collect();
        if let Ok(runtime) = self.runtime() {
            for directory in &self.directories.all {
                let servers = Arc::clone(&directory.servers);
                drop(runtime.spawn(async move { servers.probe().await }));
            }
        }
        outages
    }

    /// Has the question answered on the thread. It is given up where the caller stops waiting.
    ///
    /// No async function, so that a question, which is large, is never a part of the caller's own state: every
    /// connection of a client would have room for one.
    fn ask<T, Question>(
        &self,
        question: Question,
    ) -> impl Future<Output = Result<T, DirectoryError>> + use<T, Question>
    where
        T: Send + 'static,
        Question: Future<Output = T> + Send + 'static,
    {
        let runtime = self.runtime().map_err(|error| DirectoryError::NoThread(Arc::new(error)));
        let asked = runtime.map(|runtime| AbortOnDropHandle::new(runtime.spawn(question)));
        // A question that panics ends itself only.
        async { asked?.await.map_err(|_| DirectoryError::Dropped) }
    }

    fn runtime(&self) -> io::Result<Handle> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = &*thread {
            return Ok(thread.runtime.clone());
        }
        let started = Thread::start()?;
        let runtime = started.runtime.clone();
        *thread = Some(started);
        Ok(runtime)
    }
}

impl Thread {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let thread = std::thread::Builder::new().name("directory".to_owned()).spawn(move || {
            runtime.block_on(stopping.cancelled());
            // Without waiting for the system to resolve a name, which can take minutes and has no end of its own.
            runtime.shutdown_background();
        })?;
        Ok(Self { runtime: handle, stop, thread: Some(thread) })
    }
}

impl Drop for Thread {
    /// Waits for the thread, which stops between two steps of its work.
    fn drop(&mut self) {
        self.stop.cancel();
        // Had it panicked, there would be nothing left to do either.
        drop(self.thread.take().map(JoinHandle::join));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_question_that_panics_ends_itself_only() {
        let directories = Directories::new(Vec::new(), Clock::system());
        let panicked = directories.ask(async { panic!("the library stumbled") }).await;
        assert!(matches!(panicked, Err::<(), _>(DirectoryError::Dropped)));
        assert_eq!(directories.ask(async { 7 }).await.ok(), Some(7));
    }

    #[tokio::test]
    async fn nobody_is_in_a_forest_without_directories() {
        let directories = Directories::new(Vec::new(), Clock::system());
        let names = LookupKeys { upns: vec!["alice@corp.example".to_owned()], ..LookupKeys::default() };
        assert_eq!(directories.look_up(&names).await.unwrap(), []);
        assert_eq!(directories.filters(&names), [""; 0]);
    }

    #[tokio::test]
    async fn the_thread_starts_with_the_first_question_and_ends_with_the_forest() {
        let directories = Directories::new(Vec::new(), Clock::system());
        assert!(directories.thread.lock().unwrap().is_none());
        let (alive, ended) = std::sync::mpsc::channel::<()>();
        let forever = directories.runtime().unwrap().spawn(async move {
            std::future::pending::<()>().await;
            drop(alive);
        });
        drop(directories);
        // What ran on the thread is gone with it, without a wait.
        assert_eq!(ended.try_recv(), Err(std::sync::mpsc::TryRecvError::Disconnected));
        assert!(forever.await.unwrap_err().is_cancelled());
    }
}
