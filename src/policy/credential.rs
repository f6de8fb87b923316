//! The outcome of judging one presented chain in one realm.

use super::evidence::mapping_denial;
use crate::certificate::Certificate;
use crate::clock::UnixTime;
use crate::identity::{Account, MappingError};
use crate::revocation::UnrevokedChain;
use crate::validation::ValidPath;
use std::sync::Arc;

/// A card that is valid and not revoked, and the account that it names or the reason why it names none.
#[derive(Debug)]
pub struct Credential {
    chain: UnrevokedChain,
    account: Result<Arc<Account>, Arc<MappingError>>,
    deadline: UnixTime,
}

impl Credential {
    /// Joins what validation, revocation and mapping found. It ends with the chain's own verdicts, and at the latest
    /// at `end`.
    pub fn new(
        chain: UnrevokedChain,
        account: Result<Arc<Account>, Arc<MappingError>>,
        end: UnixTime,
    ) -> Self {
        let deadline = chain.deadline().min(end);
        Self { chain, account, deadline }
    }

    /// When it has to be judged anew.
    pub fn deadline(&self) -> UnixTime {
        self.deadline
    }

    /// The chain with its valid paths and the word on revocation.
    pub fn chain(&self) -> &UnrevokedChain {
        &self.chain
    }

    /// The card's own certificate: the one whose key signed the handshake.
    pub fn leaf(&self) -> &Certificate {
        self.chain.chain().leaf()
    }

    /// What the client sent along with its certificate, as far as it has to do with a valid path.
    pub fn additional_certificates(&self) -> &[Certificate] {
        self.chain.chain().additional_certificates()
    }

    /// The paths that are valid and not revoked; at least one.
    pub fn paths(&self) -> impl Iterator<Item = &ValidPath> {
        self.chain.paths()
    }

    /// Whether the reason why there is no account may be gone at the next request, so that nobody holds on to it.
    pub fn is_transient(&self) -> bool {
        self.account.as_ref().is_err_and(|error| mapping_denial(error).is_transient())
    }

    /// The account, or why there is none.
    ///
    /// # Errors
    /// The mapping's reason.
    pub fn account(&self) -> Result<&Arc<Account>, &Arc<MappingError>> {
        self.account.as_ref()
    }
}
