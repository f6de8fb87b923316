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
    passage: Passage,
}

/// As whom a request passes.
#[derive(Debug)]
pub enum Passage {
    /// As nobody: the path looks at no credentials.
    Anonymous,
    /// As the person that a card or a password names.
    Identity(PermittedIdentity),
    /// As whoever the backend itself finds in a dialogue with the client. The gate says nothing of who it is.
    OwnDialogue,
}

/// The proof that a request may go on with the backend's own dialogue, the client's `Authorization` in it. Only a
/// [`Permit`] of that passage gives one.
#[derive(Debug)]
pub struct OwnDialogue(());

/// The person a permit speaks for.
#[derive(Debug)]
pub struct PermittedIdentity {
    account: Arc<Account>,
    proof: Proof,
}

/// What proved who it is.
#[derive(Clone, Debug)]
pub enum Proof {
    /// A judged card.
    Card(Arc<Credential>),
    /// A password that the directory took.
    Password,
}

impl Permit {
    pub(super) fn anonymous(rule: Arc<Rule>) -> Self {
        Self { rule, passage: Passage::Anonymous }
    }

    pub(super) fn own_dialogue(rule: Arc<Rule>) -> Self {
        Self { rule, passage: Passage::OwnDialogue }
    }

    pub(super) fn identity_of(rule: Arc<Rule>, account: Arc<Account>, proof: Proof) -> Self {
        Self { rule, passage: Passage::Identity(PermittedIdentity { account, proof }) }
    }

    /// The rule that let the request pass.
    pub fn rule(&self) -> &Arc<Rule> {
        &self.rule
    }

    /// As whom.
    pub fn passage(&self) -> &Passage {
        &self.passage
    }

    /// The proof that the backend's own dialogue is to go on, where it is.
    pub fn own_dialogue_proof(&self) -> Option<OwnDialogue> {
        match &self.passage {
            Passage::OwnDialogue => Some(OwnDialogue(())),
            Passage::Anonymous | Passage::Identity(_) => None,
        }
    }

    /// The person, where the permit is under an identity.
    pub fn identity(&self) -> Option<&PermittedIdentity> {
        match &self.passage {
            Passage::Identity(identity) => Some(identity),
            Passage::Anonymous | Passage::OwnDialogue => None,
        }
    }
}

impl PermittedIdentity {
    /// The account.
    pub fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// What proved it.
    pub fn proof(&self) -> &Proof {
        &self.proof
    }
}
