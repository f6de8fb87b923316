//! The identity under which a permitted request is sent to a backend: that of the permit and no other.

use crate::backend::{DelegatedAccount, UpstreamIdentity};
use crate::clock::UnixTime;
use crate::delegation::user_certificates::{
    MintedIdentities, MintedIdentity, MintedSubject, ProtectedAccounts,
};
use crate::identity::Account;
use crate::policy::{Denial, DenialId, Permit};
use crate::site::{Backend, BackendIdentity};
use std::sync::Arc;

/// The upstream identity of a permitted request. Requests without an account use anonymous connections.
pub(super) async fn upstream_identity(
    permit: &Permit,
    backend: &Backend,
    now: UnixTime,
) -> Result<UpstreamIdentity, Denial> {
    match (&backend.identity, permit.identity()) {
        (BackendIdentity::Headers, _)
        | (BackendIdentity::Kerberos(_) | BackendIdentity::Certificate(_), None) => {
            Ok(UpstreamIdentity::Anonymous)
        }
        (BackendIdentity::Certificate(identities), Some(identity)) => {
            certified(identities, identity.account(), now).await.map(UpstreamIdentity::Certificate)
        }
        (BackendIdentity::Kerberos(delegation), Some(identity)) => {
            DelegatedAccount::new(delegation, identity.account())
                .map(UpstreamIdentity::Kerberos)
                .map_err(|error| Denial::because(DenialId::DelegationFailed, &error))
        }
    }
}

/// A certificate for the account, made now or before.
async fn certified(
    identities: &MintedIdentities,
    account: &Account,
    now: UnixTime,
) -> Result<Arc<MintedIdentity>, Denial> {
    if let (Some(why), ProtectedAccounts::Refused) = (account.not_delegated, identities.protected_accounts())
    {
        let detail = format!(
            "no certificate is issued for {:?}: {why}, so that nobody may act in its name; \
             user_certificates.unsafe_issue_for_protected_accounts would allow it",
            account.user
        );
        return Err(Denial::new(DenialId::DelegationFailed, detail));
    }
    let subject = MintedSubject::new(&account.user, account.upn.as_deref(), account.sid.as_deref())
        .map_err(|error| Denial::because(DenialId::DelegationFailed, &error))?;
    let minted = identities.identity(&subject, account.read_at, now).await;
    minted.map_err(|error| Denial::because(DenialId::DelegationFailed, &*error))
}
