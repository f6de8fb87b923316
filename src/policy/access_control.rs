//! Access control of a path: the accounts, groups, issuers and networks of its `allow` and `deny` lists.
//!
//! `deny` is checked first: one matching entry denies the request, regardless of `allow`. Every kind of list that is present
//! in `allow` must match, except that accounts and groups are alternatives. Without lists, every request that was
//! authenticated as the path requires is authorized.

use super::access_list::AccessList;
use super::certificate_conditions::CertificateConditions;
use super::credential::AuthenticatedBy;
use super::denial::{Denial, DenialId};
use crate::certificate::KeyId;
use crate::directory::DirectoryGroup;
use crate::identity::Account;
use ipnet::IpNet;
use std::net::IpAddr;
use thiserror::Error;

/// The `allow` and `deny` lists of one path. The default authorizes every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessControl {
    /// The entries of which a request must match one of each kind. An empty list requires nothing.
    pub allow: AccessList,
    /// The entries of which a request must match none.
    pub deny: AccessList,
}

/// The entry that authorized an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedBy<'a> {
    /// No entry, because `allow` lists neither accounts nor groups.
    NoAccessList,
    /// An entry of `allow.accounts`.
    Account,
    /// An entry of `allow.groups` that matches this group of the account.
    Group(&'a DirectoryGroup),
}

/// The reason why an access list denies a request.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccessDenied {
    /// `deny.networks` contains the client's address.
    #[error("the client address {peer} is in {network} of `deny.networks`")]
    DeniedNetwork {
        /// The entry.
        network: IpNet,
        /// The client's address.
        peer: IpAddr,
    },
    /// `allow.networks` does not contain the client's address.
    #[error("the client address {peer} is not in `allow.networks`")]
    OtherNetwork {
        /// The client's address.
        peer: IpAddr,
    },
    /// A valid path of the certificate contains an authority of `deny.issuers`.
    #[error("a path of the certificate contains an authority of `deny.issuers`: key {issuer}")]
    DeniedIssuer {
        /// The authority's key.
        issuer: KeyId,
    },
    /// `deny.accounts` contains the account.
    #[error("`deny.accounts` contains the account {user}")]
    DeniedAccount {
        /// The account.
        user: String,
    },
    /// `deny.groups` contains a group of the account.
    #[error("`deny.groups` contains the group {group} of the account {user}")]
    DeniedGroup {
        /// The group's name.
        group: String,
        /// The account.
        user: String,
    },
    /// No path of the certificate contains an authority of `allow.issuers` and meets the conditions of the path rule.
    #[error(
        "no path of the certificate contains an authority of `allow.issuers` and meets the conditions of the path rule"
    )]
    OtherIssuer,
    /// `allow.issuers` requires a certificate, and the account was authenticated by a password.
    #[error("`allow.issuers` requires a certificate, but the account {user} was authenticated by a password")]
    PasswordHasNoIssuer {
        /// The account.
        user: String,
    },
    /// Neither `allow.accounts` nor `allow.groups` matches the account.
    #[error(
        "the account {user} is not in `allow.accounts`, and none of its {groups} groups is in `allow.groups`"
    )]
    OtherAccount {
        /// The account.
        user: String,
        /// The number of its groups.
        groups: usize,
    },
    /// `allow` lists accounts, groups or issuers, and the request is anonymous.
    #[error("`allow` requires an identity, but the request is anonymous")]
    Anonymous,
}

impl AccessControl {
    /// Checks the client's address, before any credential is read.
    ///
    /// # Errors
    /// `deny.networks` contains the address, or `allow.networks` is not empty and does not contain it.
    pub fn check_address(&self, peer: IpAddr) -> Result<(), AccessDenied> {
        if let Some(network) = self.deny.network(peer) {
            return Err(AccessDenied::DeniedNetwork { network, peer });
        }
        if !self.allow.networks.is_empty() && self.allow.network(peer).is_none() {
            return Err(AccessDenied::OtherNetwork { peer });
        }
        Ok(())
    }

    /// Authorizes an account and returns the entry that allows it. An issuer counts only on a path that also meets
    /// `conditions`: otherwise an issuer of one path and a policy of another could together satisfy a rule that no single
    /// path satisfies.
    ///
    /// # Errors
    /// `deny` matches the account, one of its groups, or an authority on any path of its certificate; or `allow` does not
    /// match.
    pub fn authorize<'a>(
        &self,
        account: &'a Account,
        authenticated_by: &AuthenticatedBy,
        conditions: &CertificateConditions,
    ) -> Result<AllowedBy<'a>, AccessDenied> {
        self.check_not_denied(account, authenticated_by)?;
        self.check_issuer(account, authenticated_by, conditions)?;
        let AccessList { accounts, groups, .. } = &self.allow;
        if accounts.is_empty() && groups.is_empty() {
            return Ok(AllowedBy::NoAccessList);
        }
        if self.allow.names(account) {
            return Ok(AllowedBy::Account);
        }
        let other =
            || AccessDenied::OtherAccount { user: account.user.clone(), groups: account.groups.len() };
        self.allow.group(&account.groups).map(AllowedBy::Group).ok_or_else(other)
    }

    /// Checks a request without an identity.
    ///
    /// # Errors
    /// `allow` lists accounts, groups or issuers. Otherwise a client could avoid these lists by sending no credentials.
    pub fn check_anonymous(&self) -> Result<(), AccessDenied> {
        if self.allow.requires_identity() { Err(AccessDenied::Anonymous) } else { Ok(()) }
    }

    /// Returns whether the decision depends on the client's address.
    pub fn uses_networks(&self) -> bool {
        !(self.allow.networks.is_empty() && self.deny.networks.is_empty())
    }

    fn check_not_denied(
        &self,
        account: &Account,
        authenticated_by: &AuthenticatedBy,
    ) -> Result<(), AccessDenied> {
        if let AuthenticatedBy::Certificate(credential) = authenticated_by
            && let Some(issuer) = credential.paths().find_map(|path| self.deny.issuer(path))
        {
            return Err(AccessDenied::DeniedIssuer { issuer });
        }
        let user = || account.user.clone();
        if self.deny.may_name(account) {
            return Err(AccessDenied::DeniedAccount { user: user() });
        }
        match self.deny.possible_group(&account.groups) {
            Some(group) => Err(AccessDenied::DeniedGroup { group: group.name.clone(), user: user() }),
            None => Ok(()),
        }
    }

    fn check_issuer(
        &self,
        account: &Account,
        authenticated_by: &AuthenticatedBy,
        conditions: &CertificateConditions,
    ) -> Result<(), AccessDenied> {
        if self.allow.issuers.is_empty() {
            return Ok(());
        }
        match authenticated_by {
            AuthenticatedBy::Password => {
                Err(AccessDenied::PasswordHasNoIssuer { user: account.user.clone() })
            }
            AuthenticatedBy::Certificate(credential) => {
                let mut paths = credential.paths().filter(|path| conditions.are_met_by(path));
                let allowed = paths.any(|path| self.allow.issuer(path).is_some());
                if allowed { Ok(()) } else { Err(AccessDenied::OtherIssuer) }
            }
        }
    }
}

/// All reasons have one id, so that the client does not learn the contents of the lists.
impl From<AccessDenied> for Denial {
    fn from(error: AccessDenied) -> Self {
        Self::because(DenialId::AccessDenied, &error)
    }
}

#[cfg(test)]
mod tests;
