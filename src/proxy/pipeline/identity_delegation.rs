//! How a backend learns the account of a permitted request beyond its headers. The account is that of the permit and no
//! other.

use crate::backend::{DelegatedAccount, UpstreamIdentity};
use crate::clock::{Tick, UnixTime};
use crate::delegation::user_certificates::{ProtectedAccounts, UserCertificateSubject, UserCertificates};
use crate::identity::Account;
use crate::policy::{Denial, DenialId, Permit};
use crate::site::{Backend, BackendIdentity};
use std::sync::Arc;

/// What is presented to the backend in the name of the account.
pub(crate) enum IdentityDelegation {
    /// Nothing beyond headers.
    None,
    /// Kerberos tickets.
    Kerberos(DelegatedAccount),
    /// A certificate.
    Certificate {
        /// The issuer of the certificate.
        issuer: Arc<UserCertificates>,
        /// The subject of the certificate.
        subject: UserCertificateSubject,
        /// When the account was read. No older certificate is used.
        read_at: Tick,
    },
}

impl IdentityDelegation {
    /// The delegation for this permit. Requests no ticket and issues no certificate.
    ///
    /// # Errors
    /// `delegation-failed` if the account has no name in Kerberos or in a certificate, or is protected from delegation.
    pub(super) fn of(permit: &Permit, backend: &Backend) -> Result<Self, Denial> {
        match (&backend.identity, permit.identity()) {
            (BackendIdentity::Headers, _)
            | (BackendIdentity::Kerberos(_) | BackendIdentity::Certificate(_), None) => Ok(Self::None),
            (BackendIdentity::Certificate(issuer), Some(identity)) => {
                Self::certificate(issuer, identity.account())
            }
            (BackendIdentity::Kerberos(delegation), Some(identity)) => {
                DelegatedAccount::new(delegation, identity.account()).map(Self::Kerberos).map_err(failed)
            }
        }
    }

    fn certificate(issuer: &Arc<UserCertificates>, account: &Account) -> Result<Self, Denial> {
        if let (Some(why), ProtectedAccounts::Refused) = (account.not_delegated, issuer.protected_accounts())
        {
            let detail = format!(
                "no certificate is issued for {:?}: {why}; user_certificates.unsafe_issue_for_protected_accounts \
                 would permit it",
                account.user
            );
            return Err(Denial::new(DenialId::DelegationFailed, detail));
        }
        let subject =
            UserCertificateSubject::new(&account.user, account.upn.as_deref(), account.sid.as_deref());
        let subject = subject.map_err(failed)?;
        Ok(Self::Certificate { issuer: Arc::clone(issuer), subject, read_at: account.read_at })
    }

    /// Obtains what is presented; a certificate that was issued before is used again.
    ///
    /// # Errors
    /// `delegation-failed` if no certificate can be issued.
    pub(in crate::proxy) async fn obtain(self, now: UnixTime) -> Result<UpstreamIdentity, Denial> {
        match self {
            Self::None => Ok(UpstreamIdentity::Anonymous),
            Self::Kerberos(delegated) => Ok(UpstreamIdentity::Kerberos(delegated)),
            Self::Certificate { issuer, subject, read_at } => {
                let issued = issuer.identity(&subject, read_at, now).await;
                issued
                    .map(UpstreamIdentity::Certificate)
                    .map_err(|error| Denial::because(DenialId::DelegationFailed, &*error))
            }
        }
    }
}

fn failed(error: impl std::error::Error) -> Denial {
    Denial::because(DenialId::DelegationFailed, &error)
}
