//! Permits, the proof that one request may be forwarded.

use super::credential::AuthenticatedBy;
use super::rule::AccessRule;
use crate::identity::Account;
use std::sync::Arc;

/// Proof that one request may be forwarded, with its identity and its rule.
///
/// Only [`decide`](super::decide()) creates a permit, and the backend pools accept no request without one.
#[derive(Debug)]
pub(crate) struct Permit {
    rule: Arc<AccessRule>,
    forwarded_as: ForwardedAs,
}

/// The identity under which a request is forwarded.
#[derive(Debug)]
pub(crate) enum ForwardedAs {
    /// No identity: the path requires no credentials.
    Anonymous,
    /// The account of a certificate or a password.
    Identity(PermittedIdentity),
    /// The identity that the backend's own authentication establishes. The gateway sends none.
    Passthrough,
}

/// Proof that the client's `Authorization` header may be passed through to the backend.
#[derive(Debug)]
pub(crate) struct PassthroughPermit(());

/// The account of a permit, and the credential by which it was authenticated.
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

    /// Returns the rule that permitted the request.
    pub(crate) fn rule(&self) -> &Arc<AccessRule> {
        &self.rule
    }

    /// Returns the identity under which the request is forwarded.
    pub(crate) fn forwarded_as(&self) -> &ForwardedAs {
        &self.forwarded_as
    }

    /// Returns the proof for pass-through authentication, or `None` if the request is forwarded in another way.
    pub(crate) fn passthrough_permit(&self) -> Option<PassthroughPermit> {
        match &self.forwarded_as {
            ForwardedAs::Passthrough => Some(PassthroughPermit(())),
            ForwardedAs::Anonymous | ForwardedAs::Identity(_) => None,
        }
    }

    /// Returns the account with its credential, if the request is forwarded under one.
    pub(crate) fn identity(&self) -> Option<&PermittedIdentity> {
        match &self.forwarded_as {
            ForwardedAs::Identity(identity) => Some(identity),
            ForwardedAs::Anonymous | ForwardedAs::Passthrough => None,
        }
    }
}

impl PermittedIdentity {
    /// Returns the account.
    pub(crate) fn account(&self) -> &Arc<Account> {
        &self.account
    }

    /// Returns the credential by which the account was authenticated.
    pub(crate) fn authenticated_by(&self) -> &AuthenticatedBy {
        &self.authenticated_by
    }
}
