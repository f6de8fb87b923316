//! The proof that one request may go to the backend.

use super::credential::Credential;
use super::rule::AccessRule;
use crate::identity::Account;
use std::sync::Arc;

/// Says that one request may go to the backend, as whom and under which rule.
///
/// Only [`decide`](super::decide()) makes one, and the backend takes nothing else.
#[derive(Debug)]
pub struct Permit {
    rule: Arc<AccessRule>,
    forwarded_as: ForwardedAs,
}

/// As whom a request passes.
#[derive(Debug)]
pub enum ForwardedAs {
    /// As nobody: the path looks at no credentials.
    Anonymous,
    /// As the person that a card or a password names.
    Identity(PermittedIdentity),
    /// As whoever the backend itself finds in a dialogue with the client. The gate says nothing of who it is.
    Passthrough,
}

/// The proof that a request may go on with the backend's own dialogue, the client's `Authorization` in it. Only a
/// [`Permit`] of that forwarded_as gives one.
#[derive(Debug)]
pub struct PassthroughPermit(());

/// The person a permit speaks for.
#[derive(Debug)]
pub struct PermittedIdentity {
    account: Arc<Account>,
    proof: AuthenticatedBy,
}

/// What proved who it is.
#[derive(Clone, Debug)]
pub enum AuthenticatedBy {
    /// A judged card.
    Certificate(Arc<Credential>),
    /// A password that the directory took.
    Password,
}

impl Permit {
    pub(super) fn anonymous(rule: Arc<AccessRule>) -> Self {
        Self { rule, forwarded_as: ForwardedAs::Anonymous }
    }

    pub(super) fn passthrough(rule: Arc<AccessRule>) -> Self {
        Self { rule, forwarded_as: ForwardedAs::Passthrough }
    }

    pub(super) fn identity_of(rule: Arc<AccessRule>, account: Arc<Account>, proof: AuthenticatedBy) -> Self {
        Self { rule, forwarded_as: ForwardedAs::Identity(PermittedIdentity { account, proof }) }
    }

    /// The rule that let the request pass.
    pub fn rule(&self) -> &Arc<AccessRule> {
        &self.rule
    }

    /// As whom.
    pub fn forwarded_as(&self) -> &ForwardedAs {
        &self.forwarded_as
    }

    /// The proof that the backend's own dialogue is to go on, where it is.
    pub fn passthrough_permit(&self) -> Option<PassthroughPermit> {
        match &self.forwarded_as {
            ForwardedAs::Passthrough => Some(PassthroughPermit(())),
            ForwardedAs::Anonymous | ForwardedAs::Identity(_) => None,
        }
    }

    /// The person, where the permit is under an identity.
    pub fn identity(&self) -> Option<&PermittedIdentity> {
        match &self.forwarded_as {
            ForwardedAs::Identity(identity) => Some(identity),
            ForwardedAs::Anonymous | ForwardedAs::Passthrough => None,
        }
    }
}

impl PermittedIdentity {
    /// The account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// What proved it.
    pub fn authenticated_by(&self) -> &AuthenticatedBy {
        &self.proof
    }
}
