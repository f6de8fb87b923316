//! The identity under which a permitted request is sent to a backend: that of the permit and no other.

use crate::backend::{Behalf, Delegated};
use crate::clock::UnixTime;
use crate::delegation::user_certificates::{
    MintedIdentities, MintedIdentity, MintedSubject, ProtectedAccounts,
};
use crate::identity::Account;
use crate::policy::{Denial, DenialId, Permit};
use crate::site::{Backend, BackendIdentity};
use std::sync::Arc;

/// On whose behalf the request travels.
pub(super) async fn behalf(permit: &Permit, backend: &Backend, now: UnixTime) -> Result<Behalf, Denial> {
    match (&backend.identity, permit.identity()) {
        (BackendIdentity::Headers, _)
        | (BackendIdentity::Kerberos(_) | BackendIdentity::Certificate(_), None) => Ok(Behalf::Nobody),
        (BackendIdentity::Certificate(identities), Some(identity)) => {
            certified(identities, identity.account(), now).await.map(Behalf::Certificate)
        }
        (BackendIdentity::Kerberos(delegation), Some(identity)) => {
            Delegated::new(delegation, identity.account())
                .map(Behalf::Kerberos)
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
