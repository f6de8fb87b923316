//! Permits: proof that one request may be forwarded.

use super::credential::AuthenticatedBy;
use super::rule::AccessRule;
use crate::identity::Account;
use std::sync::Arc;

/// Proof that one request may be forwarded, under which identity and which rule.
///
/// Only [`decide`](super::decide()) makes one, and the backend accepts no request without it.
#[derive(Debug)]
pub(crate) struct Permit {
    rule: Arc<AccessRule>,
    forwarded_as: ForwardedAs,
}

/// The identity under which a request is forwarded.
#[derive(Debug)]
pub(crate) enum ForwardedAs {
    /// None: the path needs no credentials.
    Anonymous,
    /// The account of a certificate or a password.
    Identity(PermittedIdentity),
    /// The one that the backend's own authentication finds. The gateway sends no identity.
    Passthrough,
}

/// Proof that the client's `Authorization` header may be passed through to the backend.
#[derive(Debug)]
pub(crate) struct PassthroughPermit(());

/// The account of a permit, and the credential that it was authenticated by.
#[derive(Debug)]
pub(crate) struct PermittedIdentity {
    account: Arc<Account>,
    authenticated_by: AuthenticatedBy,
}

impl Permit {
    pub(super) fn anonymous(rule: Arc<AccessRule>) -> Self {
        Self { rule, forwarded_as: ForwardedAs::Anonymous }
    }

    pub(super) fn passthrough(rule: Arc<AccessRule>) -> Self {
        Self { rule, forwarded_as: ForwardedAs::Passthrough }
    }

    pub(super) fn for_account(
        rule: Arc<AccessRule>,
        account: Arc<Account>,
        authenticated_by: AuthenticatedBy,
    ) -> Self {
        let identity = PermittedIdentity { account, authenticated_by };
        Self { rule, forwarded_as: ForwardedAs::Identity(identity) }
    }

    /// The rule that permitted the request.
    pub(crate) fn rule(&self) -> &Arc<AccessRule> {
        &self.rule
    }

    /// The identity under which the request is forwarded.
    pub(crate) fn forwarded_as(&self) -> &ForwardedAs {
        &self.forwarded_as
    }

    /// The proof for pass-through authentication; `None` if the request is forwarded otherwise.
    pub(crate) fn passthrough_permit(&self) -> Option<PassthroughPermit> {
        match &self.forwarded_as {
            ForwardedAs::Passthrough => Some(PassthroughPermit(())),
            ForwardedAs::Anonymous | ForwardedAs::Identity(_) => None,
        }
    }

    /// The account, if the request is forwarded under one.
    pub(crate) fn identity(&self) -> Option<&PermittedIdentity> {
        match &self.forwarded_as {
            ForwardedAs::Identity(identity) => Some(identity),
            ForwardedAs::Anonymous | ForwardedAs::Passthrough => None,
        }
    }
}

impl PermittedIdentity {
    /// The account.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// The credential that it was authenticated by.
    pub(crate) fn authenticated_by(&self) -> &AuthenticatedBy {
        &self.authenticated_by
    }
}
