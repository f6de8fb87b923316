//! Takes a name to log in by and a password, gives whether they belong together.
//!
//! The account is looked up first and bound to by its distinguished name. DirectorySet find accounts by many forms of
//! names ([MS-ADTS] 5.1.1.1.1); were the typed name bound with, the password might be proven for another account than
//! the one whose groups are read afterwards.

use super::account::DirectoryAccount;
use super::configured_directory::{ConfiguredDirectory, LookupTarget};
use super::error::DirectoryError;
use super::login_name::LoginName;
use super::lookup::DirectorySet;
use super::password_verdict::{Credentials, PasswordRefusal, PasswordVerdict};
use crate::secret::Secret;
use std::sync::Arc;

/// Nobody's name. A bind with it takes the time of one with a wrong password and has the same answer.
const NOBODY: &str = "CN=portcullis asks for nobody";

impl DirectorySet {
    /// Whether the password is of the account that the name finds. Where it finds none, or several, the answer takes as
    /// many steps as where the password is wrong.
    pub(super) async fn verify(
        self: &Arc<Self>,
        login: &LoginName,
        password: &Secret,
    ) -> Result<PasswordVerdict, DirectoryError> {
        // Before anything is asked, and with any name: an empty password finds nobody out.
        Credentials::new(NOBODY, password).map_err(DirectoryError::UnsendablePassword)?;
        let wanted = LookupTarget::Login(login.clone());
        let people = self.people(&wanted).await?;
        self.verify_of(&wanted, &people, password).await
    }

    /// The same for the accounts that were found by a name.
    pub(super) async fn verify_of(
        self: &Arc<Self>,
        wanted: &LookupTarget,
        people: &[DirectoryAccount],
        password: &Secret,
    ) -> Result<PasswordVerdict, DirectoryError> {
        match people {
            [person] => {
                let mut all = self.all.iter();
                let own = all.find(|directory| directory.settings.name == person.directory);
                bind(own.ok_or(DirectoryError::Dropped)?, &person.dn, password).await
            }
            [] => self.refuse_like_wrong(wanted, password, PasswordRefusal::WrongOrUnknown).await,
            [_, _, ..] => self.refuse_like_wrong(wanted, password, PasswordRefusal::Ambiguous).await,
        }
    }

    /// Asks the directory that was asked for the name, or else the first, for nobody's password. Whatever it says, the
    /// password is wrong.
    async fn refuse_like_wrong(
        &self,
        wanted: &LookupTarget,
        password: &Secret,
        refusal: PasswordRefusal,
    ) -> Result<PasswordVerdict, DirectoryError> {
        let mut asked = self.all.first();
        for directory in &self.all {
            if directory.filter(wanted).await?.is_some() {
                asked = Some(directory);
                break;
            }
        }
        if let Some(directory) = asked {
            bind(directory, &format!("{NOBODY},{}", directory.settings.base), password).await?;
        }
        Ok(PasswordVerdict::Wrong(refusal))
    }
}

async fn bind(
    directory: &ConfiguredDirectory,
    dn: &str,
    password: &Secret,
) -> Result<PasswordVerdict, DirectoryError> {
    let credentials = Credentials::new(dn, password).map_err(DirectoryError::UnsendablePassword)?;
    directory.password_in_turn(directory.servers.verify(credentials)).await
}
