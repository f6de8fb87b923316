//! The keys by which an account is looked up.

use super::login_name::LoginName;
use super::sid::Sid;

/// The maximum number of keys in one lookup. No certificate of a person has as many.
pub(super) const MAXIMUM_KEYS: usize = 64;

/// Names and numbers of a certificate holder. An account matches if *any* of them is its own.
///
/// Empty names match no account, and neither do names with control characters: directories ignore such characters (RFC
/// 4518 2.2) and would match another name. Directories have comparison rules of their own, which ignore case and more,
/// so a caller that depends on the exact name compares it with the account's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookupKeys {
    /// objectSid. Active Directory only.
    pub sids: Vec<Sid>,
    /// userPrincipalName.
    pub upns: Vec<String>,
    /// mail, and in Active Directory also proxyAddresses.
    pub emails: Vec<String>,
    /// Whole values of altSecurityIdentities: `X509:<SKI>…`.
    pub alt_security_identities: Vec<String>,
    /// sAMAccountName, uid.
    pub account_names: Vec<String>,
    /// Other attributes and their values, such as an employee number.
    pub attributes: Vec<(String, String)>,
}

/// The accounts that a lookup is for.
#[derive(Clone, Debug)]
pub(super) enum LookupTarget {
    /// The accounts that match any of these keys.
    Keys(LookupKeys),
    /// The accounts of a login name.
    Login(LoginName),
}

impl LookupKeys {
    pub(super) fn count(&self) -> usize {
        self.sids.len()
            + self.upns.len()
            + self.emails.len()
            + self.alt_security_identities.len()
            + self.account_names.len()
            + self.attributes.len()
    }
}

/// Returns whether an account can have this name.
pub(super) fn is_searchable(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::is_control)
}
