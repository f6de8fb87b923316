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
    /// Joins the results of validation, revocation check and mapping. The credential expires with the verdicts on the
    /// chain, and no later than `end`.
    pub fn new(
        chain: UnrevokedChain,
        account: Result<Arc<Account>, Arc<MappingError>>,
        end: UnixTime,
    ) -> Self {
        let deadline = chain.deadline().min(end);
        Self { chain, account, deadline }
    }

    /// The time from which the certificate has to be authenticated again.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }

    /// The chain with its valid paths and their revocation status.
    pub fn chain(&self) -> &UnrevokedChain {
        &self.chain
    }

    /// The client's own certificate, whose key signed the handshake.
    pub fn leaf(&self) -> &Certificate {
        self.chain.chain().leaf()
    }

    /// The other certificates that the client presented, without those that no valid path uses.
    pub fn additional_certificates(&self) -> &[Certificate] {
        self.chain.chain().additional_certificates()
    }

    /// The paths that are valid and not revoked. There is at least one.
    pub fn paths(&self) -> impl Iterator<Item = &ValidPath> {
        self.chain.paths()
    }

    /// Whether the mapping failed for a cause that may be gone at the next request, so that the result is not cached.
    pub fn is_transient(&self) -> bool {
        self.account.as_ref().is_err_and(|error| mapping_denial(error).is_transient())
    }

    /// The account.
    ///
    /// # Errors
    /// The reason why the certificate maps to none.
    pub fn account(&self) -> Result<&Arc<Account>, &Arc<MappingError>> {
        self.account.as_ref()
    }
}

impl PasswordCredential {
    /// A credential for `account` that expires at `deadline`.
    pub fn new(account: Arc<Account>, deadline: UnixTime) -> Self {
        Self { account, deadline }
    }

    /// The account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The time from which the directory has to be asked again.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }
}
