//! Credentials: the results of authenticating a client by certificate or by password.

use super::rejection::mapping_denial;
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::identity::{Account, MappingError};
use crate::revocation::UnrevokedChain;
use crate::validation::ValidPath;
use std::sync::Arc;

/// A certificate that is valid and not revoked, with the account that it maps to or the reason why it maps to none.
#[derive(Debug)]
pub struct Credential {
    chain: UnrevokedChain,
    account: Result<Arc<Account>, Arc<MappingError>>,
    deadline: UnixTime,
}

/// A user name and password that the directory accepted.
#[derive(Debug)]
pub struct PasswordCredential {
    account: Arc<Account>,
    deadline: UnixTime,
}

/// The credential that an account was authenticated by.
#[derive(Clone, Debug)]
pub enum AuthenticatedBy {
    /// A client certificate.
    Certificate(Arc<Credential>),
    /// A password that the directory accepted.
    Password,
}

impl Credential {
    /// Creates a credential from the results of validation, revocation check and mapping. It expires with the verdicts on
    /// the chain, and at `end` at the latest.
    pub fn new(
        chain: UnrevokedChain,
        account: Result<Arc<Account>, Arc<MappingError>>,
        end: UnixTime,
    ) -> Self {
        let deadline = chain.deadline().min(end);
        Self { chain, account, deadline }
    }

    /// Returns the time from which the certificate has to be authenticated again.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }

    /// Returns the chain with its valid paths and their revocation status.
    pub fn chain(&self) -> &UnrevokedChain {
        &self.chain
    }

    /// Returns the client's own certificate, whose key signed the handshake.
    pub fn leaf(&self) -> &Certificate {
        self.chain.chain().leaf()
    }

    /// Returns the other certificates that the client presented, without those that no valid path uses.
    pub fn additional_certificates(&self) -> &[Certificate] {
        self.chain.chain().additional_certificates()
    }

    /// Returns the certification paths that are valid and not revoked, at least one.
    pub fn paths(&self) -> impl Iterator<Item = &ValidPath> {
        self.chain.paths()
    }

    /// Returns whether the mapping failed for a transient reason. Such a result is not cached.
    pub fn is_transient(&self) -> bool {
        self.account.as_ref().is_err_and(|error| mapping_denial(error).is_transient())
    }

    /// Returns the account of the certificate.
    ///
    /// # Errors
    /// The reason why the certificate maps to no account.
    pub fn account(&self) -> Result<&Arc<Account>, &Arc<MappingError>> {
        self.account.as_ref()
    }
}

impl PasswordCredential {
    /// Creates a credential for `account` that expires at `deadline`.
    pub fn new(account: Arc<Account>, deadline: UnixTime) -> Self {
        Self { account, deadline }
    }

    /// Returns the account of the user name.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Returns the time from which the directory has to check the password again.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }
}
