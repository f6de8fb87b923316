//! The methods of mapping, and the strength of the link that each makes between certificate and account.

use crate::certificate::AltSecurityForm;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use thiserror::Error;

/// One method of mapping a certificate to an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Mapper {
    /// The realm's account rules.
    Rules,
    /// The security identifier that the CA copied from the directory: the extension 1.3.6.1.4.1.311.25.2, or the URI
    /// `tag:microsoft.com,2022-09-14:sid:…` among the subject alternative names.
    Sid,
    /// The altSecurityIdentities values of directory accounts.
    AltSecurityIdentities,
    /// The UPN among the subject alternative names.
    Upn,
    /// The e-mail address among the subject alternative names.
    Email,
    /// The common name of the subject, as a name without a domain. One that contains `@`, `\` or `/` is rejected.
    Subject,
    /// The EDIPI, the person's number in the US Department of Defense.
    Edipi,
    /// The FASC-N, the number of a US federal card.
    FascN,
    /// The UUID of a card.
    Uuid,
    /// The UZI number, of the Dutch register of care professionals.
    Uzi,
}

impl Mapper {
    /// Every mapper.
    pub const ALL: [Self; 10] = [
        Self::Rules,
        Self::Sid,
        Self::AltSecurityIdentities,
        Self::Upn,
        Self::Email,
        Self::Subject,
        Self::Edipi,
        Self::FascN,
        Self::Uuid,
        Self::Uzi,
    ];

    /// Returns the name in the configuration and in records.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rules => "rule",
            Self::Sid => "sid",
            Self::AltSecurityIdentities => "alt_security_identities",
            Self::Upn => "upn",
            Self::Email => "email",
            Self::Subject => "subject",
            Self::Edipi => "edipi",
            Self::FascN => "fascn",
            Self::Uuid => "uuid",
            Self::Uzi => "uzi",
        }
    }

    /// Returns whether it reads a number. A directory is searched for numbers only if `mapping.attributes` names their
    /// attribute.
    pub const fn is_number(self) -> bool {
        matches!(self, Self::Edipi | Self::FascN | Self::Uuid | Self::Uzi)
    }
}

impl fmt::Display for Mapper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that is not the name of a mapper.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("unknown mapper `{0}`")]
pub struct UnknownMapper(pub String);

impl FromStr for Mapper {
    type Err = UnknownMapper;

    fn from_str(text: &str) -> Result<Self, UnknownMapper> {
        let found = Self::ALL.into_iter().find(|mapper| mapper.name() == text);
        found.ok_or_else(|| UnknownMapper(text.to_owned()))
    }
}

/// The method by which an account was found.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum MappingMethod {
    /// The security identifier in the certificate.
    SecurityIdentifier,
    /// A value of the account's altSecurityIdentities, of this form.
    AltSecurityIdentities(AltSecurityForm),
    /// The user principal name among the subject alternative names.
    SubjectAlternativeUpn,
    /// The e-mail address among the subject alternative names.
    Email,
    /// The common name of the subject.
    Subject,
    /// A number in the certificate.
    Number(Mapper),
    /// An account rule of the realm.
    AccountRule {
        /// The rule's name.
        name: Arc<str>,
    },
    /// No certificate: a user name and password that the directory accepted.
    Password,
}

/// The stable names in headers and records: `sid`, `alt_security_identities:<form>`, `upn`, `email`, `subject`, the
/// mapper's name for a number, `rule:<name>`, `password`.
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

/// The strength of a mapping (KB5014754): strong if it holds for this one certificate or key, weak if it depends on a name
/// that another certificate could contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MappingStrength {
    /// A mapping by a name.
    Weak,
    /// A mapping by the certificate or its key.
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
    fn methods_have_stable_names() {
        let rule = MappingMethod::AccountRule { name: "Contoso staff".into() };
        let names = [
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
        for (method, name) in names {
            assert_eq!(method.to_string(), name);
        }
    }
}
