//! The proof that one request may go to the backend.

use super::credential::Credential;
use super::rule::Rule;
use crate::identity::Account;
use std::sync::Arc;

/// Says that one request may go to the backend, as whom and under which rule.
///
/// Only [`decide`](super::decide()) makes one, and the backend takes nothing else.
#[derive(Debug)]
pub struct Permit {
    rule: Arc<Rule>,
    identity: Option<PermittedIdentity>,
}

/// The person a permit speaks for.
#[derive(Debug)]
pub struct PermittedIdentity {
    credential: Arc<Credential>,
    account: Arc<Account>,
}

impl Permit {
    /// A permit without an identity: the path ignores certificates.
    pub(super) fn anonymous(rule: Arc<Rule>) -> Self {
        Self { rule, identity: None }
    }

    /// A permit for the account that the card names.
    pub(super) fn card(rule: Arc<Rule>, credential: Arc<Credential>, account: Arc<Account>) -> Self {
        Self { rule, identity: Some(PermittedIdentity { credential, account }) }
    }

    /// The rule that let the request pass.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// The person, where the permit is under an identity.
    pub fn identity(&self) -> Option<&PermittedIdentity> {
        self.identity.as_ref()
    }
}

impl PermittedIdentity {
    /// The judged card.
    pub fn credential(&self) -> &Arc<Credential> {
        &self.credential
    }

    /// The account that it names.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }
}
