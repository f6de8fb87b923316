//! The outcome of looking at a user name and a password.

use super::denial::Denial;
use super::denial_id::DenialId;
use crate::clock::UnixTime;
use crate::identity::Account;
use std::sync::Arc;

/// A user name and a password that the directory took, and the account that they are of.
#[derive(Debug)]
pub struct PasswordCredential {
    account: Arc<Account>,
    deadline: UnixTime,
}

/// Why a user name and a password are not taken.
#[derive(Debug, thiserror::Error)]
pub enum PasswordRefusal {
    /// They cannot be read.
    #[error("the credentials cannot be read")]
    Malformed,
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

impl PasswordRefusal {
    /// What the client is told.
    pub fn denial(&self) -> Denial {
        let id = match self {
            Self::Malformed => DenialId::PasswordWrong,
        };
        Denial::because(id, self)
    }
}
