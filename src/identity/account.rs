//! The person as the backend's world knows them, and how the certificate came to name them.
//!
//! Never made from what a client sends: only the mapping of a proven chain makes one.

use super::settings::Mapper;
use crate::certificate::AltSecurityForm;
use crate::clock::{Tick, UnixTime};
use crate::directory::{DirectoryAccount, DirectoryGroup, NotDelegated};
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
    /// The domain's name in `DOMAIN\\sam`: its NetBIOS name, or what a rule says.
    pub domain: Option<String>,
    /// The DNS name of its domain; in capitals, its Kerberos realm.
    pub dns_domain: Option<String>,
    /// The groups that the account is a member of.
    pub groups: Vec<DirectoryGroup>,
    /// Why nobody may act in its name towards a backend, where that is so.
    pub not_delegated: Option<NotDelegated>,
    /// What named the account.
    pub mapping: MappingMethod,
    /// How strongly the certificate names it.
    pub strength: MappingStrength,
    /// When the account itself ends, as far as its directory knows: it expires, or its logon hours are over. How long the
    /// directory's word is believed at all is [`CachedMapping::until`](super::CachedMapping::until).
    pub until: Option<UnixTime>,
    /// When its directory was asked, or its rule applied. What is derived from it (tickets, certificates, connections) and
    /// was made earlier is not used for it.
    pub read_at: Tick,
    /// Whether it is older than it may be and used all the same, since the directory does not answer.
    pub stale: bool,
}

impl Account {
    /// How many bytes of memory it takes up, estimated high.
    pub fn weight(&self) -> usize {
        const FACTS: usize = 512;
        const GROUP: usize = 64;
        let names = [&self.upn, &self.sid, &self.account_name, &self.dns_domain];
        let names: usize = names.into_iter().flatten().map(String::len).sum();
        let group =
            |group: &DirectoryGroup| GROUP + group.name.len() + group.sid.as_ref().map_or(0, String::len);
        FACTS + self.user.len() + names + self.groups.iter().map(group).sum::<usize>()
    }

    /// An account of which nothing is known but its name.
    pub fn named(user: &str, mapping: MappingMethod, strength: MappingStrength) -> Self {
        Self {
            user: user.to_owned(),
            upn: None,
            sid: None,
            account_name: None,
            domain: None,
            dns_domain: None,
            groups: Vec::new(),
            not_delegated: None,
            mapping,
            strength,
            until: None,
            read_at: Tick::ORIGIN,
            stale: false,
        }
    }

    /// An account as a directory has it: called `DOMAIN\\sam`, else by its UPN, else by its name there. Whether it may
    /// be used, and until when, is for the caller to say.
    pub fn of_person(person: &DirectoryAccount, mapping: MappingMethod, strength: MappingStrength) -> Self {
        let with_domain = match (&person.netbios_domain, &person.account_name) {
            (Some(domain), Some(name)) => Some(format!("{domain}\\{name}")),
            (Some(_) | None, _) => None,
        };
        let user = with_domain.or_else(|| person.upn.clone()).or_else(|| person.account_name.clone());
        Self {
            upn: person.upn.clone(),
            sid: person.sid.as_ref().map(ToString::to_string),
            account_name: person.account_name.clone(),
            domain: person.netbios_domain.clone(),
            dns_domain: person.dns_domain.clone(),
            groups: person.groups.clone(),
            not_delegated: person.status.not_delegated,
            ..Self::named(user.as_ref().unwrap_or(&person.dn), mapping, strength)
        }
    }
}

/// What of the certificate named the account.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MappingMethod {
    /// The security identifier that the CA wrote into it.
    SecurityIdentifier,
    /// A value of the account's altSecurityIdentities, of this form.
    AltSecurityIdentities(AltSecurityForm),
    /// The user principal name among the subject's alternative names.
    SubjectAlternativeUpn,
    /// The e-mail address among the subject's alternative names.
    Email,
    /// The common name of the subject.
    Subject,
    /// A number of the card.
    Number(Mapper),
    /// A rule of the realm.
    AccountRule {
        /// The rule's name.
        name: Arc<str>,
    },
    /// No certificate: a user name and a password that the directory took.
    Password,
}

/// The stable words of headers and records: `sid`, `alt_security_identities:<form>`, `upn`, `email`, `subject`, the
/// mapper's word for a number, `rule:<name>`.
impl fmt::Display for MappingMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecurityIdentifier => f.write_str("sid"),
            Self::AltSecurityIdentities(form) => write!(f, "alt_security_identities:{}", form.name()),
            Self::SubjectAlternativeUpn => f.write_str("upn"),
            Self::Email => f.write_str("email"),
            Self::Subject => f.write_str("subject"),
            Self::Number(mapper) => f.write_str(mapper.name()),
            Self::AccountRule { name } => write!(f, "rule:{name}"),
            Self::Password => f.write_str("password"),
        }
    }
}

/// How strongly a certificate names an account (KB5014754): strong where the mapping holds to this one certificate or
/// key, weak where it holds to a name that another certificate could bear.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MappingStrength {
    /// By a name.
    Weak,
    /// By the certificate itself.
    Strong,
}

/// `weak`, `strong`.
impl fmt::Display for MappingStrength {
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
        let rule = MappingMethod::AccountRule { name: "Contoso staff".into() };
        let words = [
            (MappingMethod::SecurityIdentifier, "sid"),
            (
                MappingMethod::AltSecurityIdentities(AltSecurityForm::IssuerSerial),
                "alt_security_identities:issuer_serial",
            ),
            (MappingMethod::SubjectAlternativeUpn, "upn"),
            (MappingMethod::Email, "email"),
            (MappingMethod::Subject, "subject"),
            (MappingMethod::Number(Mapper::Edipi), "edipi"),
            (rule, "rule:Contoso staff"),
        ];
        for (method, word) in words {
            assert_eq!(method.to_string(), word);
        }
    }
}
