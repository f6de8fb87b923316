//! Takes what one path says of who is let in and from where, says whether an account, the CAs of its card and the
//! client's address are among them. Never proves who somebody is: that was done before.
//!
//! `deny` goes first: whatever one entry of it names is refused, whatever `allow` says. Then `allow`: each kind of list
//! that is written must fit, except that accounts and groups together say who, so that one of either is enough. What
//! `allow` does not mention it does not limit; without any list everybody is let in who has passed so far.

use super::access_list::AccessList;
use super::denial::Denial;
use super::denial_id::DenialId;
use super::permit::AuthenticatedBy;
use super::rule::CertificateConditions;
use crate::certificate::KeyId;
use crate::directory::DirectoryGroup;
use crate::identity::Account;
use ipnet::IpNet;
use std::net::IpAddr;
use thiserror::Error;

/// Who is let in on one path. The default is everybody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccessControl {
    /// Who is let in, where it names anything.
    pub allow: AccessList,
    /// Who is not.
    pub deny: AccessList,
}

/// By what somebody is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AllowedBy<'a> {
    /// The path does not say who.
    NoAccessList,
    /// `allow.accounts` has the account.
    Account,
    /// `allow.groups` has this group of the account.
    Group(&'a DirectoryGroup),
}

/// Why somebody is not let in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum AccessDenied {
    /// The address is one of those that are kept out.
    #[error("`deny.networks` has {network}, and the request comes from {peer}")]
    DeniedNetwork {
        /// The entry.
        network: IpNet,
        /// The client's address.
        peer: IpAddr,
    },
    /// The address is none of those that are let in.
    #[error("the request comes from {peer}, which is in none of `allow.networks`")]
    OtherNetwork {
        /// The client's address.
        peer: IpAddr,
    },
    /// A CA on a valid path of the card is one of those that are kept out.
    #[error(
        "`deny.issuers` has the authority with the key {issuer}, which stands on a path of the certificate"
    )]
    DeniedIssuer {
        /// Its key.
        issuer: KeyId,
    },
    /// The account is one of those that are kept out.
    #[error("`deny.accounts` has the account {user}")]
    DeniedAccount {
        /// The account.
        user: String,
    },
    /// A group of the account is one of those that are kept out.
    #[error("`deny.groups` has {group}, and the account {user} is a member")]
    DeniedGroup {
        /// The group's name.
        group: String,
        /// The account.
        user: String,
    },
    /// No path of the card has both a CA that is let in and what else the path demands of certificates.
    #[error("no path of the certificate that meets the conditions has an authority of `allow.issuers`")]
    OtherIssuer,
    /// A password comes from no CA.
    #[error("`allow.issuers` asks for a certificate, and the account {user} is proven by a password")]
    PasswordHasNoIssuer {
        /// The account.
        user: String,
    },
    /// The account is none of those that are let in, nor a member of such a group.
    #[error(
        "neither does `allow.accounts` have the account {user} nor `allow.groups` one of its {groups} groups"
    )]
    OtherAccount {
        /// The account.
        user: String,
        /// How many groups it has.
        groups: usize,
    },
    /// The request is under nobody's name, and people are named.
    #[error("`allow` says who is let in, and the request is under nobody's name")]
    Anonymous,
}

impl AccessControl {
    /// Whether a request may come from `peer` at all, whoever sends it.
    ///
    /// # Errors
    /// Where `deny` names the address, or `allow` names others only.
    pub fn check_address(&self, peer: IpAddr) -> Result<(), AccessDenied> {
        if let Some(network) = self.deny.network(peer) {
            return Err(AccessDenied::DeniedNetwork { network, peer });
        }
        if !self.allow.networks.is_empty() && self.allow.network(peer).is_none() {
            return Err(AccessDenied::OtherNetwork { peer });
        }
        Ok(())
    }

    /// Whether `account` is let in, as `proof` has it. A CA counts only on a path that meets `conditions` too: an
    /// issuer from one path and a policy from another would be a certificate that nobody issued.
    ///
    /// # Errors
    /// Where `deny` names the account, a group of it, or a CA on any path of its card; or `allow` names others only.
    pub fn authorize<'a>(
        &self,
        account: &'a Account,
        proof: &AuthenticatedBy,
        conditions: &CertificateConditions,
    ) -> Result<AllowedBy<'a>, AccessDenied> {
        self.not_denied(account, proof)?;
        self.has_allowed_issuer(account, proof, conditions)?;
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

    /// Whether a request under nobody's name is let in.
    ///
    /// # Errors
    /// Where `allow` names people: it would mean nothing if whoever names himself not at all could pass.
    pub fn check_anonymous(&self) -> Result<(), AccessDenied> {
        if self.allow.names_people() { Err(AccessDenied::Anonymous) } else { Ok(()) }
    }

    /// Whether where a request comes from makes a difference.
    pub fn uses_networks(&self) -> bool {
        !(self.allow.networks.is_empty() && self.deny.networks.is_empty())
    }

    fn not_denied(&self, account: &Account, proof: &AuthenticatedBy) -> Result<(), AccessDenied> {
        if let AuthenticatedBy::Certificate(credential) = proof
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

    fn has_allowed_issuer(
        &self,
        account: &Account,
        proof: &AuthenticatedBy,
        conditions: &CertificateConditions,
    ) -> Result<(), AccessDenied> {
        if self.allow.issuers.is_empty() {
            return Ok(());
        }
        match proof {
            AuthenticatedBy::Password => {
                Err(AccessDenied::PasswordHasNoIssuer { user: account.user.clone() })
            }
            AuthenticatedBy::Certificate(credential) => {
                let mut paths = credential.paths().filter(|path| conditions.hold_on(path));
                let admitted = paths.any(|path| self.allow.issuer(path).is_some());
                if admitted { Ok(()) } else { Err(AccessDenied::OtherIssuer) }
            }
        }
    }
}

/// However it comes about, the client is told one thing.
impl From<AccessDenied> for Denial {
    fn from(error: AccessDenied) -> Self {
        Self::because(DenialId::AccessDenied, &error)
    }
}

#[cfg(test)]
mod tests;
