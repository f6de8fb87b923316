//! The names by which somebody may be looked up.

use super::sid::Sid;

/// The most names of one question. A certificate that has more is not a person's.
pub(super) const MAXIMUM_NAMES: usize = 64;

/// Names for whoever a certificate belongs to. An account fits where *any* of them is its own. Empty ones fit nobody, and
/// neither do those with control characters: directories pass over these (RFC 4518 2.2) and would find another name.
///
/// DirectorySet compare by rules of their own, without regard to case and more; whoever must know how a name was meant
/// compares it with what the account has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LookupKeys {
    /// objectSid. Nobody in a directory with a generic schema has one.
    pub sids: Vec<Sid>,
    /// userPrincipalName, compared as the directory does: without regard to case.
    pub upns: Vec<String>,
    /// mail, and in Active Directory also proxyAddresses.
    pub emails: Vec<String>,
    /// Values of altSecurityIdentities, whole: `X509:<SKI>…`.
    pub alt_security_identities: Vec<String>,
    /// sAMAccountName, uid.
    pub account_names: Vec<String>,
    /// Other attributes and their values, such as an employee's number.
    pub attributes: Vec<(String, String)>,
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

/// Whether a name can be anybody's.
pub(super) fn can_be_somebodys(name: &str) -> bool {
    !name.is_empty() && !name.contains(char::is_control)
}
