//! What a directory says of one account.

use super::account_status::AccountStatus;
use super::sid::Sid;
use crate::clock::UnixTime;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An account. Whether it may be used is in its [`AccountStatus`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryAccount {
    /// Its distinguished name.
    pub dn: String,
    /// The name in [`DirectorySettings`](super::DirectorySettings) of the directory that it was read from.
    pub directory: Arc<str>,
    /// userPrincipalName.
    pub upn: Option<String>,
    /// sAMAccountName; in a generic schema the user name.
    pub account_name: Option<String>,
    /// `CORP` of `CORP\alice`. Active Directory only.
    pub netbios_domain: Option<String>,
    /// `corp.example`. Active Directory only.
    pub dns_domain: Option<String>,
    /// objectSid. Active Directory only.
    pub sid: Option<Sid>,
    /// mail and, of proxyAddresses, those of SMTP.
    pub emails: Vec<String>,
    /// altSecurityIdentities.
    pub alt_security_identities: Vec<String>,
    /// The attributes asked for in [`LookupKeys::attributes`](super::LookupKeys::attributes), by their names in small letters.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// whenCreated; in a generic schema createTimestamp.
    pub created: Option<UnixTime>,
    /// Whether, and until when, it may be used.
    pub status: AccountStatus,
    /// The groups that it is in: in Active Directory also through other groups, all of them.
    pub groups: Vec<DirectoryGroup>,
}

/// A group that an account is a member of, by itself or through other groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectoryGroup {
    /// Its name: in Active Directory the sAMAccountName, in a generic schema the common name. Where it cannot be read, the
    /// security identifier. Two domains may each have a group of this name.
    pub name: String,
    /// Its security identifier as `S-1-5-21-…`, where it has one.
    pub sid: Option<String>,
}
