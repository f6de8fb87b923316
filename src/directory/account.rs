//! Accounts and groups as a directory returns them.

use super::account_status::AccountStatus;
use super::sid::Sid;
use crate::clock::UnixTime;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The account of a person. Its [`AccountStatus`] decides whether it may be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryAccount {
    /// Its distinguished name.
    pub dn: String,
    /// The [name](super::DirectorySettings::name) of the directory that it was read from.
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
    /// mail, and the SMTP addresses of proxyAddresses.
    pub emails: Vec<String>,
    /// altSecurityIdentities.
    pub alt_security_identities: Vec<String>,
    /// The attributes of [`LookupKeys::attributes`](super::LookupKeys::attributes), by their names in lower case.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// whenCreated; in a generic schema createTimestamp.
    pub created: Option<UnixTime>,
    /// Whether, and until when, it may be used.
    pub status: AccountStatus,
    /// All its groups; in Active Directory including those through other groups.
    pub groups: Vec<DirectoryGroup>,
}

/// A group that an account is a member of, directly or through other groups.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DirectoryGroup {
    /// In Active Directory the sAMAccountName, in a generic schema the common name; the security identifier if the name
    /// cannot be read. Two domains may each have a group of this name.
    pub name: String,
    /// Its security identifier as `S-1-5-21-…`, if it has one.
    pub sid: Option<String>,
}
