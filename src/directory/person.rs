//! What a directory says of one account.

use super::group::Group;
use super::sid::Sid;
use super::standing::Standing;
use crate::clock::UnixTime;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An account. Whether it may be used is in its [`Standing`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
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
    /// The attributes asked for in [`Names::attributes`](super::Names::attributes), by their names in small letters.
    pub attributes: BTreeMap<String, Vec<String>>,
    /// whenCreated; in a generic schema createTimestamp.
    pub created: Option<UnixTime>,
    /// Whether, and until when, it may be used.
    pub standing: Standing,
    /// The groups that it is in: in Active Directory also through other groups, all of them.
    pub groups: Vec<Group>,
}
