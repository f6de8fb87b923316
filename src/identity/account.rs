//! The person as the backend's world knows them, and how the certificate came to name them.
//!
//! Never made from what a client sends: only the mapping of a proven chain makes one.

use crate::clock::UnixTime;
use crate::directory::Group;
use std::fmt;
use std::sync::Arc;

/// A person's account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// `DOMAIN\sam`, or the UPN, or what the mapping names.
    pub user: String,
    /// The user principal name, where it is known and admitted.
    pub upn: Option<String>,
    /// The security identifier, as `S-1-5-21-…`.
    pub sid: Option<String>,
    /// The name within its domain, in Active Directory the sAMAccountName.
    pub account_name: Option<String>,
    /// The DNS name of its domain; in capitals, its Kerberos realm.
    pub dns_domain: Option<String>,
    /// The groups that the account is a member of.
    pub groups: Vec<Group>,
    /// What named the account.
    pub mapping: MappingMethod,
    /// How strongly the certificate names it.
    pub strength: Strength,
    /// After this it has to be looked up again: the account expires, its logon hours end, or the directory's word does.
    pub until: Option<UnixTime>,
    /// Whether a directory that does not answer would have had to be asked again.
    pub stale: bool,
}

impl Account {
    /// An account of which nothing is known but its name.
    pub fn named(user: &str, mapping: MappingMethod, strength: Strength) -> Self {
        Self {
            user: user.to_owned(),
            upn: None,
            sid: None,
            account_name: None,
            dns_domain: None,
            groups: Vec::new(),
            mapping,
            strength,
            until: None,
            stale: false,
        }
    }
}

/// What of the certificate named the account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MappingMethod {
    /// The user principal name among the subject's alternative names.
    SubjectAlternativeUpn,
    /// The e-mail address among the subject's alternative names.
    Email,
    /// The common name of the subject.
    Subject,
    /// A rule of the realm.
    Rule {
        /// The rule's name.
        name: Arc<str>,
    },
}

/// The stable words of headers and records: `upn`, `email`, `subject`, `rule:<name>`.
impl fmt::Display for MappingMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SubjectAlternativeUpn => f.write_str("upn"),
            Self::Email => f.write_str("email"),
            Self::Subject => f.write_str("subject"),
            Self::Rule { name } => write!(f, "rule:{name}"),
        }
    }
}

/// How strongly a certificate names an account (KB5014754): strong where the mapping holds to this one certificate or
/// key, weak where it holds to a name that another certificate could bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// By a name.
    Weak,
    /// By the certificate itself.
    Strong,
}

/// `weak`, `strong`.
impl fmt::Display for Strength {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Weak => "weak",
            Self::Strong => "strong",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_written_in_stable_words() {
        let rule = MappingMethod::Rule { name: "Contoso staff".into() };
        let words =
            [MappingMethod::SubjectAlternativeUpn, MappingMethod::Email, MappingMethod::Subject, rule];
        assert_eq!(
            words.map(|method| method.to_string()),
            ["upn", "email", "subject", "rule:Contoso staff"].map(str::to_owned)
        );
    }
}
