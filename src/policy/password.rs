//! The outcome of looking at a user name and a password.

use super::denial::Denial;
use super::denial_id::DenialId;
use crate::clock::UnixTime;
use crate::directory::{self, AccountStatusError, DirectoryError, LoginNameError};
use crate::identity::Account;
use crate::login_throttle::LoginThrottled;
use crate::request::BasicError;
use std::sync::Arc;
use std::time::Duration;

/// A user name and a password that the directory took, and the account that they are of.
#[derive(Debug)]
pub struct PasswordCredential {
    account: Arc<Account>,
    deadline: UnixTime,
}

/// Why a user name and a password are not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRejection {
    /// They cannot be read.
    #[error("the credentials cannot be read")]
    Malformed(#[source] BasicError),
    /// Nobody can be called that.
    #[error("the user name cannot be one")]
    Name(#[source] LoginNameError),
    /// The directory does not take the password of this account, or not now. Whoever sent it must not learn which.
    #[error("the directory refuses the password of {user}: {}", reason.word())]
    Wrong {
        /// The account.
        user: String,
        /// What the directory says.
        reason: directory::PasswordRefusal,
    },
    /// Nobody has the name. It is not told even to the record: people type passwords there.
    #[error("the directory has no account of the user name")]
    Unknown,
    /// Several accounts have the name.
    #[error("{count} accounts have the user name")]
    Ambiguous {
        /// How many.
        count: usize,
    },
    /// The directory took the password of a name that it then does not know.
    #[error("the directory takes the password, and has no account of that name")]
    NoAccount,
    /// The password is right, and the account may not be used.
    #[error("the account {user} may not be used")]
    Unusable {
        /// The account.
        user: String,
        /// Why not.
        #[source]
        status: AccountStatusError,
    },
    /// Too many attempts failed; the directory was not asked.
    #[error("no more passwords are tried for now")]
    LoginThrottled(#[source] LoginThrottled),
    /// The directory gave no answer.
    #[error("the directory does not say whether the password is right")]
    Directory(#[source] DirectoryError),
    /// It took too long.
    #[error("the password was not judged within {0:?}")]
    Timeout(Duration),
    /// Too many credentials wait to be judged.
    #[error("too many credentials wait to be judged")]
    Overloaded,
}

impl PasswordCredential {
    /// Joins what the directory said. It ends at `deadline`.
    pub fn new(account: Arc<Account>, deadline: UnixTime) -> Self {
        Self { account, deadline }
    }

    /// The account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// When the directory has to be asked anew.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }
}

impl PasswordRejection {
    /// What the client is told. A wrong password, an unknown user and an account that may not log in are one answer.
    pub fn denial(&self) -> Denial {
        let id = match self {
            Self::Malformed(_)
            | Self::Name(_)
            | Self::Wrong { .. }
            | Self::Unknown
            | Self::Ambiguous { .. } => DenialId::InvalidPassword,
            Self::NoAccount => DenialId::NotMapped,
            Self::Unusable { .. } => DenialId::AccountDisabled,
            Self::LoginThrottled(LoginThrottled { retry_after, .. }) => {
                return Denial::because(DenialId::LoginThrottled, self).retry_after(*retry_after);
            }
            Self::Directory(_) => DenialId::DirectoryUnavailable,
            Self::Timeout(_) => DenialId::ValidationTimeout,
            Self::Overloaded => DenialId::Overloaded,
        };
        Denial::because(id, self)
    }
}
