//! Password checks by a bind.
//!
//! The account is looked up first, and the bind uses its distinguished name. Directories accept many forms of names in
//! a bind ([MS-ADTS] 5.1.1.1.1): if the bind used the name that the user entered, the password might be checked for
//! another account than the one whose groups are read.

use super::account::DirectoryAccount;
use super::configured_directory::ConfiguredDirectory;
use super::error::DirectoryError;
use super::lookup::DirectorySet;
use super::lookup_keys::LookupTarget;
use super::password_verdict::{PasswordFailure, PasswordVerdict};
use crate::ldap::BindCredentials;
use crate::secret::Secret;
use std::sync::Arc;

/// A name that no account has. A bind with it takes as long as one with a wrong password, and has the same result.
const NO_ACCOUNT: &str = "CN=portcullis-no-account";

impl DirectorySet {
    /// Checks the password of the only account in `found`, which a lookup of `login` returned. If there is none or
    /// several, the password is wrong. As many requests are sent as for a wrong password, so that the response time
    /// does not reveal which names exist.
    pub(super) async fn check_password(
        self: &Arc<Self>,
        login: &LookupTarget,
        found: &[DirectoryAccount],
        password: &Secret,
    ) -> Result<PasswordVerdict, DirectoryError> {
        match found {
            [account] => {
                let mut all = self.all.iter();
                let own = all.find(|directory| directory.settings.name == account.directory);
                bind(own.ok_or(DirectoryError::Cancelled)?, &account.dn, password).await
            }
            [] => self.reject_like_wrong(login, password, PasswordFailure::WrongOrUnknown).await,
            [_, _, ..] => self.reject_like_wrong(login, password, PasswordFailure::Ambiguous).await,
        }
    }

    /// Binds with a name that no account has, at the first directory that is searched for the login name, or else at
    /// the first of all.
    async fn reject_like_wrong(
        &self,
        login: &LookupTarget,
        password: &Secret,
        failure: PasswordFailure,
    ) -> Result<PasswordVerdict, DirectoryError> {
        let mut searched = self.all.first();
        for directory in &self.all {
            if directory.filter(login).await?.is_some() {
                searched = Some(directory);
                break;
            }
        }
        if let Some(directory) = searched {
            bind(directory, &format!("{NO_ACCOUNT},{}", directory.settings.base), password).await?;
        }
        Ok(PasswordVerdict::Wrong(failure))
    }
}

async fn bind(
    directory: &ConfiguredDirectory,
    dn: &str,
    password: &Secret,
) -> Result<PasswordVerdict, DirectoryError> {
    let credentials = BindCredentials::new(dn, password).map_err(DirectoryError::UnsendablePassword)?;
    directory.run_password_check(directory.servers.check_password(credentials)).await
}
